"""What the worker itself costs: a real pool with the fake renderer against a coordinator that answers at once.

`python -m bench.worker [--quick]` prints the time of each part of a job and, as its last line, one JSON object. The
fake renderer draws nearly nothing, so what remains is ours: pop, pipe, batch, encode, upload, submit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from core import log
from core.contract import paths
from core.settings import Settings
from core.worker.device import Device
from core.worker.fake import FakeRenderer
from core.worker.pool import run_worker
from core.worker.process import Setting
from core.worker.renderer import DrawJob, Family, Form, ModelEntry

MODEL = ModelEntry(name="little", family=Family.SD1, form=Form.FOLDER, path=Path("nowhere"))
STEPS = 8


def job(number: int) -> DrawJob:
    """A picture of the little model's size."""
    return DrawJob(id=str(number), model="little", prompt="a cat", width=64, height=64, steps=STEPS, seed=number)


def renderer_alone(jobs: int) -> float:
    """Milliseconds for a picture of the fake renderer, nothing around it."""
    renderer = FakeRenderer("cpu", 1)
    renderer.load(MODEL)
    started = time.perf_counter()
    for number in range(jobs):
        renderer.draw([job(number)], on_step=lambda *_: None, wanted=lambda _: True)
    return (time.perf_counter() - started) / jobs * 1000


async def device_alone(jobs: int) -> tuple[float, float]:
    """Milliseconds until a device process is there, and for a picture through its pipe."""
    device = Device(Setting(renderer="core.worker.fake:FakeRenderer", threads=1, log_level="ERROR"))
    started = time.perf_counter()
    await device.start()
    start = (time.perf_counter() - started) * 1000
    await device.load(MODEL)
    started = time.perf_counter()
    for number in range(jobs):
        await device.draw([job(number)], on_step=lambda *_: None)
    each = (time.perf_counter() - started) / jobs * 1000
    await device.close()
    return start, each


@dataclass
class Horde:
    """Answers every call at once and notes when."""

    jobs: int
    given: int = 0
    popped: dict[str, float] = field(default_factory=dict[str, float])
    settled: dict[str, float] = field(default_factory=dict[str, float])
    calls: Counter[str] = field(default_factory=Counter[str])
    done: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    def app(self) -> web.Application:
        """The calls of a worker."""
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post(paths.GENERATE_POP, self._pop)
        app.router.add_post(paths.GENERATE_SUBMIT, self._submit)
        app.router.add_post(paths.OURS_PROGRESS, self._report)
        app.router.add_put("/upload/{id}", self._upload)
        return app

    async def _pop(self, request: web.Request) -> web.Response:
        self.calls["pop"] += 1
        amount = min((await request.json())["amount"], self.jobs - self.given)
        if amount == 0:
            await self.done.wait()
            return web.json_response({"id": None, "ids": [], "model": None, "payload": {}, "skipped": {}})
        ids = [f"{number:08}" for number in range(self.given, self.given + amount)]
        self.given += amount
        self.popped.update(dict.fromkeys(ids, time.perf_counter()))
        payload = {"prompt": "a cat", "ddim_steps": STEPS, "n_iter": amount, "seed": "1", "width": 64, "height": 64}
        body: dict[str, Any] = {"id": ids[0], "ids": ids, "model": "little", "ttl": 150, "payload": payload}
        return web.json_response(body | {"r2_uploads": [f"{self.url}/upload/{one}" for one in ids], "skipped": {}})

    async def _submit(self, request: web.Request) -> web.Response:
        self.calls["submit"] += 1
        self.settled[(await request.json())["id"]] = time.perf_counter()
        if len(self.settled) == self.jobs:
            self.done.set()
        return web.json_response({"reward": 1.0})

    async def _report(self, request: web.Request) -> web.Response:
        self.calls["progress"] += 1
        await request.read()
        return web.json_response({"wanted": True})

    async def _upload(self, request: web.Request) -> web.Response:
        self.calls["upload"] += 1
        await request.read()
        return web.Response()


async def whole_pool(jobs: int, *, max_batch: int) -> dict[str, float]:
    """Milliseconds for a picture through the whole pool with work always waiting, and from pop to submit."""
    horde = Horde(jobs)
    ready, stop = asyncio.Event(), asyncio.Event()
    with tempfile.TemporaryDirectory() as folder:
        section = {"renderer": "fake", "devices": ["cpu"], "max_power_threads": 1, "max_batch": max_batch}
        settings = Settings.model_validate({"worker": section, "general": {"data_dir": folder, "log_level": "ERROR"}})
        async with TestServer(horde.app()) as server:
            horde.url = str(server.make_url("")).rstrip("/")
            work = run_worker(settings, api_key=SecretStr("bench"), horde_url=horde.url, ready=ready.set, stop=stop)
            running = asyncio.create_task(work)
            await ready.wait()
            started, before = time.perf_counter(), psutil.Process().cpu_times()
            await horde.done.wait()
            seconds, after = time.perf_counter() - started, psutil.Process().cpu_times()
            stop.set()
            await running
    cpu = after.user + after.system - before.user - before.system
    latencies = [horde.settled[one] - horde.popped[one] for one in horde.settled]
    return {
        "ms_per_job": seconds / jobs * 1000,
        "cpu_ms_per_job": cpu / jobs * 1000,
        "pop_to_submit_ms": statistics.median(latencies) * 1000,
        "progress_reports": float(horde.calls["progress"]),
        "pops": float(horde.calls["pop"]),
    }


def main() -> int:
    """Measure, print the table, end with the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer jobs")
    jobs = 100 if parser.parse_args().quick else 1000
    log.configure(level="ERROR")
    alone = renderer_alone(jobs)
    start, piped = asyncio.run(device_alone(jobs))
    single = asyncio.run(whole_pool(jobs, max_batch=1))
    batched = asyncio.run(whole_pool(jobs, max_batch=4))
    figures: dict[str, float] = {
        "jobs": jobs,
        "device_start_ms": start,
        "draw_and_encode_ms": alone,
        "pipe_ms": piped - alone,
        "pool_ms_batch_1": single["ms_per_job"],
        "pool_overhead_ms_batch_1": single["ms_per_job"] - alone,
        "pool_ms_batch_4": batched["ms_per_job"],
        "pool_cpu_ms_batch_1": single["cpu_ms_per_job"],
        "pop_to_submit_ms_batch_1": single["pop_to_submit_ms"],
        "pop_to_submit_ms_batch_4": batched["pop_to_submit_ms"],
        "pops_batch_4": batched["pops"],
        "progress_reports_batch_1": single["progress_reports"],
    }
    for name, value in figures.items():
        print(f"{name:28} {value:10.2f}")
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
