"""What the chat must never forget, as a protocol: `core.store` keeps it in a database, `testing` in a dictionary.

Only primitive types cross it, so that the store need not know the chat. Written before anything is done: an event
before its conversation starts, a message before it is sent. A crash at any line then loses nothing, and repeats
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class OpenTalk(Protocol):
    """A conversation that has not ended."""

    @property
    def key(self) -> str:
        """Key of the event that began it."""
        ...

    @property
    def event(self) -> str:
        """The event as JSON (see core.chat.record)."""
        ...

    @property
    def kind(self) -> str | None:
        """Name of the `@resume` that continues it; None = it starts over."""
        ...

    @property
    def state(self) -> str | None:
        """JSON object handed to the `@resume`."""
        ...

    @property
    def attempts(self) -> int:
        """How often it was taken up again after a restart."""
        ...


class Sending(Protocol):
    """A message in the outbox."""

    @property
    def fresh(self) -> bool:
        """It was never tried before."""
        ...

    @property
    def place(self) -> str:
        """Id of the place where it stands, or shall stand."""
        ...

    @property
    def message(self) -> str | None:
        """Id of the message on the platform once it is known to stand there; "" = it was refused for good."""
        ...


class SentPost(Protocol):
    """A message of ours that stands on a platform."""

    @property
    def message(self) -> str:
        """Its id on the platform."""
        ...

    @property
    def person(self) -> str:
        """Id of the person it answers."""
        ...

    @property
    def about(self) -> str | None:
        """Id of the request whose pictures it shows."""
        ...

    @property
    def first_picture(self) -> int:
        """Number of its first picture within that request, from 0."""
        ...

    @property
    def buttons(self) -> str:
        """Its buttons as a JSON list of objects (action, arg, emoji)."""
        ...


class Memory(Protocol):
    """Raises StorageFull when the disk is."""

    async def begin_talk(self, key: str, *, platform: str, person: str, name: str, event: str) -> bool:
        """Keep an event before anything is done about it. False: it was seen before; do nothing."""
        ...

    async def hold_talk(self, key: str, *, kind: str, state: str) -> None:
        """From here on a restart continues at `@resume(kind)` with this state."""
        ...

    async def end_talk(self, key: str) -> None:
        """The conversation is over; its key stays known for as long as events may come twice."""
        ...

    async def open_talks(self, platform: str) -> Sequence[OpenTalk]:
        """Conversations a former process left open, oldest first; each read counts as one attempt."""
        ...

    async def begin_sending(self, key: str, *, platform: str, place: str) -> Sending:
        """Keep that a message is about to be sent; says what is known of earlier tries."""
        ...

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
        """The message stands there under this id ("" = refused for good); remember whom and what it is for."""
        ...

    async def sent_post(self, platform: str, place: str, message: str) -> SentPost | None:
        """A message of ours by its id; None = not ours, or deleted."""
        ...

    async def recent_posts(self, platform: str, place: str, person: str) -> Sequence[SentPost]:
        """The last 20 messages of ours to this person there, newest first."""
        ...

    async def posts_about(self, platform: str, place: str, request: str) -> Sequence[SentPost]:
        """All messages of ours there that show something of this request, oldest first: a long post is several."""
        ...

    async def drop_post(self, platform: str, place: str, message: str) -> None:
        """The message was deleted."""
        ...
