"""Teams and messages to workers over HTTP; rules in `rules.teams` and `rules.messages`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import cast

from aiohttp import web

from core.contract.keys import Done
from core.contract.teams import Message, NewMessage, NewTeam, TeamChanged, TeamDeleted, TeamDetails, TeamUpdate
from core.contract.work import PopMessage
from core.coordinator.api.call import Call
from core.coordinator.rooms import Rooms
from core.coordinator.rules import messages, teams

_TEAMS_SECONDS = 3.0
_MESSAGES_SECONDS = 10.0
_LAST_PAGE = 10_000


async def listed(call: Call) -> web.Response:
    """GET teams: every team with what its workers made."""

    async def make() -> list[TeamDetails]:
        found = await call.rooms.database.read(lambda tx: teams.listed(tx, now=time.time()))
        return [TeamDetails.model_validate(team) for team in found]

    return call.reply(await call.rooms.memo.get(("teams",), seconds=_TEAMS_SECONDS, make=make))


async def one(call: Call) -> web.Response:
    """GET teams/{id}: one team."""
    wanted = call.part("id")
    found = await call.rooms.database.read(lambda tx: teams.details(tx, wanted, now=time.time()))
    return call.reply(TeamDetails.model_validate(found))


async def make(call: Call) -> web.Response:
    """POST teams: trusted people make one."""
    call.key()
    body = await call.body(NewTeam)
    user = await call.user()
    made = await call.rooms.database.write(lambda tx: teams.make(tx, user, body, now=time.time()))
    return call.reply(TeamChanged.model_validate(made))


async def change(call: Call) -> web.Response:
    """PATCH teams/{id}: whoever made it, or a moderator, changes name and info."""
    call.key()
    body = await call.body(TeamUpdate)
    user, wanted = await call.user(), call.part("id")
    changed = await call.rooms.database.write(lambda tx: teams.change(tx, wanted, user, body))
    return call.reply(TeamChanged.model_validate(changed))


async def delete(call: Call) -> web.Response:
    """DELETE teams/{id}: its workers go on without one."""
    user, wanted = await call.user(), call.part("id")
    gone, name = await call.rooms.database.write(lambda tx: teams.delete(tx, wanted, user))
    return call.reply(TeamDeleted(deleted_id=gone, deleted_name=name))


async def written(call: Call) -> web.Response:
    """GET workers/messages: those that you wrote, 50 a page; moderators see everybody's."""
    user = await call.user()
    author = call.query("user_id")
    wanted = int(author) if author.isascii() and author.isdigit() and len(author) < 19 else None
    validity = call.choice("validity", "active", among=("active", "expired", "all"))
    page, worker = call.number("page", 1, low=1, high=_LAST_PAGE), call.query("worker_id")
    found = await call.rooms.database.read(
        lambda tx: messages.listed(
            tx,
            user,
            worker_id=worker,
            user_id=wanted,
            validity=cast("messages.Validity", validity),
            page=page,
            now=time.time(),
        )
    )
    return call.reply([_shown(message) for message in found])


async def write(call: Call) -> web.Response:
    """POST workers/messages: to a worker of yours; moderators write to any, or to all."""
    call.key()
    body = await call.body(NewMessage)
    user = await call.user()
    made = await call.rooms.database.write(lambda tx: messages.write(tx, user, body, now=time.time()))
    return call.reply(_shown(made))


async def message(call: Call) -> web.Response:
    """GET workers/messages/{id}: one message."""
    wanted = call.part("id")
    return call.reply(_shown(await call.rooms.database.read(lambda tx: messages.one(tx, wanted))))


async def take_back(call: Call) -> web.Response:
    """DELETE workers/messages/{id}: workers that were told have been told."""
    user, wanted = await call.user(), call.part("id")
    await call.rooms.database.write(lambda tx: messages.delete(tx, wanted, user))
    return call.reply(Done())


async def told(rooms: Rooms, worker_id: str) -> list[PopMessage]:
    """What a worker is told with its pop, at most ten seconds old."""

    async def make() -> list[PopMessage]:
        found = await rooms.database.read(lambda tx: messages.for_worker(tx, worker_id, now=time.time()))
        return [
            PopMessage(
                id=one.id,
                message=one.text,
                origin=one.origin,
                expiry=format_datetime(datetime.fromtimestamp(one.expires, UTC)),
            )
            for one in found
        ]

    return await rooms.memo.get(("messages", worker_id), seconds=_MESSAGES_SECONDS, make=make)


def _shown(one: messages.Message) -> Message:
    left = max(0, round((one.expires - time.time()) / 3600))
    return Message(id=one.id, worker_id=one.worker_id, message=one.text, origin=one.origin, expiry=left)
