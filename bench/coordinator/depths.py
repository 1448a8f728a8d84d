"""Pops and checks while very many requests wait: how long a call takes over HTTP, and its transaction alone.

Requests ask for 300 models, a few of them often; the worker serves 10 of these. A hit finds a job, a miss finds that
nothing fits (the worker's pictures are too small).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from bench.coordinator.stage import stage
from bench.queue import MODELS, accept, pops, worker
from core.coordinator.keys import ANONYMOUS
from core.coordinator.rules import accounts
from core.coordinator.store.tables import requests
from core.db import Database, Statement, Writing

BY_HAND = 1000
"""Requests that are made by the rules; the others are copies of these."""
_NUMBERS = "WITH RECURSIVE numbers(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM numbers WHERE k < :copies) "


async def fill(db: Database, depth: int) -> None:
    """Let so many requests of the anonymous account wait."""
    nobody = await db.read(accounts.anonymous)
    begun = time.time() - 3600
    for first in range(0, min(depth, BY_HAND), 100):
        await db.write(partial(_some, nobody, [begun + number for number in range(first, first + 100)]))
    if depth > BY_HAND:
        await db.write(partial(_copy, copies=depth // BY_HAND - 1))


def _some(nobody: Any, times: list[float], tx: Writing) -> None:  # noqa: ANN401  # a User
    for at in times:
        accept(tx, nobody, at)


def _copy(tx: Writing, *, copies: int) -> None:
    number = "lpad(CAST(k AS text), 12, '0')" if tx.postgres else "printf('%012d', k)"
    fresh = {"id": f"substr(id, 1, 24) || {number}", "rank": "rank + 1000 * k"}
    names = [column.name for column in requests.columns]
    values = ", ".join(fresh.get(name, name) for name in names)
    copy = f"INSERT INTO requests ({', '.join(names)}) {_NUMBERS}SELECT {values} FROM requests, numbers"  # noqa: S608  # our own names
    tx.run(Statement(copy), {"copies": copies})
    stand = (
        f"INSERT INTO queue (lane_id, rank, request_id) {_NUMBERS}"  # noqa: S608  # likewise
        f"SELECT lane_id, rank + 1000 * k, substr(request_id, 1, 24) || {number} FROM queue, numbers"
    )
    tx.run(Statement(stand), {"copies": copies})


async def _alone(db: Database, depth: int, times: int, into: dict[str, Any]) -> None:
    """Fill it, and measure pops without HTTP: a whole transaction as its caller sees it, commit included."""
    await fill(db, depth)
    key = "f" * 64
    owner = await db.write(lambda tx: accounts.create(tx, name="popper", key_hash=key, now=time.time(), trusted=True))
    few = min(times, depth // 5)
    into["transaction_hit"] = await pops(db, owner, worker("hit", 10, 1 << 20), times=few, hit=True)
    into["transaction_miss"] = await pops(db, owner, worker("miss", 10, 4096), times=times, hit=False)


def depth_figures(engine: str, depth: int, *, times: int) -> dict[str, Any]:
    """Milliseconds at one depth: of the transaction of a pop, and of pops and checks over HTTP."""
    found: dict[str, Any] = {"waiting": depth}
    filled: Callable[[Database], Any] = partial(_alone, depth=depth, times=times, into=found)
    with stage(engine, fill=filled) as here:
        own = here.workers[0]
        pop = {"name": own["name"], "models": MODELS[:10], "max_pixels": 1 << 20}
        small = {**pop, "name": here.workers[1]["name"], "max_pixels": 4096}
        for name, body, count in (("hit", pop, min(times, depth // 5)), ("miss", small, times)):
            call = ["POST", "/api/v2/generate/pop", body, own["key"]]
            found[name] = here.order("repeats", users=1, times=count, calls=[call])
        params = {"width": 512, "height": 512, "steps": 25}
        asked = {"prompt": "a red apple", "models": [MODELS[0]], "params": params}
        mine = here.call("POST", "/api/v2/generate/async", asked)["id"]
        check = ["GET", f"/api/v2/generate/check/{mine}", None, ANONYMOUS]
        found["check"] = here.order("repeats", users=1, times=times, calls=[check])
    return found
