"""What the tests of the rules share: a migrated database, accounts, and a horde driven step by step."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.contract.generate import GenerateRequest
from core.contract.work import PopRequest, SubmitRequest
from core.coordinator.rules import accounts, dispatch, ledger, progress, requests, schema, settle, sweep
from core.coordinator.rules.values import (
    Accepted,
    Nothing,
    Offer,
    Progress,
    Settled,
    Status,
    StoredSources,
    Swept,
    User,
)
from core.db import Database
from core.settings import Coordinator

NOON = 1_800_000_000.0
CAPABLE = ["img2img", "painting", "post_processing", "lora", "controlnet", "seeds", "tiling", "hires_fix"]


class Horde:
    """A coordinator without its HTTP side: every step is one transaction at `now`."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.hot = db.optimistic
        """How hot calls are run; `db.write` is what becomes of them where they lost a race."""
        self.now = NOON
        self.terms = Coordinator()
        self.people = itertools.count(1)

    async def user(self, name: str = "someone", **options: Any) -> User:
        number = next(self.people)
        return await self.db.write(
            lambda tx: accounts.create(tx, name=name, key_hash=f"{number:064x}", now=self.now, **options)
        )

    async def anonymous(self) -> User:
        return await self.db.read(accounts.anonymous)

    async def ask(self, user: User, prompt: str = "a red apple", **options: Any) -> Accepted:
        key = options.pop("idempotency_key", None)
        sources = options.pop("sources", None)
        params = {"width": 512, "height": 512, "steps": 20, **options.pop("params", {})}
        body = {"prompt": prompt, "models": ["little"], "params": params, **options}
        return await self.accept(user, GenerateRequest.model_validate(body), sources=sources, key=key)

    async def accept(
        self, user: User, request: GenerateRequest, *, sources: StoredSources | None = None, key: str | None = None
    ) -> Accepted:
        return await self.hot(
            lambda tx: requests.accept(
                tx,
                terms=self.terms,
                user=user,
                request=request,
                sources=sources,
                ip="127.0.0.1",
                idempotency_key=key,
                client_agent="test:1:none",
                now=self.now,
            )
        )

    async def pop(self, owner: User, name: str = "machine", **options: Any) -> Offer | Nothing:
        body = {"name": name, "models": ["little"], "max_pixels": 1048576, "capabilities": CAPABLE, **options}
        pop = PopRequest.model_validate(body)
        return await self.hot(
            lambda tx: dispatch.offer(tx, terms=self.terms, user=owner, pop=pop, ip="127.0.0.1", now=self.now)
        )

    async def take(self, owner: User, name: str = "machine", **options: Any) -> Offer:
        offer = await self.pop(owner, name, **options)
        assert isinstance(offer, Offer), offer
        return offer

    async def submit(self, owner: User, job_id: str, **options: Any) -> Settled:
        body = SubmitRequest.model_validate({"id": job_id, "generation": "R2", "seed": 1, **options})
        return await self.hot(lambda tx: settle.settle(tx, terms=self.terms, user=owner, submit=body, now=self.now))

    async def check(self, request_id: str) -> Progress:
        return await self.db.glance(lambda tx: progress.check(tx, request_id, now=self.now))

    async def status(self, request_id: str) -> Status:
        return await self.db.glance(lambda tx: progress.status(tx, request_id, now=self.now))

    async def cancel(self, request_id: str) -> Status:
        return await self.db.write(lambda tx: requests.cancel(tx, request_id, now=self.now))

    async def sweep(self) -> Swept:
        return await self.db.write(lambda tx: sweep.sweep(tx, terms=self.terms, now=self.now))

    async def pass_time(self, seconds: float) -> int:
        """Let time pass with the coordinator at work; how many requests it forgot."""
        purged, end = 0, self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 30)
            purged += (await self.sweep()).purged
        return purged

    async def balance(self, user: User) -> float:
        return await self.db.read(lambda tx: ledger.kudos(ledger.balance(tx, user.id)))

    async def prove(self) -> None:
        audit = await self.db.read(ledger.audit)
        assert audit.ok, audit


@pytest.fixture
async def horde(database_url: str) -> AsyncIterator[Horde]:
    async with await Database.open(database_url) as db:
        await schema.prepare(db)
        horde = Horde(db)
        yield horde
        await horde.prove()


@pytest.fixture(scope="session")
def horde_class() -> type[Horde]:
    """For tests that make hordes of their own."""
    return Horde
