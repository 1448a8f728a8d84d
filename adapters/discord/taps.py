"""Emoji as Discord tells of them: the same event again after a reconnect, normal and super ones, clears of all at once.

`platform` asks whether an event is news; only what changes something is.
"""

from __future__ import annotations

import time
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

MOST = 50_000
"""Emoji that are known at once; the oldest are forgotten."""


@dataclass(frozen=True)
class Tap:
    """Somebody's emoji on a message."""

    message: int
    person: int
    emoji: str


class Taps:
    """What is known of the emoji that stand, since this process began to listen."""

    def __init__(self) -> None:
        self._kinds: OrderedDict[Tap, frozenset[bool]] = OrderedDict()
        self._of: defaultdict[int, set[Tap]] = defaultdict(set)
        self._counted = 0

    def put(self, tap: Tap, *, burst: bool) -> bool:
        """An emoji was put; whether that is news: a super one beside a normal one is the same emoji."""
        before = self._kinds.get(tap, frozenset())
        self._keep(tap, before | {burst})
        return not before

    def taken(self, tap: Tap, *, burst: bool) -> bool:
        """An emoji was taken away; whether that is news. What was put before we listened is."""
        before = self._kinds.get(tap)
        if before is None:
            self._keep(tap, frozenset())
            return True
        self._keep(tap, before - {burst})
        return bool(before) and not before - {burst}

    def cleared(self, message: int, emoji: str | None) -> Iterator[Tap]:
        """All of a message, or all of one kind, were taken away: those that are known to have stood."""
        for tap in sorted(self._of.get(message, ()), key=lambda each: (each.person, each.emoji)):
            if emoji in (None, tap.emoji) and self._kinds.get(tap):
                self._keep(tap, frozenset())
                yield tap

    def name(self, tap: Tap) -> str:
        """A name for the event that is happening now."""
        self._counted += 1
        return f"discord:r{tap.message}/{tap.person}/{time.time_ns()}-{self._counted}".replace("/", "-")

    def _keep(self, tap: Tap, kinds: frozenset[bool]) -> None:
        self._kinds[tap] = kinds
        self._kinds.move_to_end(tap)
        self._of[tap.message].add(tap)
        if len(self._kinds) > MOST:
            oldest, _ = self._kinds.popitem(last=False)
            self._of[oldest.message].discard(oldest)
            if not self._of[oldest.message]:
                del self._of[oldest.message]
