"""Shared keys over HTTP; rules in `rules.shared_keys`."""

from __future__ import annotations

import time

from aiohttp import web

from core.contract.keys import Done, SharedKeyDetails, SharedKeyInput
from core.coordinator.api.call import Call
from core.coordinator.auth import invalid_key
from core.coordinator.rules import shared_keys
from core.coordinator.rules.shared_keys import SharedKey

_LENGTH = 36


async def make(call: Call) -> web.Response:
    """PUT sharedkeys: a new one; whoever knows its id may use it."""
    call.key()
    body = await call.body(SharedKeyInput)
    user = await call.user()
    key = await call.rooms.database.write(lambda tx: shared_keys.make(tx, user, body, now=time.time()))
    return call.reply(_details(key))


async def one(call: Call) -> web.Response:
    """GET sharedkeys/{id}: what is left of it; unknown ids are answered like wrong keys, which they are."""
    found = await find_shared(call, call.part("id"))
    if found is None:
        raise invalid_key()
    return call.reply(_details(found))


async def change(call: Call) -> web.Response:
    """PATCH sharedkeys/{id}: what is set is changed."""
    call.key()
    body = await call.body(SharedKeyInput)
    user, wanted = await call.user(), call.part("id")
    key = await call.rooms.database.write(lambda tx: shared_keys.change(tx, wanted, user, body, now=time.time()))
    return call.reply(_details(key))


async def delete(call: Call) -> web.Response:
    """DELETE sharedkeys/{id}: nobody can use it any more."""
    user, wanted = await call.user(), call.part("id")
    await call.rooms.database.write(lambda tx: shared_keys.delete(tx, wanted, user))
    return call.reply(Done())


async def find_shared(call: Call, key: str) -> SharedKey | None:
    """The shared key of that id, None where a text is none."""
    if len(key) != _LENGTH:
        return None
    return await call.rooms.database.read(lambda tx: shared_keys.find(tx, key))


def _details(key: SharedKey) -> SharedKeyDetails:
    return SharedKeyDetails(
        id=key.id,
        username=key.owner,
        name=key.name or None,
        kudos=key.kudos,
        expiry=key.expires,
        utilized=round(key.utilized),
        max_image_pixels=key.max_image_pixels,
        max_image_steps=key.max_image_steps,
        max_text_tokens=key.max_text_tokens,
    )
