"""Finds the conversation for an event, runs it, and turns whatever goes wrong into a sentence. Step 2 of every request.

Adapters call `call`, `press` and `react`; once these return the event is kept and survives a crash, so that the
adapter may mark it as read. Each conversation runs in a task of its own. `resume` takes up what a former process left
open.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Generic, TypeVar

from core import log
from core.chat import emoji, grammar, record
from core.chat.command import ReactionHandler, Repertoire
from core.chat.cooldown import Cooldown
from core.chat.forms import Form
from core.chat.memory import Memory, OpenTalk
from core.chat.outbox import Outbox
from core.chat.port import Port, SendFailed, SendRefused
from core.chat.ruling import Ruling, Unruled
from core.chat.spoken import Spoken
from core.chat.talk import Chat
from core.chat.types import Call, Event, Manner, MessageRef, Picture, Place, Post, Press, Reaction
from core.errors import LargesseError, NotAllowed, NotFound, StorageFull, TooMany

H = TypeVar("H")
Ending = asyncio.Task["LargesseError | None"]
"""A running conversation; its result is the error that the person was told, None when all went well."""

MAX_ATTEMPTS = 20
"""How often a conversation is taken up again; one that takes the process down each time must end."""
RESTART_AFTER, RESTART_LATEST = 5.0, 600.0
"""Seconds until a platform that failed is started again: the first time, and at most."""
MOST_REACTIONS = 60
"""Emoji of one person a minute that are looked at; what is put beyond that means nothing. Taking away is never lost."""
MAX_SENTENCE = 300
"""Characters of an error that is said in public."""

logger = log.get(__name__)


class Dispatch(Generic[H]):
    """Runs the conversations of a repertoire. Use it as `async with`: leaving waits for nothing, see `close`."""

    def __init__(
        self,
        repertoire: Repertoire,
        house: H,
        memory: Memory,
        *,
        requests_per_minute: int = 20,
        rules: Ruling | None = None,
    ) -> None:
        """Args: `rules` are those of the places; None = everything is allowed."""
        self.repertoire = repertoire
        self._rules = rules or Unruled()
        self._house = house
        self._memory = memory
        self._outbox = Outbox(memory)
        self._spoken = Spoken(repertoire, memory)
        self._cooldown = Cooldown(requests_per_minute)
        self._reactions = Cooldown(MOST_REACTIONS)
        self._tasks: set[Ending] = set()
        self._closing = False

    async def call(self, port: Port, call: Call) -> Ending | None:
        """Somebody addressed the bot. None: nothing is to be done (seen before, a bot, or kept for the next start)."""
        if call.person.is_bot:
            return None
        return await self._begin(port, call)

    async def press(self, port: Port, press: Press) -> Ending | None:
        """Somebody pressed a button."""
        return await self._begin(port, press)

    async def react(self, port: Port, reaction: Reaction) -> Ending | None:
        """Somebody put an emoji to a message or took it away.

        The button with that emoji is pressed; else whoever declared a table with it hears of it; any other one means
        nothing.
        """
        if reaction.person.is_bot:
            return None
        if reaction.added and not self._reactions.allows((reaction.person.platform, reaction.person.id)):
            return None
        if reaction.added and (press := await self._spoken.reaction(reaction)):
            return await self._begin(port, press)
        return await self._begin(port, reaction) if await self._meant(reaction.emoji, reaction.place) else None

    async def resume(self, *ports: Port) -> None:
        """Take up the conversations that a former process left open on these platforms."""
        for port in ports:
            for talk in await self._memory.open_talks(port.name):
                if all(task.get_name() != talk.key for task in self._tasks):
                    await self._resume(port, talk)

    async def listen(self, *ports: Port, until: asyncio.Event, drain: float = 10.0) -> None:
        """Take up what was left open, then run the platforms, each by itself, until told or until all have ended.

        One that fails (a revoked token, a ban, a bug) is said in the log and started again, less and less often; the
        others never notice. When told to stop, the platforms stay connected for up to `drain` seconds, so that what is
        being answered can still be said.
        """
        await self.resume(*ports)
        listening = [asyncio.create_task(self._listen(port), name=f"listen:{port.name}") for port in ports]
        told, ended = asyncio.create_task(until.wait()), asyncio.create_task(asyncio.wait(listening))
        try:
            await asyncio.wait((told, ended), return_when=asyncio.FIRST_COMPLETED)
            if until.is_set():
                await self.close(drain=drain)
        finally:
            for task in (told, ended, *listening):
                task.cancel()
            await asyncio.gather(told, ended, *listening, return_exceptions=True)

    async def _listen(self, port: Port) -> None:
        clock, wait = asyncio.get_running_loop().time, RESTART_AFTER
        while True:
            begun = clock()
            try:
                await port.run(self)
            except Exception as error:
                if clock() - begun > RESTART_LATEST:
                    wait = RESTART_AFTER  # it had been well for long: this is a new trouble
                logger.exception("platform_failed", platform=port.name, reason=str(error), again_in=wait)
            else:
                return
            await asyncio.sleep(wait)
            wait = min(2 * wait, RESTART_LATEST)

    async def form(self, action: str, arg: str) -> Form | None:
        """What a button asks for before it does its work; None = nothing."""
        handler = self.repertoire.buttons.get(action)
        return await handler.form(self._house, arg) if handler and handler.form else None

    async def suggest(self, name: str, typed: str, *, limit: int = 25) -> list[str]:
        """Values of `Opt(suggest=name)` for what was typed so far: first those that begin with it."""
        found = await self._values(name)
        part = typed.strip().lower()
        fitting = [each for each in found if part in each.lower()]
        return sorted(fitting, key=lambda each: not each.lower().startswith(part))[:limit]

    async def idle(self) -> None:
        """Wait until no conversation is running."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self, *, drain: float = 0.0) -> None:
        """Start nothing new, wait up to `drain` seconds for what runs, leave the rest for the next start.

        Events that still come in are kept and answered after the next start.
        """
        self._closing = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=drain)
        left = list(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _begin(self, port: Port, event: Event) -> Ending | None:
        person = event.person
        try:
            new = await self._memory.begin_talk(
                event.key,
                platform=port.name,
                person=person.id,
                name=person.name,
                event=record.dump(self._written(event)),
            )
        except StorageFull as error:
            logger.exception("event_not_kept", platform=port.name, reason=str(error))
            await self._say_unkept(port, event, error)
            return None
        if not new or self._closing:
            return None
        if not isinstance(event, Reaction) and not self._cooldown.allows((person.platform, person.id)):
            return await self._too_many(port, event)
        return self._start(port, event, lambda chat: self._converse(chat, event))

    def _written(self, event: Event) -> Event:
        """What is written down of an event: a secret is not."""
        if isinstance(event, Call):
            known = self.repertoire
            command = known.command(event.command) if event.command else grammar.named(event.text, known)
            if command is not None and command.secret:
                return replace(event, text=command.name, args={})
        return event

    async def _too_many(self, port: Port, event: Event) -> Ending | None:
        """One sentence for each time somebody runs into the limit; the rest of the flood is not answered."""
        wait, first = self._cooldown.refuse((event.person.platform, event.person.id))
        if not first:
            await self._memory.end_talk(event.key)
            return None
        sentence = f"That is a lot at once. Please try again in {max(1, round(wait))} seconds."

        async def refuse(_chat: Chat[H]) -> None:
            raise TooMany(sentence, retry_after=wait)

        return self._start(port, event, refuse)

    def _start(
        self, port: Port, event: Event, work: Callable[[Chat[H]], Awaitable[None]], *, resumed: bool = False
    ) -> Ending:
        chat = Chat(self._house, port, event, repertoire=self.repertoire, outbox=self._outbox, rules=self._rules)
        task: Ending = asyncio.create_task(self._run(chat, port, work, resumed=resumed), name=event.key)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _resume(self, port: Port, talk: OpenTalk) -> None:
        try:
            event = record.load(talk.event)
        except (ValueError, KeyError, TypeError):
            logger.exception("talk_unreadable", platform=port.name, key=talk.key)
            await self._memory.end_talk(talk.key)  # no later start could read it either
            return
        logger.info("talk_resumed", platform=port.name, key=talk.key, attempt=talk.attempts)

        async def go_on(chat: Chat[H]) -> None:
            if talk.attempts > MAX_ATTEMPTS:
                raise LargesseError("I could not finish this, whatever I tried. Please ask again.")
            handler = self.repertoire.resumes.get(talk.kind) if talk.kind else None
            if handler and talk.state is not None:
                await handler.run(chat, json.loads(talk.state))
            else:
                await self._converse(chat, event)

        self._start(port, event, go_on, resumed=True)

    async def _run(
        self, chat: Chat[H], port: Port, work: Callable[[Chat[H]], Awaitable[None]], *, resumed: bool
    ) -> LargesseError | None:
        try:
            told = await self._work(chat, port, work)
            await chat.end(resumed=resumed)
            await self._memory.end_talk(chat.key)
        except asyncio.CancelledError:
            chat.abandon()
            raise
        except Exception as error:  # it stays open and is taken up at the next start
            chat.abandon()
            logger.exception("talk_left_open", key=chat.key)
            return error if isinstance(error, LargesseError) else LargesseError()
        return told

    async def _work(
        self, chat: Chat[H], port: Port, work: Callable[[Chat[H]], Awaitable[None]]
    ) -> LargesseError | None:
        try:
            await work(chat)
        except SendFailed:
            raise
        except Exception as error:  # noqa: BLE001  # here, and only here, errors become sentences
            told = self._explain(error, chat)
            try:
                await self._say(told, chat)
            except StorageFull as full:
                await self._say_unkept(port, chat.event, full)
                raise
            return told
        return None

    async def _converse(self, chat: Chat[H], event: Event) -> None:
        if not event.person.manages and await self._rules.manner(event.place) is Manner.OFF:
            return
        match event:
            case Call():
                await self._answer(chat, event)
            case Press():
                await self._pressed(chat, event)
            case Reaction():
                await self._reacted(chat, event)

    async def _answer(self, chat: Chat[H], call: Call) -> None:
        if call.command is None and (press := await self._spoken.reply(call)):
            await self._pressed(chat, press)
            return
        if call.command is None and call.replied_to and (shown := emoji.only(call.text)):
            await self._replied(chat, call, call.replied_to, shown)
            return
        if call.command is None:
            known = {name: await self._values(name) for name in self.repertoire.suggestions}
            parsed = grammar.parse(call.text, self.repertoire, known)
            command, values = parsed.command, parsed.values
        else:
            named = self.repertoire.command(call.command)
            if named is None:
                hint = grammar.nearest(call.command, self.repertoire.spoken())
                raise NotFound(f"There is no command {grammar.quoted(call.command)}. {hint}")
            command, values = named, call.args
        if command.managers and not call.person.manages:
            raise NotAllowed("That is for the people who manage this place.")
        await self._rules.allow(command.name, call)
        pictures = [await chat.fetch(each) for each in call.pictures]
        values = {name: await self._fetched(chat, value) for name, value in values.items()}
        arguments = grammar.check(command, values, pictures)
        rest = [arguments.pop(command.rest.name)] if command.rest else []
        await command.run(chat, *rest, **arguments)

    async def _pressed(self, chat: Chat[H], press: Press) -> None:
        handler = self.repertoire.buttons.get(press.action)
        if handler is None:
            raise NotFound("That button is from an older version of me and does nothing any more.")
        await self._rules.allow(press.action, press)
        await handler.run(chat, press)

    async def _fetched(self, chat: Chat[H], value: object) -> object:
        return await chat.fetch(value) if isinstance(value, Picture) else value

    async def _replied(self, chat: Chat[H], call: Call, target: MessageRef, shown: Sequence[str]) -> None:
        """A reply of nothing but emoji is as if they were put to the message; it is never a sentence."""
        for each in dict.fromkeys(shown):
            put = Reaction(call.key, each, True, call.person, call.place, target, author=call.target)
            await self._reacted(chat, put)

    async def _reacted(self, chat: Chat[H], reaction: Reaction) -> None:
        if handler := await self._meant(reaction.emoji, reaction.place):
            await handler.run(chat, reaction)

    async def _meant(self, shown: str, place: Place) -> ReactionHandler | None:
        """Who declared a table that has this emoji, in this place."""
        spelled = emoji.spellings(shown)
        for handler in self.repertoire.reactions.values():
            table = await self.repertoire.tables[handler.table].run(self._house, place)
            if any(each in table for each in spelled):
                return handler
        return None

    async def _values(self, name: str) -> Sequence[str]:
        source = self.repertoire.suggestions.get(name)
        return await source.run(self._house) if source else ()

    def _explain(self, error: Exception, chat: Chat[H]) -> LargesseError:
        if isinstance(error, LargesseError):
            logger.info("talk_refused", platform=chat.place.platform, code=error.code, reason=str(error))
            return error
        number = secrets.token_hex(4)
        logger.error("conversation_failed", number=number, key=chat.key, exc_info=error)
        return LargesseError(f"Something went wrong on my side. It is written down there under number {number}.")

    async def _say(self, error: LargesseError, chat: Chat[H]) -> None:
        """Tell the person: privately where the platform can, else in a short sentence."""
        if isinstance(error, SendRefused):
            return
        if isinstance(chat.event, Reaction) and not (chat.limits.can_whisper or chat.place.private):
            return  # an emoji is no question: nobody else is to read an answer to it
        try:
            if chat.limits.can_whisper or chat.place.private:
                await chat.whisper(str(error), part="error")
            else:
                await chat.reply(str(error)[:MAX_SENTENCE], part="error")
        except SendRefused as refused:
            logger.info("error_not_told", platform=chat.place.platform, reason=str(refused))

    async def _say_unkept(self, port: Port, event: Event, error: StorageFull) -> None:
        """Nothing can be written down, so nothing was begun; the sentence itself goes out unrecorded."""
        message = Post(text=f"I cannot take this now: {error}")
        try:
            await port.send(event.place, message, key=f"{event.key}/unkept")
        except (SendFailed, SendRefused) as failed:
            logger.exception("error_not_told", platform=port.name, reason=str(failed))
