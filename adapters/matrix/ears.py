"""From what waits in the notebook to events of the chat: one room after another, each in its order, all rooms at once.

An event leaves the notebook when the bot has it. What cannot be read stays sealed there until its key comes.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, cast

from adapters.matrix import read, words
from adapters.matrix.engine import Engine
from adapters.matrix.homeserver import Homeserver, Refused, path
from adapters.matrix.mouth import Mouth
from adapters.matrix.notebook import Gap, Notebook, Reacted, Waiting
from adapters.matrix.read import NAME
from adapters.matrix.rooms import Rooms
from core import log
from core.chat.port import Dispatching, Port, SendFailed, SendRefused
from core.chat.types import Call, MessageRef, Person, Place, Press, Reaction
from core.errors import StorageFull

RERUN = "🔁"
"""Put to a message that was changed after it was taken: its writer presses it to have it drawn as it is now."""
TYPING_AGAIN = 20.0
_PAUSE = 5.0

Body = dict[str, Any]
Fill = Callable[[str, Gap], Awaitable[None]]
logger = log.get(__name__)


class Ears:
    """Listens to the rooms of one device."""

    def __init__(
        self,
        port: Port,
        dispatch: Dispatching,
        *,
        engine: Engine,
        server: Homeserver,
        notebook: Notebook,
        rooms: Rooms,
        mouth: Mouth,
        prefix: str,
        answer_within: float,
        fill: Fill,
        sealed: Callable[[Waiting], None],
    ) -> None:
        self._port, self._dispatch = port, dispatch
        self._engine, self._server, self._notebook, self._rooms, self._mouth = engine, server, notebook, rooms, mouth
        self._prefix, self._answer_within, self._fill, self._sealed = prefix, answer_within, fill, sealed
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._woken: set[str] = set()
        self._attending: set[asyncio.Task[None]] = set()

    def wake(self, room: str) -> None:
        """Something waits for this room."""
        self._woken.add(room)
        if room not in self._lanes:
            task = self._lanes[room] = asyncio.create_task(self._drain(room))
            task.add_done_callback(lambda _: self._lanes.pop(room, None))

    def stop(self) -> None:
        """Stop listening; what waits stays in the notebook."""
        for task in (*self._lanes.values(), *self._attending):
            task.cancel()

    async def _drain(self, room: str) -> None:
        while room in self._woken:
            self._woken.discard(room)
            try:
                await self._work(room)
            except (SendFailed, StorageFull) as error:
                logger.warning("events_wait", room=room, reason=str(error))
                self._woken.add(room)
                await asyncio.sleep(_PAUSE)

    async def _work(self, room: str) -> None:
        """Hand over all that waits in a room."""
        for gap in await self._notebook.do(self._notebook.gaps, room):
            try:
                await self._fill(room, gap)
            except SendRefused as error:
                logger.warning("gap_stays", room=room, reason=str(error))
                await self._notebook.do(self._notebook.fill, gap, [])
        waiting = await self._notebook.do(self._notebook.waiting, room)
        for each, events in _with_edits(waiting):
            if each.sealed:
                await self._unseal(each)
            else:
                await self._hand_in(each)
                await self._notebook.do(self._notebook.done, *events)

    async def _unseal(self, waiting: Waiting) -> None:
        event = self._engine.opened(waiting.source, waiting.room)
        if event is None and waiting.at > time.time() - self._answer_within:
            self._sealed(waiting)
            return
        if event is None:
            await self._notebook.do(self._notebook.done, waiting.event)
            return
        kind, said = event.source.get("type"), read.content(event.source)
        if kind == "m.room.message" and said.get("msgtype") in read.SPOKEN:
            await self._hand_in(replace(waiting, sealed=None, source=event.source))
        await self._notebook.do(self._notebook.done, waiting.event)

    async def _hand_in(self, waiting: Waiting) -> None:
        source = waiting.source
        if self._rooms.ignores(read.text(source.get("sender"))) or not self._rooms.joined(waiting.room):
            return
        match source.get("type"):
            case "m.room.message" if read.relation(source).kind == "m.replace":
                await self._edited(waiting)
            case "m.room.message":
                await self._heard(waiting.room, source, key=read.key(waiting.event))
            case "m.reaction":
                await self._reacted(waiting)
            case "m.room.redaction":
                await self._redacted(waiting)
            case _:
                return

    async def _heard(self, room: str, source: Body, *, key: str) -> bool:
        """Somebody said something: a call, where it is for the bot."""
        relation = read.relation(source)
        ours = await self._notebook.do(self._notebook.ours, relation.reply_to) if relation.reply_to else None
        private = self._rooms.private(room)
        text = read.words(source)
        me = words.Self(self._engine.user_id, self._rooms.name(room, self._engine.user_id), self._prefix)
        said = words.Said(text, read.html(source), to_bot=ours is not None, private=private)
        sentence = words.address(said, me, self._dispatch.repertoire) if text.strip() else None
        if sentence is None:
            return False
        answered = await self._event(room, relation.reply_to) if relation.reply_to else {}
        message = read.ref(room, str(source["event_id"]))
        person = self._person(room, str(source["sender"]))
        call = Call(
            key=key,
            person=person,
            place=Place(NAME, room, private=private, thread=relation.thread),
            message=message,
            text=sentence,
            pictures=tuple(read.picture(each) for each in (read.file(source) or read.file(answered),) if each),
            replied_to=read.ref(room, relation.reply_to) if relation.reply_to else None,
            target=self._person(room, str(answered["sender"])) if answered else None,
        )
        await self._notebook.do(self._notebook.ask, message.message, room, person.id)
        await self._attend(message, await self._dispatch.call(self._port, call))
        return True

    async def _event(self, room: str, event: str) -> Body:
        """An event by its id, read where it is encrypted; {} = it cannot be had."""
        try:
            source = await self._server.ask("GET", path("rooms", room, "event", event))
        except Refused:
            return {}
        opened = self._engine.opened(source, room) if source.get("type") == "m.room.encrypted" else None
        return opened.source if opened else source

    async def _edited(self, waiting: Waiting) -> None:
        """A message was changed: one that was never taken is taken now, for another a new run is offered."""
        original, sender = read.relation(waiting.source).target, str(waiting.source["sender"])
        asked = await self._notebook.do(self._notebook.asked, original)
        changed = read.edited({**waiting.source, "event_id": original}, waiting.source)
        if asked is None:
            changed["content"].pop("m.relates_to", None)
            await self._heard(waiting.room, changed, key=read.key(original))
        elif asked.person == sender:
            await self._notebook.do(self._notebook.offer, original, {"key": read.key(waiting.event), **changed})
            await self._tolerate(self._mouth.react(read.ref(waiting.room, original), RERUN))

    async def _reacted(self, waiting: Waiting) -> None:
        relation, emoji = read.relation(waiting.source), read.emoji(waiting.source)
        if relation.kind != "m.annotation" or not relation.target or not emoji:
            return
        room, sender = waiting.room, str(waiting.source["sender"])
        target, author = await self._original(room, relation.target)
        if not await self._notebook.do(self._notebook.react, waiting.event, room, target, sender, author, emoji):
            return
        if emoji == RERUN and await self._rerun(room, target, sender):
            return
        put = Reacted(target, sender, author, emoji, last=True)
        await self._dispatch.react(self._port, await self._reaction(room, put, key=waiting.event, added=True))

    async def _redacted(self, waiting: Waiting) -> None:
        """An emoji was taken away, or the words that asked for something."""
        event, sender = read.redacts(waiting.source), str(waiting.source["sender"])
        asked = await self._notebook.do(self._notebook.asked, event)
        if asked and asked.person == sender:
            person, message = self._person(waiting.room, sender), read.ref(waiting.room, event)
            place = Place(NAME, waiting.room, private=self._rooms.private(waiting.room))
            press = Press(read.key(waiting.event), "withdraw", read.key(event), person, place, message)
            await self._dispatch.press(self._port, press)
        reacted = await self._notebook.do(self._notebook.reacted, event)
        if reacted is None:
            return
        if reacted.last:
            gone = await self._reaction(waiting.room, reacted, key=waiting.event, added=False)
            await self._dispatch.react(self._port, gone)
        await self._notebook.do(self._notebook.unreact, event)

    async def _reaction(self, room: str, put: Reacted, *, key: str, added: bool) -> Reaction:
        ours = await self._notebook.do(self._notebook.ours, put.target)
        return Reaction(
            read.key(key),
            put.emoji,
            added,
            self._person(room, put.person),
            Place(NAME, room, private=self._rooms.private(room), thread=ours[0] if ours else None),
            read.ref(room, put.target),
            author=self._person(room, put.author) if put.author else None,
        )

    async def _original(self, room: str, event: str) -> tuple[str, str]:
        """The message that was reacted to (where that is an edit, the one it changes) and who wrote it."""
        if await self._notebook.do(self._notebook.ours, event):
            return event, self._engine.user_id
        source = await self._event(room, event)
        found = read.relation(source)
        original = found.target if found.kind == "m.replace" and found.target else event
        return original, read.text(source.get("sender"))

    async def _rerun(self, room: str, target: str, sender: str) -> bool:
        """The writer of a changed message wants it drawn as it is now."""
        asked = await self._notebook.do(self._notebook.asked, target)
        if asked is None or asked.edit is None or asked.person != sender:
            return False
        edit = cast("Body", json.loads(asked.edit))
        taken = await self._heard(room, edit, key=str(edit.pop("key")))
        await self._notebook.do(self._notebook.offer, target, None)
        return taken

    def _person(self, room: str, user: str) -> Person:
        return Person(
            NAME,
            user,
            self._rooms.name(room, user),
            is_bot=user == self._engine.user_id,
            moderates=self._rooms.moderates(room, user),
            manages=self._rooms.may(room, user, "m.room.name", state=True),
        )

    async def _attend(self, message: MessageRef, ending: object) -> None:
        """Show that it is being worked on, until it is over."""
        if isinstance(ending, asyncio.Task):
            task = asyncio.create_task(self._stay(message, cast("asyncio.Task[object]", ending)))
            self._attending.add(task)
            task.add_done_callback(self._attending.discard)

    async def _stay(self, message: MessageRef, ending: asyncio.Task[object]) -> None:
        await self._mouth.attend(message)
        while not ending.done():
            await self._mouth.type(message.place, on=True)
            await asyncio.wait([ending], timeout=TYPING_AGAIN)
        good = not ending.cancelled() and ending.exception() is None and ending.result() is None
        if not ending.cancelled():
            await self._mouth.settle(message, good=good)

    async def _tolerate(self, nicety: Awaitable[object]) -> None:
        try:
            await nicety
        except (SendFailed, SendRefused) as error:
            logger.info("nicety_failed", reason=str(error))


def _with_edits(waiting: list[Waiting]) -> list[tuple[Waiting, list[str]]]:
    """What waits, each message as its writer changed it since (what comes in time counts), and the ids of it."""
    kept = {each.event: (each, [each.event]) for each in waiting}
    for each in waiting:
        relation = read.relation(each.source)
        original, events = kept.get(relation.target, (each, []))
        same = original.source.get("sender") == each.source.get("sender")
        if relation.kind == "m.replace" and events and same and not original.sealed and not each.sealed:
            source = read.edited(original.source, each.source)
            kept[original.event] = (replace(original, source=source), [*events, each.event])
            del kept[each.event]
    return list(kept.values())
