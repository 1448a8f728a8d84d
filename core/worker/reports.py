"""Tells the coordinator how far a batch is, and learns from it which pictures nobody wants any more.

An `easel` opens a report around each batch. Reports run beside the drawing and never hold it up.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from core import log
from core.client.horde import HordeClient
from core.contract.work import ProgressRequest
from core.errors import LargesseError
from core.worker.jobs import Held
from core.worker.pace import Pace
from core.worker.renderer import OnStep

_logger = log.get(__name__)
Unwant = Callable[[str], Awaitable[None]]


class Reports:
    """The reports to one coordinator. A report that fails is no trouble: the next one says more."""

    def __init__(self, client: HordeClient, pace: Pace) -> None:
        self._client = client
        self._pace = pace

    @contextlib.asynccontextmanager
    async def about(self, batch: Sequence[Held], *, unwant: Unwant) -> AsyncGenerator[OnStep]:
        """Around the drawing of a batch; yields what to call at each step.

        Args:
            batch: the jobs that are drawn.
            unwant: called with the id of each job that is found to be unwanted.
        """
        ids = [held.job.id for held in batch]
        now = _Now(step=0, steps=max(held.job.steps for held in batch))
        telling = asyncio.create_task(self._tell(ids, now, unwant))
        try:
            yield now.set
        finally:
            telling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await telling

    async def _tell(self, ids: list[str], now: _Now, unwant: Unwant) -> None:
        while ids:
            await now.changed.wait()
            now.changed.clear()
            for job in list(ids):
                if not await self._wanted(job, now):
                    ids.remove(job)
                    await unwant(job)
                await asyncio.sleep(self._pace.progress)

    async def _wanted(self, job: str, now: _Now) -> bool:
        try:
            answer = await self._client.progress(ProgressRequest(id=job, step=now.step, steps=now.steps))
        except LargesseError as error:
            _logger.debug("progress_report_failed", job=job, reason=str(error))
            return True
        return answer.wanted


class _Now:
    """The latest step of a batch."""

    def __init__(self, *, step: int, steps: int) -> None:
        self.step = step
        self.steps = max(1, steps)
        self.changed = asyncio.Event()
        self.changed.set()

    def set(self, step: int, steps: int) -> None:
        self.step, self.steps = step, max(1, steps)
        self.changed.set()
