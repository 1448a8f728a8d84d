"""A small Reddit, a scripted horde, and the bots between them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.adapters.reddit.town import Town
from tests.bots.scripted import ScriptedHorde
from tests.doubles.reddit.server import FakeReddit


@pytest.fixture
async def there() -> AsyncIterator[FakeReddit]:
    async with FakeReddit() as reddit:
        yield reddit


@pytest.fixture
async def horde() -> AsyncIterator[ScriptedHorde]:
    async with ScriptedHorde().listening() as horde:
        yield horde


@pytest.fixture
async def town(tmp_path: Path, horde: ScriptedHorde, there: FakeReddit) -> AsyncIterator[Town]:
    """The bot is running."""
    async with Town(tmp_path, horde, there) as town:
        await town.open()
        yield town
