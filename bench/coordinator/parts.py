"""What each kind of call costs: the lives of many jobs, all of them taking the same step at the same time.

Part of the load generator (`load`), which reads the CPU times of the other processes between the steps.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.coordinator.usage import cpu_of
from bench.coordinator.wire import Wire

CONNECTIONS = 8
Step = Callable[[Wire, int], Awaitable[None]]
Used = tuple[float, float, float]


class Parts:
    """The steps of `jobs` jobs; each leaves what the next one needs."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self._picture = Path(order["picture"]).read_bytes()
        self._mine: list[str] = [""] * order["jobs"]
        self._jobs: list[dict[str, Any]] = [{}] * order["jobs"]
        self._found: list[str] = [""] * order["jobs"]

    def steps(self) -> dict[str, Step]:
        """By name, in order."""
        return {
            "async": self._ask,
            "pop": self._pop,
            "upload": self._upload,
            "submit": self._submit,
            "check": self._check,
            "status": self._status,
            "download": self._download,
            "pop, nothing there": self._pop,
            "heartbeat (cached)": self._read,
        }

    def _asker(self, number: int) -> str:
        askers = self._order["askers"]
        return str(askers[number % len(askers)])

    def _worker(self, number: int) -> dict[str, str]:
        workers = self._order["workers"]
        return dict(workers[number % len(workers)])

    async def _ask(self, wire: Wire, number: int) -> None:
        models = self._order["models"]
        params = {"width": 512, "height": 512, "steps": 25, "seed": str(number)}
        body = {"prompt": "a red apple on a blue table", "models": [models[number % len(models)]], "params": params}
        self._mine[number] = (await wire.ask("POST", "/api/v2/generate/async", body, self._asker(number)))["id"]

    async def _pop(self, wire: Wire, number: int) -> None:
        worker = self._worker(number)
        body = {"name": worker["name"], "models": self._order["models"], "max_pixels": 1 << 20}
        job = await wire.ask("POST", "/api/v2/generate/pop", body, worker["key"])
        if job["id"]:
            self._jobs[number] = {**job, "key": worker["key"]}

    async def _upload(self, wire: Wire, number: int) -> None:
        parts = urlsplit(self._jobs[number]["r2_upload"])
        status, _ = await wire.call("PUT", f"{parts.path}?{parts.query}", self._picture)
        assert status == 200

    async def _submit(self, wire: Wire, number: int) -> None:
        job = self._jobs[number]
        body = {"id": job["id"], "generation": "R2", "state": "ok", "seed": 1, "gen_metadata": []}
        await wire.ask("POST", "/api/v2/generate/submit", body, job["key"])

    async def _check(self, wire: Wire, number: int) -> None:
        assert (await wire.ask("GET", f"/api/v2/generate/check/{self._mine[number]}"))["done"]

    async def _status(self, wire: Wire, number: int) -> None:
        found = await wire.ask("GET", f"/api/v2/generate/status/{self._mine[number]}")
        self._found[number] = found["generations"][0]["img"]

    async def _download(self, wire: Wire, number: int) -> None:
        parts = urlsplit(self._found[number])
        _, picture = await wire.call("GET", f"{parts.path}?{parts.query}")
        assert picture == self._picture

    async def _read(self, wire: Wire, number: int) -> None:
        del number
        await wire.ask("GET", "/api/v2/status/heartbeat")


async def parts(order: dict[str, Any]) -> dict[str, object]:
    """Milliseconds for one call of each kind: CPU of the coordinator, CPU of the database server, and on the clock.

    The least of `rounds` rounds, which is the one that other programs disturbed least.
    """
    wires = [await Wire.open(order["url"]) for _ in range(CONNECTIONS)]
    least: dict[str, Used] = {}
    for _ in range(order["rounds"]):
        for name, step in Parts(order).steps().items():
            used = await _take(step, wires, order)
            least[name] = min(least.get(name, used), used)
    for wire in wires:
        wire.close()
    names = ("server_cpu_ms", "postgres_cpu_ms", "clock_ms")
    return {name: dict(zip(names, (round(ms, 3) for ms in used), strict=True)) for name, used in least.items()}


async def _take(step: Step, wires: list[Wire], order: dict[str, Any]) -> Used:
    """One step of all jobs."""

    async def some(wire: Wire, first: int) -> None:
        for number in range(first, order["jobs"], CONNECTIONS):
            await step(wire, number)

    before, begun = [cpu_of(pid) for pid in order["pids"]], time.perf_counter()
    await asyncio.gather(*(some(wire, first) for first, wire in enumerate(wires)))
    passed, after = time.perf_counter() - begun, [cpu_of(pid) for pid in order["pids"]]
    server, *database = (1000 * (b - a) / order["jobs"] for a, b in zip(before, after, strict=True))
    return server, sum(database), 1000 * passed / order["jobs"]
