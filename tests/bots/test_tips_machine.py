"""Gifts, links and clerks in any order: nothing is paid twice or lost, nobody gives what they do not have."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pydantic import SecretStr

from core.house import open_house
from core.settings import Bots
from core.store import Store
from tests.bots.scripted import ScriptedHorde
from tests.bots.test_tips import DAY, Clock, Town

PEOPLE = ("ann", "ben", "cat")
RICH = 25.0
EMOJI = ("🍪", "🎁", "🏆")
SOMEBODY, MESSAGES = st.sampled_from(PEOPLE), st.sampled_from(["m1", "m2"])
OPEN = {"asked", "promised", "paying"}


class Evening(RuleBasedStateMachine):
    """Ann and Ben have 25 kudos each, Cat gets an account some time; message m1 is Ben's, m2 is Cat's."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.keys = 0
        self.last: tuple[str, str, str, bool] | None = None

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    @initialize()
    def begin(self) -> None:
        self.town = self.do(self._open())

    async def _open(self) -> Town:
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        clock, horde = Clock(), await self.stack.enter_async_context(ScriptedHorde().listening())
        store = await self.stack.enter_async_context(await Store.open(f"sqlite:///{folder / 'bots.db'}", clock=clock))
        key = SecretStr("bots-key")
        house = open_house(Bots(), store, horde_url=horde.url, api_key=key, data_dir=folder, clock=clock)
        town = Town(await self.stack.enter_async_context(house), store, clock, horde)
        await town.join("ann", RICH)
        await town.join("ben", RICH)
        return town

    @rule(by=SOMEBODY, message=MESSAGES, emoji=st.sampled_from(EMOJI), added=st.booleans())
    def put(self, by: str, message: str, emoji: str, added: bool) -> None:
        self.keys += 1
        self.last = (by, message, emoji, added)
        self._put(f"event:{self.keys}")

    @rule()
    def repeat(self) -> None:
        """The platform delivers the last event again."""
        if self.last:
            self._put(f"event:{self.keys}")

    def _put(self, key: str) -> None:
        assert self.last
        by, message, emoji, added = self.last
        to = {"m1": "ben", "m2": "cat"}[message]
        self.do(self.town.put(emoji, by=by, to=to, added=added, key=key, ref=self.town.message(message)))

    @rule(seconds=st.sampled_from([1.0, 61.0, 8 * DAY]))
    def later(self, seconds: float) -> None:
        self.do(self.town.later(seconds))

    @rule(seconds=st.sampled_from([1.0, 61.0]))
    def crash(self, seconds: float) -> None:
        """The clerk dies between marking gifts as on their way and asking the horde."""
        self.town.clock.now += seconds
        self.do(self.town.store.payable(now=self.town.clock.now, most=50))

    @rule()
    def lose(self) -> None:
        """The horde's next answer is lost after it moved the kudos."""
        self.town.horde.losing_transfers = 1

    @rule()
    def join(self) -> None:
        """Cat gets an account, or leaves it and comes back."""
        if "key-of-cat-for-tests" not in self.town.horde.people:
            self.do(self.town.join("cat", 0.0))
        else:
            self.do(self.town.say("unlink", person="cat", private=True))
            self.do(self.town.say("login key-of-cat-for-tests", person="cat", private=True))

    @invariant()
    def nothing_is_made_or_lost(self) -> None:
        if not hasattr(self, "town"):
            return
        balances = [kudos for _, kudos in self.town.horde.people.values()]
        assert sum(balances) == 2 * RICH
        assert min(balances) >= 0
        gifts = [name.split("-")[1] for _, name in self.town.horde.moved]
        assert len(gifts) == len(set(gifts)), "a gift was paid twice"

    def teardown(self) -> None:
        if hasattr(self, "town"):
            self.do(self._settle())
        self.loop.close()

    async def _settle(self) -> None:
        """In the end each gift is paid, or its giver has it back."""
        self.town.horde.losing_transfers = 0
        for _ in range(3):
            await self.town.later(9 * DAY)
        moved = {name.split("-")[1] for _, name in self.town.horde.moved}
        for person in PEOPLE:
            account = await self.town.store.account("fake", person)
            for gift in await self.town.store.gifts_of(account.id, most=1000) if account else ():
                assert gift.state not in OPEN
                assert (gift.state == "paid") == (gift.id in moved), gift
        await self.town.dispatch.close()
        await self.stack.aclose()


TestEvening = Evening.TestCase
TestEvening.settings = settings(
    max_examples=8, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
