"""Who works and what waits, as this process last saw it: for position, waiting time, "nobody can serve this".

Both pictures are taken at most once a second and shared by all who ask; nobody's request scans the queue.
"""

from __future__ import annotations

import json
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import accumulate

from core.coordinator.rules import traits as traits_of
from core.coordinator.rules.traits import Declared, Traits
from core.coordinator.store import requests, workers
from core.coordinator.store.lanes import LaneKey
from core.coordinator.store.workers import WorkerRow
from core.db import Reading

SECONDS = 1.0
COST_SHARE = 20
"""A picture of the queue is taken again after this many times what taking it cost."""
STALE_AFTER = 300.0
"""Seconds without a pop until a worker counts as gone."""
NEW_SPEED = 1_000_000.0
"""Pixelsteps per second that a worker counts for before its first picture."""


@dataclass(frozen=True, slots=True)
class Live:
    """A worker that is there."""

    row: WorkerRow
    declared: Declared
    traits: Traits
    speed: float
    """Pixelsteps per second."""

    @property
    def takes_all(self) -> bool:
        """Does it serve others than its owner?"""
        return not (self.row.maintenance or self.row.paused)


def speed_of(row: WorkerRow) -> float:
    """Pixelsteps per second: the mean of the last samples."""
    samples: list[float] = json.loads(row.samples)
    return sum(samples) / len(samples) if samples else NEW_SPEED


def live(row: WorkerRow) -> Live:
    """A worker as lanes see it."""
    declared = traits_of.parse_declared(row.declared)
    speed = speed_of(row)
    trusted = bool(row.owner_trusted)
    return Live(row, declared, traits_of.traits(row.id, declared, trusted=trusted, speed=speed), speed)


class Fleet:
    """All workers that were seen lately."""

    def __init__(self) -> None:
        self.live: list[Live] = []
        self._at = float("-inf")

    def refresh(self, tx: Reading, now: float) -> None:
        """Look again when the last look is old."""
        if not 0 <= now - self._at < SECONDS:
            self.live = [live(row) for row in workers.live(tx, since=now - STALE_AFTER)]
            self._at = now

    def changed(self) -> None:
        """A worker came or says something new: look again at the next question."""
        self._at = float("-inf")

    def servers(self, keys: Collection[LaneKey], demand: Demand) -> list[Live]:
        """The workers that can serve a request which stands in these lanes."""
        return [
            worker
            for worker in self.live
            if (worker.takes_all or worker.row.user_id == demand.user_id)
            and demand.refusal(worker) is None
            and any(traits_of.obstacle(key, worker.traits) is None for key in keys)
        ]

    def reason(self, keys: Collection[LaneKey], demand: Demand) -> str:
        """Why nobody can serve it, as a sentence about the worker that comes nearest."""
        if not any(worker.takes_all for worker in self.live):
            return "No worker is online right now."
        found = {
            traits_of.obstacle(key, worker.traits) or demand.refusal(worker) or ""
            for worker in self.live
            if worker.takes_all
            for key in keys
        }
        return next(sentence.format(lane=next(iter(keys))) for reason, sentence in _SENTENCES if reason in found)


@dataclass(frozen=True, slots=True)
class Demand:
    """What of a request is compared with single workers, because lanes do not tell it."""

    user_id: int
    area: int
    """Width x height."""
    prompt: str
    """The positive part, lower case."""
    denied: frozenset[str]
    """Workers that the requester does not want."""

    def refusal(self, worker: Live) -> str | None:
        """Why this worker is not given the request, as a key of `skipped`; None = it may be."""
        if worker.row.id in self.denied:
            return "worker_id"
        if self.area > worker.declared.max_pixels:
            return "max_pixels"
        if traits_of.blocked_word(self.prompt, worker.declared.blacklist):
            return "blacklist"
        return None


_SENTENCES: tuple[tuple[str, str], ...] = (
    ("step_count", "No worker that is online takes that many steps."),
    ("performance", "Only slow workers are online, and this request refuses them."),
    ("nsfw", "No worker that is online takes requests that allow NSFW pictures."),
    ("untrusted", "No trusted worker is online for this model."),
    ("blacklist", "Every worker that could draw this refuses a word of the prompt."),
    ("img2img", "No worker that is online draws from a source picture."),
    ("painting", "No worker that is online does inpainting."),
    ("post-processing", "No worker that is online does this post-processing."),
    ("lora", "No worker that is online takes LoRAs."),
    ("controlnet", "No worker that is online takes this ControlNet."),
    ("bridge_version", "No worker that is online can do everything that this request asks for."),
    ("max_pixels", "No worker that is online draws pictures of that size."),
    ("worker_id", "The workers that this request names are not online or cannot draw it."),
    ("models", "No worker that is online has the model {lane.model!r}."),
    ("", "No worker that is online can draw this."),
)
"""The nearest miss first: a worker that fails only there would have done."""


class Waiting:
    """Everything that waits, grouped by the set of lanes it stands in.

    What was worked out from a look is remembered until the next one. Looks become rarer as they and the work on them
    become dearer, so that a long queue costs a small share of the time and no more.
    """

    def __init__(self) -> None:
        self._groups: dict[frozenset[int], _Group] = {}
        self._lines: dict[Hashable, _Line] = {}
        self._skips: dict[Traits, Mapping[str, int]] = {}
        self._at = float("-inf")
        self._cost = 0.0
        self.requests = 0
        """How many requests waited at the last look."""

    def refresh(self, tx: Reading, now: float, *, patience: float = 1.0) -> None:
        """Look again when the last look is old; with more patience, when it is that many times as old."""
        if 0 <= now - self._at < max(SECONDS, COST_SHARE * self._cost) * patience:
            return
        self._at = now  # before the work: others that ask meanwhile make do with the last look
        begun = time.perf_counter()
        rows: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
        for lanes, rank, waiting, things in requests.profile(tx):
            rows[lanes].append((rank, waiting, waiting * things))
        self._groups = {frozenset(json.loads(lanes)): _group(members) for lanes, members in rows.items()}
        self._lines, self._skips = {}, {}
        self.requests = sum(map(len, rows.values()))
        self._cost = time.perf_counter() - begun

    def ahead(self, who: Hashable, lanes: Callable[[], AbstractSet[int]], rank: int) -> tuple[int, int]:
        """How many requests of some lanes come before a rank, and how many pixelsteps they are.

        Args:
            who: stands for the lanes, under which the line is remembered.
            lanes: gives them where the line is not known yet.
            rank: the place.
        """
        line = self._lines.get(who)
        if line is None:
            begun = time.perf_counter()
            line = self._lines[who] = self._line(lanes())
            self._cost += time.perf_counter() - begun
        place = bisect_left(line.ranks, rank)
        return place, line.things[place - 1] if place else 0

    def _line(self, lanes: AbstractSet[int]) -> _Line:
        members = [
            member for where, group in self._groups.items() if not lanes.isdisjoint(where) for member in group.members
        ]
        members.sort()
        return _Line([rank for rank, _ in members], list(accumulate(things for _, things in members)))

    def pictures(self, worker: Traits, obstacles: Mapping[int, str]) -> Mapping[str, int]:
        """Obstacle → pictures that wait where a worker meets one in all of their lanes; not to be changed."""
        known = self._skips.get(worker)
        if known is None:
            found: dict[str, int] = defaultdict(int)
            for where, group in self._groups.items():
                if all(lane in obstacles for lane in where):
                    found[min(obstacles[lane] for lane in where)] += group.pictures
            known = self._skips[worker] = dict(found)
        return known


@dataclass(frozen=True, slots=True)
class _Group:
    """What waits in the same lanes: rank and pixelsteps of each request, and how many pictures they are."""

    members: list[tuple[int, int]]
    pictures: int


@dataclass(frozen=True, slots=True)
class _Line:
    """What stands in one line: ranks in order, and the pixelsteps up to each."""

    ranks: list[int]
    things: list[int]


def _group(rows: Sequence[tuple[int, int, int]]) -> _Group:
    return _Group([(rank, things) for rank, _, things in rows], sum(waiting for _, waiting, _ in rows))
