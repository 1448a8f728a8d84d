"""The jobs that lie ready between the pop and a free device.

`agent` puts them here and asks for how many more there is room; each `easel` takes its next batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from core.worker import batcher
from core.worker.jobs import Held

_MEMORY = 0.3


class Waiting:
    """Jobs, oldest first. As many are held as the devices draw in `lookahead` seconds, so that none grows stale here.

    Args:
        devices: how many take from it.
        max_batch: most pictures of one batch.
        lookahead: seconds of drawing to hold ready.
    """

    def __init__(self, *, devices: int, max_batch: int, lookahead: float) -> None:
        self._devices = devices
        self._max_batch = max_batch
        self._lookahead = lookahead
        self._jobs: list[Held] = []
        self._seconds: float | None = None
        self._changed = asyncio.Event()
        self._closed = False

    @property
    def limit(self) -> int:
        """How many jobs may lie here; one for each device until it is known how fast they draw."""
        return self._devices * self.amount

    @property
    def amount(self) -> int:
        """How many pictures of one request to take at once: those that one device draws in the time ahead."""
        if self._seconds is None:
            return 1
        return int(min(self._max_batch, max(1.0, self._lookahead / max(self._seconds, 1e-6))))

    def drew(self, pictures: int, seconds: float) -> None:
        """Learn how long a picture takes."""
        latest = seconds / max(1, pictures)
        known = latest if self._seconds is None else self._seconds
        self._seconds = known + _MEMORY * (latest - known)
        self._wake()

    def put(self, jobs: Sequence[Held]) -> None:
        """Add new ones at the end."""
        self._jobs.extend(jobs)
        self._wake()

    def put_first(self, jobs: Sequence[Held]) -> None:
        """Add ones that were taken before and have to be drawn again."""
        self._jobs[:0] = jobs
        self._wake()

    async def room(self) -> int:
        """Wait until more jobs are of use; how many to ask for at once.

        A batch's worth even where less is missing: the answer may be long in coming, and all may be drawn by then.
        """
        while len(self._jobs) >= self.limit:
            await self._change()
        return self.amount

    async def take(self, max_batch: int) -> list[Held]:
        """Wait for the next batch; empty after `close`."""
        while not self._jobs and not self._closed:
            await self._change()
        if not self._jobs:
            return []
        batch = self._pick(max_batch)
        self._jobs = [job for job in self._jobs if job not in batch]
        self._wake()
        return batch

    def close(self) -> list[Held]:
        """No more work: those who wait go home; returns what was still here. Jobs put back later are still taken."""
        rest, self._jobs, self._closed = self._jobs, [], True
        self._wake()
        return rest

    def _pick(self, max_batch: int) -> list[Held]:
        oldest = self._jobs[0]
        if oldest.alone:
            return [oldest]
        free = {held.job.id: held for held in self._jobs if not held.alone}
        return [free[job.id] for job in batcher.pick([held.job for held in free.values()], max_batch=max_batch)]

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _change(self) -> None:
        await self._changed.wait()
