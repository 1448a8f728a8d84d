"""A platform and a memory that live in this process: for tests, and as the plainest example of a `Port`.

`FakePlatform` can be made to fail: to refuse, to be away, and to lose the answer after the work was done.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from core.chat.port import Dispatching, Limits, SendFailed, SendRefused
from core.chat.types import Call, Event, MessageRef, Person, Picture, Place, Post, Press, Reaction, Sent

NAME = "fake"


@dataclass
class Shown:
    """A message as people see it."""

    ref: MessageRef
    post: Post
    key: str
    to: str | None = None
    """Id of the only person who sees it; None = everybody there."""
    reactions: list[str] = field(default_factory=list[str])
    history: list[Post] = field(default_factory=list[Post])
    """What it said before it was edited, oldest first."""


class FakePlatform:
    """A chat platform in memory."""

    def __init__(self, limits: Limits | None = None, *, name: str = NAME) -> None:
        self._name = name
        self._limits = limits or Limits(edit_interval=0.0)
        self.shown: dict[str, Shown] = {}
        """Everything that stands there, by message id."""
        self.deleted: list[Shown] = []
        self.failing = 0
        """So many sends to come fail before anything happens."""
        self.losing = 0
        """So many sends to come do their work, but the answer is lost."""
        self.refusing = False
        """Every send is refused."""
        self.sent = asyncio.Event()
        """Set once something stands there."""
        self.sends = Counter[str]()
        """How often each key was asked to be sent."""
        self._numbers = 0
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()

    @property
    def name(self) -> str:
        """The platform's name."""
        return self._name

    @property
    def limits(self) -> Limits:
        """As given."""
        return self._limits

    @property
    def posts(self) -> list[Post]:
        """What stands there, oldest first, progress left out."""
        return [each.post for each in self.shown.values() if each.post.progress is None]

    @property
    def texts(self) -> list[str]:
        """The texts of `posts`."""
        return [post.text for post in self.posts]

    def person(self, name: str = "ann") -> Person:
        """Somebody there."""
        return Person(self.name, name, name.title())

    def place(self, name: str = "room", *, private: bool = False) -> Place:
        """Somewhere there."""
        return Place(self.name, name, private=private)

    def call(
        self,
        text: str,
        *,
        key: str | None = None,
        person: Person | None = None,
        place: Place | None = None,
        replied_to: MessageRef | None = None,
        target: Person | None = None,
        pictures: tuple[Picture, ...] = (),
    ) -> Call:
        """The event of somebody saying this to the bot."""
        where = place or self.place()
        number = self._number()
        return Call(
            key=key or f"{self.name}:{number}",
            person=person or self.person(),
            place=where,
            message=MessageRef(self.name, where.id, number),
            text=text,
            pictures=pictures,
            replied_to=replied_to,
            target=target,
        )

    def reaction(
        self,
        emoji: str,
        target: MessageRef,
        *,
        added: bool = True,
        author: Person | None = None,
        person: Person | None = None,
        key: str | None = None,
    ) -> Reaction:
        """The event of somebody putting an emoji to a message or taking it away; in the room where that stands."""
        place, who = self.place(target.place), person or self.person()
        return Reaction(key or f"{self.name}:{self._number()}", emoji, added, who, place, target, author)

    def hear(self, event: Event | None) -> None:
        """Let `run` bring this event in; None = nothing more comes."""
        self._events.put_nowait(event)

    async def run(self, dispatch: Dispatching) -> None:
        """Bring in what is heard."""
        while (event := await self._events.get()) is not None:
            match event:
                case Call():
                    await dispatch.call(self, event)
                case Press():
                    await dispatch.press(self, event)
                case Reaction():
                    await dispatch.react(self, event)

    async def send(self, place: Place, post: Post, *, key: str) -> Sent:
        """Put it there, unless told to fail."""
        return self._put(place, post, key, to=None)

    async def whisper(self, person: Person, place: Place, post: Post, *, key: str) -> Sent:
        """Put it there for one person."""
        return self._put(place, post, key, to=person.id)

    async def fetch(self, picture: Picture) -> Picture:
        """Nothing to do: events bring the bytes along."""
        return picture

    async def find(self, place: Place, key: str) -> Sent | None:
        """Look for it."""
        return next((Sent(each.ref) for each in self.shown.values() if each.key == key and _at(each, place)), None)

    async def edit(self, ref: MessageRef, post: Post) -> None:
        """Replace it; refused when it is gone."""
        shown = self.shown.get(ref.message)
        if shown is None:
            raise SendRefused("There is no such message.")
        shown.history.append(shown.post)
        shown.post = post

    async def react(self, ref: MessageRef, emoji: str) -> None:
        """Put an emoji to it."""
        if (shown := self.shown.get(ref.message)) and emoji not in shown.reactions:
            shown.reactions.append(emoji)

    async def delete(self, ref: MessageRef) -> None:
        """Take it away."""
        if shown := self.shown.pop(ref.message, None):
            self.deleted.append(shown)

    def _put(self, place: Place, post: Post, key: str, *, to: str | None) -> Sent:
        self.sends[key] += 1
        if self.refusing:
            raise SendRefused
        if self.failing:
            self.failing -= 1
            raise SendFailed(retry_after=0.0)
        standing = next((each for each in self.shown.values() if each.key == key), None)
        if standing is None or not self.limits.dedupe:
            standing = Shown(MessageRef(self.name, place.id, self._number()), post, key, to)
            self.shown[standing.ref.message] = standing
            self.sent.set()
        if self.losing:
            self.losing -= 1
            raise SendFailed("The answer was lost.", retry_after=0.0)
        return Sent(standing.ref)

    def _number(self) -> str:
        self._numbers += 1
        return str(self._numbers)


def _at(shown: Shown, place: Place) -> bool:
    return shown.ref.place == place.id


@dataclass(frozen=True)
class KeptTalk:
    """A talk in the memory."""

    key: str
    platform: str
    event: str
    kind: str | None = None
    state: str | None = None
    attempts: int = 0
    ended: bool = False


@dataclass(frozen=True)
class KeptMessage:
    """A message in the outbox and, once sent, under the posts."""

    fresh: bool
    platform: str
    place: str
    message: str | None = None
    person: str = ""
    about: str | None = None
    first_picture: int = 0
    buttons: str = "[]"


@dataclass(frozen=True)
class KeptPost:
    """A message that stands."""

    message: str
    person: str
    about: str | None
    first_picture: int
    buttons: str


class InMemory:
    """A `Memory` that is gone with the process; hand it to a second dispatch to play a restart."""

    def __init__(self) -> None:
        self.talks: dict[str, KeptTalk] = {}
        self.messages: dict[str, KeptMessage] = {}

    async def begin_talk(self, key: str, *, platform: str, person: str, name: str, event: str) -> bool:
        """See Memory."""
        del person, name
        if key in self.talks:
            return False
        json.loads(event)
        self.talks[key] = KeptTalk(key, platform, event)
        return True

    async def hold_talk(self, key: str, *, kind: str, state: str) -> None:
        """See Memory."""
        self.talks[key] = replace(self.talks[key], kind=kind, state=state)

    async def end_talk(self, key: str) -> None:
        """See Memory."""
        self.talks[key] = replace(self.talks[key], ended=True)

    async def open_talks(self, platform: str) -> Sequence[KeptTalk]:
        """See Memory."""
        found = [each for each in self.talks.values() if each.platform == platform and not each.ended]
        for each in found:
            self.talks[each.key] = replace(each, attempts=each.attempts + 1)
        return [self.talks[each.key] for each in found]

    async def begin_sending(self, key: str, *, platform: str, place: str) -> KeptMessage:
        """See Memory."""
        known = self.messages.get(key)
        self.messages[key] = replace(known, fresh=False) if known else KeptMessage(True, platform, place)
        return self.messages[key]

    async def end_sending(
        self,
        key: str,
        *,
        place: str,
        message: str,
        person: str = "",
        about: str | None = None,
        first_picture: int = 0,
        buttons: str = "[]",
    ) -> None:
        """See Memory."""
        begun = self.messages[key]
        self.messages[key] = KeptMessage(
            fresh=False,
            platform=begun.platform,
            place=place,
            message=message,
            person=person,
            about=about,
            first_picture=first_picture,
            buttons=buttons,
        )

    async def sent_post(self, platform: str, place: str, message: str) -> KeptPost | None:
        """See Memory."""
        found = (each for each in self.messages.values() if message and each.message == message)
        return next((_post(each) for each in found if (each.platform, each.place) == (platform, place)), None)

    async def recent_posts(self, platform: str, place: str, person: str) -> Sequence[KeptPost]:
        """See Memory."""
        wanted = (platform, place, person)
        found = [each for each in self.messages.values() if (each.platform, each.place, each.person) == wanted]
        return [_post(each) for each in reversed(found) if each.message][:20]

    async def posts_about(self, platform: str, place: str, request: str) -> Sequence[KeptPost]:
        """See Memory."""
        wanted = (platform, place, request)
        found = [each for each in self.messages.values() if (each.platform, each.place, each.about) == wanted]
        return [_post(each) for each in found if each.message]

    async def drop_post(self, platform: str, place: str, message: str) -> None:
        """See Memory."""
        for key, each in self.messages.items():
            if (each.platform, each.place, each.message) == (platform, place, message):
                self.messages[key] = replace(each, message="")
                return


def _post(kept: KeptMessage) -> KeptPost:
    return KeptPost(kept.message or "", kept.person, kept.about, kept.first_picture, kept.buttons)
