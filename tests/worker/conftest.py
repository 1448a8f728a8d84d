"""What the tests of the worker share: a coordinator double, and the real worker running against it in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from core.settings import Settings
from core.worker.device import Patience
from core.worker.pace import Pace
from core.worker.pool import run_worker
from tests.doubles.pop_server import PopServer

MODELS = """
["little"]
family = "sd1"
source = "nowhere/little"
native_size = 64
["unusable"]
family = "sd1"
source = "nowhere/unusable"
native_size = 64
"""
QUICK = Pace(
    long_poll=5, idle=0.05, retry_first=0.05, retry_most=0.3, refused=0.1, progress=0.01, keep=30, drain=5, lookahead=20
)


@dataclass
class Running:
    """A worker that runs in this process, its device processes beside it."""

    task: asyncio.Task[None]
    stop: asyncio.Event

    @staticmethod
    def devices() -> list[psutil.Process]:
        """The device processes there are now."""
        children = psutil.Process().children()
        return [child for child in children if "spawn_main" in " ".join(child.cmdline())]

    async def drain(self) -> None:
        """Ask it to stop and wait until it has."""
        self.stop.set()
        async with asyncio.timeout(20):
            await self.task


Start = Callable[..., Any]


@pytest.fixture
async def server() -> AsyncIterator[PopServer]:
    async with PopServer() as running:
        yield running


@pytest.fixture
async def start(server: PopServer, tmp_path: Path) -> AsyncIterator[Start]:
    """Call it with settings of the worker, e.g. `models` or `max_batch`; it returns when the worker is ready."""
    file = tmp_path / "models.toml"
    file.write_text(MODELS, encoding="utf-8")
    tasks: list[asyncio.Task[None]] = []

    async def begin(*, pace: Pace = QUICK, patience: Patience | None = None, **worker: Any) -> Running:
        section = {"renderer": "fake", "models_file": file, "devices": ["cpu"], "max_power_threads": 1} | worker
        settings = Settings.model_validate(
            {"worker": section, "general": {"data_dir": tmp_path / "data", "log_level": "ERROR"}}
        )
        ready, stop = asyncio.Event(), asyncio.Event()
        work = run_worker(
            settings,
            api_key=SecretStr("k" * 22),
            horde_url=server.url,
            ready=ready.set,
            stop=stop,
            pace=pace,
            patience=patience,
        )
        task = asyncio.create_task(work)
        tasks.append(task)
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=60)
        waiting.cancel()
        if task.done():
            await task
        return Running(task, stop)

    yield begin
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
