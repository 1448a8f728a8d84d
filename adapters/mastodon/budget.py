"""What an instance still allows: calls, posts, uploads and deletions are counted in windows of their own.

`server` asks before every call and reports what each answer says. Where an instance says nothing, Mastodon's own
limits hold.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum


class Kind(StrEnum):
    """What a call counts as."""

    CALL = "call"
    """Anything that has no window of its own."""
    POST = "post"
    """Statuses, new and edited."""
    MEDIA = "media"
    """Uploads."""
    DELETE = "delete"
    """Deletions of statuses."""


_MINUTE = 60.0
USUAL = {
    Kind.CALL: (300, 5 * _MINUTE),
    Kind.POST: (300, 180 * _MINUTE),
    Kind.MEDIA: (30, 30 * _MINUTE),
    Kind.DELETE: (30, 30 * _MINUTE),
}
"""Mastodon's limits: so many in so many seconds."""
_EPOCH = 1_000_000_000
_SOON = 1.0
"""Seconds until a call asks again whose window's end is about to be told by calls that are on their way."""


def kind_of(method: str, path: str) -> Kind:
    """What a call counts as."""
    if path.startswith(("/api/v1/media", "/api/v2/media")) and method == "POST":
        return Kind.MEDIA
    if path.startswith("/api/v1/statuses"):
        if method == "DELETE":
            return Kind.DELETE
        if method == "PUT" or (method == "POST" and path == "/api/v1/statuses"):
            return Kind.POST
    return Kind.CALL


@dataclass(slots=True)
class _Window:
    most: int
    left: int
    ends: float
    flying: int = 0
    told: bool = False
    """The instance said when it ends; else that is the usual length, which may be far too long."""


class Budget:
    """The open windows. Not for several threads: `take`, `back` and `note` are called from the event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows = {kind: _Window(most, most, clock() + seconds) for kind, (most, seconds) in USUAL.items()}

    def take(self, kind: Kind) -> float:
        """Reserve a call; the seconds to wait before asking again, 0 where it may go out now."""
        window = self._open(kind)
        if window.left <= 0 and window.flying and not window.told:
            return _SOON
        if window.left <= 0:
            return max(0.01, window.ends - self._clock())
        window.left -= 1
        window.flying += 1
        return 0.0

    def back(self, kind: Kind) -> None:
        """A call has ended, whatever became of it."""
        self._windows[kind].flying -= 1

    def left(self, kind: Kind) -> int:
        """Calls that may still go out in this window."""
        return self._open(kind).left

    def note(self, kind: Kind, headers: Mapping[str, str]) -> None:
        """Remember what the answer of a call that is just ending said."""
        window = self._windows[kind]
        try:
            left, reset = int(headers["X-RateLimit-Remaining"]), _seconds_until(headers)
            window.most = int(headers.get("X-RateLimit-Limit", window.most))
        except (KeyError, ValueError, OverflowError):
            return
        ends = self._clock() + reset
        others = max(0, window.flying - 1)
        newer = ends > window.ends + 1.0 or window.ends <= self._clock()
        window.left = left - others if newer else min(window.left, left - others)
        window.ends, window.told = ends, True

    def exhausted(self, kind: Kind, headers: Mapping[str, str]) -> float:
        """The instance refused for now (429); the seconds until its next window."""
        try:
            wait = float(headers["Retry-After"]) if "Retry-After" in headers else _seconds_until(headers)
        except (KeyError, ValueError, OverflowError):
            wait = _MINUTE
        window = self._windows[kind]
        window.left, window.ends, window.told = 0, self._clock() + max(0.05, wait), True
        return max(0.05, wait)

    def _open(self, kind: Kind) -> _Window:
        window, now = self._windows[kind], self._clock()
        if window.ends <= now:
            window.left, window.ends, window.told = window.most - window.flying, now + USUAL[kind][1], False
        return window


def _seconds_until(headers: Mapping[str, str]) -> float:
    """Seconds until the window ends, by the instance's own clock, which may differ from ours."""
    value = headers["X-RateLimit-Reset"]
    try:
        now = parsedate_to_datetime(headers["Date"]).timestamp()
    except (KeyError, ValueError):
        now = time.time()
    if value.isdigit():
        return max(0.0, float(value) - now if float(value) > _EPOCH else float(value))
    return max(0.0, datetime.fromisoformat(value).timestamp() - now)
