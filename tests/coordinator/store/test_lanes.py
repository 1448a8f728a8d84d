"""The lanes: order, bounds that never hide anything, and two processes on one file."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.contract.generate import GenerateRequest
from core.contract.work import PopRequest, SubmitRequest
from core.coordinator.rules import accounts, dispatch, ledger, requests, schema, settle
from core.coordinator.rules.values import Offer, User
from core.coordinator.store.lanes import LaneKey, Lanes
from core.db import Database, Writing
from core.settings import Coordinator


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with await Database.open(database_url) as db:
        await schema.prepare(db)
        yield db


def _key(model: str) -> LaneKey:
    return LaneKey(model, 262144, frozenset({"nsfw"}), "", patient=False)


def test_a_lane_survives_its_text() -> None:
    """The stored form of a lane means the same lane."""
    key = LaneKey('a "quoted" ü model', 32768, frozenset({"nsfw", "lora"}), "some id", patient=True)
    assert LaneKey.parse(key.text()) == key


async def test_walking_gives_everything_once_best_first(db: Database) -> None:
    """Over any lanes, with requests in several of them, the walk is the sorted queue without repetitions."""
    dice = random.Random(7)  # a shuffled queue, not a secret
    expected: dict[str, tuple[int, set[int]]] = {}

    def fill(tx: Writing) -> list[int]:
        lanes = tx.local(Lanes)
        lanes.refresh(tx, 0)
        ids = lanes.ids(tx, [_key(f"model {number}") for number in range(40)])
        for number in range(400):
            rank, chosen = dice.randrange(1000), set(dice.sample(ids, dice.choice([1, 1, 1, 5])))
            expected[f"request {number}"] = rank, chosen
            lanes.enter(tx, f"request {number}", rank, chosen)
        return ids

    ids = await db.write(fill)
    for count in (1, 3, 20, 40):
        chosen = dice.sample(ids, count)
        walked = await db.write(lambda tx, chosen=chosen: list(tx.local(Lanes).walk(tx, chosen)))
        wanted = sorted((rank, name) for name, (rank, lanes) in expected.items() if lanes & set(chosen))
        assert [rank for rank, _ in walked] == [rank for rank, _ in wanted]
        assert sorted(walked) == wanted


async def test_what_was_rolled_back_hides_nothing(db: Database) -> None:
    """Bounds changed by a transaction that failed leave the queue as visible as it was."""

    def enter(tx: Writing) -> int:
        lanes = tx.local(Lanes)
        lanes.refresh(tx, 0)
        lane = lanes.ids(tx, [_key("model")])[0]
        lanes.enter(tx, "request", 5, [lane])
        return lane

    lane = await db.write(enter)

    def fail(tx: Writing) -> None:
        lanes = tx.local(Lanes)
        lanes.leave(tx, "request", 5, [lane])
        assert list(lanes.walk(tx, [lane])) == []
        raise LookupError

    with pytest.raises(LookupError):
        await db.write(fail)
    assert await db.write(lambda tx: list(tx.local(Lanes).walk(tx, [lane]))) == [(5, "request")]


TERMS = Coordinator()
ASKED = 60


def _ask(tx: Writing, user: User) -> str:
    body = {"prompt": "x", "models": ["little"], "params": {"width": 64, "height": 64, "n": 2}}
    return requests.accept(
        tx,
        terms=TERMS,
        user=user,
        request=GenerateRequest.model_validate(body),
        sources=None,
        ip="",
        idempotency_key=None,
        client_agent="",
        now=time.time(),
    ).id


def _work(url: str, name: str, ask: int, report: str) -> None:
    """One process: ask for some pictures, then draw whatever there is until nothing is left for a while."""

    async def body() -> list[str]:
        drawn: list[str] = []
        async with await Database.open(url) as db:
            owner = await db.read(lambda tx: accounts.get(tx, 1))
            nobody = await db.read(accounts.anonymous)
            assert owner is not None
            pop = PopRequest.model_validate({"name": name, "models": ["little"], "amount": 3})
            for _ in range(ask):
                await db.optimistic(lambda tx: _ask(tx, nobody))
            idle = 0
            while idle < 20:
                offer = await db.optimistic(
                    lambda tx: dispatch.offer(tx, terms=TERMS, user=owner, pop=pop, ip="", now=time.time())
                )
                if not isinstance(offer, Offer):
                    idle += 1
                    await asyncio.sleep(0.02)
                    continue
                idle = 0
                for job in offer.jobs:
                    submit = SubmitRequest.model_validate({"id": job.id, "generation": "R2", "seed": 1})
                    await db.optimistic(
                        lambda tx, submit=submit: settle.settle(
                            tx, terms=TERMS, user=owner, submit=submit, now=time.time()
                        )
                    )
                    drawn.append(f"{offer.request_id} {job.seed}")
        return drawn

    Path(report).write_text(json.dumps(asyncio.run(body())), encoding="utf-8")


async def test_two_processes_share_the_queue(db: Database, database_url: str, tmp_path: Path) -> None:
    """Two coordinators on one database: every picture is given once, none is lost, and the ledger is even."""
    await db.write(lambda tx: accounts.create(tx, name="owner", key_hash="0" * 64, now=0.0, trusted=True))
    context = multiprocessing.get_context("spawn")
    reports = [tmp_path / f"report {number}" for number in range(2)]
    workers = [
        context.Process(target=_work, args=(database_url, f"worker {number}", ASKED // 2, str(report)))
        for number, report in enumerate(reports)
    ]
    for worker in workers:
        worker.start()
    await asyncio.gather(*(asyncio.to_thread(worker.join) for worker in workers))
    assert [worker.exitcode for worker in workers] == [0, 0]
    drawn = Counter(entry for report in reports for entry in json.loads(report.read_text(encoding="utf-8")))
    assert len(drawn) == 2 * ASKED
    assert set(drawn.values()) == {1}
    audit = await db.read(ledger.audit)
    assert audit.ok, audit
