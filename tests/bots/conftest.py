"""The scripted horde and a room to talk in, for every conversation's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bots.scripted import Room, ScriptedHorde, open_room


@pytest.fixture
async def horde() -> AsyncIterator[ScriptedHorde]:
    async with ScriptedHorde().listening() as horde:
        yield horde


@pytest.fixture
async def room(tmp_path: Path, horde: ScriptedHorde) -> AsyncIterator[Room]:
    async with open_room(tmp_path, horde) as room:
        yield room
