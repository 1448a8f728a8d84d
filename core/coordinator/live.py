"""What one coordinator process knows of this very moment and no database keeps: steps of running jobs, and wake-ups.

The pop handler waits on `arrival` for work, the handlers that make work call `wake`; workers report steps, check and
status show them. After a restart the steps come back with the next report.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass

_MOST_JOBS = 10_000


@dataclass(frozen=True, slots=True)
class Step:
    """How far a worker is with one job."""

    step: int
    """Steps done, 0..steps."""
    steps: int
    at: float
    """When it was reported, seconds of the monotonic clock."""


class Live:
    """Steps by job id, and one event that long polls wait for."""

    def __init__(self) -> None:
        self._steps: OrderedDict[str, Step] = OrderedDict()
        self._arrival = asyncio.Event()
        self._closing = False

    def report(self, job_id: str, *, step: int, steps: int) -> None:
        """Remember how far a job is; a report that comes late does not turn it back."""
        before = self._steps.pop(job_id, None)
        done = max(step, before.step) if before is not None and before.steps == steps else step
        self._steps[job_id] = Step(step=min(done, steps), steps=steps, at=time.monotonic())
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
        self._arrival.set()
        if not self._closing:
            self._arrival = asyncio.Event()

    @property
    def closing(self) -> bool:
        """The coordinator is stopping: long polls answer at once."""
        return self._closing

    def close(self) -> None:
        """Let every long poll answer now, and those that come later too."""
        self._closing = True
        self.wake()
