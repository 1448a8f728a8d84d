"""What was said on the page, in a SQLite file of its own: it survives kill -9, and no key is ever taken twice.

Used by `platform` on one thread. Every change gets a number; a page that was away asks for what is newer than the last
number it saw, and so loses nothing and sees nothing twice.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Body = dict[str, Any]
PAGE = 50
"""Messages shown at once, and with each step back."""
MOST_MISSED = 200
"""A page that missed more changes than these starts afresh."""

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    place TEXT NOT NULL,
    only_for TEXT,
    changed INTEGER NOT NULL,
    gone INTEGER NOT NULL DEFAULT 0,
    waiting TEXT,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_in_order ON messages (place, id);
CREATE INDEX IF NOT EXISTS messages_by_change ON messages (place, changed);
CREATE INDEX IF NOT EXISTS messages_waiting ON messages (id) WHERE waiting IS NOT NULL;
"""
_COLUMNS = "id, key, place, only_for, changed, gone, waiting, body"
_SEEN_BY = "place = ? AND (only_for IS NULL OR only_for = ?)"


@dataclass(frozen=True)
class Message:
    """One message as it stands now."""

    id: int
    key: str
    place: str
    only_for: str | None
    """Id of the only person who sees it; None = everybody there."""
    changed: int
    """Number of its last change: higher is later, in all places together."""
    gone: bool
    waiting: str | None
    """The sentence that the bot has not been given yet."""
    body: Body


@dataclass(frozen=True)
class Stretch:
    """A part of a place's history."""

    messages: Sequence[Message]
    """Oldest first."""
    seen: int
    """Number of the last change in all of it."""
    fresh: bool
    """The page forgets what it knew."""
    more: bool
    """There are older ones."""


class History:
    """The file. `tell` is called after each change, in the order of the changes."""

    def __init__(self, file: Path, tell: Callable[[Message], None]) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._db.executescript(_SCHEMA)
        self._tell = tell
        self._changed = int(self._db.execute("SELECT COALESCE(MAX(changed), 0) FROM messages").fetchone()[0])

    def add(
        self, key: str, place: str, body: Body, *, only_for: str | None = None, waiting: str | None = None
    ) -> Message:
        """Write a message down for good; one that stands under this key already is left as it is."""
        self._changed += 1
        values = (key, place, only_for, self._changed, waiting, json.dumps(body))
        added = self._db.execute(
            "INSERT INTO messages (key, place, only_for, changed, waiting, body) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (key) DO NOTHING",
            values,
        ).rowcount
        (message,) = self._find("key = ?", key)
        if added:
            self._tell(message)
        return message

    def change(self, number: int, alter: Callable[[Body], Body], *, gone: bool = False) -> Message | None:
        """Replace what a message says; None: there is none."""
        old = self.get(number)
        if old is None:
            return None
        self._changed += 1
        values = (self._changed, gone, json.dumps(alter(old.body)), number)
        self._db.execute("UPDATE messages SET changed = ?, gone = ?, body = ? WHERE id = ?", values)
        (message,) = self._find("id = ?", number)
        self._tell(message)
        return message

    def get(self, number: int) -> Message | None:
        """A message that is there."""
        return next(iter(self._find("id = ? AND gone = 0", number)), None)

    def find(self, key: str) -> Message | None:
        """The message that stands under a key."""
        return next(iter(self._find("key = ?", key)), None)

    def waiting(self) -> Sequence[Message]:
        """Those the bot has not been given yet: a crash came between."""
        return self._find("waiting IS NOT NULL ORDER BY id")

    def heard(self, number: int) -> None:
        """The bot was given it."""
        self._db.execute("UPDATE messages SET waiting = NULL WHERE id = ?", (number,))

    def since(self, place: str, person: str, seen: int) -> Stretch:
        """What changed after the last number a page saw, 0 = it saw nothing."""
        missed: Sequence[Message] = ()
        fresh = not 0 < seen <= self._changed
        if not fresh:
            wanted = f"{_SEEN_BY} AND changed > ? ORDER BY id LIMIT ?"
            missed = self._find(wanted, place, person, seen, MOST_MISSED + 1)
        if fresh or len(missed) > MOST_MISSED:
            return self.before(place, person, None)
        return Stretch(missed, self._changed, fresh=False, more=False)

    def before(self, place: str, person: str, number: int | None) -> Stretch:
        """The messages before one, or the last ones."""
        earlier = "" if number is None else f" AND id < {number:d}"
        wanted = f"{_SEEN_BY} AND gone = 0{earlier} ORDER BY id DESC LIMIT ?"
        found = self._find(wanted, place, person, PAGE + 1)
        return Stretch(found[PAGE - 1 :: -1], self._changed, fresh=number is None, more=len(found) > PAGE)

    def _find(self, where: str, *values: object) -> list[Message]:
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM messages WHERE {where}", values)  # noqa: S608  # our own words
        return [Message(*row[:5], gone=bool(row[5]), waiting=row[6], body=json.loads(row[7])) for row in rows]
