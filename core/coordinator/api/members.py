"""Accounts are made, changed and ended over HTTP; rules in `rules.members`."""

from __future__ import annotations

import time

from aiohttp import web

from core.contract.keys import Done, Registered, Registration
from core.contract.people import UserUpdate, UserUpdated
from core.coordinator.api.call import Call
from core.coordinator.api.people import user_number
from core.coordinator.keys import new_key
from core.coordinator.rules import accounts, members, operations
from core.coordinator.rules.values import User
from core.db import Writing
from core.errors import NotAllowed


async def register(call: Call) -> web.Response:
    """POST users (ours): a new account with its first key, which is shown only now.

    Where registration is closed, and in raid mode, only services and moderators make accounts.
    """
    asker = await call.known_user()
    body = await call.body(Registration)
    name, fresh = accounts.clean_name(body.username), new_key()
    vouched = asker is not None and (asker.service or asker.moderator or asker.admin)
    terms = call.rooms.terms

    def make(tx: Writing) -> User:
        if not vouched and (not terms.registration or operations.modes(tx)["raid"]):
            raise NotAllowed("This horde takes no new accounts at the moment.", code="Forbidden")
        made = accounts.create(
            tx,
            name=name,
            key_hash=call.rooms.accounts.hashed(fresh),
            now=time.time(),
            concurrency=terms.limits.concurrency,
        )
        return accounts.change(tx, made.id, contact=body.contact) if body.contact else made

    user = await call.rooms.database.write(make)
    return call.reply(Registered(id=user.id, username=user.unique_name, key=fresh), status=201)


async def change(call: Call) -> web.Response:
    """PUT users/{id}: people change their own account, moderators others', admins kudos and moderators."""
    call.key()
    body = await call.body(UserUpdate)
    asker, wanted = await call.user(also_deleted=True), user_number(call.part("id"))
    passkey = new_key() if body.generate_proxy_passkey else None
    hashed = call.rooms.accounts.hashed(passkey) if passkey else ""
    changed = await call.rooms.database.write(
        lambda tx: members.update(tx, wanted, by=asker, wanted=body, passkey_hash=hashed, now=time.time())
    )
    call.rooms.accounts.forget(wanted)
    return call.reply(UserUpdated.model_validate({**changed, "proxy_passkey": passkey}))


async def delete(call: Call) -> web.Response:
    """DELETE users/{id}: the account is closed at once, and wiped when this is asked again after 30 days."""
    asker, wanted = await call.user(also_deleted=True), user_number(call.part("id"))
    await call.rooms.database.write(lambda tx: members.delete(tx, wanted, by=asker, now=time.time()))
    call.rooms.accounts.forget(wanted)
    return call.reply(Done())
