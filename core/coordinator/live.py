"""What one coordinator process knows of this very moment and no database keeps: steps of running jobs, and wake-ups.

The pop handler waits on `arrival` for work, the handlers that make work call `wake`; workers report steps, check and
status show them. Streams of events wait on `change` of their request, the handlers that change one call `touch`. After
a restart the steps come back with the next report.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from weakref import WeakValueDictionary

from core.errors import TooMany

_MOST_JOBS = 10_000


@dataclass(frozen=True, slots=True)
class Step:
    """How far a worker is with one job."""

    step: int
    """Steps done, 0..steps."""
    steps: int
    at: float
    """When it was reported, seconds of the monotonic clock."""
    preview: str | None = None
    """How the picture looks by now, a small webp file as base64."""


class Live:
    """Steps by job id, and one event that long polls wait for."""

    def __init__(self, tell: Callable[[str], None] = lambda _: None) -> None:
        """tell: passes a word on to the other processes, who `hear` it."""
        self._tell = tell
        self._steps: OrderedDict[str, Step] = OrderedDict()
        self._arrival = asyncio.Event()
        self._changes: WeakValueDictionary[str, asyncio.Event] = WeakValueDictionary()
        self._streams: Counter[str] = Counter()
        self.mail = asyncio.Event()
        """Set when there is something new for the courier, who clears it."""
        self._closing = False

    def report(self, job_id: str, *, step: int, steps: int, preview: str | None = None) -> None:
        """Remember how far a job is; a report that comes late does not turn it back.

        Args:
            job_id: the job.
            step: steps done.
            steps: of so many.
            preview: how it looks by now (base64), None = as it was.
        """
        self._reported(job_id, step=step, steps=steps, preview=preview)
        self._tell(f"step {job_id} {step} {steps}" + (f" {preview}" if preview else ""))

    def _reported(self, job_id: str, *, step: int, steps: int, preview: str | None) -> None:
        before = self._steps.pop(job_id, None)
        done = max(step, before.step) if before is not None and before.steps == steps else step
        shown = preview or (before.preview if before is not None else None)
        self._steps[job_id] = Step(step=min(done, steps), steps=steps, at=time.monotonic(), preview=shown)
        while len(self._steps) > _MOST_JOBS:
            self._steps.popitem(last=False)

    def step(self, job_id: str) -> Step | None:
        """How far a job is, as far as this process was told."""
        return self._steps.get(job_id)

    def forget(self, job_id: str) -> None:
        """A job has ended."""
        self._steps.pop(job_id, None)

    def arrival(self) -> asyncio.Event:
        """The event that `wake` will set next. Take it *before* looking for work: then no wake-up can be missed."""
        return self._arrival

    def wake(self) -> None:
        """New work is there: every long poll looks again."""
        self._rouse()
        self._tell("wake")

    def _rouse(self) -> None:
        self._arrival.set()
        if not self._closing:
            self._arrival = asyncio.Event()

    def change(self, request_id: str) -> asyncio.Event:
        """The event that the next `touch` of a request sets. Take it *before* looking at the request."""
        event = self._changes.get(request_id)
        if event is None:
            event = self._changes[request_id] = asyncio.Event()
        if self._closing:
            event.set()
        return event

    def touch(self, request_id: str) -> None:
        """A request is not what it was: whoever follows it looks again."""
        self._touched(request_id)
        self._tell(f"touch {request_id}")

    def hear(self, word: str) -> None:
        """What another process passed on."""
        match word.split():
            case ["wake"]:
                self._rouse()
            case ["touch", request_id]:
                self._touched(request_id)
            case ["step", job_id, step, steps]:
                self._reported(job_id, step=int(step), steps=int(steps), preview=None)
            case ["step", job_id, step, steps, preview]:
                self._reported(job_id, step=int(step), steps=int(steps), preview=preview)
            case _:
                return  # of a newer version

    def _touched(self, request_id: str) -> None:
        event = self._changes.pop(request_id, None)
        if event is not None:
            event.set()

    @contextmanager
    def stream(self, place: str, *, most: int) -> Generator[None]:
        """One more open stream of a place, until the block is left.

        Raises:
            TooMany: the place has `most` open already.
        """
        if self._streams[place] >= most:
            raise TooMany(f"At most {most} streams of events may be open at once; ask `check` meanwhile.")
        self._streams[place] += 1
        try:
            yield
        finally:
            self._streams[place] -= 1
            if not self._streams[place]:
                del self._streams[place]

    @property
    def closing(self) -> bool:
        """The coordinator is stopping: long polls answer at once."""
        return self._closing

    def close(self) -> None:
        """Let every long poll answer and every stream end now, and those that come later too."""
        self._closing = True
        self._rouse()
        for request_id in list(self._changes):
            self._touched(request_id)
