"""The sync loop: fetches what happened, keeps it with the token that passes it, and wakes whoever is concerned.

It does nothing slow: what was kept is worked on elsewhere, from the notebook. nio's own loop saves its token before
anybody has the events, and spins on a revoked one.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from nio import Event, ForwardedRoomKeyEvent, MegolmEvent, RoomKeyEvent, SyncResponse

from adapters.matrix import read
from adapters.matrix.engine import Engine
from adapters.matrix.homeserver import CLIENT, Away, Body, Homeserver, path
from adapters.matrix.notebook import Gap, Notebook, Waiting
from adapters.matrix.rooms import Rooms
from core import log
from core.chat.port import SendFailed
from core.errors import ConfigError

LONG_POLL = 30.0
"""Seconds the homeserver may wait for something to happen."""
MOST_PAGES = 20
"""Of 100 events each: as far as a gap is followed back."""
_LONGEST_PAUSE = 10.0
_WANTED = {"m.room.message", "m.reaction", "m.room.redaction", "m.room.encrypted"}
_FILTER = {
    "room": {
        "timeline": {"limit": 50},
        "ephemeral": {"not_types": ["*"]},
        "account_data": {"not_types": ["*"]},
        "include_leave": False,
    },
    "presence": {"not_types": ["*"]},
    "account_data": {"types": ["m.ignored_user_list"]},
}

logger = log.get(__name__)


class Listener(Protocol):
    """Who is told; nothing here may take long."""

    def wake(self, room: str) -> None:
        """Something waits in the notebook for this room."""
        ...

    def invited(self, room: str, events: list[Body]) -> None:
        """We are invited; the events say by whom."""
        ...

    def changed(self, room: str) -> None:
        """Members or state of the room changed."""
        ...

    def device_said(self, source: Body) -> None:
        """A device sent something that is not about keys of rooms."""
        ...

    def verified(self, room: str, source: Body) -> None:
        """Somebody wants to verify us in a room, or goes on with it."""
        ...


@dataclass
class _News:
    """What an answer of the sync brings."""

    rooms: dict[str, float] = field(default_factory=dict[str, float])
    waiting: list[Waiting] = field(default_factory=list[Waiting])
    gaps: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    echoes: list[tuple[str, str, str, str | None]] = field(default_factory=list[tuple[str, str, str, str | None]])
    keys: set[str] = field(default_factory=set[str])
    """Sessions whose key came."""


class Sync:
    """The loop of one device."""

    def __init__(
        self,
        engine: Engine,
        server: Homeserver,
        notebook: Notebook,
        rooms: Rooms,
        listener: Listener,
        *,
        answer_within: float,
        ready: Callable[[], Awaitable[None]],
    ) -> None:
        self._engine, self._server, self._notebook, self._rooms = engine, server, notebook, rooms
        self._listener, self._answer_within, self._ready = listener, answer_within, ready
        self._since: dict[str, float] = {}
        self._chores: asyncio.Task[None] | None = None
        self._more_chores = False

    async def run(self) -> None:
        """Until cancelled.

        Raises:
            ConfigError: the access token is not valid any more.
            StorageFull: the disk is.
        """
        token = await self._notebook.do(self._notebook.mark, "next_batch")
        self._since = await self._notebook.do(self._notebook.rooms)
        full = True
        while True:
            answer = await self._fetch(token, full=full)
            await self._take(answer, former=token, full=full)
            self._do_chores()
            if full:
                await self._chores_done()
                await self._ready()
                for room in await self._notebook.do(self._notebook.rooms_waiting):
                    self._listener.wake(room)
            token, full = str(answer["next_batch"]), False

    async def _fetch(self, token: str | None, *, full: bool) -> Body:
        """The next answer; waits where the homeserver is away, ever a little longer."""
        query = {"filter": json.dumps(_FILTER), "timeout": "0" if full else str(int(LONG_POLL * 1000))}
        query |= {"since": token} if token else {}
        query |= {"full_state": "true"} if full else {}
        pause = 0.25
        while True:
            try:
                patience = 600 if full else LONG_POLL + 15
                return await self._server.ask("GET", f"{CLIENT}/sync", query=query, patience=patience)
            except Away as error:
                if error.errcode == "M_UNKNOWN_TOKEN":
                    raise ConfigError(
                        f"{self._server.url} does not know the bot's access token any more. Was its session signed "
                        "out? `run_bot.py matrix login` makes a new one."
                    ) from None
                wait = max(error.retry_after or 0.0, pause * random.uniform(0.5, 1.0))  # noqa: S311  # jitter
                logger.warning("sync_failed", reason=str(error), again_in=round(wait, 1))
            await asyncio.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _take(self, answer: Body, *, former: str | None, full: bool) -> None:
        response = await self._engine.take(answer)
        self._rooms.take(answer)
        news = _News()
        joined = answer.get("rooms", {}).get("join", {})
        for room, raw in joined.items():
            self._read_room(room, raw, response, former, news)
        for event in response.to_device_events:
            self._read_device(event, news)
        await self._notebook.do(
            self._notebook.keep,
            str(answer["next_batch"]),
            rooms=news.rooms, waiting=news.waiting, gaps=news.gaps, echoes=news.echoes,
        )  # fmt: skip
        self._since |= news.rooms
        for session in news.keys:
            for room in await self._notebook.do(self._notebook.rooms_waiting, session):
                self._listener.wake(room)
        for room in {each.room for each in news.waiting} | {room for room, _, _ in news.gaps}:
            self._listener.wake(room)
        self._tell(answer, joined, full=full)
        for source in answer.get("to_device", {}).get("events", []):
            if _verifies(source):
                self._listener.device_said(source)

    def _tell(self, answer: Body, joined: Mapping[str, Body], *, full: bool) -> None:
        for room, raw in answer.get("rooms", {}).get("invite", {}).items():
            self._listener.invited(room, raw.get("invite_state", {}).get("events", []))
        for room, raw in joined.items():
            events = [*raw.get("state", {}).get("events", []), *raw.get("timeline", {}).get("events", [])]
            if full or any("state_key" in event for event in events):
                self._listener.changed(room)

    def _read_room(self, room: str, raw: Body, response: SyncResponse, former: str | None, news: _News) -> None:
        timeline = response.rooms.join[room].timeline
        since = self._since.get(room)
        if since is None:
            since = news.rooms[room] = self._joined_at(raw) if former else time.time()
        elif raw.get("timeline", {}).get("limited") and former and timeline.prev_batch:
            news.gaps.append((room, timeline.prev_batch, former))
        for event in timeline.events:
            if event is None:
                continue
            if _verifies(event.source) and event.source.get("sender") != self._engine.user_id:
                self._listener.verified(room, event.source)
            elif echo := self._echo(room, event.source):
                news.echoes.append(echo)
            elif waiting := self.wanted(room, event, since=since):
                news.waiting.append(waiting)

    def _joined_at(self, raw: Body) -> float:
        """Since when messages of a new room count: from our invitation on, else from our coming in."""
        for event in [*raw.get("timeline", {}).get("events", []), *raw.get("state", {}).get("events", [])]:
            if event.get("type") == "m.room.member" and event.get("state_key") == self._engine.user_id:
                return read.sent_at(event)
        return time.time()

    def _echo(self, room: str, source: Body) -> tuple[str, str, str, str | None] | None:
        """Something of ours that comes back, with the key it was sent under."""
        if source.get("sender") != self._engine.user_id:
            return None
        transaction = read.text(read.table(source.get("unsigned")).get("transaction_id"))
        spoken = source.get("type") == "m.room.message" and read.relation(source).kind != "m.replace"
        if not spoken or not transaction.startswith("largesse-"):
            return None
        return transaction, room, str(source["event_id"]), read.relation(source).thread

    def wanted(self, room: str, event: Event, *, since: float) -> Waiting | None:
        """An event as it waits for the bot; None = it is of no interest."""
        source = event.source
        kind, at = source.get("type"), read.sent_at(source)
        if kind not in _WANTED or source.get("sender") == self._engine.user_id or at < since:
            return None
        spoken = kind in {"m.room.message", "m.room.encrypted"}
        if spoken and (at < time.time() - self._answer_within or "state_key" in source):
            return None
        said = read.content(source)
        if kind == "m.room.message" and said.get("msgtype") not in read.SPOKEN:
            return None
        sealed = event.session_id if isinstance(event, MegolmEvent) else None
        if kind == "m.room.encrypted" and sealed is None:
            return None
        return Waiting(str(source["event_id"]), room, at, sealed, source)

    def _read_device(self, event: object, news: _News) -> None:
        if isinstance(event, RoomKeyEvent | ForwardedRoomKeyEvent):
            news.keys.add(event.session_id)

    def _do_chores(self) -> None:
        """Encryption's chores, beside the loop."""
        self._more_chores = True
        if self._chores is None or self._chores.done():
            self._chores = asyncio.create_task(self._settle())

    async def _chores_done(self) -> None:
        if self._chores:
            await self._chores

    async def _settle(self) -> None:
        while self._more_chores:
            self._more_chores = False
            try:
                await self._engine.settle()
            except SendFailed as error:
                logger.info("chores_put_off", reason=str(error))

    async def fill(self, room: str, gap: Gap) -> None:
        """Fetch what a gap holds, as far back as it may still be answered, and keep it.

        Raises:
            SendFailed, SendRefused: the homeserver does not give it.
        """
        found: list[Waiting] = []
        since = max(self._since.get(room, 0.0), time.time() - self._answer_within)
        token: str | None = gap.newest
        for _ in range(MOST_PAGES):
            query = {"dir": "b", "from": token, "to": gap.oldest, "limit": "100"}
            page = await self._server.ask("GET", path("rooms", room, "messages"), query=query)
            events = list(self._parsed(page.get("chunk", []), room))
            found += [each for event in events if (each := self.wanted(room, event, since=since))]
            token = page.get("end")
            if not token or not page.get("chunk") or read.sent_at(page["chunk"][-1]) < since:
                break
        await self._notebook.do(self._notebook.fill, gap, found)

    def _parsed(self, chunk: list[Body], room: str) -> Iterator[Event]:
        for source in chunk:
            event = self._engine.opened(source, room) or Event.parse_event(source)
            if isinstance(event, Event):
                yield event

    def stop(self) -> None:
        """End what runs beside the loop."""
        if self._chores:
            self._chores.cancel()


def _verifies(source: Body) -> bool:
    kind = read.text(source.get("type"))
    return kind.startswith("m.key.verification.") or read.content(source).get("msgtype") == "m.key.verification.request"
