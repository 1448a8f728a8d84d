"""How many more calls an endpoint allows, by the X-RateLimit headers of its last answer.

Asked before every call, so that we wait for the next window instead of running into a 429.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?")
_EPOCH = 1_000_000_000
"""X-RateLimit-Reset is a time of day above this, seconds to go below it."""


@dataclass(slots=True)
class _Window:
    left: int
    ends: float


class Budget:
    """The windows that are known to be open, by path. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[str, _Window] = {}

    def take(self, path: str) -> float:
        """Reserve one call; the seconds to wait before asking again, 0 where the call may go out now."""
        window = self._windows.get(path)
        if window is None:
            return 0.0
        wait = window.ends - self._clock()
        if wait <= 0:
            del self._windows[path]
            return 0.0
        if window.left > 0:
            window.left -= 1
            return 0.0
        return wait

    def note(self, path: str, headers: Mapping[str, str]) -> None:
        """Remember what an answer said."""
        try:
            left, reset = int(headers["X-RateLimit-Remaining"]), float(headers["X-RateLimit-Reset"])
        except (KeyError, ValueError):
            return
        if not math.isfinite(reset):
            return
        now = self._clock()
        self._windows = {known: window for known, window in self._windows.items() if window.ends > now}
        self._windows[path] = _Window(left=left, ends=now + _seconds_until(reset, headers))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the answer's Retry-After asks to wait; None without one that can be read."""
    value = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - _now(headers))
    except ValueError:
        return None


def _seconds_until(reset: float, headers: Mapping[str, str]) -> float:
    return max(0.0, reset - _now(headers) if reset > _EPOCH else reset)


def _now(headers: Mapping[str, str]) -> float:
    """The other side's clock, which may differ from ours."""
    try:
        return parsedate_to_datetime(headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return time.time()
