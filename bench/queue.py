"""Benchmark of the queue, without HTTP: pops at growing depth, and whole lives of jobs.

`python -m bench.queue [--quick] [--postgres]`: on an SQLite file, or on a PostgreSQL of its own (synchronous commits).
Latencies are those of a whole transaction as an asyncio caller sees it. A hit finds
a job, a miss finds that nothing fits (the worker's pictures are too small), with 10 and with 300 models on offer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from core.contract.generate import GenerateRequest
from core.contract.work import PopRequest, SubmitRequest
from core.coordinator.rules import accounts, dispatch, progress, requests, schema, settle
from core.coordinator.rules.values import Nothing, Offer, User
from core.db import Database, Writing
from core.settings import Coordinator, Limits
from tests.doubles.postgres_server import PostgresServer

MODELS = [f"model {number}" for number in range(300)]
WEIGHTS = [1 / (place + 1) for place in range(len(MODELS))]
SIZES = (256, 384, 448, 512, 576)
TERMS = Coordinator(request_ttl=86400, limits=Limits(anonymous_concurrency=10_000_000))
DICE = random.Random(1)  # noqa: S311  # a load, not a secret


@contextmanager
def new_database() -> Iterator[str]:
    """Address of an empty database."""
    if "--postgres" not in sys.argv:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/bench.db"
        return
    with PostgresServer(fsync="on", autovacuum="on") as server:
        yield server.address(server.create())


def accept(tx: Writing, user: User, now: float, models: list[str] | None = None) -> str:
    """Take in one request of a usual shape."""
    side = {"width": DICE.choice(SIZES), "height": DICE.choice(SIZES), "steps": 25}
    chosen = models or DICE.choices(MODELS, WEIGHTS)
    body = {"prompt": "a red apple on a blue table", "models": chosen, "params": side, "nsfw": DICE.random() < 0.3}
    return requests.accept(
        tx,
        terms=TERMS,
        user=user,
        request=GenerateRequest.model_validate(body),
        sources=None,
        ip="127.0.0.1",
        idempotency_key=None,
        client_agent="bench:1:none",
        now=now,
    ).id


async def fill(db: Database, depth: int) -> None:
    """Let so many requests wait, a hundred of each person."""
    for number in range(-(-depth // 100)):
        key = f"{number + 1:064x}"
        person = await db.write(
            lambda tx, key=key: accounts.create(tx, name="asker", key_hash=key, now=time.time(), concurrency=500)
        )
        await db.write(lambda tx, person=person: [accept(tx, person, time.time()) for _ in range(min(depth, 100))])


def worker(name: str, models: int, pixels: int) -> PopRequest:
    """A worker that offers the first so many models."""
    return PopRequest.model_validate({"name": name, "models": MODELS[:models], "max_pixels": pixels})


async def pops(db: Database, owner: User, pop: PopRequest, *, times: int, hit: bool) -> dict[str, float]:
    """Milliseconds of a pop: median and 99th percentile."""
    taken: list[float] = []
    for turn in range(times + 5):
        begun = time.perf_counter()
        found = await db.write(
            lambda tx: dispatch.offer(tx, terms=TERMS, user=owner, pop=pop, ip="127.0.0.1", now=time.time())
        )
        if turn >= 5:
            taken.append(1000 * (time.perf_counter() - begun))
        assert isinstance(found, Offer if hit else Nothing)
    taken.sort()
    return {"p50": round(taken[len(taken) // 2], 3), "p99": round(taken[int(len(taken) * 0.99)], 3)}


async def depth_figures(depth: int, *, times: int) -> dict[str, object]:
    """Pops at one depth."""
    with new_database() as url:
        async with await Database.open(url) as db:
            owner, nobody = await _people(db)
            await fill(db, depth)
            figures: dict[str, object] = {"waiting": depth}
            for models in (10, 300):
                # Hits take from the queue: so few that its depth stays what it is called.
                count = min(times, depth // 5)
                hits = worker(f"hit {models}", models, 1 << 20)
                misses = worker(f"miss {models}", models, 4096)
                figures[f"hit_{models}"] = await pops(db, owner, hits, times=count, hit=True)
                figures[f"miss_{models}"] = await pops(db, owner, misses, times=times, hit=False)
            figures["check"] = await _checks(db, nobody, times)
            return figures


async def _checks(db: Database, user: User, times: int) -> dict[str, float]:
    mine = await db.write(lambda tx: accept(tx, user, time.time(), [MODELS[0]]))
    taken: list[float] = []
    for _ in range(times):
        begun = time.perf_counter()
        await db.read(lambda tx: progress.check(tx, mine, now=time.time()))
        taken.append(1000 * (time.perf_counter() - begun))
    taken.sort()
    return {"p50": round(taken[len(taken) // 2], 3), "p99": round(taken[int(len(taken) * 0.99)], 3)}


async def _people(db: Database) -> tuple[User, User]:
    await schema.prepare(db)
    owner = await db.write(lambda tx: accounts.create(tx, name="owner", key_hash="0" * 64, now=0.0, trusted=True))
    return owner, await db.read(accounts.anonymous)


async def lives(users: int, *, seconds: float) -> dict[str, float]:
    """Whole lives (accept, pop, submit, check, status) by so many users at once: per second, and CPU for each."""
    with new_database() as url:
        async with await Database.open(url) as db:
            owner, nobody = await _people(db)
            done = 0
            until = time.perf_counter() + seconds

            async def live(number: int) -> None:
                nonlocal done
                pop = worker(f"worker {number % 8}", 10, 1 << 20)
                while time.perf_counter() < until:
                    await _life(db, owner, nobody, pop)
                    done += 1

            used, begun = _cpu(), time.perf_counter()
            async with asyncio.TaskGroup() as group:
                for number in range(users):
                    group.create_task(live(number))
            passed = time.perf_counter() - begun
            return {
                "users": users,
                "per_second": round(done / passed, 1),
                "cpu_ms": round(1000 * (_cpu() - used) / done, 2),
            }


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _life(db: Database, owner: User, nobody: User, pop: PopRequest) -> None:
    await db.write(lambda tx: accept(tx, nobody, time.time(), [MODELS[0]]))
    while not isinstance(  # noqa: ASYNC110  # as a worker does
        offer := await db.write(
            lambda tx: dispatch.offer(tx, terms=TERMS, user=owner, pop=pop, ip="127.0.0.1", now=time.time())
        ),
        Offer,
    ):
        await asyncio.sleep(0.01)  # others have a hand on what waits
    submit = SubmitRequest(id=offer.jobs[0].id, generation="R2", seed=1)
    await db.write(lambda tx: settle.settle(tx, terms=TERMS, user=owner, submit=submit, now=time.time()))
    await db.read(lambda tx: progress.check(tx, offer.request_id, now=time.time()))
    await db.read(lambda tx: progress.status(tx, offer.request_id, now=time.time()))


async def measure(*, quick: bool) -> dict[str, object]:
    """Everything; prints the tables as it goes."""
    depths = (100, 1_000, 10_000) if quick else (100, 1_000, 10_000, 100_000)
    columns = ("hit_10", "hit_300", "miss_10", "miss_300", "check")
    print("ms, p50/p99".ljust(12), *(name.rjust(13) for name in columns))
    table: list[dict[str, object]] = []
    for depth in depths:
        figures = await depth_figures(depth, times=100 if quick else 500)
        table.append(figures)
        cells = [figures[name] for name in columns]
        shown = (f"{cell['p50']}/{cell['p99']}".rjust(13) for cell in cells if isinstance(cell, dict))
        print(f"{depth:,}".ljust(12), *shown, flush=True)
    whole = [await lives(users, seconds=2 if quick else 10) for users in (8, 256)]
    for figures in whole:
        print(f"{figures['users']} users: {figures['per_second']} lives/s, {figures['cpu_ms']} ms CPU for each")
    return {"pops": table, "lives": whole}


def main() -> None:
    """Run the benchmark; the last line is one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL instead of SQLite")
    parser.add_argument("--quick", action="store_true", help="short, and no more than 10,000 waiting")
    print(json.dumps(asyncio.run(measure(quick=parser.parse_args().quick))))


if __name__ == "__main__":
    main()
