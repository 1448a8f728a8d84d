"""The state of the horde over HTTP: heartbeat, performance, models, modes, news, totals; figures in `rules.figures`.

Everything here is the same for everybody, so each answer is computed at most once in the seconds that the contract
lets clients notice.
"""

from __future__ import annotations

import asyncio
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from core import log
from core.contract.names import ModelState, WorkerType
from core.contract.status import (
    Heartbeat,
    ImageTotals,
    ModelStatus,
    ModelTotals,
    Modes,
    ModesUpdate,
    News,
    Performance,
    TextTotals,
)
from core.coordinator.api.call import Call
from core.coordinator.rooms import VERSION, Rooms
from core.coordinator.rules import figures, operations
from core.coordinator.rules.values import Kind
from core.db import Writing
from core.errors import HordeUnavailable, InvalidRequest, NotAllowed

_MODELS_SECONDS = 2.0
_MODEL_SECONDS = 1.0
_PERFORMANCE_SECONDS = 2.0
_STATS_SECONDS = 50.0
_MODES_SECONDS = 2.0
_NEWS_SECONDS = 300.0
_MANY = 2**31
_log = log.get(__name__)


async def heartbeat(call: Call) -> web.Response:
    """GET status/heartbeat: whether the coordinator and its database are well."""
    try:
        seen = await performance_figures(call.rooms)
    except HordeUnavailable:
        return call.reply(Heartbeat(message="DOWN", version=VERSION, db_connection="DOWN"), status=503)
    return call.reply(
        Heartbeat(
            version=VERSION,
            queue=seen.queued_requests,
            threads=seen.thread_count,
            active_count=seen.worker_count,
            db_connection="OK",
        )
    )


async def performance(call: Call) -> web.Response:
    """GET status/performance: what waits and who works."""
    return call.reply(await performance_figures(call.rooms))


async def performance_figures(rooms: Rooms) -> Performance:
    """The figures, at most two seconds old."""

    async def make() -> Performance:
        found = await rooms.database.read(lambda tx: figures.performance(tx, now=time.time()))
        return Performance.model_validate(found)

    return await rooms.memo.get(("performance",), seconds=_PERFORMANCE_SECONDS, make=make)


async def models(call: Call) -> web.Response:
    """GET status/models: every model that is offered or waited for."""
    kind = call.choice("type", WorkerType.IMAGE, among=[*WorkerType])
    state = call.choice("model_state", ModelState.ALL, among=[*ModelState])
    low = call.number("min_count", 0, low=0, high=_MANY)
    high = call.number("max_count", _MANY, low=0, high=_MANY)
    found = await model_figures(call.rooms, Kind(kind))
    return call.reply([one for one in found if low <= one.count <= high and _is_in(call.rooms, one.name, state)])


def _is_in(rooms: Rooms, name: str, state: str) -> bool:
    """Does a list of known, custom or all models hold this one?"""
    return state == ModelState.ALL or rooms.reference.knows(name) is (state == ModelState.KNOWN)


async def model_figures(rooms: Rooms, kind: Kind = Kind.IMAGE) -> list[ModelStatus]:
    """Every model that is offered or waited for, at most two seconds old."""
    return await rooms.memo.get(("models", kind), seconds=_MODELS_SECONDS, make=lambda: _models(rooms, kind))


async def front_figures(rooms: Rooms) -> tuple[Performance, list[ModelStatus]]:
    """What the front page shows."""
    return await performance_figures(rooms), await model_figures(rooms)


async def model(call: Call) -> web.Response:
    """GET status/models/{name}: a list with that model, or an empty one."""
    name = call.part("name")
    found = await call.rooms.memo.get(("model",), seconds=_MODEL_SECONDS, make=lambda: _models(call.rooms, Kind.IMAGE))
    return call.reply([one for one in found if one.name == name])


async def _models(rooms: Rooms, kind: Kind) -> list[ModelStatus]:
    found = await rooms.database.read(lambda tx: figures.models(tx, now=time.time(), kind=kind))
    return [ModelStatus.model_validate(one) for one in found]


async def modes(call: Call) -> web.Response:
    """GET status/modes: maintenance and invite-only mode, and for moderators raid mode."""
    asker = await call.known_user()
    found = await call.rooms.memo.get(("modes",), seconds=_MODES_SECONDS, make=lambda: _modes(call.rooms))
    moderator = asker is not None and asker.moderator
    return call.reply(
        Modes(
            maintenance_mode=found["maintenance"],
            invite_only_mode=found["invite_only"],
            raid_mode=found["raid"] if moderator else None,
        )
    )


async def _modes(rooms: Rooms) -> dict[str, bool]:
    return await rooms.database.read(operations.modes)


async def change_modes(call: Call) -> web.Response:
    """PUT status/modes: an admin puts the horde into maintenance, which gives up all that waits.

    Moderators close it to strangers' workers.
    """
    call.key()
    body = await call.body(ModesUpdate)
    user = await call.user()
    wanted = {"maintenance": body.maintenance_mode, "invite_only": body.invite_only_mode, "raid": body.raid_mode}
    changes = {name: on for name, on in wanted.items() if on is not None}
    if not changes:
        raise InvalidRequest("Name a mode to change.", code="NoHordeModSelected")
    if "maintenance" in changes and not user.admin:
        raise NotAllowed("Only admins may put this horde into maintenance.", code="NotAdmin")
    if changes.keys() - {"maintenance"} and not (user.moderator or user.admin):
        raise NotAllowed("Only moderators may do that.", code="NotModerator")

    def change(tx: Writing) -> None:
        for name, on in changes.items():
            operations.set_mode(tx, name, on=on)

    await call.rooms.database.write(change)
    if changes.get("maintenance"):
        await _empty_queue(call.rooms)
    return call.reply(
        Modes(
            maintenance_mode=bool(body.maintenance_mode),
            invite_only_mode=bool(body.invite_only_mode),
            raid_mode=body.raid_mode,
        )
    )


async def _empty_queue(rooms: Rooms) -> None:
    """Give up all that waits, a transaction for some of it at a time; nothing new comes in meanwhile."""
    while given_up := await rooms.database.write(lambda tx: operations.empty_queue(tx, now=time.time())):
        for request in given_up:
            rooms.live.touch(request)


async def news(call: Call) -> web.Response:
    """GET status/news: what the operators wrote into their file, newest first."""
    file = call.rooms.terms.news_file
    found = await call.rooms.memo.get(("news",), seconds=_NEWS_SECONDS, make=lambda: asyncio.to_thread(read_news, file))
    return call.reply(found)


def read_news(file: Path) -> list[News]:
    """The news in a TOML file, newest first; a file that is missing has none, and neither has one that is wrong."""
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8")).get("news", [])
        pieces = [News.model_validate(_dated(piece)) for piece in found]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, AttributeError) as error:
        _log.warning("news_unreadable", file=str(file), reason=str(error))
        return []
    return sorted(pieces, key=lambda piece: piece.date_published, reverse=True)


def _dated(piece: Mapping[str, Any]) -> dict[str, Any]:
    """Dates may be written as TOML's own or as text."""
    return {**piece, "date_published": str(piece.get("date_published", ""))}


async def image_totals(call: Call) -> web.Response:
    """GET stats/img/totals: pictures and pixelsteps of the last minute, hour, day, month, and of all time."""

    async def make() -> ImageTotals:
        found = await call.rooms.database.read(lambda tx: figures.totals(tx, now=time.time()))
        return ImageTotals.model_validate(found)

    return call.reply(await call.rooms.memo.get(("totals",), seconds=_STATS_SECONDS, make=make))


async def image_models(call: Call) -> web.Response:
    """GET stats/img/models: how often each model was used."""
    state = call.choice("model_state", ModelState.KNOWN, among=[*ModelState])

    async def make() -> ModelTotals:
        found = await call.rooms.database.read(lambda tx: figures.model_totals(tx, now=time.time()))
        kept = {
            period: {name: times for name, times in models.items() if _is_in(call.rooms, name, state)}
            for period, models in found.items()
        }
        return ModelTotals.model_validate(kept)

    return call.reply(await call.rooms.memo.get(("model totals", state), seconds=_STATS_SECONDS, make=make))


async def text_totals(call: Call) -> web.Response:
    """GET stats/text/totals: this horde draws only, so all zeros."""
    return call.reply(TextTotals())


async def text_models(call: Call) -> web.Response:
    """GET stats/text/models: likewise."""
    return call.reply(ModelTotals())
