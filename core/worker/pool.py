"""The worker as a whole: models made ready, one process per device, one agent, drained when asked to stop.

`run_bot.py` calls `run_worker`; a second signal cancels it, which ends everything at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from pydantic import SecretStr

from core import log
from core.client import transport
from core.client.horde import HordeClient
from core.errors import ConfigError, LargesseError, RenderError, StorageFull
from core.settings import Settings
from core.worker import addons, catalogue
from core.worker.addons import Addons
from core.worker.agent import AGENT, Agent
from core.worker.device import Device, DeviceGone, Patience
from core.worker.easel import Easel
from core.worker.pace import Pace
from core.worker.process import AUTO, Setting
from core.worker.renderer import ModelEntry
from core.worker.reports import Reports
from core.worker.waiting import Waiting

RENDERERS = {"diffusion": "core.worker.diffusion.render:DiffusionRenderer", "fake": "core.worker.fake:FakeRenderer"}
_T = TypeVar("_T")
_logger = log.get(__name__)


async def run_worker(
    settings: Settings,
    *,
    api_key: SecretStr,
    horde_url: str,
    ready: Callable[[], None],
    stop: asyncio.Event,
    pace: Pace | None = None,
    patience: Patience | None = None,
) -> None:
    """Draw for one coordinator until told to stop.

    Must be called in the program's main thread: device processes die with the thread that started them.

    Args:
        settings: the whole tree; `worker` and `general` are read.
        api_key: key of the worker's owner.
        horde_url: address of the coordinator.
        ready: called once, when a model is loaded and the first job may come.
        stop: set it to drain: what is being drawn is finished and handed in, what waits is given back.
        pace: pauses; None = the usual ones.
        patience: when a device counts as hung; None = the usual.

    Raises:
        ConfigError: no model can be offered, or the coordinator does not accept this worker.
        RenderError: no device can be used, or the last one was given up.
    """
    pace = pace or Pace()
    devices: list[Device] = []
    try:
        models = await _unless(stop, _models(devices, settings, patience))
        extras = await _unless(stop, _addons(settings)) if models else None
        if models is None or extras is None:
            return
        # The agent has a patience of its own, much longer than any single call's.
        once = transport.Patience(attempts=2, first_wait=pace.retry_first)
        async with HordeClient(horde_url, api_key, AGENT, patience=once) as client:
            ready()
            await _work(client, settings=settings, devices=devices, models=models, extras=extras, stop=stop, pace=pace)
    finally:
        await asyncio.gather(*(device.close() for device in devices))


async def _models(devices: list[Device], settings: Settings, patience: Patience | None) -> dict[str, ModelEntry]:
    """Everything that comes before the first pop; fills `devices`, returns what can be offered."""
    entries = await _prepared(settings)
    await _start(devices, settings, patience)
    return await _loaded(devices, entries)


async def _addons(settings: Settings) -> Addons:
    """The LoRAs and textual inversions of the settings whose files are here."""
    mine = settings.worker
    if mine.renderer == "fake":
        return Addons()
    return await addons.prepare(addons.load(mine.addons_file, downloads=settings.general.data_dir / "models"))


async def _unless(stop: asyncio.Event, work: Coroutine[None, None, _T]) -> _T | None:
    """The result of the work; None when it was called off, because downloads and big models take long."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        stopping.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


async def _prepared(settings: Settings) -> list[ModelEntry]:
    """The entries of the settings whose files are here; the others are said and left out."""
    mine = settings.worker
    all_entries = catalogue.load(mine.models_file, downloads=settings.general.data_dir / "models")
    wanted = catalogue.chosen(all_entries, mine.models, file=mine.models_file)
    if mine.renderer == "fake":
        return wanted
    usable: list[ModelEntry] = []
    reasons: list[str] = []
    for entry in wanted:
        try:
            await catalogue.prepare(entry)
        except (RenderError, StorageFull) as error:
            reasons.append(str(error))
            _logger.error("model_left_out", model=entry.name, reason=str(error))  # noqa: TRY400  # the sentence is all
        else:
            usable.append(entry)
    _some(usable, reasons)
    return usable


async def _start(devices: list[Device], settings: Settings, patience: Patience | None) -> None:
    """Start one process for each device; "auto" is whatever the renderer finds on this machine."""
    mine, general = settings.worker, settings.general
    base = Setting(
        renderer=RENDERERS[mine.renderer],
        threads=mine.max_power_threads,
        log_level=general.log_level,
        log_style=general.log_style,
    )
    names = list(dict.fromkeys(mine.devices))
    for name in names:
        device = Device(replace(base, device=name), patience=patience)
        devices.append(device)
        found = await device.start()
        _logger.info("device_started", device=device.name, pid=device.pid)
        if name == AUTO:
            names.extend(other for other in found[1:] if other not in names)


async def _loaded(devices: Sequence[Device], entries: Sequence[ModelEntry]) -> dict[str, ModelEntry]:
    """Load every model once on every device, the first one last to have it at hand; broken ones are left out."""
    usable = list(entries)
    reasons: list[str] = []
    for entry in reversed(entries):
        results = await asyncio.gather(*(_load(device, entry) for device in devices), return_exceptions=True)
        errors = [result for result in results if isinstance(result, BaseException)]
        for error in errors:
            if not isinstance(error, RenderError):
                raise error
        if errors:
            usable.remove(entry)
            reasons.append(str(errors[0]))
            _logger.error("model_left_out", model=entry.name, reason=str(errors[0]))
    _some(usable, reasons)
    return {entry.name: entry for entry in usable}


async def _load(device: Device, entry: ModelEntry) -> None:
    try:
        await device.load(entry)
    except DeviceGone:
        await device.start()
        raise


def _some(usable: Sequence[ModelEntry], reasons: Sequence[str]) -> None:
    if not usable:
        raise ConfigError(f"This worker has no model to offer (worker.models). {' '.join(reasons)}")


async def _work(
    client: HordeClient,
    *,
    settings: Settings,
    devices: Sequence[Device],
    models: Mapping[str, ModelEntry],
    extras: Addons,
    stop: asyncio.Event,
    pace: Pace,
) -> None:
    mine = settings.worker
    waiting = Waiting(devices=len(devices), max_batch=mine.max_batch, lookahead=pace.lookahead)
    agent = Agent(client, settings=mine, models=models, addons=extras, waiting=waiting, devices=len(devices), pace=pace)
    reports = Reports(client, pace)
    easels = [
        Easel(
            device,
            models=models,
            waiting=waiting,
            takers=agent,
            reports=reports,
            max_batch=mine.max_batch,
            pace=pace,
        )
        for device in devices
    ]
    fetching = asyncio.create_task(agent.fetch())
    drawing = asyncio.create_task(_draw(easels))
    stopping = asyncio.create_task(stop.wait())
    tasks = (fetching, drawing, stopping)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await _drain(agent, waiting, fetching=fetching, drawing=drawing)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await agent.close()


async def _drain(agent: Agent, waiting: Waiting, *, fetching: asyncio.Task[None], drawing: asyncio.Task[None]) -> None:
    """Take no more, give back what waits, finish what is being drawn, hand everything in; then say what ended it."""
    fetching.cancel()
    await asyncio.wait({fetching})
    _give_back(agent, waiting)
    await asyncio.wait({drawing})
    _give_back(agent, waiting)
    await agent.settle()
    for task in (drawing, fetching):
        if not task.cancelled() and (error := task.exception()):
            raise error


def _give_back(agent: Agent, waiting: Waiting) -> None:
    for held in waiting.close():
        agent.failed(held, reason="this worker stops")


async def _draw(easels: Sequence[Easel]) -> None:
    """Run the easels; one that is given up does not end the others, the last one ends the worker."""
    results = await asyncio.gather(*(easel.run() for easel in easels), return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    for error in errors:
        if not isinstance(error, LargesseError):
            raise error
        _logger.error("device_given_up", reason=str(error))
    if len(errors) == len(easels):
        raise errors[0]
