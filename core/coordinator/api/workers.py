"""Workers over HTTP: who they are, and what their owners may change; rules in `rules.workers`."""

from __future__ import annotations

import time

from aiohttp import web

from core.contract.names import WorkerType
from core.contract.workers import WorkerDeleted, WorkerDetails, WorkerUpdate, WorkerUpdated
from core.coordinator.api.call import Call
from core.coordinator.rules import figures, workers
from core.coordinator.rules.fleet import Live
from core.coordinator.rules.values import Kind, User
from core.db import Reading
from core.errors import NotFound

_LIST_SECONDS = 2.0
_TYPES = ("", *WorkerType)


async def listed(call: Call) -> web.Response:
    """GET workers: those that asked for work lately."""
    kind, name = call.choice("type", "", among=_TYPES), call.query("name")
    moderator = _sees_all(await call.known_user())

    async def make() -> list[WorkerDetails]:
        return await call.rooms.database.read(
            lambda tx: [
                _details(tx, worker, privileged=moderator)
                for worker in workers.listed(tx, now=time.time(), kind=Kind(kind) if kind else None, name=name or None)
            ]
        )

    key = ("workers", kind, name, moderator)
    return call.reply(await call.rooms.memo.get(key, seconds=_LIST_SECONDS, make=make))


async def by_id(call: Call) -> web.Response:
    """GET workers/{id}: one worker, also while it is away."""
    wanted, moderator = call.part("id"), _sees_all(await call.known_user())
    return call.reply(
        await call.rooms.database.read(lambda tx: _details(tx, workers.get(tx, wanted), privileged=moderator))
    )


async def by_name(call: Call) -> web.Response:
    """GET workers/name/{name}: the same by name."""
    wanted, moderator = call.part("name"), _sees_all(await call.known_user())
    return call.reply(
        await call.rooms.database.read(lambda tx: _details(tx, workers.by_name(tx, wanted), privileged=moderator))
    )


def _details(tx: Reading, worker: Live | None, *, privileged: bool) -> WorkerDetails:
    if worker is None:
        raise NotFound("There is no such worker.", code="WorkerNotFound")
    return WorkerDetails.model_validate(figures.worker_details(tx, worker, privileged=privileged, now=time.time()))


async def change(call: Call) -> web.Response:
    """PUT workers/{id}: its owner or a moderator changes name, info or maintenance; a moderator may pause it."""
    call.key()
    body = await call.body(WorkerUpdate)
    user, wanted = await call.user(), call.part("id")
    await call.rooms.database.write(
        lambda tx: workers.change(
            tx,
            wanted,
            user=user,
            maintenance=body.maintenance,
            maintenance_msg=body.maintenance_msg,
            info=body.info,
            name=body.name,
            paused=body.paused,
            team=body.team,
        )
    )
    changed = body.model_dump(include={"maintenance", "paused", "info", "name", "team"})
    return call.reply(WorkerUpdated.model_validate(changed))


async def delete(call: Call) -> web.Response:
    """DELETE workers/{id}: forget a worker that holds no job; its kudos stay with its owner."""
    user, wanted = await call.user(), call.part("id")
    gone, name = await call.rooms.database.write(lambda tx: workers.delete(tx, wanted, user=user))
    return call.reply(WorkerDeleted(deleted_id=gone, deleted_name=name))


def _sees_all(asker: User | None) -> bool:
    return asker is not None and asker.moderator
