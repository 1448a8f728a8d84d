"""The load generator, a process of its own: `python -m bench.coordinator.load` with one order as JSON on its input.

Whole lives: each user asks for a picture, works as a worker on whatever is next, hands it in, waits for its own and
downloads it, and begins again. Reads, pops and checks: the same call again and again. Answers with one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.coordinator.parts import parts
from bench.coordinator.wire import Wire

Order = dict[str, Any]
DICE = random.Random(1)  # noqa: S311  # a load, not a secret
_EMPTY_PAUSE, _CHECK_PAUSE = 0.01, 0.05
_WARM = 0.2
"""Share of the time at the beginning that does not count."""


class Times:
    """Milliseconds of calls, by their name."""

    def __init__(self) -> None:
        self.counting = False
        self._taken: dict[str, list[float]] = defaultdict(list)

    def took(self, name: str, begun: float) -> None:
        """Note how long one call took."""
        if self.counting:
            self._taken[name].append(1000 * (time.perf_counter() - begun))

    def figures(self) -> dict[str, dict[str, float]]:
        """Number, median and 99th percentile of each."""
        return {name: _figures(sorted(taken)) for name, taken in self._taken.items()}


def _figures(taken: list[float]) -> dict[str, float]:
    at = len(taken) - 1
    return {"calls": len(taken), "p50": round(taken[at // 2], 2), "p99": round(taken[round(at * 0.99)], 2)}


class User:
    """Somebody who asks for pictures and works for others, over one connection."""

    def __init__(self, order: Order, number: int, wire: Wire, times: Times) -> None:
        self._key: str = order["askers"][number % len(order["askers"])]
        worker = order["workers"][number % len(order["workers"])]
        self._owner: str = worker["key"]
        self._pop = {
            "name": worker["name"],
            "models": order["models"],
            "max_pixels": 1 << 20,
            "bridge_agent": "bench:1:none",
        }
        self._picture = Path(order["picture"]).read_bytes()
        self._models: list[str] = order["models"]
        self._wire, self._times = wire, times

    async def _ask(self, name: str, method: str, path: str, data: object = None, key: str = "") -> Any:  # noqa: ANN401  # JSON
        begun = time.perf_counter()
        found = await self._wire.ask(method, path, data, key or self._key)
        self._times.took(name, begun)
        return found

    async def _bytes(self, name: str, method: str, url: str, body: bytes = b"") -> bytes:
        parts = urlsplit(url)
        begun = time.perf_counter()
        status, found = await self._wire.call(method, f"{parts.path}?{parts.query}", body)
        assert status == 200, (url, status, found[:300])
        self._times.took(name, begun)
        return found

    async def live(self) -> None:
        """One life: a picture asked for, some picture drawn, the own one downloaded."""
        params = {"width": 512, "height": 512, "steps": 25, "seed": str(DICE.randrange(1 << 32))}
        body = {"prompt": "a red apple on a blue table", "models": [DICE.choice(self._models)], "params": params}
        mine = (await self._ask("async", "POST", "/api/v2/generate/async", body))["id"]
        while not (job := await self._ask("pop", "POST", "/api/v2/generate/pop", self._pop, self._owner))["id"]:  # noqa: ASYNC110  # as workers do
            await asyncio.sleep(_EMPTY_PAUSE)
        await self._bytes("upload", "PUT", job["r2_upload"], self._picture)
        result = {"id": job["id"], "generation": "R2", "state": "ok", "seed": 1, "gen_metadata": []}
        await self._ask("submit", "POST", "/api/v2/generate/submit", result, self._owner)
        while not (await self._ask("check", "GET", f"/api/v2/generate/check/{mine}"))["done"]:  # noqa: ASYNC110  # as clients do
            await asyncio.sleep(_CHECK_PAUSE)
        found = await self._ask("status", "GET", f"/api/v2/generate/status/{mine}")
        picture = await self._bytes("download", "GET", found["generations"][0]["img"])
        assert picture == self._picture


async def lives(order: Order) -> dict[str, object]:
    """Whole lives of `users` at once for `seconds`: how many a second, and how long each kind of call took."""
    times, done, all_jobs = Times(), 0, 0
    begun = time.perf_counter()
    warm, until = begun + _WARM * order["seconds"], begun + order["seconds"]

    async def go_on(number: int) -> None:
        nonlocal done, all_jobs
        wire = await Wire.open(order["url"])
        user = User(order, number, wire, times)
        while time.perf_counter() < until:
            await user.live()
            all_jobs += 1
            await asyncio.sleep(DICE.uniform(0, 2 * order["pause"]))
            done += warm < time.perf_counter() < until
        wire.close()

    async def count() -> None:
        await asyncio.sleep(max(0.0, warm - time.perf_counter()))
        times.counting = True

    async with asyncio.TaskGroup() as group:
        group.create_task(count())
        for number in range(order["users"]):
            group.create_task(go_on(number))
    return {"all_jobs": all_jobs, "per_second": round(done / (until - warm), 1), "calls": times.figures()}


async def repeats(order: Order) -> dict[str, object]:
    """The same calls again and again by `users` at once, for `seconds` or `times` each."""
    times, done = Times(), 0
    times.counting = True
    until = time.perf_counter() + order.get("seconds", 600)
    calls: list[list[Any]] = order["calls"]

    async def go_on() -> None:
        nonlocal done
        wire = await Wire.open(order["url"])
        turn = 0
        while time.perf_counter() < until and turn < order.get("times", 1 << 60):
            method, path, data, key = calls[turn % len(calls)]
            begun = time.perf_counter()
            await wire.ask(method, path, data, key)
            times.took("call", begun)
            turn += 1
            done += 1
        wire.close()

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(order["users"]):
            group.create_task(go_on())
    return {"per_second": round(done / (time.perf_counter() - begun), 1), **times.figures()["call"]}


def main() -> None:
    """Carry out the order."""
    order: Order = json.loads(sys.stdin.read())
    found = asyncio.run({"lives": lives, "repeats": repeats, "parts": parts}[order["what"]](order))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({**found, "load_cpu": round(used.ru_utime + used.ru_stime, 2)}))


if __name__ == "__main__":
    main()
