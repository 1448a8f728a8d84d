"""Keys that others may use at their owner's cost, up to their limits."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

SHARED = "/api/v2/sharedkeys"
ASYNC = "/api/v2/generate/async"


async def share(horde: Any, key: str, **fields: Any) -> dict[str, Any]:
    answer = await horde.call("PUT", SHARED, key, json=fields)
    assert answer.status == 200, answer.raw
    return answer.json


async def ask(horde: Any, key: str, **fields: Any) -> Any:
    body = {"prompt": "x", "models": ["little"], "params": {"width": 64, "height": 64, "steps": 4}, **fields}
    return await horde.post(ASYNC, body, key)


async def test_the_owner_pays(start: Any, picture: bytes, until: Any) -> None:
    """What is drawn with a shared key costs its owner, counts against its limit, and still counts when it is gone."""
    async with start(sweep_every=0.1) as horde:
        me, key = await horde.account("Owner", kudos=1000, trusted=True)
        shared = await share(horde, key, kudos=50, name="for friends", expiry=3)
        assert (shared["kudos"], shared["utilized"], shared["username"]) == (50, 0, f"Owner#{me}")
        assert shared["expiry"].endswith("Z")
        assert (await ask(horde, shared["id"])).status == 202
        await horde.deliver(await horde.pop(), picture)
        owner = (await horde.get("/api/v2/find_user", key)).json
        assert owner["kudos"] < 1014
        assert owner["sharedkey_ids"] == [shared["id"]]
        used = (await horde.get(f"{SHARED}/{shared['id']}")).json["utilized"]
        assert used == round(1014 - owner["kudos"]) > 0
        behind = (await horde.get("/api/v2/find_user", shared["id"])).json
        assert behind["username"] == f"Owner#{me} (Shared Key: for friends)"
        assert "sharedkey_ids" not in behind
        await horde.change("UPDATE requests SET expires_at = 1")

        async def forgotten() -> bool:
            return await horde.value("SELECT count(*) FROM requests") == 0

        await until(forgotten)
        assert (await horde.get(f"{SHARED}/{shared['id']}")).json["utilized"] == used


async def test_its_limits_hold(horde: Any) -> None:
    """Size, steps, kudos and day each have their code; a far day is none; an empty key may ask anonymously."""
    _, key = await horde.account("Owner", kudos=1000)
    _, trusted = await horde.account("Trusted", trusted=True)
    shared = (await share(horde, key, kudos=6, max_image_pixels=4096, max_image_steps=10))["id"]
    for params in ({"width": 128, "height": 64, "steps": 4}, {"width": 64, "height": 64, "steps": 11}):
        assert (await ask(horde, shared, params=params)).json["rc"] == "BadRequest"
    assert (await ask(horde, shared)).status == 202
    assert (await ask(horde, shared)).json["rc"] == "SharedKeyInsufficientKudos"
    address = f"{SHARED}/{shared}"
    assert (await horde.call("PATCH", address, key, json={"kudos": 1})).json["kudos"] == 1
    assert (await ask(horde, shared)).json["rc"] == "SharedKeyEmpty"
    assert (await ask(horde, shared, allow_downgrade=True)).status == 202
    assert (await horde.call("PATCH", address, key, json={"kudos": -1})).json["kudos"] == -1
    assert (await ask(horde, shared)).status == 202
    assert (await horde.call("PATCH", address, key, json={"expiry": 0})).status == 200
    assert (await ask(horde, shared)).json["rc"] == "SharedKeyExpired"
    assert "expiry" not in (await horde.call("PATCH", address, key, json={"expiry": 37_143_198_751})).json
    for _ in range(2):
        await share(horde, key)
    assert (await horde.call("PUT", SHARED, key, json={})).status == 403, "three each"
    for _ in range(4):
        await share(horde, trusted)
    assert (await horde.call("PUT", SHARED, "0000000000", json={})).json["rc"] == "AnonForbidden"


async def test_it_is_its_owners(horde: Any) -> None:
    """Only the owner changes or ends it; an id that was never given, or has ended, is a wrong key."""
    _, key = await horde.account("Owner")
    _, other = await horde.account("Other")
    address = f"{SHARED}/{(await share(horde, key))['id']}"
    assert (await horde.call("PATCH", address, other, json={"kudos": 1})).status == 403
    assert (await horde.call("PATCH", address, key, json={})).json["rc"] == "NoSharedKeyModSelected"
    assert (await horde.call("DELETE", address, other)).status == 403
    assert (await horde.call("DELETE", address, key)).json == {"message": "OK"}
    for wrong in (address, f"{SHARED}/{uuid4()}", f"{SHARED}/nonsense"):
        assert (await horde.get(wrong)).status == 401
    assert (await ask(horde, str(uuid4()))).json["rc"] == "InvalidAPIKey"
    assert (await horde.post("/api/v2/generate/pop", {"name": "w", "models": ["little"]}, str(uuid4()))).status == 401


async def test_others_can_top_it_up(horde: Any) -> None:
    """Kudos sent to a shared key are its owner's, and raise its limit, once for each Idempotency-Key."""
    _, key = await horde.account("Owner")
    _, friend = await horde.account("Friend", kudos=100)
    shared = (await share(horde, key, kudos=10))["id"]
    body, once = {"username": shared, "amount": 30}, {"Idempotency-Key": "top-up"}
    for _ in range(2):
        sent = await horde.post("/api/v2/kudos/transfer", body, friend, headers=once)
        assert sent.json == {"transferred": 30}
    assert (await horde.get(f"{SHARED}/{shared}")).json["kudos"] == 40
    assert (await horde.get("/api/v2/find_user", key)).json["kudos"] == pytest.approx(44)
