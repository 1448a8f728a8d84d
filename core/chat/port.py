"""What a platform offers: its limits as data and six verbs. Every adapter's `platform.py` implements `Port`.

Dispatch hands events in and conversations speak through it; nobody asks which platform it is, only what its limits are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from core.chat.command import Repertoire
from core.chat.forms import Form
from core.chat.types import Call, MessageRef, Person, Picture, Place, Post, Press, Reaction, Sent
from core.errors import LargesseError


class SendFailed(LargesseError):
    """The platform did not take the message right now."""

    code = "SendFailed"

    def __init__(self, message: str | None = None, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds the platform wants us to wait, where it said so."""


class SendRefused(LargesseError):
    """The platform will not take the message: banned, locked, deleted, not allowed; trying again is useless."""

    code = "SendRefused"


@dataclass(frozen=True)
class Limits:
    """What fits into one message of a platform, and what it can do with it."""

    max_text: int = 2000
    """Characters of a message's text."""
    max_pictures: int = 4
    """Pictures in one message; 0 = addresses only."""
    max_alt: int = 1000
    """Characters of a picture's description."""
    max_bytes: int = 10_000_000
    """Bytes of one picture."""
    mimes: tuple[str, ...] = ("image/webp", "image/png", "image/jpeg")
    """Kinds of pictures it shows."""
    can_edit: bool = True
    can_react: bool = False
    can_whisper: bool = False
    """Can say something in a public place that only one person sees, or write to them directly."""
    can_show_elsewhere: bool = False
    """Has a place of its own for answers to what was asked where it is to be silent; it takes those with pictures."""
    has_buttons: bool = False
    has_threads: bool = False
    previews: bool = False
    """Shows `Progress.preview`, the picture as it is by now."""
    dedupe: bool = False
    """A second send with the same key does nothing and gives the first message again."""
    edit_interval: float = 1.0
    """Least seconds between two edits of a message."""


class Dispatching(Protocol):
    """Where a port brings its events. Once a call returns, the event is safe: it survives a crash."""

    @property
    def repertoire(self) -> Repertoire:
        """Everything that can be asked for: a platform makes its menus and its completion of it."""
        ...

    async def suggest(self, name: str, typed: str, *, limit: int = 25) -> list[str]:
        """Values of `Opt(suggest=name)` for what was typed so far, best first."""
        ...

    async def form(self, action: str, arg: str) -> Form | None:
        """What a button asks for before it does its work, for platforms that have forms; None = nothing.

        Raises:
            LargesseError: what the button is about is not known any more.
        """
        ...

    async def call(self, port: Port, call: Call) -> object:
        """Somebody addressed the bot."""
        ...

    async def press(self, port: Port, press: Press) -> object:
        """Somebody pressed a button."""
        ...

    async def react(self, port: Port, reaction: Reaction) -> object:
        """Somebody put or took an emoji."""
        ...

    async def idle(self) -> None:
        """Wait until everything was answered."""
        ...


class Port(Protocol):
    """A platform. All verbs raise SendFailed when trying again may help, SendRefused when it will not."""

    @property
    def name(self) -> str:
        """The platform's name, the one in every Person, Place and MessageRef of it."""
        ...

    @property
    def limits(self) -> Limits:
        """What fits; may change while connecting (some platforms tell only then)."""
        ...

    async def run(self, dispatch: Dispatching) -> None:
        """Listen until cancelled or, where there is an end (piped input), until all was answered."""
        ...

    async def send(self, place: Place, post: Post, *, key: str) -> Sent:
        """Say something. `key` is the dedupe key: equal for the same message, also after a restart."""
        ...

    async def fetch(self, picture: Picture) -> Picture:
        """The picture with its bytes, where an event brought only its address; asked before a conversation needs it.

        Raises:
            NotFound: it cannot be had, or is too large.
        """
        ...

    async def find(self, place: Place, key: str) -> Sent | None:
        """The message sent under this key, looked for on the platform; asked before a retry where `dedupe` is false."""
        ...

    async def edit(self, ref: MessageRef, post: Post) -> None:
        """Replace what a message says."""
        ...

    async def react(self, ref: MessageRef, emoji: str) -> None:
        """Put an emoji to a message; twice is the same as once."""
        ...

    async def whisper(self, person: Person, place: Place, post: Post, *, key: str) -> Sent:
        """Say something that only this person sees; called only where `limits.can_whisper`."""
        ...

    async def delete(self, ref: MessageRef) -> None:
        """Remove a message; one that is gone already is fine."""
        ...
