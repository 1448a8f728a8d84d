"""Where calls are counted: in this process's memory, or in a Redis or Valkey that all processes share.

`rates` asks before each handler. A server that is away must not stop the horde: meanwhile this process counts by itself
and asks again after a few seconds.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from limits import RateLimitItem
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import StorageError

from core import log
from core.errors import ConfigError

if TYPE_CHECKING:
    from limits.util import WindowStats

_log = log.get(__name__)
T = TypeVar("T")

_PATIENCE = 0.5
"""Seconds that a call may wait for the server's answer."""
_AGAIN_AFTER = 5.0
"""Seconds for which a server that was away is not asked."""
_SPOKEN = {"valkey": "redis", "valkeys": "rediss", "redis": "redis", "rediss": "rediss"}
"""Both servers speak one protocol, and one client library speaks it to both."""


class Counters:
    """Counters of fixed windows."""

    def __init__(self, url: str = "") -> None:
        """url: `redis://host:6379/0`, `rediss://…`, `valkey://…`; empty = memory.

        Raises:
            ConfigError: the address is none of these, or the library is not installed.
        """
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._storage = _connect(url) if url else None
        self._shared = FixedWindowRateLimiter(self._storage) if self._storage is not None else None
        self._away_until = 0.0

    async def count(self, item: RateLimitItem, *names: str) -> tuple[bool, WindowStats]:
        """Count one call of a counter; whether it was within the limit, and what remains of the window."""

        async def count(limiter: FixedWindowRateLimiter) -> tuple[bool, WindowStats]:
            allowed = await limiter.hit(item, *names)
            return allowed, await limiter.get_window_stats(item, *names)

        return await self._at(count)

    async def look(self, item: RateLimitItem, *names: str) -> WindowStats:
        """What remains of the window of a counter."""
        return await self._at(lambda limiter: limiter.get_window_stats(item, *names))

    async def _at(self, act: Callable[[FixedWindowRateLimiter], Awaitable[T]]) -> T:
        """Do it where calls are counted now."""
        if self._shared is not None and time.monotonic() >= self._away_until:
            try:
                return await act(self._shared)
            except StorageError as error:
                self._away_until = time.monotonic() + _AGAIN_AFTER
                _log.warning("shared_counters_away", reason=str(error.storage_error), again_after=_AGAIN_AFTER)
        return await act(self._own)

    async def close(self) -> None:
        """Let go of the server."""
        if self._storage is not None:
            await cast("Any", self._storage).bridge.get_connection().aclose()


def _connect(url: str) -> Storage:
    scheme, mark, rest = url.partition("://")
    if not mark or scheme not in _SPOKEN:
        raise ConfigError(
            "coordinator.limits.counters_url: allowed is an address like redis://host:6379/0, rediss:// or valkey://."
        )
    try:
        from limits.aio.storage import RedisStorage
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
    except ImportError as error:
        raise ConfigError(
            "coordinator.limits.counters_url needs a library that is not installed: pip install '.[redis]'."
        ) from error
    options: dict[str, Any] = {
        "socket_timeout": _PATIENCE,
        "socket_connect_timeout": _PATIENCE,
        "retry": Retry(NoBackoff(), 1),  # a connection that the server closed while it was idle is no outage
    }
    try:
        return RedisStorage(
            f"async+{_SPOKEN[scheme]}://{rest}", wrap_exceptions=True, implementation="redispy", **options
        )
    except ValueError as error:
        raise ConfigError(f"coordinator.limits.counters_url: this address cannot be used: {error}.") from None
