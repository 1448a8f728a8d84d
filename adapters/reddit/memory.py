"""What the adapter must know after a crash: which answers were begun and where they stand, bans, how far was read.

Reddit has no dedupe key, so every answer is written here before it leaves; `platform` looks for it on Reddit before it
is tried again. Every verb is one transaction on a thread of its own and is on disk when it returns.
"""

from __future__ import annotations

import asyncio
import functools
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from core.chat.port import SendFailed
from core.errors import ConfigError, StorageFull

KEPT = 400 * 86_400.0
"""Seconds for which answers are known: buttons work for about a year."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, place TEXT NOT NULL, parent TEXT NOT NULL, subreddit TEXT NOT NULL,
    message TEXT, post TEXT, begun REAL NOT NULL, said REAL, looks INTEGER NOT NULL DEFAULT 0, next_look REAL,
    removed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS answers_message ON answers (message);
CREATE INDEX IF NOT EXISTS answers_post ON answers (post);
CREATE INDEX IF NOT EXISTS answers_said ON answers (subreddit, said);
CREATE INDEX IF NOT EXISTS answers_next ON answers (next_look);
CREATE TABLE IF NOT EXISTS notes (
    kind TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (kind, name)
);
CREATE TABLE IF NOT EXISTS votes (post TEXT PRIMARY KEY, score INTEGER NOT NULL, ratio REAL NOT NULL, at REAL NOT NULL);
"""
_COLUMNS = "key, place, parent, subreddit, message, post, begun, said, looks"

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """One message of ours, under way or standing."""

    key: str
    place: str
    """Id of the place that was asked in."""
    parent: str
    """Fullname of what it answers."""
    subreddit: str
    """Where the comment goes, in small letters."""
    message: str | None
    """Fullname of the comment or private message once it stands."""
    post: str | None
    """Fullname of the picture post, "" = it is being made."""
    begun: float
    said: float | None
    looks: int
    """How often it was looked at again."""


class Memory:
    """The file `reddit.db`.

    Args:
        path: where it is; made when missing.
        clock: seconds since 1970.

    Raises:
        ConfigError: it cannot be used.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reddit-memory")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._file.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;" + _SCHEMA)
            self._file.execute("DELETE FROM answers WHERE begun < ?", (clock() - KEPT,))
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"{path} cannot be used: {error}.") from error

    def close(self) -> None:
        """Let go of the file; what is being written is finished first."""
        self._thread.shutdown()
        self._file.close()

    async def begin(self, key: str, *, place: str, parent: str, subreddit: str) -> Answer:
        """Write down that this is about to be said; what is known of earlier tries stays."""

        def work(file: sqlite3.Connection) -> Answer:
            values = (key, place, parent, subreddit, self._clock())
            file.execute(
                "INSERT INTO answers (key, place, parent, subreddit, begun) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (key) DO NOTHING",
                values,
            )
            return _one(file, "key = ?", key) or _impossible()

        return await self._do(work)

    async def answer(self, key: str) -> Answer | None:
        """What is known of an answer by its key."""
        return await self._do(_one, "key = ?", key)

    async def by_message(self, fullname: str) -> Answer | None:
        """The answer that this comment or post of ours belongs to."""
        return await self._do(_one, "message = ?1 OR post = ?1", fullname)

    async def posting(self, key: str, post: str) -> None:
        """Its picture post stands as `post`; "" = it is about to be made."""
        await self._do(_run, "UPDATE answers SET post = ? WHERE key = ?", post, key)

    async def stands(self, key: str, message: str, *, subreddit: str, next_look: float | None) -> None:
        """The comment stands; look at it again `next_look` seconds from now, None = never."""
        now = self._clock()
        later = None if next_look is None else now + next_look
        await self._do(
            _run,
            "UPDATE answers SET message = ?, subreddit = ?, said = ?, next_look = ? WHERE key = ?",
            message,
            subreddit,
            now,
            later,
            key,
        )

    async def said_since(self, subreddit: str, seconds: float) -> int:
        """How many comments were made there in the last so many seconds."""
        rows = await self._do(
            _all, "SELECT count(*) FROM answers WHERE subreddit = ? AND said > ?", subreddit, self._clock() - seconds
        )
        return int(rows[0][0])

    async def due(self, limit: int = 100) -> list[Answer]:
        """Answers to look at again now, oldest first."""
        found = f"SELECT {_COLUMNS} FROM answers WHERE next_look <= ? ORDER BY next_look LIMIT {limit}"  # noqa: S608
        return [Answer(*row) for row in await self._do(_all, found, self._clock())]

    async def looked(self, key: str, *, next_look: float | None, removed: bool = False) -> None:
        """It was looked at; again `next_look` seconds from now, None = never. `removed`: others don't see it."""
        later = None if next_look is None else self._clock() + next_look
        await self._do(
            _run,
            "UPDATE answers SET looks = looks + 1, next_look = ?, removed = max(removed, ?) WHERE key = ?",
            later,
            int(removed),
            key,
        )

    async def removed_of_last(self, subreddit: str, count: int) -> int:
        """How many of the last so many comments there, looked at already, others don't see."""
        rows = await self._do(
            _all,
            "SELECT removed FROM answers WHERE subreddit = ? AND looks > 0 ORDER BY said DESC LIMIT ?",
            subreddit,
            count,
        )
        return sum(int(row[0]) for row in rows)

    async def vote(self, post: str, *, score: int, ratio: float) -> None:
        """How a picture post is liked: a weak signal, kept apart from what people say on purpose."""
        await self._do(
            _run,
            "INSERT INTO votes VALUES (?, ?, ?, ?) ON CONFLICT (post) DO UPDATE"
            " SET score = excluded.score, ratio = excluded.ratio, at = excluded.at",
            post,
            score,
            ratio,
            self._clock(),
        )

    async def note(self, kind: str, name: str, value: str | None = None) -> str | None:
        """A note by its kind and name; with a value it is written first."""
        if value is not None:
            await self._do(
                _run,
                "INSERT INTO notes VALUES (?, ?, ?, ?) ON CONFLICT (kind, name) DO UPDATE"
                " SET value = excluded.value, at = excluded.at",
                kind,
                name,
                value,
                self._clock(),
            )
        rows = await self._do(_all, "SELECT value FROM notes WHERE kind = ? AND name = ?", kind, name)
        return str(rows[0][0]) if rows else None

    async def _do(self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do it on the file's thread.

        Raises:
            StorageFull: the disk is.
            SendFailed: the file cannot be used right now.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, functools.partial(work, self._file, *args, **kwargs))
        except sqlite3.Error as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise StorageFull("The disk has no room left for what is said on Reddit.") from error
            raise SendFailed(f"The memory of Reddit cannot be used: {error}.") from error


def _one(file: sqlite3.Connection, condition: str, *values: object) -> Answer | None:
    row = file.execute(f"SELECT {_COLUMNS} FROM answers WHERE {condition}", values).fetchone()  # noqa: S608  # ours
    return Answer(*row) if row else None


def _all(file: sqlite3.Connection, statement: str, *values: object) -> list[tuple[Any, ...]]:
    return file.execute(statement, values).fetchall()


def _run(file: sqlite3.Connection, statement: str, *values: object) -> None:
    file.execute(statement, values)


def _impossible() -> Answer:
    raise LookupError("A row that was just written is not there.")
