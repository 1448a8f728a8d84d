"""What admins do: make accounts by command, switch modes, award kudos."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import InvalidRequest

MODES = "/api/v2/status/modes"
AWARD = "/api/v2/kudos/award"


async def test_an_account_is_made_by_command(horde: Any) -> None:
    """Its key works at once, with the roles and kudos that were given."""
    number, key = await horde.account("Ann", trusted=True, moderator=True)
    found = (await horde.get("/api/v2/find_user", key)).json
    assert (found["username"], found["trusted"], found["moderator"]) == (f"Ann#{number}", True, True)
    _, key = await horde.account("Bob", kudos=100.0)  # the sweeper gives moderators theirs at any moment
    assert (await horde.get("/api/v2/find_user", key)).json["kudos"] == 114.0
    for bad in ("", "a#1", "x" * 31, "line\nbreak"):
        with pytest.raises(InvalidRequest):
            await horde.account(bad)


async def test_maintenance_is_for_admins(horde: Any) -> None:
    """In maintenance nothing is accepted; moderators may switch the other modes, others nothing."""
    _, admin = await horde.account("Admin", admin=True)
    _, moderator = await horde.account("Mod", moderator=True)
    for key, body, rc in (
        (horde.bots_key, {"invite_only_mode": True}, "NotModerator"),
        (moderator, {"maintenance_mode": True}, "NotAdmin"),
        (admin, {}, "NoHordeModSelected"),
    ):
        answer = await horde.call("PUT", MODES, key, json=body)
        assert answer.json["rc"] == rc
    assert (await horde.call("PUT", MODES, moderator, json={"raid_mode": True})).json["raid_mode"] is True
    assert (await horde.call("PUT", MODES, admin, json={"maintenance_mode": True})).status == 200
    refused = await horde.post("/api/v2/generate/async", {"prompt": "x"})
    assert (refused.status, refused.json["rc"]) == (400, "MaintenanceMode")
    await horde.call("PUT", MODES, admin, json={"maintenance_mode": False})
    await horde.ask()


async def test_admins_award_kudos_once(horde: Any) -> None:
    """The same Idempotency-Key awards once; everybody else is refused, and so are nobody and the anonymous."""
    _, admin = await horde.account("Admin", admin=True)
    number, key = await horde.account("Ann")
    name = f"Ann#{number}"
    for _ in range(2):
        answer = await horde.post(
            AWARD, {"username": name, "amount": 50}, admin, headers={"Idempotency-Key": "picture-of-the-week"}
        )
        assert answer.json == {"awarded": 50.0}
    found = (await horde.get("/api/v2/find_user", key)).json
    assert (found["kudos"], found["kudos_details"]["awarded"]) == (64.0, 50.0)
    for asker, to, amount, status, rc in (
        (key, name, 50, 403, "NotAllowedAwards"),
        (admin, "nobody#999", 50, 400, "InvalidAwardUsername"),
        (admin, "Anonymous#0", 50, 400, "KudosAwardToAnon"),
        (admin, name, -1, 400, "NegativeKudosTransfer"),
    ):
        answer = await horde.post(AWARD, {"username": to, "amount": amount}, asker)
        assert (answer.status, answer.json["rc"]) == (status, rc)


async def test_maintenance_empties_the_queue(horde: Any, picture: bytes) -> None:
    """What waits is given up and costs nothing more; what is being drawn is finished, paid and shown."""
    _, admin = await horde.account("Admin", admin=True)
    drawn, waits = await horde.ask(), await horde.ask(params={"width": 64, "height": 64, "steps": 4, "n": 3})
    job = await horde.pop()
    assert (await horde.call("PUT", MODES, admin, json={"maintenance_mode": True})).status == 200
    given_up = (await horde.get(f"/api/v2/generate/check/{waits}")).json
    assert (given_up["waiting"], given_up["done"], given_up["faulted"]) == (0, True, False)
    assert (await horde.deliver(job, picture)).status == 200
    assert len((await horde.get(f"/api/v2/generate/status/{drawn}")).json["generations"]) == 1
    assert (await horde.get("/api/v2/status/performance")).json["queued_requests"] == 0
