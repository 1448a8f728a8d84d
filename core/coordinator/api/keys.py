"""The API keys of an account over HTTP (ours); rules in `rules.keys`."""

from __future__ import annotations

import time
from dataclasses import asdict

from aiohttp import web

from core.contract.keys import Done, KeyDetails, KeyMade, KeyWanted
from core.coordinator.api.call import Call
from core.coordinator.keys import new_key
from core.coordinator.rules import keys
from core.errors import NotFound


async def listed(call: Call) -> web.Response:
    """GET keys: the good keys of the account; the keys themselves are known to nobody."""
    user = await call.user()
    found = await call.rooms.database.read(lambda tx: keys.listed(tx, user))
    return call.reply([KeyDetails.model_validate(asdict(key)) for key in found])


async def make(call: Call) -> web.Response:
    """POST keys: one more, for everything or for less; it is shown only now."""
    call.key()
    body = await call.body(KeyWanted)
    user, fresh = await call.user(), new_key()
    key = await call.rooms.database.write(
        lambda tx: keys.make(
            tx, user, key_hash=call.rooms.accounts.hashed(fresh), name=body.name, scope=body.scope, now=time.time()
        )
    )
    return call.reply(KeyMade(**asdict(key), key=fresh), status=201)


async def revoke(call: Call) -> web.Response:
    """DELETE keys/{id}: nobody can use it any more, in other processes within five seconds."""
    user, number = await call.user(), call.part("id")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise NotFound("Your account has no such key.")
    await call.rooms.database.write(lambda tx: keys.revoke(tx, user, int(number), now=time.time()))
    call.rooms.accounts.forget(user.id)
    return call.reply(Done())
