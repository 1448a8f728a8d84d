"""How many requests one person may make in a minute; kept in memory, asked by dispatch before a conversation starts."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

WINDOW = 60.0
"""Seconds."""
MAX_PEOPLE = 10_000
"""Those who were quiet longest are forgotten beyond this number."""


@dataclass
class _Window:
    times: deque[float] = field(default_factory=deque[float])
    told_until: float = 0.0


class Cooldown:
    """A sliding window for each person; a refused request does not count."""

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._windows: OrderedDict[Hashable, _Window] = OrderedDict()

    def allows(self, who: Hashable) -> bool:
        """Count a request; False when the person has used up the minute."""
        now = self._clock()
        window = self._windows.setdefault(who, _Window())
        self._windows.move_to_end(who)
        if len(self._windows) > MAX_PEOPLE:
            self._windows.popitem(last=False)
        while window.times and window.times[0] <= now - WINDOW:
            window.times.popleft()
        if len(window.times) >= self._per_minute:
            return False
        window.times.append(now)
        return True

    def refuse(self, who: Hashable) -> tuple[float, bool]:
        """Seconds until the next request is allowed, and whether the person has not been told yet."""
        now = self._clock()
        window = self._windows[who]
        until = window.times[0] + WINDOW
        first = now >= window.told_until
        window.told_until = max(until, window.told_until)
        return until - now, first
