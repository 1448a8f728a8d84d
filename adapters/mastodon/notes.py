"""What the platform must not forget: how far it has read, what was asked, and which status answers what.

A SQLite file in the data folder, written before the instance is asked for anything and again when it has answered, so
that a crash between the two is healed by looking at the bot's own statuses. One thread works on it.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from core.chat.port import SendFailed
from core.errors import StorageFull

T = TypeVar("T")
KEPT = 40 * 86_400.0
"""Seconds for which answers are remembered: longer than their buttons may be pressed."""
_TABLES = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS requests (
    status TEXT PRIMARY KEY, key TEXT NOT NULL, sentence TEXT NOT NULL, person TEXT NOT NULL, name TEXT NOT NULL,
    private INTEGER NOT NULL, gone INTEGER NOT NULL DEFAULT 0, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS posts (
    key TEXT PRIMARY KEY, thread TEXT NOT NULL, print TEXT NOT NULL, visibility TEXT NOT NULL, status TEXT,
    media TEXT NOT NULL DEFAULT '{}', doomed INTEGER NOT NULL DEFAULT 0, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS posts_public ON posts (visibility, at);
CREATE INDEX IF NOT EXISTS posts_doomed ON posts (at) WHERE doomed;
CREATE INDEX IF NOT EXISTS posts_status ON posts (status);
"""


@dataclass(frozen=True)
class Asked:
    """A status that asks for something."""

    status: str
    key: str
    """Of the event that was made of its present words."""
    sentence: str
    person: str
    name: str
    private: bool


@dataclass(frozen=True)
class Written:
    """A status of ours, or the try to write it."""

    key: str
    thread: str
    """The status it answers."""
    print: str
    """Its words, as `platform` compares them."""
    status: str | None
    """None = not known to stand."""
    media: Mapping[str, str]
    """Uploads that were made for it: the picture's checksum → its id there."""


class Notes:
    """The file. Raises StorageFull where the disk is, SendFailed where it cannot be used right now."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mastodon-notes")
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.executescript(_TABLES)
        self._db.execute("DELETE FROM requests WHERE at < ?", (clock() - KEPT,))
        self._db.execute("DELETE FROM posts WHERE at < ? AND doomed = 0", (clock() - KEPT,))

    async def mark(self, name: str) -> str | None:
        """A value by its name."""
        row = await self._one("SELECT value FROM marks WHERE name = ?", name)
        return row[0] if row else None

    async def keep_mark(self, name: str, value: str) -> None:
        """Keep a value under its name."""
        await self._run("INSERT OR REPLACE INTO marks VALUES (?, ?)", name, value)

    async def asked(self, status: str) -> Asked | None:
        """What a status asked for; None where nothing is known of it or it is gone."""
        row = await self._one(
            "SELECT status, key, sentence, person, name, private FROM requests WHERE status = ? AND NOT gone", status
        )
        return Asked(*row[:5], private=bool(row[5])) if row else None

    async def keep_asked(self, asked: Asked) -> None:
        """Keep what a status asks for now."""
        await self._run(
            "INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?, ?, ?, 0, ?)",
            *(asked.status, asked.key, asked.sentence, asked.person, asked.name, asked.private, self._clock()),
        )

    async def withdraw(self, status: str) -> None:
        """A request is gone: it is answered no more."""
        await self._run("UPDATE requests SET gone = 1 WHERE status = ?", status)

    async def doom(self, event: str) -> None:
        """What was said about an event shall be deleted."""
        await self._run("UPDATE posts SET doomed = 1 WHERE key > ? AND key < ?", f"{event}/", f"{event}0")

    async def stale(self, status: str, key: str) -> bool:
        """Whether a status is gone, or, where this is the key of one of its events, asks for something else by now."""
        row = await self._one("SELECT gone, key FROM requests WHERE status = ?", status)
        return row is not None and (bool(row[0]) or (status in key.split(":") and key != row[1]))

    async def begin(self, key: str, *, thread: str, print: str, visibility: str) -> Written:  # noqa: A002  # its words
        """Keep that a status is about to be written; what is known of earlier tries."""
        await self._run(
            "INSERT INTO posts (key, thread, print, visibility, at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET print = excluded.print",
            *(key, thread, print, visibility, self._clock()),
        )
        found = await self.written(key)
        assert found is not None  # noqa: S101  # it was just written
        return found

    async def keep_media(self, key: str, media: Mapping[str, str]) -> None:
        """Keep what was uploaded for a status that is about to be written."""
        await self._run("UPDATE posts SET media = ? WHERE key = ?", json.dumps(dict(media)), key)

    async def end(self, key: str, status: str) -> None:
        """It stands."""
        await self._run("UPDATE posts SET status = ?, at = ? WHERE key = ?", status, self._clock(), key)

    async def written(self, key: str) -> Written | None:
        """The status, or the try, under this key."""
        row = await self._one("SELECT key, thread, print, status, media FROM posts WHERE key = ?", key)
        return Written(*row[:4], media=json.loads(row[4])) if row else None

    async def is_ours(self, status: str) -> bool:
        """Whether a status is known to be one of the bot's."""
        return await self._one("SELECT 1 FROM posts WHERE status = ?", status) is not None

    async def move(self, old: str, new: str) -> None:
        """The status under one key stands under another from now on."""
        await self._run(
            "UPDATE posts SET status = (SELECT status FROM posts WHERE key = ?), at = ? WHERE key = ?",
            *(old, self._clock(), new),
        )
        await self._run("DELETE FROM posts WHERE key = ?", old)

    async def drop(self, status: str) -> None:
        """A status of ours is deleted; its key stays known, so that it is not said again."""
        await self._run("UPDATE posts SET doomed = 0, status = '' WHERE status = ?", status)

    async def doomed(self) -> list[str]:
        """Statuses that shall be deleted, oldest first."""
        sql = "SELECT status FROM posts WHERE doomed AND status <> '' ORDER BY at"
        return [row[0] for row in await self._do(lambda: self._db.execute(sql).fetchall())]

    async def public_since(self, since: float) -> int:
        """How many public statuses were written since then, seconds since 1970."""
        row = await self._one("SELECT count(*) FROM posts WHERE visibility = 'public' AND at >= ?", since)
        return int(row[0]) if row else 0

    async def _one(self, sql: str, *values: object) -> tuple[Any, ...] | None:
        return await self._do(lambda: self._db.execute(sql, values).fetchone())

    async def _run(self, sql: str, *values: object) -> None:
        await self._do(lambda: self._db.execute(sql, values))

    async def _do(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise StorageFull("The disk has no room left for what is said on Mastodon.") from error
            raise SendFailed(f"What was said on Mastodon cannot be kept: {error}.") from error
