"""What a horde tells of a request by itself, for `track`, which asks only while nothing is told.

A stream that breaks is opened again after a pause; a horde that has none is left in peace.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from types import TracebackType
from typing import Self

from core import log
from core.client import HordeClient
from core.contract.generate import CheckResponse
from core.errors import LargesseError, NotFound, TooMany

AGAIN = 1.0
"""Seconds until a broken stream is opened again."""
AGAIN_WHEN_FULL = 30.0
"""The same where the horde says that there are too many."""

_log = log.get(__name__)


class Told:
    """Listens to one request for as long as the block lasts."""

    def __init__(self, horde: HordeClient, request_id: str) -> None:
        self._horde, self._request_id = horde, request_id
        self._newest: CheckResponse | None = None
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.live = False
        """The horde is telling: nobody needs to ask."""

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def take(self) -> CheckResponse | None:
        """The newest that was told since the last time, None where there is nothing new."""
        newest, self._newest = self._newest, None
        self._news.clear()
        return newest

    async def news(self, seconds: float) -> None:
        """Wait until something is told or the telling ends, so many seconds at most."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            pass

    async def _listen(self) -> None:
        pause: float | None = AGAIN
        while pause is not None:
            pause = await self._listen_once()
            self.live = False
            self._news.set()
            await asyncio.sleep(pause or 0.0)

    async def _listen_once(self) -> float | None:
        """Listen to one stream; the seconds until another is worth it, None = never."""
        try:
            async with aclosing(self._horde.events(self._request_id)) as states:
                async for state in states:
                    self._newest, self.live = state, True
                    self._news.set()
        except NotFound:
            return None
        except TooMany:
            return AGAIN_WHEN_FULL
        except LargesseError as error:
            _log.debug("stream_broke", request=self._request_id, reason=error.code)
            return AGAIN
        return None
