"""The lanes of the queue: statements over them, and what a process remembers about their heads.

A lane is a distinct combination of what workers filter by; a request stands in one lane for each model it names (and
worker it asks for). For every lane that may hold something the process knows a bound: no request in it has a smaller
rank. A pop looks only at lanes its worker serves, smallest bound first, so its cost depends on neither the length of
the queue nor on what does not fit. Bounds are only ever too small (that costs a look), never too large (that would hide
a request): they fall when a request enters, rise when a look found a later head, and another process's writes make this
one load them anew: at once on SQLite; on PostgreSQL when it is told of them, and where that message gets lost,
`RELOAD_SECONDS` after the last time.
"""

from __future__ import annotations

import heapq
import json
from bisect import bisect_left, insort
from collections.abc import Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain, islice, repeat

from core.db import Reading, Statement, Writing

RELOAD_SECONDS = 1.0
TOPIC = "lanes"
"""Under which other processes are told what entered which lane."""
PROBES = (4, 16)
"""Lanes that a walk looks at by one statement: the first one at so many, all others at more."""
FRONT = 4
"""Requests that it sees of each lane; the very first ones may be in other hands."""
PAGE = 8
"""Requests that a walk looks at next in a lane whose head is not to be had."""
FEW = 256
"""Lanes whose bounds are sorted for a walk; of more, the sorted list of all is gone through."""

_LOAD = Statement("SELECT l.id, (SELECT min(q.rank) FROM queue q WHERE q.lane_id = l.id) FROM lanes l")
_KEYS = Statement("SELECT id, key FROM lanes WHERE id >= :least ORDER BY id")
_FIND = Statement("SELECT id FROM lanes WHERE key = :key")
_ADD = Statement("INSERT INTO lanes (key) VALUES (:key) ON CONFLICT (key) DO NOTHING RETURNING id")
_ENTER = Statement("INSERT INTO queue (lane_id, rank, request_id) VALUES (:lane, :rank, :request)")
_LEAVE = Statement("DELETE FROM queue WHERE lane_id = :lane AND rank = :rank AND request_id = :request")
_ENTER_ALL = Statement(
    "INSERT INTO queue (lane_id, rank, request_id) SELECT lane, CAST(:rank AS bigint), CAST(:request AS varchar) "
    "FROM unnest(CAST(:lanes AS bigint[])) AS lane"
)
_LEAVE_ALL = Statement(
    "DELETE FROM queue WHERE lane_id = ANY(CAST(:lanes AS bigint[])) AND rank = :rank AND request_id = :request"
)
_HEAD = (
    "SELECT * FROM (SELECT lane_id, rank, request_id FROM queue WHERE lane_id = :lane{0} "  # noqa: S608  # fixed text
    f"ORDER BY lane_id, rank, request_id LIMIT {FRONT}) AS head{{0}}"
)
_HEADS = {size: Statement(" UNION ALL ".join(_HEAD.format(place) for place in range(size))) for size in PROBES}
_NEXT = Statement(
    "SELECT rank, request_id FROM queue WHERE lane_id = :lane AND (rank, request_id) > (:rank, :request) "
    "ORDER BY rank, request_id LIMIT :limit"
)


@dataclass(frozen=True, slots=True)
class LaneKey:
    """What all requests of a lane have in common, as far as workers filter by it."""

    model: str
    """Empty = any model will do."""
    pixels: int
    """Upper end of the size class, width x height."""
    needs: frozenset[str]
    """What the worker must be able and willing to do."""
    worker: str
    """Only this worker; empty = any."""
    patient: bool
    """Extra slow workers may take it."""

    def text(self) -> str:
        """The row of this lane; one lane, one text."""
        return json.dumps([self.model, self.pixels, sorted(self.needs), self.worker, self.patient])

    @classmethod
    def parse(cls, text: str) -> LaneKey:
        """The lane of such a row."""
        model, pixels, needs, worker, patient = json.loads(text)
        return cls(model, pixels, frozenset(needs), worker, patient)


class Lanes:
    """All lanes and the bounds of their heads, as this process knows them."""

    def __init__(self) -> None:
        self.keys: dict[int, LaneKey] = {}
        """Every lane; only ever grows, in order of arrival here."""
        self.heads: dict[int, int] = {}
        """Lane → smallest rank that may stand there; a lane that is missing is empty."""
        self._order: list[tuple[int, int]] = []  # the heads again, (rank, lane) in order
        self._ids: dict[LaneKey, int] = {}
        self._epochs: dict[int, int] = {}
        self._seen: int | None = None
        self._loaded_at = float("-inf")

    def refresh(self, tx: Reading, now: float) -> None:
        """Learn what other processes did."""
        version = tx.foreign_writes()
        if version is None:
            if 0 <= now - self._loaded_at < RELOAD_SECONDS:
                return
        elif version == self._seen:
            return
        self._loaded_at = now  # before the work: others that ask meanwhile make do with the last look
        before = dict(self._epochs)
        heads = tx.all(_LOAD)
        self.known(tx, [lane for lane, _ in heads])
        for lane, head in heads:
            self._set(lane, head, before.get(lane, 0))
        self._seen = version

    def distrust(self) -> None:
        """Messages of other processes may have got lost: load everything at the next question."""
        self._loaded_at = float("-inf")

    def hear(self, messages: Iterable[str]) -> None:
        """What entered which lane elsewhere, as another process's `enter` told it."""
        for message in messages:
            lane, rank = map(int, message.split())
            if lane in self.keys:
                self._entered((lane,), rank)
            else:
                self.distrust()

    def known(self, tx: Reading, lanes: Collection[int]) -> list[LaneKey]:
        """What some lanes are, looked up where another process made them."""
        fresh = [lane for lane in lanes if lane not in self.keys]
        if fresh:
            for lane, text in tx.all(_KEYS, {"least": min(fresh)}):
                if lane not in self.keys:
                    self._learn(lane, LaneKey.parse(text))
        return [self.keys[lane] for lane in lanes]

    def _learn(self, lane: int, key: LaneKey) -> None:
        self._ids[key] = lane
        self.keys[lane] = key

    def _set(self, lane: int, head: int | None, epoch: int) -> None:
        """Believe a head that was looked up at `epoch`, unless something entered the lane since."""
        if self._epochs.get(lane, 0) == epoch:
            self._put(lane, head)
        elif head is not None:
            self._put(lane, min(head, self.heads.get(lane, head)))

    def _put(self, lane: int, head: int | None) -> None:
        old = self.heads.get(lane)
        if old == head:
            return
        if old is not None:
            del self._order[bisect_left(self._order, (old, lane))]
        if head is None:
            del self.heads[lane]
        else:
            self.heads[lane] = head
            insort(self._order, (head, lane))

    def ids(self, tx: Writing, keys: Iterable[LaneKey]) -> list[int]:
        """The numbers of some lanes, made where they are new."""
        return [self._ids.get(key) or self._make(tx, key) for key in keys]

    def _make(self, tx: Writing, key: LaneKey) -> int:
        text = {"key": key.text()}
        lane: int = tx.value(_ADD, text) or tx.value(_FIND, text)
        tx.after_commit(lambda: self._learn(lane, key))
        return lane

    def enter(self, tx: Writing, request: str, rank: int, lanes: Collection[int]) -> None:
        """Put a request into its lanes."""
        if tx.postgres:
            tx.later(_ENTER_ALL, {"lanes": list(lanes), "rank": rank, "request": request})
        else:
            tx.run_many(_ENTER, [{"lane": lane, "rank": rank, "request": request} for lane in lanes])
        self._entered(lanes, rank)  # for the rest of this transaction; a bound that is too small does no harm
        tx.after_commit(lambda: self._entered(lanes, rank))  # again: others may have looked before it was visible
        for lane in lanes:
            tx.tell(TOPIC, f"{lane} {rank}")

    def _entered(self, lanes: Collection[int], rank: int) -> None:
        for lane in lanes:
            self._put(lane, min(rank, self.heads.get(lane, rank)))
            self._epochs[lane] = self._epochs.get(lane, 0) + 1

    def leave(self, tx: Writing, request: str, rank: int, lanes: Collection[int]) -> None:
        """Take a request out of its lanes; bounds stay valid by themselves."""
        if tx.postgres:
            tx.later(_LEAVE_ALL, {"lanes": list(lanes), "rank": rank, "request": request})
        else:
            tx.run_many(_LEAVE, [{"lane": lane, "rank": rank, "request": request} for lane in lanes])

    def _bounds(self, lanes: AbstractSet[int]) -> Iterator[tuple[int, int]]:
        """The bounds of some lanes in order."""
        if len(lanes) < FEW:
            return iter(sorted((self.heads[lane], lane) for lane in tuple(lanes) if lane in self.heads))
        return (bound for bound in list(self._order) if bound[1] in lanes)

    def walk(self, tx: Writing, lanes: AbstractSet[int]) -> Iterator[tuple[int, str]]:
        """Rank and id of everything that waits in some lanes, best first, each request once."""
        bounds = self._bounds(lanes)
        nearest = next(bounds, None)
        rows: list[tuple[int, str, int]] = []
        probes = chain(PROBES, repeat(PROBES[-1]))
        seen: set[str] = set()
        longer: set[int] = set()  # lanes of which there is more than was seen
        while nearest is not None or rows:
            if nearest is not None and (not rows or nearest[0] <= rows[0][0]):
                chosen = [nearest[1], *(lane for _, lane in islice(bounds, next(probes) - 1))]
                nearest = next(bounds, None)
                for lane, fronts in self._probe(tx, chosen).items():
                    longer |= {lane} if len(fronts) == FRONT else set()
                    for rank, request in fronts:
                        heapq.heappush(rows, (rank, request, lane))
                continue
            rank, request, lane = heapq.heappop(rows)
            if request not in seen:
                seen.add(request)
                yield rank, request
            if lane in longer and not any(row[2] == lane for row in rows):
                page = tx.all(_NEXT, {"lane": lane, "rank": rank, "request": request, "limit": PAGE})
                longer -= {lane} if len(page) < PAGE else set()
                for row in page:
                    heapq.heappush(rows, (row[0], row[1], lane))

    def _probe(self, tx: Writing, lanes: list[int]) -> dict[int, list[tuple[int, str]]]:
        """What stands in front in some lanes, best first; the heads are remembered once the transaction stands."""
        size = next(size for size in PROBES if size >= len(lanes))
        asked = {f"lane{place}": lanes[min(place, len(lanes) - 1)] for place in range(size)}
        epochs = {lane: self._epochs.get(lane, 0) for lane in lanes}  # of before the look: what enters meanwhile counts
        fronts: dict[int, list[tuple[int, str]]] = {}
        for lane, rank, request in sorted({tuple(row) for row in tx.all(_HEADS[size], asked)}):
            fronts.setdefault(lane, []).append((rank, request))

        def remember() -> None:
            for lane, epoch in epochs.items():
                self._set(lane, fronts[lane][0][0] if lane in fronts else None, epoch)

        tx.after_commit(remember)
        return fronts
