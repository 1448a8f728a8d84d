"""A machine that asks, pops, submits, faults, cancels, transfers, waits and repeats itself in any order.

After every step the ledger is proven and the counts of every request add up; nothing is ever given out twice or lost.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from core.coordinator.rules import kudos, schema
from core.coordinator.rules.values import Accepted, JobOffer, Offer, User
from core.coordinator.store import requests as store
from core.db import Database, Reading, Statement
from core.errors import NotFound, UserError
from tests.doubles.postgres_server import PostgresServer

if TYPE_CHECKING:
    from conftest import Horde

T = TypeVar("T")
MODELS = [["little"], ["large"], ["little", "large"], []]
OFFERED = [["little", "large"], ["large", "little"], ["little"]]
RICH = 2
_QUEUED = Statement("SELECT request_id, count(*) FROM queue GROUP BY request_id")
_JOBS = Statement("SELECT request_id, state, count(*), count(DISTINCT place) FROM jobs GROUP BY request_id, state")
_TWICE = Statement(
    "SELECT request_id, place FROM jobs WHERE state <> 'aborted' GROUP BY request_id, place HAVING count(*) > 1"
)


class Files:
    """Databases of SQLite, copied from one that was migrated."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.numbers = itertools.count(1)

        async def make() -> None:
            async with await Database.open(f"sqlite:///{folder}/empty.db") as db:
                await schema.prepare(db)

        asyncio.run(make())

    def create(self) -> str:
        return str(shutil.copy(self.folder / "empty.db", self.folder / f"{next(self.numbers)}.db"))

    def address(self, name: str) -> str:
        return f"sqlite:///{name}"

    def drop(self, name: str) -> None:
        for file in self.folder.glob(f"{Path(name).name}*"):
            file.unlink()


class Server:
    """Databases of PostgreSQL, likewise."""

    def __init__(self, server: PostgresServer, template: str) -> None:
        self.server, self.template = server, template
        self.address, self.drop = server.address, server.drop

    def create(self) -> str:
        return self.server.create(self.template)


class Machine(RuleBasedStateMachine):
    """One horde on its own database."""

    databases: Files | Server
    horde_class: type[Horde]

    requests = Bundle("requests")
    jobs = Bundle("jobs")
    settled = Bundle("settled")

    def __init__(self) -> None:
        super().__init__()
        self.name = self.databases.create()
        self.runner = asyncio.Runner()
        self.horde = self.horde_class(self.run(Database.open(self.databases.address(self.name))))
        self.people = [
            self.run(self.horde.anonymous()),
            self.run(self.horde.user("poor")),
            self.run(self.horde.user("rich", kudos=2000)),
            self.run(self.horde.user("owner", trusted=True)),
        ]
        self.given: set[str] = set()
        self.keys = 0
        self.last_refusal = ""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.run(self.horde.db.close())
        self.runner.close()
        self.databases.drop(self.name)

    @rule(
        target=requests, who=st.integers(0, 3), n=st.integers(1, 3), models=st.sampled_from(MODELS), large=st.booleans()
    )
    def ask(self, who: int, n: int, models: list[str], *, large: bool) -> Any:
        self.keys += 1
        params = {"n": n, "width": 2048 if large else 64, "height": 1024 if large else 64}
        key, user = f"key {self.keys}", self.people[RICH if large else who]

        async def twice() -> Accepted:
            first = await self.horde.ask(user, models=models, params=params, idempotency_key=key)
            again = await self.horde.ask(user, models=models, params=params, idempotency_key=key)
            assert again.id == first.id
            return first

        try:
            return self.run(twice()).id
        except UserError:
            return multiple()

    @rule(
        target=jobs,
        owner=st.integers(1, 3),
        models=st.sampled_from(OFFERED),
        amount=st.integers(1, 3),
        session=st.sampled_from(["a", "b"]),
    )
    def pop(self, owner: int, models: list[str], amount: int, session: str) -> Any:
        user = self.people[owner]
        try:
            offer = self.run(
                self.horde.pop(
                    user, f"worker {owner}", models=models, amount=amount, session=session, max_pixels=9_000_000
                )
            )
        except UserError:
            return multiple()
        if not isinstance(offer, Offer):
            return multiple()
        for job in offer.jobs:
            assert job.id not in self.given
            self.given.add(job.id)
        return multiple(*((user, job) for job in offer.jobs))

    def _submit(self, user: User, job: JobOffer, **options: Any) -> None:
        code = ""
        try:
            self.run(self.horde.submit(user, job.id, **options))
        except UserError as refusal:
            code = refusal.code
        assert code in {"", "DuplicateGen", "AbortedGen", "InvalidJobID"}

    @rule(who=st.integers(0, 3), large=st.booleans(), n=st.integers(1, 2))
    def ask_draw_and_cancel(self, who: int, n: int, *, large: bool) -> None:
        request, owner = self.ask(who, n, [], large=large), self.people[3]
        try:
            offer = self.run(self.horde.pop(owner, "worker 3", session="a", amount=2, max_pixels=9_000_000))
        except UserError as refusal:
            self.last_refusal = refusal.code
            return
        if isinstance(request, str):
            self.cancel(request)
        if isinstance(offer, Offer):
            for number, job in enumerate(offer.jobs):
                self._submit(owner, job, state="ok" if number % 2 else "faulted")

    @rule(target=settled, held=consumes(jobs))
    def submit(self, held: tuple[User, JobOffer]) -> Any:
        self._submit(*held)
        return held

    @rule(owner=st.integers(1, 3))
    def draw_everything(self, owner: int) -> None:
        user, name = self.people[owner], f"worker {owner}"
        try:
            while isinstance(
                offer := self.run(
                    self.horde.pop(user, name, models=["little", "large"], session="a", max_pixels=9_000_000)
                ),
                Offer,
            ):
                self._submit(user, offer.jobs[0])
        except UserError as refusal:
            self.last_refusal = refusal.code

    @rule(target=settled, held=consumes(jobs))
    def fault(self, held: tuple[User, JobOffer]) -> Any:
        self._submit(*held, state="faulted")
        return held

    @rule(target=settled, held=consumes(jobs))
    def censor(self, held: tuple[User, JobOffer]) -> Any:
        self._submit(*held, gen_metadata=[{"type": "censorship", "value": "nsfw"}])
        return held

    @rule(held=settled, state=st.sampled_from(["ok", "faulted"]))
    def submit_again(self, held: tuple[User, JobOffer], state: str) -> None:
        owned = self._balances()
        self._submit(*held, state=state)
        assert self._balances() == owned

    @rule(request=requests)
    def cancel(self, request: str) -> None:
        try:
            assert self.run(self.horde.cancel(request)).progress.waiting == 0
        except NotFound:
            return

    @rule(seconds=st.sampled_from([1, 1, 1, 200, 700, 2000]))
    def wait(self, seconds: int) -> None:
        self.horde.now += seconds
        self.run(self.horde.sweep())

    @rule(giver=st.integers(1, 3), taker=st.integers(1, 3), amount=st.integers(1, 50))
    def give(self, giver: int, taker: int, amount: int) -> None:
        self.keys += 1
        sender, to, key = self.people[giver], self.people[taker].unique_name, f"gift {self.keys}"
        for _ in range(2):
            try:
                self.run(
                    self.horde.db.write(
                        lambda tx: kudos.transfer(
                            tx, sender=sender, to=to, amount=amount, idempotency_key=key, now=self.horde.now
                        )
                    )
                )
            except UserError:
                return

    @rule(locking=st.booleans())
    def lose_races(self, *, locking: bool) -> None:
        self.horde.hot = self.horde.db.write if locking else self.horde.db.optimistic

    def _balances(self) -> list[float]:
        return [self.run(self.horde.balance(user)) for user in self.people]

    @invariant()
    def kudos_add_up(self) -> None:
        self.run(self.horde.prove())

    @invariant()
    def pictures_add_up(self) -> None:
        self.run(self.horde.db.read(_prove_queue))


def _prove_queue(tx: Reading) -> None:
    queued = dict(tx.all(_QUEUED))
    held = {(request, state): (count, places) for request, state, count, places in tx.all(_JOBS)}
    assert tx.all(_TWICE) == []
    for (request_id,) in tx.all(Statement("SELECT id FROM requests")):
        row = store.get(tx, request_id)
        assert row is not None
        assert row.waiting + row.processing + row.finished + row.cancelled == row.n
        assert min(row.waiting, row.processing, row.finished, row.cancelled) >= 0
        assert held.get((row.id, "processing"), (0, 0)) == (row.processing, row.processing)
        assert held.get((row.id, "done"), (0, 0)) == (row.finished, row.finished)
        assert bool(queued.pop(row.id, 0)) == (row.waiting > 0)
        assert row.held == 0 or row.waiting or row.processing
        assert not (row.stopped and row.waiting)
    assert queued == {}


@pytest.mark.parametrize("effort", [40, pytest.param(400, marks=pytest.mark.slow)])
def test_any_order_of_events_keeps_the_books(
    effort: int, engine: str, horde_class: type[Horde], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Whatever happens in whatever order, kudos and pictures add up, and repeating an act changes nothing."""
    if engine == "sqlite":
        Machine.databases = Files(tmp_path)
    else:
        template = request.getfixturevalue("postgres_template")
        Machine.databases = Server(request.getfixturevalue("postgres"), template)
        effort //= 2
    Machine.horde_class = horde_class
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=effort, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
