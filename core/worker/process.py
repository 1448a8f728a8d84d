"""The inside of a device process: one renderer in the main thread, one thread that listens, one that beats.

Started by `core.worker.device` with the spawn method. It never outlives its parent: on Linux the kernel kills it with
the parent, elsewhere the end of the pipe does. Ctrl-C and SIGTERM are the parent's business, who drains.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Literal, cast

from core import log
from core.errors import RenderError
from core.worker.messages import Beat, Command, Done, Draw, Event, Failed, Load, Previewed, Started, Stepped, Unwant
from core.worker.renderer import DrawJob, Drawn, ModelEntry, Renderer

AUTO = "auto"
_BEAT_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1
_logger = log.get(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a device process is told when it starts.

    Attributes:
        renderer: "module:Class" of a Renderer.
        device: "cpu", "cuda:0", …, or "auto" = the best of this machine.
        threads: CPU threads; 0 = all cores.
        log_level: as in the settings.
        log_style: as in the settings.
    """

    renderer: str
    device: str = AUTO
    threads: int = 0
    log_level: str = "INFO"
    log_style: Literal["auto", "text", "json"] = "auto"


class _Line:
    """The pipe, safe for two threads that send."""

    def __init__(self, pipe: Connection[Event, Command]) -> None:
        self._pipe = pipe
        self._sending = threading.Lock()

    def send(self, event: Event) -> None:
        try:
            with self._sending:
                self._pipe.send(event)
        except OSError:
            os._exit(0)  # the parent is gone: nobody is left to draw for

    def receive(self) -> Command:
        return self._pipe.recv()


class _Orders:
    """What the parent asked for: commands in order, and the jobs that it took back."""

    def __init__(self, line: _Line) -> None:
        self._line = line
        self._commands: queue.SimpleQueue[Load | Draw] = queue.SimpleQueue()
        self._unwanted: set[str] = set()

    def listen(self) -> None:
        """Thread: read the pipe until its end, which is the end of the parent."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                command = self._line.receive()
                if isinstance(command, Unwant):
                    self._unwanted.add(command.job_id)
                else:
                    self._commands.put(command)
        os._exit(0)

    def next(self) -> Load | Draw:
        return self._commands.get()

    def wanted(self, job_id: str) -> bool:
        return job_id not in self._unwanted

    def forget(self, jobs: Sequence[DrawJob]) -> None:
        self._unwanted.difference_update(job.id for job in jobs)


def main(pipe: Connection[Event, Command], setting: Setting, parent: int) -> None:
    """Run until the parent is gone. Never returns normally."""
    _die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    log.configure(level=setting.log_level, style=setting.log_style)
    line = _Line(pipe)
    orders = _Orders(line)
    threading.Thread(target=orders.listen, name="listen", daemon=True).start()
    threading.Thread(target=_beat, args=(line,), name="beat", daemon=True).start()
    kind = _find(setting.renderer)
    devices = _devices(kind)
    device = devices[0] if setting.device == AUTO else setting.device
    try:
        renderer = kind(device, setting.threads)
    except RenderError as error:
        line.send(Failed.of(error))
        return
    line.send(Started(device, devices))
    _serve(renderer, line, orders)


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before we could ask
            os._exit(0)


def _find(dotted: str) -> Callable[[str, int], Renderer]:
    module, _, name = dotted.partition(":")
    return cast("Callable[[str, int], Renderer]", getattr(importlib.import_module(module), name))


def _devices(kind: object) -> list[str]:
    ask = getattr(kind, "devices", None)
    return list(cast("Callable[[], list[str]]", ask)()) if ask is not None else ["cpu"]


def _beat(line: _Line) -> None:
    pause = threading.Event()
    while not pause.wait(_BEAT_SECONDS):
        line.send(Beat())


def _serve(renderer: Renderer, line: _Line, orders: _Orders) -> None:
    while True:
        match orders.next():
            case Load(model):
                line.send(_answer(lambda: _load(renderer, model)))
            case Draw() as order:
                line.send(_answer(lambda: _draw(renderer, order, line, orders)))
                orders.forget(order.jobs)


def _load(renderer: Renderer, model: ModelEntry) -> Done:
    renderer.load(model)
    return Done()


def _draw(renderer: Renderer, order: Draw, line: _Line, orders: _Orders) -> Done:
    drawn: Sequence[Drawn] = renderer.draw(
        order.jobs,
        on_step=lambda step, steps: line.send(Stepped(step, steps)),
        wanted=orders.wanted,
        on_preview=(lambda job, picture: line.send(Previewed(job, picture))) if order.previews else None,
    )
    return Done([picture for picture in drawn if orders.wanted(picture.job_id)])


def _answer(work: Callable[[], Done]) -> Done | Failed:
    """Do it, or say why not. Anything unforeseen ends the process: its state may be broken, and a new one is cheap."""
    try:
        return work()
    except RenderError as error:
        return Failed.of(error)
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        _logger.exception("render_failed_unexpectedly")
        return Failed.of(RenderError(f"The renderer stumbled over this job: {type(error).__name__}: {error}"))
