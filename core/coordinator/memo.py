"""Answers remembered for a moment, each computed once however many ask at the same time; used by read endpoints."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

T = TypeVar("T")

_MOST = 2000


class Memo:
    """A bounded memory of one process."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[object, ...], tuple[float, asyncio.Future[Any]]] = OrderedDict()

    async def get(self, key: tuple[object, ...], *, seconds: float, make: Callable[[], Awaitable[T]]) -> T:
        """What `make` gave at most so many seconds ago; failures are told to all who wait and not remembered."""
        kept = self._kept.get(key)
        if kept is None or kept[0] <= time.monotonic():
            kept = (time.monotonic() + seconds, asyncio.ensure_future(make()))
            self._kept[key] = kept
            self._kept.move_to_end(key)
            kept[1].add_done_callback(lambda done: self._drop_failed(key, done))
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return cast("T", await asyncio.shield(kept[1]))

    def _drop_failed(self, key: tuple[object, ...], done: asyncio.Future[Any]) -> None:
        kept = self._kept.get(key)
        if (done.cancelled() or done.exception() is not None) and kept is not None and kept[1] is done:
            del self._kept[key]
