"""The values that platforms and conversations exchange: who, where, what was said, and what is answered.

Adapters make events of these in `read.py` and show posts of them in `show.py`; conversations see nothing else of a
platform.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True)
class Person:
    """Somebody on a platform."""

    platform: str
    id: str
    """The platform's own id, as text; it never changes and is never shown."""
    name: str
    is_bot: bool = False
    moderates: bool = False
    """Looks after the place where this was said: may take down what the bot shows there."""
    manages: bool = False
    """May change how the bot behaves in the community where this was said."""
    roles: tuple[str, ...] = ()
    """Ids of the groups that the community puts this person into."""


@dataclass(frozen=True)
class Place:
    """Where something is said: a channel, a room, a direct conversation."""

    platform: str
    id: str
    private: bool
    """Only the person and the bot read along."""
    nsfw: bool = False
    """Pictures for adults are welcome here."""
    thread: str | None = None
    community: str = ""
    """Id of what the place belongs to (a server, a subreddit), whose rules hold here; empty = the place itself."""
    inside: tuple[str, ...] = ()
    """Ids of the places it is a part of: a thread's channel, a channel's category."""
    via: str | None = field(default=None, repr=False, compare=False)
    """What the platform needs to answer this very event, for a while: nothing to show, compare or log."""

    @property
    def ruled(self) -> str:
        """Id of the community whose rules hold here."""
        return self.community or self.id


@dataclass(frozen=True)
class MessageRef:
    """One message on its platform; enough to answer, edit or delete it."""

    platform: str
    place: str
    message: str


@dataclass(frozen=True)
class Picture:
    """A picture, by its bytes, by its address, or both."""

    data: bytes | None = field(default=None, repr=False)
    url: str | None = None
    alt: str = ""
    """What the picture shows, for those who don't see it."""
    mime: str = "image/webp"
    width: int = 0
    """Pixels; 0 = not known."""
    height: int = 0
    """Pixels; 0 = not known."""
    name: str = ""
    """File name without folders; may be empty."""
    spoiler: bool = False
    """Hide it until it is clicked."""


class ButtonStyle(StrEnum):
    """How much a button calls for attention."""

    PLAIN = "plain"
    """One of several."""
    PRIMARY = "primary"
    """What most people want next."""
    DANGER = "danger"
    """Cannot be undone."""


@dataclass(frozen=True)
class Button:
    """Something to press under a post; where a platform has no buttons, its word is offered as a reply instead."""

    label: str
    action: str
    """Name of the `@button` that handles it."""
    arg: str = ""
    """What the action is about, at most 60 characters: it travels inside the button and survives restarts."""
    emoji: str | None = None
    """A reaction with this emoji is read as a press, too."""
    style: ButtonStyle = ButtonStyle.PLAIN


@dataclass(frozen=True)
class Progress:
    """How far something has come."""

    text: str
    fraction: float | None = None
    """0 to 1; None = not known."""
    preview: Picture | None = None
    """How it looks by now; only where `Limits.previews`."""


class Manner(StrEnum):
    """How much the bot says in a place."""

    FULL = "full"
    """Everything."""
    MINIMAL = "minimal"
    """The answer alone: no progress, no words that could be said next."""
    SILENT = "silent"
    """Nothing in the place itself: where the platform can, the answer is shown elsewhere, or to the person alone."""
    OFF = "off"
    """Nothing, and nobody but those who manage the place is heard."""


@dataclass(frozen=True)
class Post:
    """What a conversation says. `fit` makes it suit the platform before it is sent."""

    text: str = ""
    pictures: tuple[Picture, ...] = ()
    buttons: tuple[Button, ...] = ()
    reply_to: MessageRef | None = None
    content_warning: str | None = None
    progress: Progress | None = None
    """Set on a progress message: it is edited while work goes on and deleted when that ends."""
    about: str | None = None
    """Id of the request whose pictures these are, so that a button, reaction or reply finds it later."""
    first_picture: int = 0
    """Number of the first picture within the request, from 0: `fit` sets it when it splits a post."""
    manner: Manner = Manner.FULL
    """How much is to be said: set by the chat, as the people who manage the place want it."""


@dataclass(frozen=True)
class Sent:
    """A post as it stands on the platform; long ones are several messages."""

    ref: MessageRef
    refs: tuple[MessageRef, ...] = ()
    """All its messages, `ref` included; empty = `ref` alone."""

    @property
    def messages(self) -> tuple[MessageRef, ...]:
        """All messages of the post, in order."""
        return self.refs or (self.ref,)


@dataclass(frozen=True)
class Call:
    """Somebody addressed the bot."""

    key: str
    """Names the event for ever: the same event delivered twice has the same key."""
    person: Person
    place: Place
    message: MessageRef | None = None
    """The message to answer."""
    text: str = ""
    """The sentence, without the platform's way of addressing the bot; empty when `command` says it all."""
    command: str | None = None
    """Name of the command where the platform knows it (slash commands); None = read it from `text`."""
    args: Mapping[str, object] = field(default_factory=dict[str, object])
    """Values of the options where the platform knows them: text, numbers, booleans, pictures."""
    pictures: tuple[Picture, ...] = ()
    """Attachments."""
    replied_to: MessageRef | None = None
    """The message that this one replies to, or that a menu was opened on."""
    target: Person | None = None
    """Whom it is about: who wrote `replied_to`, or the person a menu was opened on, where the platform knows."""


@dataclass(frozen=True)
class Press:
    """Somebody pressed a button of one of our posts, or replied with its word."""

    key: str
    action: str
    arg: str
    person: Person
    place: Place
    message: MessageRef
    """The post that carries the button."""
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    """What was filled in where the button asks for something (see `core.chat.command.Form`)."""


@dataclass(frozen=True)
class Reaction:
    """Somebody put an emoji to a message or took it away.

    Where all of a kind were cleared at once, nobody knows whose they were: then `person.id` is empty, and `emoji` is
    empty, too, where it was all of them.
    """

    key: str
    emoji: str
    added: bool
    person: Person
    place: Place
    target: MessageRef
    author: Person | None = None
    """Who wrote the message, where the platform knows."""


Event = Call | Press | Reaction
