"""Short messages between the processes that share a PostgreSQL database, over one connection of each (LISTEN, NOTIFY).

They only make things quicker: whoever misses one finds out by looking, a little later. That is why they are sent after
the commit and a few at a time, instead of within each transaction: a NOTIFY inside would make all commits of the server
take turns.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn, Protocol

from core.errors import HordeUnavailable

CHANNEL = "largesse"
EVERYTHING = "everything"
"""The topic under which a listener hears that it may have missed anything."""
GATHER_SECONDS = 0.01
"""How long messages are gathered before they leave together."""
PULSE_SECONDS = 5.0
"""How often a connection that says nothing is asked whether it is still there."""
MOST_WAITING = 20_000
_MOST_BYTES = 7_000

Hear = Callable[[str, Sequence[str]], None]


class _Line(Protocol):
    raw: Any
    connection: Any


class Signals:
    """The messages of one process, both ways."""

    def __init__(self, connect: Callable[[], Awaitable[_Line]], faults: tuple[type[Exception], ...]) -> None:
        """faults: what the driver raises where the connection breaks."""
        self._faults = faults
        self._connect = connect
        self._name = secrets.token_hex(8)
        self._out: dict[tuple[str, str], None] = {}
        self._work = asyncio.Event()
        self._listening = False

    def tell(self, topic: str, message: str) -> None:
        """Let the other processes know, as long as this one takes part; the same message is sent once."""
        if not self._listening:
            return
        if len(self._out) >= MOST_WAITING:
            self._out = {(EVERYTHING, ""): None}
        self._out[topic, message] = None
        self._work.set()

    async def exchange(self, hear: Hear) -> NoReturn:
        """Take part until cancelled or until the connection breaks; then call it again.

        Args:
            hear: called with a topic and its messages from another process. First, whenever the connection is there
                (again), with EVERYTHING and nothing: what was said before is not heard any more.

        Raises:
            HordeUnavailable: the connection broke or cannot be made.
        """
        try:
            await self._take_part(hear)
        except self._faults as error:
            raise HordeUnavailable(f"No word from the database: {error}", retry_after=1) from error

    async def _take_part(self, hear: Hear) -> NoReturn:

        def heard(_connection: object, _process: int, _channel: str, letter: str) -> None:
            self._heard(hear, letter)

        self._listening = True
        line = await self._connect()
        try:
            await line.raw.add_listener(CHANNEL, heard)
            hear(EVERYTHING, ())
            while True:
                await self._wait_for_work()
                await self._send(line)
        finally:
            line.raw.terminate()
            await line.connection.invalidate()
            await line.connection.close()

    async def _wait_for_work(self) -> None:
        try:
            async with asyncio.timeout(PULSE_SECONDS):
                await self._work.wait()
            await asyncio.sleep(GATHER_SECONDS)
        except TimeoutError:
            return

    async def _send(self, line: _Line) -> None:
        """Send what is there, or a pulse; what could not be sent stays for the next connection."""
        self._work.clear()
        waiting, self._out = self._out, {}
        try:
            for letter in _letters(self._name, waiting):
                await line.raw.execute("SELECT pg_notify($1, $2)", CHANNEL, letter, timeout=PULSE_SECONDS)
            if not waiting:
                await line.raw.execute("SELECT 1", timeout=PULSE_SECONDS)
            waiting = {}
        finally:
            if waiting:
                self._out = {**waiting, **self._out}
                self._work.set()

    def _heard(self, hear: Hear, letter: str) -> None:
        name, topics = json.loads(letter)
        if name != self._name:
            for topic, messages in topics.items():
                hear(topic, messages)


def _letters(name: str, waiting: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Letters of at most what a notification may hold, for all the messages."""
    topics: dict[str, list[str]] = {}
    size = 0
    for topic, message in waiting:
        if topics and size > _MOST_BYTES - 2 * len(message.encode()):
            yield json.dumps([name, topics])
            topics, size = {}, 0
        topics.setdefault(topic, []).append(message)
        size += len(json.dumps([topic, message]))
    if topics:
        yield json.dumps([name, topics])
