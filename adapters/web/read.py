"""What pages send → events: the JSON of the WebSocket, checked field by field, and uploads, checked as pictures.

`door` receives it, `platform` acts on it; whatever is not exactly one of these asks is refused here.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from adapters.web.site import BOT, NAME
from adapters.web.site.history import Message
from core.chat.types import Call, MessageRef, Person, Picture, Place, Press, Reaction
from core.errors import InvalidRequest

MOST_TEXT = 10_000
"""Characters somebody may write at once."""
_DIRECT = "direct:"
_NOT_EMOJI = re.compile(r"[\w\s<>&\"'`]")


def _emoji(text: str) -> str:
    if _NOT_EMOJI.search(text.replace("\ufe0f\u20e3", "")):
        raise ValueError("is no emoji")
    return text


class Ask(BaseModel):
    """Something a page asks for; `key` is the page's own name for it, the same when it asks again."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    key: str = Field(pattern=r"^[\w-]{8,40}$")


Number = Annotated[int, Field(ge=1, lt=2**53)]
Words = Annotated[str, Field(max_length=MOST_TEXT)]
File = Annotated[str, Field(pattern=r"^[0-9a-f]{40}\.(webp|png|jpg)$")]


class Attached(BaseModel):
    """A picture that goes with a message: one just uploaded, or one that stands on the page."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    file: File
    name: str = Field(default="", max_length=200)


class Say(Ask):
    """Somebody writes a message."""

    t: Literal["say"]
    text: Words
    reply_to: Number | None = None
    pictures: list[Attached] = Field(default_factory=list[Attached], max_length=4)


class PressAsk(Ask):
    """Somebody presses a button: of a message by its number, or of a progress message by its id."""

    t: Literal["press"]
    message: Number | str
    button: int = Field(ge=0, le=100)


class ReactAsk(Ask):
    """Somebody puts an emoji to a message or takes it away."""

    t: Literal["react"]
    message: Number
    emoji: Annotated[str, Field(min_length=1, max_length=12), AfterValidator(_emoji)]
    added: bool


class Edit(Ask):
    """Somebody changes the words of their own message; what was asked for with it stays asked."""

    t: Literal["edit"]
    message: Number
    text: Words = Field(min_length=1)


class Delete(Ask):
    """Somebody removes their own message."""

    t: Literal["delete"]
    message: Number


class Earlier(Ask):
    """A page wants older messages."""

    t: Literal["earlier"]
    before: Number


class Complete(Ask):
    """A page wants to know what may come next in what is being written."""

    t: Literal["complete"]
    text: Annotated[str, Field(max_length=2000)]


Asked = Say | PressAsk | ReactAsk | Edit | Delete | Earlier | Complete
_ASKED: TypeAdapter[Asked] = TypeAdapter(Annotated[Asked, Field(discriminator="t")])


def asked(text: str) -> Asked:
    """What a page asks for.

    Raises:
        InvalidRequest: it is nothing that our page sends.
    """
    try:
        return _ASKED.validate_json(text)
    except ValidationError as error:
        details = "; ".join(f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in error.errors()[:3])
        raise InvalidRequest(f"That cannot be taken: {details}.") from None


def key_of(text: str) -> str | None:
    """The key inside a message that is refused, so that the page knows which."""
    try:
        return str(json.loads(text)["key"])[:40]
    except (ValueError, KeyError, TypeError):
        return None


def event_key(person: Person, ask: Ask) -> str:
    """Names an event for ever; nobody can name somebody else's."""
    return f"{NAME}:{person.id}:{ask.key}"


def place(name: str, person: str) -> Place:
    """A room by its name, or "direct": this person's conversation with the bot."""
    private = name == "direct"
    return Place(NAME, _DIRECT + person if private else name, private=private)


def ref(where: Place, number: int | None) -> MessageRef | None:
    """A message by its number."""
    return MessageRef(NAME, where.id, str(number)) if number else None


def call(message: Message, sentence: str, pictures: list[Picture], answered: Message | None) -> Call:
    """The event of a message that is for the bot."""
    said = message.body
    private = message.place.startswith(_DIRECT)
    thread = str(said["thread"]) if said["thread"] else None
    where = Place(NAME, message.place, private=private, thread=thread)
    return Call(
        key=message.key,
        person=Person(NAME, said["person"], said["who"]),
        place=where,
        message=ref(where, message.id),
        text=sentence,
        pictures=tuple(pictures),
        replied_to=ref(where, said["reply_to"]),
        target=author(answered) if answered else None,
    )


def press(ask: PressAsk, button: dict[str, str], person: Person, where: Place) -> Press:
    """The event of a pressed button; what it does comes from the history, never from the page."""
    on = MessageRef(NAME, where.id, str(ask.message))
    return Press(event_key(person, ask), button["action"], button["arg"], person, where, on)


def reaction(ask: ReactAsk, message: Message, person: Person, where: Place) -> Reaction:
    """The event of an emoji."""
    target = MessageRef(NAME, where.id, str(message.id))
    return Reaction(event_key(person, ask), ask.emoji, ask.added, person, where, target, author(message))


def author(message: Message) -> Person:
    """Who said it; a message without a person is the bot's."""
    said = message.body
    return Person(NAME, said["person"], said["who"]) if "person" in said else Person(NAME, BOT, BOT, is_bot=True)
