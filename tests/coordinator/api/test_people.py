"""Accounts, kudos and workers over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest


async def test_the_house_has_its_two_accounts(horde: Any) -> None:
    """The worker's account is trusted, the bots' serves others; their keys stand in one file."""
    worker = (await horde.get("/api/v2/find_user", horde.worker_key)).json
    bots = (await horde.get("/api/v2/find_user", horde.bots_key)).json
    assert (worker["username"].partition("#")[0], worker["trusted"]) == ("largesse worker", True)
    assert (bots["username"].partition("#")[0], bots["service"]) == ("largesse bots", True)
    assert worker["id"] != bots["id"]


async def test_the_anonymous_account_is_shared(horde: Any) -> None:
    """Its key is the one everybody knows."""
    answer = (await horde.get("/api/v2/find_user", "0000000000")).json
    assert (answer["id"], answer["username"]) == (0, "Anonymous#0")


async def test_an_account_shows_more_to_its_owner(horde: Any) -> None:
    """Contact and active requests are the owner's own business."""
    me = (await horde.get("/api/v2/find_user", horde.bots_key)).json
    public = (await horde.get(f"/api/v2/users/{me['id']}")).json
    own = (await horde.get(f"/api/v2/users/{me['id']}", horde.bots_key)).json
    assert "active_generations" in own
    assert "active_generations" not in public
    assert public["username"] == own["username"]


async def test_accounts_are_listed(horde: Any) -> None:
    """All three accounts of a fresh horde are on the first page, and the page beyond is empty."""
    names = {user["username"].partition("#")[0] for user in (await horde.get("/api/v2/users?sort=age")).json}
    assert {"largesse worker", "largesse bots"} <= names
    assert (await horde.get("/api/v2/users?page=2")).json == []


async def test_drawing_earns_and_giving_moves_kudos(horde: Any, picture: bytes) -> None:
    """What the worker earned it can give away; a repeated call with the same key moves it once."""
    for _ in range(3):
        await horde.ask()
        await horde.deliver(await horde.pop(), picture)
    giver = (await horde.get("/api/v2/find_user", horde.worker_key)).json
    taker = (await horde.get("/api/v2/find_user", horde.bots_key)).json
    assert giver["kudos"] > 3
    body = {"username": taker["username"], "amount": 2}
    headers = {"Idempotency-Key": "gift-1"}
    for _ in range(2):
        moved = await horde.post("/api/v2/kudos/transfer", body, horde.worker_key, headers=headers)
        assert (moved.status, moved.json["transferred"]) == (200, 2)
    after = (await horde.get("/api/v2/find_user", horde.worker_key)).json
    assert after["kudos"] == pytest.approx(giver["kudos"] - 2)
    assert (await horde.get("/api/v2/find_user", horde.bots_key)).json["kudos"] == pytest.approx(taker["kudos"] + 2)


@pytest.mark.parametrize(
    ("key", "to", "amount", "code"),
    [
        ("0000000000", "largesse bots#2", 1, "KudosTransferFromAnon"),
        ("worker", "nobody#99999", 1, "InvalidTargetUsername"),
        ("worker", "Anonymous#0", 1, "KudosTransferToAnon"),
        ("worker", "self", 1, "KudosTransferToSelf"),
        ("worker", "bots", -1, "NegativeKudosTransfer"),
        ("worker", "bots", 0, "InvalidKudosTransferAmount"),
        ("worker", "bots", 10_000_000, "KudosTransferNotEnough"),
    ],
)
async def test_transfers_have_their_refusals(horde: Any, key: str, to: str, amount: int, code: str) -> None:
    """Each reason has its code, and nothing moves."""
    keys = {"worker": horde.worker_key}
    names = {
        "self": (await horde.get("/api/v2/find_user", horde.worker_key)).json["username"],
        "bots": (await horde.get("/api/v2/find_user", horde.bots_key)).json["username"],
    }
    body = {"username": names.get(to, to), "amount": amount}
    answer = await horde.post("/api/v2/kudos/transfer", body, keys.get(key, key))
    assert (answer.status, answer.json["rc"]) == (400, code)


async def test_a_worker_is_seen(horde: Any) -> None:
    """After a pop it is listed, found by id and by name, and its models are on offer."""
    await horde.pop()
    listed = (await horde.get("/api/v2/workers?type=image")).json
    assert [worker["name"] for worker in listed] == ["Tester"]
    by_id = (await horde.get(f"/api/v2/workers/{listed[0]['id']}")).json
    by_name = (await horde.get("/api/v2/workers/name/Tester")).json
    assert by_id["id"] == by_name["id"] == listed[0]["id"]
    assert (by_id["online"], by_id["models"], by_id["type"]) == (True, ["little"], "image")
    assert by_id["team"] == {"name": None, "id": None}
    models = (await horde.get("/api/v2/status/models")).json
    assert [(model["name"], model["count"]) for model in models] == [("little", 1)]
    assert (await horde.get("/api/v2/status/models/little")).json[0]["name"] == "little"
    assert (await horde.get("/api/v2/status/models/other")).json == []


async def test_the_owner_changes_a_worker(horde: Any) -> None:
    """Maintenance with a message reaches the worker in the words it looks for; strangers may not."""
    await horde.pop()
    worker = (await horde.get("/api/v2/workers/name/Tester")).json["id"]
    path = f"/api/v2/workers/{worker}"
    stranger = await horde.call("PUT", path, horde.bots_key, json={"maintenance": True})
    assert (stranger.status, stranger.json["rc"]) == (403, "NotOwner")
    change = {"maintenance": True, "maintenance_msg": "Back at noon", "info": "In the cellar"}
    changed = await horde.call("PUT", path, horde.worker_key, json=change)
    assert (changed.status, changed.json) == (200, {"maintenance": True, "info": "In the cellar"})
    assert (await horde.get(path)).json["maintenance_mode"] is True
    body = {"name": "Tester", "models": ["little"], "bridge_agent": "Largesse worker:1:x"}
    refused = await horde.post("/api/v2/generate/pop", body, horde.worker_key)
    assert (refused.status, refused.json["rc"]) == (403, "WorkerMaintenance")
    assert "maintenance mode" in refused.json["message"].lower()
    renamed = await horde.call("PUT", path, horde.worker_key, json={"maintenance": False, "name": "Renamed one"})
    assert renamed.status == 200
    assert (await horde.get(path)).json["name"] == "Renamed one"
    assert (await horde.call("PUT", path, horde.worker_key, json={})).status == 400


async def test_a_worker_can_be_forgotten(horde: Any, picture: bytes) -> None:
    """Not while it holds a job; afterwards its id leads nowhere."""
    await horde.ask()
    job = await horde.pop()
    worker = (await horde.get("/api/v2/workers/name/Tester")).json["id"]
    path = f"/api/v2/workers/{worker}"
    assert (await horde.call("DELETE", path, horde.worker_key)).status == 423
    await horde.deliver(job, picture)
    assert (await horde.call("DELETE", path, horde.bots_key)).status == 403


async def test_an_idle_worker_is_forgotten(horde: Any) -> None:
    """A worker that never drew leaves no trace."""
    await horde.pop(name="Short lived")
    worker = (await horde.get("/api/v2/workers/name/Short%20lived")).json["id"]
    gone = await horde.call("DELETE", f"/api/v2/workers/{worker}", horde.worker_key)
    assert gone.json == {"deleted_id": worker, "deleted_name": "Short lived"}
    assert (await horde.get(f"/api/v2/workers/{worker}")).status == 404


async def test_the_status_pages_answer(horde: Any, picture: bytes) -> None:
    """Performance, totals, modes, news and service information have the fields that clients read."""
    await horde.ask()
    await horde.deliver(await horde.pop(), picture)
    performance = (await horde.get("/api/v2/status/performance")).json
    assert (performance["queued_requests"], performance["worker_count"], performance["thread_count"]) == (0, 1, 1)
    totals = (await horde.get("/api/v2/stats/img/totals")).json
    assert (totals["minute"]["images"], set(totals)) == (1, {"minute", "hour", "day", "month", "total"})
    assert set((await horde.get("/api/v2/stats/img/models?model_state=all")).json) == {"day", "month", "total"}
    assert (await horde.get("/api/v2/status/modes")).json == {"maintenance_mode": False, "invite_only_mode": False}
    assert (await horde.get("/api/v2/status/news")).json == []
    assert (await horde.get("/api/v2/status/heartbeat")).json["message"] == "OK"
    info = (await horde.get("/.well-known/serviceinfo")).json
    assert info["api"]["aihorde"]["base_url"] == f"{horde.url}/api/v2"
    assert (await horde.get("/api/largesse/v1/ready")).json["status"] == "ready"
    assert (await horde.get("/api/largesse/v1/health")).json["status"] == "ok"


async def test_many_at_once_share_one_look(horde: Any) -> None:
    """A hundred readers of the models list at the same moment all get it."""
    answers = await asyncio.gather(*(horde.get("/api/v2/status/models") for _ in range(100)))
    assert {answer.raw for answer in answers} == {b"[]"}
