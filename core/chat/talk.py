"""`Chat`: what a conversation holds in its hands while it talks to one person about one event.

Dispatch makes one for every event; `bots/` speak through it. Whatever it says goes through `fit` and the outbox, so
that a conversation that is run again after a crash says nothing twice.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Generic, TypeVar

from core.chat import fit
from core.chat.command import Repertoire
from core.chat.live import Live
from core.chat.memory import SentPost
from core.chat.outbox import Outbox
from core.chat.port import Limits, Port, SendFailed, SendRefused
from core.chat.ruling import Ruling
from core.chat.types import Button, Call, Event, Manner, MessageRef, Person, Picture, Place, Post, Press, Progress, Sent
from core.errors import NotAllowed

H = TypeVar("H")


class Chat(Generic[H]):
    """One conversation: `house` is what the bots work with, `event` what the person did."""

    def __init__(
        self,
        house: H,
        port: Port,
        event: Event,
        *,
        repertoire: Repertoire,
        outbox: Outbox,
        rules: Ruling,
    ) -> None:
        self._rules = rules
        self.house = house
        self.event = event
        self.repertoire = repertoire
        self._port = port
        self._outbox = outbox
        self._live = Live(port, outbox, place=event.place, person=event.person, key=f"{event.key}/progress")

    @property
    def key(self) -> str:
        """Names the event for ever; the base of every idempotency key of what is done about it."""
        return self.event.key

    @property
    def person(self) -> Person:
        """Who talks."""
        return self.event.person

    @property
    def place(self) -> Place:
        """Where."""
        return self.event.place

    @property
    def limits(self) -> Limits:
        """What fits into a message here."""
        return self._port.limits

    @property
    def message(self) -> MessageRef | None:
        """The message that is answered."""
        match self.event:
            case Call(message=message) | Press(message=message):
                return message
            case _:
                return self.event.target

    async def reply(self, post: Post | str, *, part: str = "answer") -> Sent:
        """Answer. Said exactly once for each `part` of an event, however often the conversation is run again.

        Raises:
            SendRefused: the platform will not have it.
            SendFailed: the platform could not be reached for an hour.
        """
        return await self._say(self._as_reply(post), part)

    async def whisper(self, post: Post | str, *, part: str = "whisper") -> Sent:
        """Answer so that only this person reads it.

        Raises:
            NotAllowed: this place is public and its platform knows no whispering; nothing was said.
            SendRefused: the platform will not have it.
            SendFailed: the platform could not be reached for an hour.
        """
        if self.place.private:
            return await self.reply(post, part=part)
        if not self.limits.can_whisper:
            raise NotAllowed("I say that in private only: please write to me directly.")
        return await self._say(self._as_reply(post), part, to=self.person)

    async def progress(
        self,
        text: str,
        fraction: float | None = None,
        *,
        buttons: tuple[Button, ...] = (),
        preview: Picture | None = None,
    ) -> None:
        """Show how far it has come: one message, edited as often as the platform likes, deleted when the talk ends.

        Returns at once; only the newest text counts. `fraction` is 0 to 1, None = not known; `preview` is left out
        where the platform does not show any.
        """
        if await self._rules.manner(self.place) is not Manner.FULL:
            return
        moved = Progress(text, fraction, preview if self.limits.previews else None)
        post = Post(text=text, buttons=buttons, reply_to=self.message, progress=moved)
        self._live.show(fit.short(post, self.limits, self.repertoire.words()))

    async def once(self, name: str, post: Post | str) -> Sent:
        """Say something that is said only once in this place, whatever event asks for it; returns where it stands.

        Raises:
            SendRefused: the platform will not have it, or somebody deleted it.
            SendFailed: the platform could not be reached for an hour.
        """
        whole = await self._mannered(Post(text=post) if isinstance(post, str) else post)
        if self._is_silenced(whole):
            raise SendRefused("I am to be silent here.")
        fitted = fit.short(whole, self.limits, self.repertoire.words())
        key = f"{self.place.platform}/{self.place.id}/{name}"
        return await self._outbox.send(self._port, self.place, fitted, key=key, person=self.person)

    async def edit(self, ref: MessageRef, post: Post | str) -> None:
        """Replace what a message of ours says; nothing happens where the platform cannot edit.

        Raises:
            SendRefused: it is gone, or the platform does not let us.
            SendFailed: the platform cannot be reached.
        """
        if self.limits.can_edit:
            whole = Post(text=post) if isinstance(post, str) else post
            await self._port.edit(ref, fit.short(whole, self.limits, self.repertoire.words()))

    async def hold(self, kind: str, state: Mapping[str, object]) -> None:
        """After a restart go on at `@resume(kind)` with this state (JSON values) instead of from the beginning."""
        await self._outbox.memory.hold_talk(self.key, kind=kind, state=json.dumps(dict(state)))

    async def about(self, ref: MessageRef) -> SentPost | None:
        """What a message of ours shows and for whom; None = it is not ours, or deleted."""
        return await self._outbox.memory.sent_post(ref.platform, ref.place, ref.message)

    async def posts_about(self, request: str) -> list[MessageRef]:
        """All messages of ours in this place that show something of a request, oldest first."""
        found = await self._outbox.memory.posts_about(self.place.platform, self.place.id, request)
        return [MessageRef(self.place.platform, self.place.id, each.message) for each in found]

    async def delete(self, ref: MessageRef) -> None:
        """Remove a message of ours; one that is gone already is fine.

        Raises:
            SendRefused: the platform does not let us.
            SendFailed: the platform cannot be reached.
        """
        await self._port.delete(ref)
        await self._outbox.memory.drop_post(ref.platform, ref.place, ref.message)

    async def fetch(self, picture: Picture) -> Picture:
        """A picture with its bytes; the platform gets them where the event brought only an address.

        Raises:
            NotFound: it cannot be had.
        """
        return picture if picture.data is not None else await self._port.fetch(picture)

    async def react(self, emoji: str, *, to: MessageRef | None = None) -> None:
        """Put an emoji to a message (the one that is answered), where the platform can; nothing depends on it."""
        target = to or self.message
        if target is None or not self.limits.can_react:
            return
        try:
            await self._port.react(target, emoji)
        except (SendFailed, SendRefused):
            return

    async def end(self, *, resumed: bool = False) -> None:
        """Take the progress message away; dispatch says so when the conversation is over."""
        await self._live.end(look=resumed)

    def abandon(self) -> None:
        """Stop without cleaning up: the conversation goes on after a restart."""
        self._live.abandon()

    async def _mannered(self, post: Post) -> Post:
        """The post with what the people of the place want; what is said to themselves alone is said in full."""
        if self.place.private or (self.person.manages and not post.pictures):
            return post
        return replace(post, manner=await self._rules.manner(self.place))

    def _is_silenced(self, post: Post) -> bool:
        """Whether the post may not stand where it was asked for, and can stand nowhere else."""
        return post.manner in {Manner.SILENT, Manner.OFF} and not self.limits.can_show_elsewhere

    def _only_to(self, person: Person) -> Person:
        if not self.limits.can_whisper:
            raise SendRefused("I am to be silent here.")
        return person

    def _as_reply(self, post: Post | str) -> Post:
        whole = Post(text=post) if isinstance(post, str) else post
        return whole if whole.reply_to else replace(whole, reply_to=self.message)

    async def _say(self, post: Post, part: str, to: Person | None = None) -> Sent:
        post = await self._mannered(post)
        if self._is_silenced(post) and to is None:
            to = self._only_to(self.person)
        words = self.repertoire.words()
        fitted = await asyncio.to_thread(fit.fit, post, self.limits, words) if post.pictures else None
        posts = fitted or fit.fit(post, self.limits, words)
        refs: list[MessageRef] = []
        for number, each in enumerate(posts):
            key = f"{self.key}/{part}" + (f"/{number}" if number else "")
            sent = await self._outbox.send(self._port, self.place, each, key=key, person=self.person, whisper=bool(to))
            refs += sent.messages
        return Sent(refs[0], tuple(refs))
