"""Tells the coordinator how far a batch is and how it looks by now, and learns which pictures nobody wants any more.

An `easel` opens a report around each batch. Reports run beside the drawing and never hold it up.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from core import log
from core.client.horde import HordeClient
from core.contract.work import ProgressRequest
from core.errors import LargesseError
from core.worker.jobs import Held
from core.worker.pace import Pace

_logger = log.get(__name__)
Unwant = Callable[[str], Awaitable[None]]


class Reports:
    """The reports to one coordinator. A report that fails is no trouble: the next one says more."""

    def __init__(self, client: HordeClient, pace: Pace) -> None:
        self._client = client
        self._pace = pace

    @contextlib.asynccontextmanager
    async def about(self, batch: Sequence[Held], *, unwant: Unwant) -> AsyncGenerator[Latest]:
        """Around the drawing of a batch; yields what to tell of each step and preview.

        Args:
            batch: the jobs that are drawn.
            unwant: called with the id of each job that is found to be unwanted.
        """
        ids = [held.job.id for held in batch]
        now = Latest(steps=max(held.job.steps for held in batch), previews=self._client.takes_progress)
        telling = asyncio.create_task(self._tell(ids, now, unwant))
        try:
            yield now
        finally:
            telling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await telling

    async def _tell(self, ids: list[str], now: Latest, unwant: Unwant) -> None:
        while ids:
            await now.changed.wait()
            now.changed.clear()
            for job in list(ids):
                if not await self._wanted(job, now):
                    ids.remove(job)
                    await unwant(job)
                await asyncio.sleep(self._pace.progress)

    async def _wanted(self, job: str, now: Latest) -> bool:
        try:
            answer = await self._client.progress(
                ProgressRequest(id=job, step=now.done, steps=now.steps, preview=now.take(job))
            )
        except LargesseError as error:
            _logger.debug("progress_report_failed", job=job, reason=str(error))
            return True
        return answer.wanted


class Latest:
    """The latest step of a batch, and the latest preview of each of its jobs that was not sent yet."""

    def __init__(self, *, steps: int, previews: bool) -> None:
        self.done = 0
        self.steps = max(1, steps)
        self.previews = previews
        """Whether anybody could see them."""
        self.changed = asyncio.Event()
        self.changed.set()
        self._previews: dict[str, bytes] = {}

    def step(self, step: int, steps: int) -> None:
        """So many steps are done."""
        self.done, self.steps = step, max(1, steps)
        self.changed.set()

    def preview(self, job: str, picture: bytes) -> None:
        """So it looks by now."""
        self._previews[job] = picture
        self.changed.set()

    def take(self, job: str) -> str | None:
        """The preview to send along, as base64; None where there is no newer one."""
        picture = self._previews.pop(job, None)
        return base64.b64encode(picture).decode() if picture else None
