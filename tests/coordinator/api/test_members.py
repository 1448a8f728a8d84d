"""Accounts over HTTP: made, changed, given keys of narrower scope, deleted and had back."""

from __future__ import annotations

import time
from typing import Any

import pytest

USERS = "/api/v2/users"
OURS = "/api/largesse/v1/users"
KEYS = "/api/largesse/v1/keys"


async def register(horde: Any, name: str = "Ann", key: str | None = None) -> tuple[int, str]:
    answer = await horde.post(OURS, {"username": name}, key)
    assert answer.status == 201, answer.raw
    return answer.json["id"], answer.json["key"]


async def put(horde: Any, user: int, key: str, **fields: Any) -> Any:
    return await horde.call("PUT", f"{USERS}/{user}", key, json=fields)


async def test_anybody_can_make_an_account(horde: Any) -> None:
    """Its key works at once and is kept by nobody; the account begins at the floor of its class."""
    number, key = await register(horde)
    found = (await horde.get("/api/v2/find_user", key)).json
    assert (found["username"], found["kudos"], found["trusted"]) == (f"Ann#{number}", 14.0, False)
    assert await horde.value(f"SELECT count(*) FROM keys WHERE hash = '{key}'") == 0  # noqa: S608  # our own key
    for bad in ("", " ", "a#1", "x" * 31, "line\nbreak"):
        assert (await horde.post(OURS, {"username": bad}, None)).status == 400


async def test_registration_can_be_closed(start: Any) -> None:
    """Closed, or in raid mode, a stranger is refused and the bots' service account goes on."""
    async with start(registration=False) as horde:
        assert (await horde.post(OURS, {"username": "Ann"}, None)).status == 403
        await register(horde, key=horde.bots_key)
    async with start() as horde:
        _, moderator = await horde.account("Mod", moderator=True)
        await horde.call("PUT", "/api/v2/status/modes", moderator, json={"raid_mode": True})
        assert (await horde.post(OURS, {"username": "Ann"}, None)).status == 403
        await register(horde, key=horde.bots_key)


async def test_strangers_make_few_accounts(start: Any) -> None:
    """Five an hour from one address; a service that vouches for people makes more."""
    async with start(rate_limits=True) as horde:
        answers = [await horde.post(OURS, {"username": f"a{number}"}, None) for number in range(6)]
        assert [answer.status for answer in answers] == [201] * 5 + [429]
        await horde.get("/api/v2/find_user", horde.bots_key)
        assert (await horde.post(OURS, {"username": "more"}, horde.bots_key)).status == 201


async def test_people_change_what_is_theirs(horde: Any) -> None:
    """Name, contact and visibility of one's own account; nobody else's, and nothing of a moderator's."""
    me, mine = await register(horde)
    other, others = await register(horde, "Bob")
    changed = await put(horde, me, mine, username="Anna", contact="anna@example.org", public_workers=True)
    assert changed.json == {"username": f"Anna#{me}", "contact": "anna@example.org", "public_workers": True}
    found = (await horde.get("/api/v2/find_user", mine)).json
    assert (found["username"], found["contact"]) == (f"Anna#{me}", "anna@example.org")
    for body, rc in (
        ({}, "NoUserModSelected"),
        ({"username": "x" * 31}, "TooLongUserName"),
        ({"trusted": True}, "NotModerator"),
        ({"kudos": 100}, "NotAdmin"),
        ({"generate_proxy_passkey": True}, "NonServiceForbidden"),
        ({"undelete": True}, "UserNotDeleted"),
    ):
        assert (await put(horde, me, mine, **body)).json["rc"] == rc
    assert (await put(horde, me, others, username="Mine")).json["rc"] == "NotModerator"
    assert (await put(horde, 0, mine, username="Mine")).status == 403
    assert (await put(horde, 999999, mine, username="Mine")).json["rc"] == "UserNotFound"
    assert other != me


async def test_moderators_and_admins_change_more(horde: Any) -> None:
    """Roles and limits by moderators, kudos and moderators by admins; each is in force at the next call."""
    me, mine = await register(horde)
    _, moderator = await horde.account("Mod", moderator=True)
    _, admin = await horde.account("Admin", admin=True)
    await horde.get("/api/v2/find_user", mine)  # so that the old account is remembered
    roles = {"trusted": True, "concurrency": 7, "worker_invited": 3, "customizer": True, "admin_comment": "a comment"}
    answer = await put(horde, me, moderator, **roles)
    assert answer.json == roles
    found = (await horde.get(f"{USERS}/{me}", moderator)).json
    assert {name: found[name] for name in roles} == roles
    assert (await put(horde, me, moderator, kudos=5)).json["rc"] == "NotAdmin"
    assert (await put(horde, me, admin, kudos=100)).json["new_kudos"] == 114
    assert (await put(horde, me, admin, kudos=-1000)).json["new_kudos"] == 14
    assert (await put(horde, me, admin, monthly_kudos=50, moderator=True)).json == {
        "monthly_kudos": 50,
        "moderator": True,
    }
    assert "suspicious" in (await horde.get(f"{USERS}/0", mine)).json, "a moderator at once"
    assert (await put(horde, me, moderator, education=True)).json == {"education": True}
    assert (await horde.get("/api/v2/find_user", mine)).json["concurrency"] == 200
    assert (await put(horde, 0, admin, concurrency=5)).json["rc"] == "AnonForbiddenUserMod"


async def test_trust_frees_what_was_earned(horde: Any, picture: bytes) -> None:
    """Half of an untrusted owner's earnings waits in escrow, and is theirs when a moderator trusts them."""
    me, mine = await register(horde)
    _, moderator = await horde.account("Mod", moderator=True)
    await horde.ask()
    horde.worker_key = mine
    await horde.deliver(await horde.pop(), picture)
    saved = (await horde.get(f"{USERS}/{me}", moderator)).json
    assert saved["evaluating_kudos"] > 0
    await put(horde, me, moderator, trusted=True)
    after = (await horde.get(f"{USERS}/{me}", moderator)).json
    assert (after["trusted"], after["evaluating_kudos"]) == (True, 0)
    assert after["kudos"] == pytest.approx(saved["kudos"] + saved["evaluating_kudos"])


async def test_keys_have_scopes(horde: Any) -> None:
    """Each narrower key does what it is for and reads; everything else is refused in words."""
    _, mine = await register(horde)
    made = {
        scope: (await horde.post(KEYS, {"scope": scope, "name": f"my {scope}"}, mine)).json
        for scope in ("generate", "worker", "read")
    }
    keys = {scope: one["key"] for scope, one in made.items()}
    listed = (await horde.get(KEYS, keys["read"])).json
    assert [(one["name"], one["scope"]) for one in listed[1:]] == [(f"my {scope}", scope) for scope in made]
    assert all("key" not in one for one in listed)
    ask = {"prompt": "x", "models": ["little"], "params": {"width": 64, "height": 64, "steps": 4}}
    pop = {"name": "Scoped", "models": ["little"], "bridge_agent": "a:1:b"}
    for scope, key in keys.items():
        statuses = {
            "generate": (await horde.post("/api/v2/generate/async", ask, key)).status,
            "worker": (await horde.post("/api/v2/generate/pop", pop, key)).status,
            "read": (await horde.get("/api/v2/find_user", key)).status,
            "all": (await horde.post(KEYS, {}, key)).status,
        }
        good = {"generate": 202, "worker": 200, "read": 200}
        assert statuses == {name: good[name] if name in (scope, "read") else 403 for name in statuses}
        transfer = await horde.post("/api/v2/kudos/transfer", {"username": "x#0", "amount": 1}, key)
        assert (transfer.status, transfer.json["rc"]) == (403, "Forbidden")
    assert (await horde.call("DELETE", f"{KEYS}/{made['read']['id']}", mine)).status == 200
    assert (await horde.get("/api/v2/find_user", keys["read"])).json["rc"] == "InvalidAPIKey"
    assert (await horde.call("DELETE", f"{KEYS}/{listed[0]['id']}", mine)).status == 400, "the last one for everything"
    assert (await horde.call("DELETE", f"{KEYS}/999999", mine)).status == 404
    assert (await horde.post(KEYS, {}, "0000000000")).status == 403


async def test_an_account_is_deleted_and_had_back(horde: Any) -> None:
    """Closed at once and opened again by its owner; wiped for good when asked again after thirty days."""
    me, mine = await register(horde)
    _, others = await register(horde, "Bob")
    moderating, moderator = await horde.account("Mod", moderator=True)
    address = f"{USERS}/{me}"
    assert (await horde.call("DELETE", address, others)).json["rc"] == "NotUserOrMod"
    assert (await horde.call("DELETE", f"{USERS}/0", mine)).json["rc"] == "AnonForbiddenUser"
    assert (await horde.call("DELETE", f"{USERS}/{moderating}", moderator)).json["rc"] == "CannotDeleteMod"
    assert (await horde.call("DELETE", address, mine)).json == {"message": "OK"}
    assert (await horde.get("/api/v2/find_user", mine)).json["rc"] == "DeletedUser"
    assert (await put(horde, me, mine, username="Still me")).json["rc"] == "DeletedUser"
    assert (await put(horde, me, mine, undelete=True)).json == {"undeleted": True}
    assert (await horde.get("/api/v2/find_user", mine)).status == 200
    await horde.call("DELETE", address, mine)
    assert (await horde.call("DELETE", address, mine)).json["rc"] == "CannotWipeActiveUser"
    await horde.change(f"UPDATE users SET deleted_at = {time.time() - 31 * 86400} WHERE id = {me}")  # noqa: S608  # numbers
    assert (await horde.call("DELETE", address, moderator)).status == 200
    assert (await horde.get("/api/v2/find_user", mine)).json["rc"] == "InvalidAPIKey"
    assert (await horde.get(address, moderator)).json["username"] == f"deleted#{me}"
