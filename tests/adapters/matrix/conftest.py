"""A homeserver for all tests of this folder, people on it, and bots."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from rigs import Recorder, listening

from adapters.matrix.platform import Matrix
from core.chat.command import Repertoire
from core.chat.types import Call, Press, Reaction
from tests.adapters.matrix.bot import joined, matrix
from tests.adapters.matrix.human import Human, human
from tests.doubles.synapse_server import SynapseServer, synapse

Together: TypeAlias = Callable[..., Any]


@dataclass
class Pair:
    """Somebody and a bot in a room."""

    ann: Human
    bot: Matrix
    recorder: Recorder
    room: str
    folder: Path

    @property
    def me(self) -> str:
        """The bot's account."""
        return self.bot._user

    async def event(self) -> Call | Press | Reaction:
        """The next event that the bot is given."""
        return await self.recorder.events.get()

    async def say(self, text: str, **more: Any) -> Call:
        """Somebody writes to the bot; the call that comes of it."""
        await self.ann.say(self.room, text, **more)
        return await self.call()

    async def call(self) -> Call:
        """The next event, which must be a call."""
        event = await self.event()
        assert isinstance(event, Call)
        return event

    async def reaction(self) -> Reaction:
        """The next event, which must be an emoji."""
        event = await self.event()
        assert isinstance(event, Reaction)
        return event


@pytest.fixture(scope="session")
def server() -> SynapseServer:
    """The homeserver."""
    return synapse()


@pytest.fixture(params=[False, True], ids=["plain", "encrypted"])
def encrypted(request: pytest.FixtureRequest) -> bool:
    """Runs the test once in each kind of room."""
    return request.param


@pytest.fixture
async def together(server: SynapseServer, tmp_path: Path) -> AsyncIterator[Together]:
    """Brings somebody and a bot into a room, alone or with others."""
    async with AsyncExitStack() as stack:

        async def make(
            *, encrypted: bool = False, crowd: int = 0, repertoire: Repertoire | None = None, **bot: Any
        ) -> Pair:
            made = matrix(server, tmp_path, **bot)
            ann = await stack.enter_async_context(human(server, tmp_path / "ann"))
            recorder = await stack.enter_async_context(listening(made, repertoire))
            others = [server.account().user_id for _ in range(crowd)]
            room = await ann.room(made._user, *others, encrypted=encrypted)
            await joined(made, room)
            await ann.there(room, made._user)
            return Pair(ann, made, recorder, room, tmp_path)

        yield make
