"""Comings and goings: invitations by the list of who may invite, rooms that moved, rooms where nobody is left.

Joining is a decision of the operator's list, never of whoever writes the invitation: anybody can send one.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Coroutine, Iterable
from typing import Any

from adapters.matrix import read
from adapters.matrix.engine import Engine
from adapters.matrix.homeserver import Body, Homeserver, Refused, path
from adapters.matrix.notebook import Notebook
from adapters.matrix.rooms import Rooms
from core import log
from core.chat.port import SendFailed, SendRefused

EVERYBODY = "*"
INVITES_AN_HOUR = 10
"""Accepted from one person; more is somebody playing with the bot."""
HOUR = 3600.0

logger = log.get(__name__)


class Doors:
    """Goes in and out.

    Args:
        allow: who may invite: users (@ann:example.org), servers (example.org), everybody in a space (!id:example.org),
            or "*"; empty = the people of the bot's own homeserver.
        policies: rooms whose ban lists are obeyed; they are joined.
    """

    def __init__(
        self,
        engine: Engine,
        server: Homeserver,
        notebook: Notebook,
        rooms: Rooms,
        *,
        allow: Iterable[str],
        policies: Iterable[str],
    ) -> None:
        self._engine, self._server, self._notebook, self._rooms = engine, server, notebook, rooms
        self._allow = set(allow) or {engine.user_id.partition(":")[2]}
        self._policies = set(policies)
        self._accepted: dict[str, deque[float]] = {}
        self._going: dict[str, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Join the rooms that must be joined: the ban lists, and the spaces whose members may invite."""
        for room in self._policies | {each for each in self._allow if each.startswith("!")}:
            if not self._rooms.joined(room):
                self._go(room, self._enter(room))

    def stop(self) -> None:
        """Leave everything as it is."""
        for task in self._going.values():
            task.cancel()

    def invited(self, room: str, events: list[Body]) -> None:
        """Somebody invites us: come in, or decline without a word."""
        me = self._engine.user_id
        mine = [each for each in events if each.get("type") == "m.room.member" and each.get("state_key") == me]
        by = next(
            (read.text(each.get("sender")) for each in mine if read.content(each).get("membership") == "invite"), ""
        )
        if not by:
            return
        welcome = room in self._policies or self._succeeds(room) is not None
        if welcome or (self.may_invite(by) and self._slow_enough(by)):
            self._go(room, self._enter(room, invited=True))
        else:
            logger.info("invitation_declined", room=room, by=by)
            self._go(room, self._leave(room))

    def may_invite(self, user: str) -> bool:
        """Whether somebody may bring the bot into a room."""
        if self._rooms.ignores(user):
            return False
        server = user.partition(":")[2]
        if self._allow & {EVERYBODY, user, server}:
            return True
        return any(user in self._rooms.present(space) for space in self._allow if space.startswith("!"))

    def changed(self, room: str) -> None:
        """Look whether the room moved, or whether nobody is left in it."""
        if not self._rooms.joined(room) or room in self._policies:
            return
        if self._rooms.state(room, "m.room.tombstone"):
            self._go(room, self._follow(room))
        elif self._rooms.members(room) <= {self._engine.user_id} and self._rooms.state(room, "m.room.create"):
            logger.info("empty_room_left", room=room)
            self._go(room, self._leave(room))
        elif (banned := self._host(room)) and self._rooms.banned(banned):
            logger.info("banned_room_left", room=room)
            self._go(room, self._leave(room))

    def _host(self, room: str) -> str | None:
        create = self._rooms.state(room, "m.room.create")
        return read.text(create.get("sender")) if create else None

    def _slow_enough(self, user: str) -> bool:
        times = self._accepted.setdefault(user, deque(maxlen=INVITES_AN_HOUR))
        if len(times) == INVITES_AN_HOUR and times[0] > time.monotonic() - HOUR:
            return False
        times.append(time.monotonic())
        return True

    def _go(self, room: str, way: Coroutine[Any, Any, None]) -> None:
        if room in self._going:
            way.close()
            return
        task = self._going[room] = asyncio.create_task(self._try(room, way))
        task.add_done_callback(lambda _: self._going.pop(room, None))

    async def _try(self, room: str, way: Coroutine[Any, Any, None]) -> None:
        try:
            await way
        except (SendFailed, SendRefused) as error:
            logger.info("door_closed", room=room, reason=str(error))

    async def _enter(self, room: str, *, invited: bool = False) -> None:
        pause = 1.0
        while True:
            try:
                await self._server.ask("POST", path("join", room), {})
            except SendFailed as error:
                if pause > 60:
                    raise
                await asyncio.sleep(max(pause, error.retry_after or 0.0))
                pause *= 2
            except Refused:
                if invited:
                    await self._leave(room)  # the inviter is gone, or the room is closed: it cannot be joined
                raise
            else:
                logger.info("room_joined", room=room)
                return

    async def _leave(self, room: str) -> None:
        await self._server.ask("POST", path("rooms", room, "leave"), {})
        await self._server.ask("POST", path("rooms", room, "forget"), {})
        await self._notebook.do(self._notebook.leave, room)

    def _succeeds(self, room: str) -> str | None:
        """The room of ours that moved to this one, if whoever moved it had the power to."""
        return next((old for old in self._rooms.all() if self._successor(old) == room), None)

    def _successor(self, room: str) -> str:
        tombstone = self._rooms.state(room, "m.room.tombstone") or {}
        new = read.text(read.content(tombstone).get("replacement_room"))
        mover = read.text(tombstone.get("sender"))
        return new if self._rooms.may(room, mover, "m.room.tombstone", state=True) else ""

    async def _follow(self, room: str) -> None:
        """Go where the room moved to, if the new one says so, too."""
        new = self._successor(room)
        if not new or self._rooms.joined(new):
            return
        mover = read.text((self._rooms.state(room, "m.room.tombstone") or {}).get("sender"))
        await self._server.ask("POST", path("join", new), {}, query={"server_name": mover.partition(":")[2]})
        create = await self._server.ask("GET", f"{path('rooms', new, 'state', 'm.room.create')}/")
        if read.table(create.get("predecessor")).get("room_id") != room:
            logger.warning("false_successor_left", room=room, new=new)
            await self._leave(new)
            return
        logger.info("room_followed", room=room, new=new)
