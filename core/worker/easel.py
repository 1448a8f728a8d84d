"""One device at work: takes a batch, has it drawn, hands the pictures on, and gets over whatever goes wrong.

`pool` runs one easel for each device. A process that dies or hangs costs nobody a picture: the batch is drawn again,
each job alone, so that one bad job is found out and given back while the others are finished.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from core import log
from core.errors import Cancelled, ModelUnusable, OutOfMemory, RenderError
from core.worker.device import Device, DeviceGone
from core.worker.jobs import MAX_CRASHES, Held
from core.worker.pace import Pace
from core.worker.renderer import Drawn, ModelEntry
from core.worker.reports import Reports
from core.worker.waiting import Waiting

_MOST_STARTS = 5
_MOST_CRASHES_IN_A_ROW = 8
_logger = log.get(__name__)


class Takers(Protocol):
    """Where jobs go when an easel is done with them; the agent."""

    def finished(self, held: Held, drawn: Drawn) -> None:
        """A picture is there."""
        ...

    def failed(self, held: Held, *, reason: str) -> None:
        """A job cannot be drawn here."""
        ...

    def dropped(self, held: Held) -> None:
        """Nobody wants this job any more."""
        ...

    def withdraw(self, model: str, *, reason: str) -> None:
        """A model cannot be offered any more."""
        ...


class Easel:
    """Draws what is waiting, batch by batch, until there is nothing more to come.

    Args:
        device: a started one.
        models: what is offered, by name.
        waiting: where the jobs come from.
        takers: where they go.
        reports: who is told about each step.
        max_batch: most pictures in one go; shrinks when the device runs out of memory.
        pace: pauses between attempts.
    """

    def __init__(
        self,
        device: Device,
        *,
        models: Mapping[str, ModelEntry],
        waiting: Waiting,
        takers: Takers,
        reports: Reports,
        max_batch: int,
        pace: Pace,
    ) -> None:
        self._device = device
        self._models = models
        self._waiting = waiting
        self._takers = takers
        self._reports = reports
        self._max_batch = max_batch
        self._pace = pace
        self._loaded: str | None = None
        self._crashes = 0

    async def run(self) -> None:
        """Draw until `waiting` is closed and empty.

        Raises:
            DeviceGone: the device is beyond help: it does not start any more, or everything crashes on it.
        """
        while batch := await self._waiting.take(self._max_batch):
            try:
                await self._batch(batch)
            except DeviceGone as error:
                await self._recover(batch, error)
            except Cancelled:
                self._hand_on(batch, [])
            except RenderError as error:
                self._fault(batch, error)

    async def _batch(self, batch: Sequence[Held]) -> None:
        await self._ready(batch[0].job.model)
        loop = asyncio.get_running_loop()
        started = loop.time()
        async with self._reports.about(batch, unwant=self._device.unwant) as told:
            drawn = await self._device.draw(
                [held.job for held in batch], on_step=told.step, on_preview=told.preview if told.previews else None
            )
        seconds = loop.time() - started
        self._crashes = 0
        if len(drawn) == len(batch):
            self._waiting.drew(len(batch), seconds)
        _logger.info("batch_drawn", device=self._device.name, pictures=len(drawn), seconds=round(seconds, 2))
        self._hand_on(batch, drawn)

    async def _ready(self, model: str) -> None:
        if model == self._loaded:
            return
        entry = self._models.get(model)
        if entry is None:
            raise ModelUnusable(f"This worker has no model {model!r}.")
        try:
            await self._device.load(entry)
        except DeviceGone:
            raise
        except RenderError as error:
            self._takers.withdraw(model, reason=str(error))
            raise
        self._loaded = model

    def _hand_on(self, batch: Sequence[Held], drawn: Sequence[Drawn]) -> None:
        by_id = {picture.job_id: picture for picture in drawn}
        for held in batch:
            if picture := by_id.get(held.job.id):
                self._takers.finished(held, picture)
            else:
                self._takers.dropped(held)

    def _fault(self, batch: Sequence[Held], error: RenderError) -> None:
        """One job: give it back. Several: each alone, because the others may be fine."""
        if len(batch) == 1:
            self._takers.failed(batch[0], reason=str(error))
            return
        if isinstance(error, OutOfMemory):
            self._max_batch = max(1, len(batch) // 2)
            _logger.warning("batch_made_smaller", device=self._device.name, pictures=self._max_batch)
        self._again_alone(batch)

    def _again_alone(self, batch: Sequence[Held]) -> None:
        for held in batch:
            held.alone = True
        self._waiting.put_first(batch)

    async def _recover(self, batch: Sequence[Held], error: DeviceGone) -> None:
        _logger.warning("device_lost", device=self._device.name, reason=str(error), jobs=[h.job.id for h in batch])
        self._loaded = None
        self._crashes += 1
        for held in batch:
            held.crashes += 1
        for held in [held for held in batch if held.crashes >= MAX_CRASHES]:
            self._takers.failed(held, reason=f"{error} It happened {held.crashes} times with this job.")
        self._again_alone([held for held in batch if held.crashes < MAX_CRASHES])
        if self._crashes >= _MOST_CRASHES_IN_A_ROW:
            raise DeviceGone(
                f"{self._device.name} is given up: {self._crashes} batches in a row crashed on it. {error}"
            )
        await self._restart()

    async def _restart(self) -> None:
        for attempt in range(_MOST_STARTS):
            try:
                await self._device.start()
            except RenderError as error:
                _logger.warning("device_start_failed", device=self._device.name, reason=str(error))
                await asyncio.sleep(min(self._pace.retry_first * 2**attempt, self._pace.retry_most))
            else:
                return
        raise DeviceGone(f"{self._device.name} is given up: it did not start in {_MOST_STARTS} attempts.")
