"""What the adapter must never forget, in a SQLite file of its own: how far it has read, what waits, what it said.

Events are kept in the same transaction as the sync token that passes them, and taken away when the bot has them: a
crash between two lines loses nothing. Used on one thread, see `Notebook.do`.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import sqlite3
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from core.chat.port import SendFailed
from core.errors import StorageFull

P = ParamSpec("P")
T = TypeVar("T")
Body = dict[str, Any]
KEPT = 90 * 86_400.0
"""Seconds for which messages are remembered: as long as their buttons work."""

_SCHEMA = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS rooms (room TEXT PRIMARY KEY, since REAL NOT NULL);
CREATE TABLE IF NOT EXISTS inbox (
    id INTEGER PRIMARY KEY, event TEXT NOT NULL UNIQUE, room TEXT NOT NULL, at REAL NOT NULL,
    sealed TEXT, source TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS inbox_in_order ON inbox (room, id);
CREATE TABLE IF NOT EXISTS gaps (
    id INTEGER PRIMARY KEY, room TEXT NOT NULL, newest TEXT NOT NULL, oldest TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS said (
    key TEXT PRIMARY KEY, room TEXT NOT NULL, event TEXT NOT NULL, thread TEXT, at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS said_by_event ON said (event);
CREATE TABLE IF NOT EXISTS asked (
    event TEXT PRIMARY KEY, room TEXT NOT NULL, person TEXT NOT NULL, sign TEXT, edit TEXT, at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS reactions (
    event TEXT PRIMARY KEY, room TEXT NOT NULL, target TEXT NOT NULL, person TEXT NOT NULL, author TEXT NOT NULL,
    emoji TEXT NOT NULL, at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS reactions_alike ON reactions (room, target, person, emoji);
"""


@dataclass(frozen=True)
class Waiting:
    """An event that the bot has not been given yet."""

    event: str
    """Its id."""
    room: str
    at: float
    """When it was sent, seconds since 1970, as its server says."""
    sealed: str | None
    """Id of the session whose key is missing; None = it can be read."""
    source: Body


@dataclass(frozen=True)
class Gap:
    """A stretch of a room's history that was not delivered: from `newest` back to `oldest`, both tokens."""

    id: int
    newest: str
    oldest: str


@dataclass(frozen=True)
class Asked:
    """A message that somebody wrote to the bot."""

    person: str
    sign: str | None
    """Id of the ⏳ that stands on it."""
    edit: str | None
    """The sentence it was changed to after it was taken, as a JSON event."""


@dataclass(frozen=True)
class Reacted:
    """An emoji that somebody put."""

    target: str
    person: str
    author: str
    """Who wrote the message; empty = not known."""
    emoji: str
    last: bool
    """No other one like it is left."""


class Notebook:
    """The file; its verbs run one after another on a thread of their own.

    Raises:
        sqlite3.Error, OSError: the file cannot be used.
    """

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._db = sqlite3.connect(file, timeout=2.0, isolation_level=None, check_same_thread=False)
        self._db.executescript(_SCHEMA)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="matrix-notebook")
        self._forget(time.time() - KEPT)

    def close(self) -> None:
        """Let go of the file, after what is being written."""
        self._thread.shutdown()
        self._db.close()

    async def do(self, verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call one of the verbs below on the thread.

        Raises:
            StorageFull: the disk is.
            SendFailed: the file cannot be used right now.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, functools.partial(verb, *args, **kwargs))
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise StorageFull("The disk has no room left for what is said here.") from error
            raise SendFailed(f"The notebook cannot be used: {error}.") from error

    def mark(self, name: str) -> str | None:
        """A single value, e.g. the sync token."""
        row = self._db.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def set_mark(self, name: str, value: str) -> None:
        """Remember a single value."""
        self._db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (name, value))

    def once(self, name: str) -> bool:
        """Whether this is the first time that anybody asks about this name."""
        done = self._db.execute("INSERT OR IGNORE INTO marks VALUES (?, '')", (name,))
        return done.rowcount == 1

    def rooms(self) -> dict[str, float]:
        """The rooms that were joined, and since when their messages count."""
        return dict(self._db.execute("SELECT room, since FROM rooms"))

    def leave(self, room: str) -> None:
        """Forget what waits from a room that was left."""
        with self._all_or_nothing():
            for table in ("rooms", "inbox", "gaps"):
                self._db.execute(f"DELETE FROM {table} WHERE room = ?", (room,))  # noqa: S608  # our own names

    def keep(
        self,
        token: str,
        *,
        rooms: dict[str, float],
        waiting: Iterable[Waiting],
        gaps: Iterable[tuple[str, str, str]],
        echoes: Iterable[tuple[str, str, str, str | None]],
    ) -> None:
        """Take in one answer of the sync: all of it and its token, or nothing.

        Args:
            token: where the next one begins.
            rooms: newly joined rooms, and since when their messages count.
            waiting: events for the bot.
            gaps: room, newest and oldest token of what was left out.
            echoes: our own messages coming back: key, room, event, thread.
        """
        now = time.time()
        with self._all_or_nothing():
            self._db.executemany("INSERT OR IGNORE INTO rooms VALUES (?, ?)", rooms.items())
            self._add(waiting)
            self._db.executemany("INSERT INTO gaps (room, newest, oldest) VALUES (?, ?, ?)", gaps)
            self._db.executemany("INSERT OR IGNORE INTO said VALUES (?, ?, ?, ?, ?)", [(*each, now) for each in echoes])
            self.set_mark("next_batch", token)

    def waiting(self, room: str) -> list[Waiting]:
        """What the bot has not been given of a room, in the order it was said."""
        rows = self._db.execute("SELECT event, room, at, sealed, source FROM inbox WHERE room = ? ORDER BY id", (room,))
        return [Waiting(event, where, at, sealed, json.loads(source)) for event, where, at, sealed, source in rows]

    def rooms_waiting(self, sealed: str | None = None) -> list[str]:
        """Rooms with something to do; `sealed`: only those with events of this session."""
        if sealed is not None:
            rows = self._db.execute("SELECT DISTINCT room FROM inbox WHERE sealed = ?", (sealed,))
        else:
            rows = self._db.execute("SELECT room FROM inbox UNION SELECT room FROM gaps")
        return [room for (room,) in rows]

    def done(self, *events: str) -> None:
        """The bot has these events."""
        with self._all_or_nothing():
            self._db.executemany("DELETE FROM inbox WHERE event = ?", [(event,) for event in events])

    def gaps(self, room: str) -> list[Gap]:
        """The gaps of a room, oldest first."""
        rows = self._db.execute("SELECT id, newest, oldest FROM gaps WHERE room = ? ORDER BY id", (room,))
        return [Gap(*row) for row in rows]

    def fill(self, gap: Gap, waiting: Iterable[Waiting]) -> None:
        """What was found in a gap, newest first: it goes before all that waits, and the gap is none any more."""
        with self._all_or_nothing():
            (first,) = self._db.execute("SELECT COALESCE(MIN(id), 0) FROM inbox").fetchone()
            self._add(waiting, ids=itertools.count(min(first, 0) - 1, -1))
            self._db.execute("DELETE FROM gaps WHERE id = ?", (gap.id,))

    def said(self, key: str) -> tuple[str, str] | None:
        """Room and event of what was said under this key."""
        return self._db.execute("SELECT room, event FROM said WHERE key = ?", (key,)).fetchone()

    def say(self, key: str, room: str, event: str, thread: str | None) -> None:
        """What was said stands there."""
        self._db.execute("INSERT OR IGNORE INTO said VALUES (?, ?, ?, ?, ?)", (key, room, event, thread, time.time()))

    def ours(self, event: str) -> tuple[str | None] | None:
        """The thread of a message of ours; None = it is none of ours."""
        return self._db.execute("SELECT thread FROM said WHERE event = ?", (event,)).fetchone()

    def ask(self, event: str, room: str, person: str) -> None:
        """Somebody asked for something with this message."""
        values = (event, room, person, time.time())
        self._db.execute("INSERT OR IGNORE INTO asked (event, room, person, at) VALUES (?, ?, ?, ?)", values)

    def asked(self, event: str) -> Asked | None:
        """What is known of a message to the bot."""
        row = self._db.execute("SELECT person, sign, edit FROM asked WHERE event = ?", (event,)).fetchone()
        return Asked(*row) if row else None

    def sign(self, event: str, sign: str | None) -> None:
        """The ⏳ on a message to the bot, or that it is gone."""
        self._db.execute("UPDATE asked SET sign = ? WHERE event = ?", (sign, event))

    def offer(self, event: str, edit: Body | None) -> None:
        """Remember how a message was changed after it was taken, or that nothing is offered for it any more."""
        text = None if edit is None else json.dumps(edit)
        self._db.execute("UPDATE asked SET edit = ? WHERE event = ?", (text, event))

    def react(self, event: str, room: str, target: str, person: str, author: str, emoji: str) -> bool:
        """Somebody put an emoji; False where the same one stands there already."""
        alike = "SELECT 1 FROM reactions WHERE room = ? AND target = ? AND person = ? AND emoji = ? AND event <> ?"
        with self._all_or_nothing():
            there = self._db.execute(alike, (room, target, person, emoji, event)).fetchone()
            values = (event, room, target, person, author, emoji, time.time())
            self._db.execute("INSERT OR IGNORE INTO reactions VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        return there is None

    def reacted(self, event: str) -> Reacted | None:
        """An emoji by the id of its event, which is taken away."""
        find = "SELECT target, person, author, emoji, room FROM reactions WHERE event = ?"
        row = self._db.execute(find, (event,)).fetchone()
        if row is None:
            return None
        target, person, author, emoji, room = row
        alike = "SELECT COUNT(*) FROM reactions WHERE room = ? AND target = ? AND person = ? AND emoji = ?"
        (count,) = self._db.execute(alike, (room, target, person, emoji)).fetchone()
        return Reacted(target, person, author, emoji, last=count == 1)

    def unreact(self, event: str) -> None:
        """An emoji is gone."""
        self._db.execute("DELETE FROM reactions WHERE event = ?", (event,))

    def _add(self, waiting: Iterable[Waiting], *, ids: Iterable[int | None] = itertools.repeat(None)) -> None:
        rows = [
            (number, each.event, each.room, each.at, each.sealed, json.dumps(each.source))
            for number, each in zip(ids, waiting, strict=False)
        ]
        self._db.executemany("INSERT OR IGNORE INTO inbox VALUES (?, ?, ?, ?, ?, ?)", rows)

    def _forget(self, before: float) -> None:
        for table in ("said", "asked", "reactions"):
            self._db.execute(f"DELETE FROM {table} WHERE at < ?", (before,))  # noqa: S608  # our own names

    def _all_or_nothing(self) -> _Transaction:
        return _Transaction(self._db)


class _Transaction:
    """BEGIN and COMMIT around a block, ROLLBACK where it fails."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._db.execute("ROLLBACK" if kind else "COMMIT")
