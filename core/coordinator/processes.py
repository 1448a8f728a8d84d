"""Several coordinator processes behind one port of one machine: bound here, inherited by all, watched over.

The parent listens and never answers: a process that dies takes only its own calls with it, those that were not accepted
yet go to the others, and it is started anew. `run_bot.py` calls `run_coordinator`; with one process that is `serve`.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import socket
from collections.abc import Callable
from multiprocessing.context import SpawnContext
from typing import Any

from core import log
from core.coordinator.app import bind, near_address, serve
from core.coordinator.loop import new_loop
from core.errors import ConfigError, LargesseError
from core.settings import Settings

_log = log.get(__name__)

READY = ""
_SOONEST, _LATEST = 0.5, 30.0
"""Seconds until a process that died is started again: the longer, the more often it dies."""
_SETTLED = 60.0
"""Seconds of life after which a death counts as the first again."""
_DRAIN_SECONDS = 25.0


async def run_coordinator(settings: Settings, *, ready: Callable[[str], None], stop: asyncio.Event) -> None:
    """Run the coordinator in as many processes as the settings say, until `stop` is set; then let calls finish.

    Args:
        settings: all of them.
        ready: called once with the address, when every process answers.
        stop: set it to end.

    Raises:
        ConfigError: the port is taken, the database cannot be used, or it is not one for several processes.
    """
    terms = settings.coordinator
    if terms.processes == 1:
        await serve(settings, ready=ready, stop=stop)
        return
    if not terms.database_url.startswith("postgresql"):
        raise ConfigError(
            f"coordinator.processes: found {terms.processes}; allowed with SQLite: 1. Several processes need "
            "coordinator.database_url = postgresql://user:password@host/name."
        )
    with bind(terms.host, terms.port) as listening:
        port: int = listening.getsockname()[1]
        inner = settings.model_copy(update={"coordinator": terms.model_copy(update={"port": port})})
        await _watch(inner, listening, ready=lambda: ready(near_address(terms.host, port)), stop=stop)


async def _watch(
    settings: Settings, listening: socket.socket, *, ready: Callable[[], None], stop: asyncio.Event
) -> None:
    keepers = [_Keeper(settings, listening, number, stop) for number in range(settings.coordinator.processes)]
    async with asyncio.TaskGroup() as group:
        lives = [group.create_task(keeper.keep()) for keeper in keepers]
        for keeper in keepers:
            await keeper.started
        _log.info("coordinator_processes_listen", processes=len(keepers), pids=[keeper.pid for keeper in keepers])
        ready()
        await asyncio.wait(lives)


class _Keeper:
    """Keeps one of the processes alive."""

    def __init__(self, settings: Settings, listening: socket.socket, number: int, stop: asyncio.Event) -> None:
        self._settings = _of_process(settings, number)
        self._listening = listening
        self._number = number
        self._stop = stop
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.pid: int | None = None

    async def keep(self) -> None:
        """Start the process, and again when it dies, until told to stop.

        Raises:
            ConfigError: it could not even start once.
        """
        pause, clock = _SOONEST, asyncio.get_running_loop().time
        while not self._stop.is_set():
            begun = clock()
            await self._live()
            if self._stop.is_set():
                return
            pause = _SOONEST if clock() - begun > _SETTLED else min(2 * pause, _LATEST)
            _log.warning("coordinator_process_died", number=self._number, pid=self.pid, again_after=pause)
            try:
                async with asyncio.timeout(pause):
                    await self._stop.wait()
            except TimeoutError:
                continue

    async def _live(self) -> None:
        """One life of the process."""
        context: SpawnContext = multiprocessing.get_context("spawn")
        hears, says = context.Pipe(duplex=False)
        process = context.Process(target=_child, args=(self._settings, self._listening, says), daemon=True)
        process.start()
        says.close()
        self.pid = process.pid
        gone, stopping = asyncio.ensure_future(_readable(process.sentinel)), asyncio.create_task(self._stop.wait())
        try:
            await self._first_word(hears)
            await asyncio.wait([gone, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not gone.done():
                process.terminate()
                async with asyncio.timeout(_DRAIN_SECONDS):
                    await gone
        except TimeoutError:
            process.kill()
            await gone
        finally:
            if gone.done():
                process.join()
            else:
                process.terminate()
                gone.cancel()
            stopping.cancel()
            hears.close()

    async def _first_word(self, hears: Any) -> None:  # noqa: ANN401  # one of the pipes of multiprocessing
        """Wait until the process answers calls, or says why it cannot."""
        await _readable(hears.fileno())
        try:
            word: str = hears.recv()
        except EOFError:
            word = "A coordinator process died before it answered a single call."
        if self.started.done():
            return
        if word == READY:
            self.started.set_result(None)
        elif not self._stop.is_set():
            raise ConfigError(word)
        else:
            self.started.cancel()


def _of_process(settings: Settings, number: int) -> Settings:
    """The settings of one of the processes: each tells its own figures, on a port of its own."""
    terms = settings.coordinator
    if not terms.metrics_port:
        return settings
    own = terms.model_copy(update={"metrics_port": terms.metrics_port + number})
    return settings.model_copy(update={"coordinator": own})


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    found: asyncio.Future[None] = loop.create_future()
    loop.add_reader(descriptor, lambda: None if found.done() else found.set_result(None))
    try:
        await found
    finally:
        loop.remove_reader(descriptor)


def _child(settings: Settings, listening: socket.socket, says: Any) -> None:  # noqa: ANN401  # likewise
    """The whole life of one process, as multiprocessing starts it."""
    log.configure(level=settings.general.log_level, style=settings.general.log_style)
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(_serve_for_parent(settings, listening, says))
    except LargesseError as error:
        says.send(str(error))


async def _serve_for_parent(settings: Settings, listening: socket.socket, says: Any) -> None:  # noqa: ANN401  # likewise
    """Serve until the parent says so, or is no more."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # Ctrl-C reaches the whole group; the parent passes it on
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    parent = multiprocessing.parent_process()
    if parent is not None:
        loop.add_reader(parent.sentinel, stop.set)
    await serve(settings, ready=lambda _: says.send(READY), stop=stop, listening=listening)
    if parent is not None:
        loop.remove_reader(parent.sentinel)
