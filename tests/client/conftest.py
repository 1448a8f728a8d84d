"""A foreign horde on loopback, and a client of it that does not wait long."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from core.client import HordeClient, Patience
from tests.doubles.horde import FakeHorde

KEY = "sEcReTsEcReTsEcReT1234"
QUICK = Patience(attempts=3, first_wait=0.01, longest_wait=0.5, timeout=5)


@pytest.fixture
async def horde() -> AsyncIterator[FakeHorde]:
    async with FakeHorde() as server:
        yield server


@pytest.fixture
async def client(horde: FakeHorde) -> AsyncIterator[HordeClient]:
    async with HordeClient(horde.url, KEY, "Tests:1:none", patience=QUICK) as opened:
        yield opened


@pytest.fixture
async def largesse() -> AsyncIterator[FakeHorde]:
    async with FakeHorde(ours=True) as server:
        yield server


@pytest.fixture
async def home(largesse: FakeHorde) -> AsyncIterator[HordeClient]:
    async with HordeClient(largesse.url, KEY, "Tests:1:none", patience=QUICK) as opened:
        yield opened
