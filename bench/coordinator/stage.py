"""What is measured: a coordinator as an operator starts it, on a database of its own, and what both of them use."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psutil
from pydantic import SecretStr

from bench.coordinator.usage import cpu_of
from core.coordinator.keys import ANONYMOUS, hash_key, load_secret, new_key
from core.coordinator.rules import accounts, schema
from core.db import Database
from tests.doubles.postgres_server import PostgresServer
from tests.doubles.program import Program

ROOT = Path(__file__).parents[2]
ASKERS, OWNERS, WORKERS_EACH = 256, 4, 4
MODELS = [f"model {number}" for number in range(8)]
DURABLE = {"fsync": "on", "synchronous_commit": "on", "autovacuum": "on", "shared_buffers": "128MB"}
"""PostgreSQL as it is by default: a commit is on the disk before it is reported."""


@dataclass
class Stage:
    """A coordinator that runs, the accounts that use it, and the database under it."""

    program: Program
    database: str
    folder: Path
    server: PostgresServer | None
    askers: list[str] = field(default_factory=list[str])
    workers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    def call(self, method: str, path: str, data: object = None) -> Any:  # noqa: ANN401  # JSON
        """One call of our own, as nobody in particular."""
        body = json.dumps(data).encode() if data is not None else None
        headers = {"apikey": ANONYMOUS, "Content-Type": "application/json"}
        call = Request(self.program.url + path, body, headers, method=method)  # noqa: S310  # our own address
        with urlopen(call) as answer:  # noqa: S310  # likewise
            return json.loads(answer.read())

    def order(self, what: str, **more: object) -> dict[str, Any]:
        """Have the load generator do something; its answer, and what serving it took."""
        given = {
            "what": what,
            "url": self.program.url,
            "askers": self.askers,
            "workers": self.workers,
            "pids": self.pids(),
        }
        picture = self.folder / "picture.webp"
        if not picture.exists():
            picture.write_bytes(_webp())
        people = {"askers": self.askers, "workers": self.workers}
        order = {**given, **people, "models": MODELS, "picture": str(picture), **more}
        before, begun = self.cpu(), time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "bench.coordinator.load"],
            input=json.dumps(order), capture_output=True, text=True, cwd=ROOT, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (done.stderr[-3000:], self.program.log("coordinator"))
        after = self.cpu()
        found: dict[str, Any] = json.loads(done.stdout)
        return {
            **found,
            "used": [b - a for a, b in zip(before, after, strict=True)],
            "took": time.perf_counter() - begun,
        }

    def cpu(self) -> tuple[float, float]:
        """Seconds of CPU that the coordinator's processes, and the database server's, used so far."""
        used = [cpu_of(pid) for pid in self.pids()]
        return used[0], sum(used[1:])

    def pids(self) -> list[int]:
        """Of the coordinator, and of the database server where there is one."""
        coordinator = self.program.parts["coordinator"].pid
        if self.server is None:
            return [coordinator]
        return [coordinator, int((self.server.folder / "data" / "postmaster.pid").read_text().split()[0])]

    def memory(self) -> float:
        """Megabytes that the coordinator keeps in memory."""
        parent = psutil.Process(self.program.parts["coordinator"].pid)
        return sum(one.memory_info().rss for one in (parent, *parent.children(recursive=True))) / 1e6


def _webp() -> bytes:
    """A picture with something on it, as large as usual ones: 512 px, some 30 kB."""
    from PIL import Image

    noise = Image.frombytes("L", (128, 128), os.urandom(128 * 128)).resize((512, 512)).convert("RGB")
    packed = BytesIO()
    noise.save(packed, "WEBP", quality=80)
    return packed.getvalue()


@contextmanager
def stage(
    engine: str, *, processes: int = 1, fill: Callable[[Database], Awaitable[None]] | None = None
) -> Iterator[Stage]:
    """A coordinator on an empty database of `sqlite` or `postgres`, or on one that `fill` has filled."""
    with tempfile.TemporaryDirectory(prefix="bench") as place:
        folder = Path(place)
        if engine == "sqlite":
            (folder / "data").mkdir()
            yield from _started(f"sqlite:///{folder}/data/bench.db", folder, None, processes, fill)
            return
        with PostgresServer(**DURABLE) as server:
            yield from _started(server.address(server.create()), folder, server, processes, fill)


def _started(
    database: str,
    folder: Path,
    server: PostgresServer | None,
    processes: int,
    fill: Callable[[Database], Awaitable[None]] | None,
) -> Iterator[Stage]:
    running = Program(
        folder,
        COORDINATOR__DATABASE_URL=database,
        COORDINATOR__PROCESSES=str(processes),
        COORDINATOR__LIMITS__RATE_LIMITS="false",
        COORDINATOR__LIMITS__ANONYMOUS_CONCURRENCY="10000000",
        COORDINATOR__REQUEST_TTL="86400",
        COORDINATOR__SWEEP_EVERY="10",
    )
    here = Stage(running, database, folder, server)
    asyncio.run(_furnish(here, fill))
    try:
        running.start("coordinator")
        yield here
        running.stop("coordinator")
    finally:
        running.close()


async def _furnish(here: Stage, fill: Callable[[Database], Awaitable[None]] | None) -> None:
    """Make the accounts, and whatever shall wait."""
    secret = load_secret(here.folder / "data", SecretStr(""))
    async with await Database.open(here.database) as db:
        await schema.prepare(db)

        async def account(name: str, *, trusted: bool) -> str:
            key = new_key()
            hashed, now = hash_key(secret, key), time.time()
            await db.write(
                lambda tx: accounts.create(tx, name=name, key_hash=hashed, now=now, trusted=trusted, kudos=1e6)
            )
            return key

        here.askers = [await account(f"asker {number}", trusted=False) for number in range(ASKERS)]
        for number in range(OWNERS):
            key = await account(f"owner {number}", trusted=True)
            here.workers += [{"key": key, "name": f"worker {number} {place}"} for place in range(WORKERS_EACH)]
        if fill is not None:
            await fill(db)
