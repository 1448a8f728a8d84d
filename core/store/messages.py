"""The outbox and the messages that stand on the platforms: statements and rows for `memory.Store`."""

from __future__ import annotations

from dataclasses import dataclass

from core.db import Reading, Statement, Writing


@dataclass(frozen=True)
class SendingRow:
    """A message in the outbox; see core.chat.memory.Sending."""

    fresh: bool
    place: str
    message: str | None


@dataclass(frozen=True)
class PostRow:
    """A message that stands; see core.chat.memory.SentPost."""

    message: str
    person: str
    about: str | None
    first_picture: int
    buttons: str


_BEGIN = Statement(
    "INSERT INTO messages (key, platform, place, person, first_picture, buttons, begun)"
    " VALUES (:key, :platform, :place, '', 0, '[]', :now) ON CONFLICT (key) DO NOTHING"
)
_KNOWN = Statement("SELECT place, message FROM messages WHERE key = :key")
_END = Statement(
    "UPDATE messages SET place = :place, message = :message, person = :person, about = :about,"
    " first_picture = :first_picture, buttons = :buttons, sent = :now WHERE key = :key"
)
_STANDING = Statement(
    "SELECT message, person, about, first_picture, buttons FROM messages"
    " WHERE platform = :platform AND place = :place AND message = :message"
)
_RECENT = Statement(
    "SELECT message, person, about, first_picture, buttons FROM messages"
    " WHERE platform = :platform AND place = :place AND person = :person AND message <> ''"
    " ORDER BY sent DESC, begun DESC LIMIT 20"
)
_ABOUT = Statement(
    "SELECT message, person, about, first_picture, buttons FROM messages"
    " WHERE about = :about AND platform = :platform AND place = :place AND message <> '' ORDER BY sent, begun"
)
_DROP = Statement(
    "UPDATE messages SET message = '', buttons = '[]'"
    " WHERE platform = :platform AND place = :place AND message = :message"
)
_FORGET = Statement("DELETE FROM messages WHERE begun < :before")


def begin(tx: Writing, values: dict[str, object]) -> SendingRow:
    """Keep that a message is about to be sent; what is known where it is kept already."""
    fresh = tx.run(_BEGIN, values) == 1
    row = tx.one(_KNOWN, {"key": values["key"]})
    if row is None:
        raise LookupError("A row that was just written is not there.")
    return SendingRow(fresh, *row)


def end(tx: Writing, values: dict[str, object]) -> None:
    """Keep where it stands."""
    tx.run(_END, values)


def standing(tx: Reading, values: dict[str, object]) -> PostRow | None:
    """The message of that id."""
    row = tx.one(_STANDING, values) if values["message"] else None
    return PostRow(*row) if row else None


def recent(tx: Reading, values: dict[str, object]) -> list[PostRow]:
    """The last messages to a person in a place, newest first."""
    return [PostRow(*row) for row in tx.all(_RECENT, values)]


def about(tx: Reading, values: dict[str, object]) -> list[PostRow]:
    """The messages in a place that show a request, oldest first."""
    return [PostRow(*row) for row in tx.all(_ABOUT, values)]


def drop(tx: Writing, values: dict[str, object]) -> None:
    """Keep that it was deleted."""
    tx.run(_DROP, values)


def forget(tx: Writing, before: float) -> None:
    """Delete what was begun before that time."""
    tx.run(_FORGET, {"before": before})
