"""One device process as the worker sees it: start it, give it work, and kill it when it hangs.

`pool` owns one `Device` for each device. A process that dies or hangs is a `DeviceGone`; the jobs are still in the
worker's hands then, which starts the process anew and has them drawn again.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, cast

from core import log
from core.errors import RenderError
from core.worker import process
from core.worker.messages import Beat, Command, Done, Draw, Event, Failed, Load, Previewed, Started, Stepped, Unwant
from core.worker.process import Setting
from core.worker.renderer import DrawJob, Drawn, ModelEntry, OnPreview, OnStep

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

_LAST_BREATH = 10.0
_spawn = multiprocessing.get_context("spawn")
_logger = log.get(__name__)


class DeviceGone(RenderError):
    """The device process ended or hung and was killed."""

    code = "DeviceGone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds without a sign after which a process counts as hung and is killed.

    Attributes:
        beat: without any sign of life; the process sends one every second.
        start: until the renderer is there; importing a big library from a cold disk takes long.
        load: for one model.
        step: for one step of a batch, the first with its preparations and the last with its decoding included.
    """

    beat: float = 60.0
    start: float = 300.0
    load: float = 1800.0
    step: float = 300.0


class Device:
    """One process that draws; it does one thing at a time.

    Args:
        setting: which renderer on which device.
        patience: when it counts as hung.
    """

    def __init__(self, setting: Setting, *, patience: Patience | None = None) -> None:
        self.setting = setting
        self._patience = patience or Patience()
        self._process: SpawnProcess | None = None
        self._pipe: Connection[Command, Event] | None = None
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._sending = asyncio.Lock()

    @property
    def name(self) -> str:
        """Its name, "cpu" or "cuda:0"; "auto" until it has started."""
        return self.setting.device

    @property
    def pid(self) -> int | None:
        """The process's id; None while there is none."""
        return self._process.pid if self._process else None

    async def start(self) -> list[str]:
        """Start the process, an earlier one killed; returns what devices this machine has, best first.

        Must be called in the program's main thread: the process dies with the thread that started it.

        Raises:
            RenderError: the renderer cannot use the device. DeviceGone: the process ended or hung.
        """
        await self.close()
        pipe, theirs = _spawn.Pipe()
        ours = cast("Connection[Command, Event]", pipe)
        self._pipe, self._events = ours, asyncio.Queue()
        self._process = _spawn.Process(target=process.main, args=(theirs, self.setting, os.getpid()), daemon=True)
        self._process.start()
        theirs.close()
        threading.Thread(
            target=_read, args=(ours, asyncio.get_running_loop(), self._events), name="device", daemon=True
        ).start()
        answer = await self._answer(self._patience.start, what="starting")
        if not isinstance(answer, Started):
            raise DeviceGone("The device process answered out of turn.")
        self.setting = replace(self.setting, device=answer.device)
        return list(answer.devices)

    async def load(self, model: ModelEntry) -> None:
        """Make a model ready.

        Raises:
            RenderError: as the renderer's load. DeviceGone: the process ended or hung.
        """
        await self._send(Load(model))
        await self._answer(self._patience.load, what=f"loading {model.name!r}")

    async def draw(
        self, jobs: Sequence[DrawJob], *, on_step: OnStep, on_preview: OnPreview | None = None
    ) -> Sequence[Drawn]:
        """Draw a batch; a job that is no longer wanted is missing in the answer.

        Raises:
            RenderError: as the renderer's draw. DeviceGone: the process ended or hung.
        """
        await self._send(Draw(jobs, previews=on_preview is not None))
        answer = await self._answer(self._patience.step, what="drawing", on_step=on_step, on_preview=on_preview)
        return answer.drawn if isinstance(answer, Done) else []

    async def unwant(self, job_id: str) -> None:
        """Tell the process that a picture is not wanted any more; never fails."""
        with contextlib.suppress(DeviceGone):
            await self._send(Unwant(job_id))

    async def close(self) -> None:
        """Kill the process, if there is one, and wait for its end."""
        running, self._process, self._pipe = self._process, None, None
        if running is not None:
            running.kill()
            await asyncio.to_thread(running.join, _LAST_BREATH)
            if running.exitcode is not None:
                running.close()

    async def _send(self, command: Command) -> None:
        if self._pipe is None:
            raise DeviceGone
        try:
            async with asyncio.timeout(self._patience.beat), self._sending:
                await asyncio.to_thread(self._pipe.send, command)
        except TimeoutError:
            raise await self._hung("taking its orders") from None
        except (OSError, ValueError):
            raise DeviceGone("The device process has ended.") from None

    async def _answer(
        self, limit: float, *, what: str, on_step: OnStep | None = None, on_preview: OnPreview | None = None
    ) -> Started | Done:
        """Wait for the end of a command; each step renews the limit, a beat only proves that the process lives."""
        loop = asyncio.get_running_loop()
        until = loop.time() + limit
        while True:
            event = await self._event(min(until - loop.time(), self._patience.beat), what=what)
            match event:
                case Beat() if loop.time() < until:
                    continue
                case Beat():
                    raise await self._hung(what)
                case Stepped(step, steps):
                    until = loop.time() + limit
                    if on_step is not None:
                        on_step(step, steps)
                case Previewed(job_id, picture):
                    if on_preview is not None:
                        on_preview(job_id, picture)
                case Failed():
                    raise event.error()
                case Started() | Done():
                    return event

    async def _event(self, limit: float, *, what: str) -> Event:
        try:
            async with asyncio.timeout(max(limit, 0.0)):
                event = await self._events.get()
        except TimeoutError:
            raise await self._hung(what) from None
        if event is None:
            code = await self._ended()
            raise DeviceGone(f"The device process of {self.name} ended while {what} (exit code {code}).")
        return event

    async def _hung(self, what: str) -> DeviceGone:
        _logger.warning("device_hung", device=self.name, while_=what, pid=self.pid)
        await self.close()
        return DeviceGone(f"The device process of {self.name} hung while {what} and was killed.")

    async def _ended(self) -> int | None:
        running = self._process
        if running is None:
            return None
        await asyncio.to_thread(running.join, 5.0)
        code = running.exitcode
        await self.close()
        return code


def _read(
    pipe: Connection[Command, Event], loop: asyncio.AbstractEventLoop, events: asyncio.Queue[Event | None]
) -> None:
    """Thread: hand what the process says to the loop; None is its end. One waiting beat says as much as many."""
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
        try:
            while True:
                event = pipe.recv()
                if not isinstance(event, Beat) or events.empty():
                    loop.call_soon_threadsafe(events.put_nowait, event)
        except (EOFError, OSError):
            loop.call_soon_threadsafe(events.put_nowait, None)
        finally:
            pipe.close()
