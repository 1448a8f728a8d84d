"""Accounts and kudos over HTTP: find_user, users, transfer; rules: `accounts`, `figures`, `kudos`."""

from __future__ import annotations

import time
from typing import Any, Literal

from aiohttp import web

from core.contract.people import KudosAward, KudosAwarded, KudosTransfer, KudosTransferred, UserDetails
from core.coordinator.api.call import Call
from core.coordinator.api.shared_keys import find_shared
from core.coordinator.auth import invalid_key
from core.coordinator.rules import accounts, figures, kudos
from core.coordinator.rules.shared_keys import SharedKey
from core.coordinator.rules.values import User
from core.db import Reading
from core.errors import NotFound

_LAST_PAGE = 10_000
_PAGE_SECONDS = 10.0


async def find_user(call: Call) -> web.Response:
    """GET find_user: the account behind the key, as its owner sees it; behind a shared key, as everybody does."""
    if "apikey" not in call.request.headers:
        raise invalid_key()
    shared = await find_shared(call, call.key())
    if shared is not None:
        return call.reply(await _behind(call, shared))
    user = await call.user()
    details = await call.rooms.database.read(lambda tx: figures.user_details(tx, user, privilege=1, now=time.time()))
    return call.reply(UserDetails.model_validate(details))


async def _behind(call: Call, shared: SharedKey) -> UserDetails:
    def look(tx: Reading) -> dict[str, Any]:
        owner = accounts.get(tx, shared.user_id)
        if owner is None:
            raise _no_user()
        return figures.user_details(tx, owner, privilege=0, now=time.time())

    details = await call.rooms.database.read(look)
    name = f"{details['username']} (Shared Key{': ' if shared.name else ''}{shared.name})"
    return UserDetails.model_validate({**details, "username": name})


async def user(call: Call) -> web.Response:
    """GET users/{id}: what the asker may see of an account: everybody, its owner, or a moderator."""
    wanted, asker = user_number(call.part("id")), await call.known_user()

    def look(tx: Reading) -> dict[str, Any]:
        found = accounts.get(tx, wanted)
        if found is None:
            raise _no_user()
        return figures.user_details(tx, found, privilege=_privilege(asker, found), now=time.time())

    return call.reply(UserDetails.model_validate(await call.rooms.database.read(look)))


async def users(call: Call) -> web.Response:
    """GET users: 25 accounts a page, richest or oldest first."""
    page = call.number("page", 1, low=1, high=2**31)
    sort: Literal["kudos", "age"] = "age" if call.choice("sort", "kudos", among=("kudos", "age")) == "age" else "kudos"
    if page > _LAST_PAGE:
        return call.reply_raw([])

    async def make() -> list[UserDetails]:
        found = await call.rooms.database.read(lambda tx: figures.users_page(tx, page=page, sort=sort, now=time.time()))
        return [UserDetails.model_validate(details) for details in found]

    return call.reply(await call.rooms.memo.get(("users", page, sort), seconds=_PAGE_SECONDS, make=make))


async def transfer(call: Call) -> web.Response:
    """POST kudos/transfer: kudos to another account; the same Idempotency-Key moves them once."""
    call.key()
    body = await call.body(KudosTransfer)
    sender, key = await call.user(), call.idempotency_key
    moved = await call.rooms.database.write(
        lambda tx: kudos.transfer(
            tx, sender=sender, to=body.username, amount=body.amount, idempotency_key=key, now=time.time()
        )
    )
    return call.reply(KudosTransferred(transferred=moved))


async def award(call: Call) -> web.Response:
    """POST kudos/award: an admin rewards somebody; nobody pays for it."""
    call.key()
    body = await call.body(KudosAward)
    giver, key = await call.user(), call.idempotency_key
    given = await call.rooms.database.write(
        lambda tx: kudos.award(
            tx, giver=giver, to=body.username, amount=body.amount, idempotency_key=key, now=time.time()
        )
    )
    return call.reply(KudosAwarded(awarded=given))


def _privilege(asker: User | None, user: User) -> int:
    """0 = the public, 1 = the account itself, 2 = a moderator."""
    if asker is None or asker.anonymous:
        return 0
    if asker.moderator:
        return 2
    return int(asker.id == user.id)


def user_number(text: str) -> int:
    """The number of an account in a path; raises NotFound for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise _no_user()
    return int(text)


def _no_user() -> NotFound:
    return NotFound("No user of that id.", code="UserNotFound")
