"""Gifts in bulk: random events on the book of both engines with the invariants checked at the end, and receipts timed.

`python -m bench.gifts [--quick]`. An event is a gift, one taken back or repeated, or a look of the clerk who pays, dies
or is refused; people share few kudos, so that many promises meet the same last ones, and the horde moves only what is
there. In the end no gift was paid twice, nobody paid more than they had, and what was not paid is open or ended.
Target: reaction → receipt in under 500 ms at the 99th percentile on two cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bots import REPERTOIRE
from core import log
from core.chat.dispatch import Dispatch
from core.chat.port import Limits
from core.chat.testing import FakePlatform
from core.chat.types import MessageRef
from core.house import open_house
from core.settings import Bots
from core.store import Store
from tests.bots.scripted import ScriptedHorde
from tests.doubles.postgres_server import PostgresServer

PEOPLE, RICH = 40, 500.0
AT_ONCE = 16


class Evening:
    """People of one room, their kudos as a horde would keep them, and the book."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store, self.dice = store, random.Random(seed)  # noqa: S311  # the same evening each time
        self.kudos = {f"a{number}": RICH for number in range(PEOPLE)}
        self.paid = Counter[str]()
        self.now = 0.0
        self._one_clerk = asyncio.Lock()

    async def open(self) -> None:
        """Everybody gets an account."""
        for number in range(PEOPLE):
            account = await self.store.open_account(f"a{number}", platform="p", person=str(number), now=0.0)
            await self.store.sign_in(account.id, user=f"u#{number}", sealed="sealed")

    async def event(self) -> None:
        """Something happens."""
        dice = self.dice.random()
        if dice < 0.6:
            await self._give()
        elif dice < 0.9:
            await self.store.cancel(self._name(), now=self.now)
        else:
            async with self._one_clerk:
                await self._clerk()

    def _name(self) -> str:
        """One of the newest messages, so that events meet the same gift again."""
        return f"{self.dice.randrange(PEOPLE)}>{int(self.now / 20) + self.dice.randrange(5)}"

    async def _give(self) -> None:
        name = self._name()
        giver, message = name.split(">")
        receiver = str((int(giver) + 1 + int(message)) % PEOPLE)
        if receiver == giver:
            return
        gift: dict[str, object] = {
            "id": name, "platform": "p", "place": "room", "private": False, "message": message, "emoji": "🎁",
            "account": f"a{giver}", "giver": giver, "giver_name": giver, "receiver": receiver,
            "receiver_name": receiver, "amount": self.dice.choice([1, 10, 50]), "state": "promised",
            "created": self.now, "due": self.now + 60, "expires": self.now + 7 * 86_400,
        }  # fmt: skip
        balance = self.kudos[f"a{giver}"]
        await self.store.promise(gift, balance=balance, most_a_day=10**9, most_to_one=10**9)

    async def _clerk(self) -> None:
        """Time passes; a clerk pays, dies before it asks, or is refused."""
        self.now += 20
        for gift in await self.store.payable(now=self.now, most=50):
            dice = self.dice.random()
            if dice < 0.1:
                continue
            if dice < 0.15 or self.kudos[gift.account] < gift.amount:
                await self.store.settle_gift(gift.id, state="refused", reason="no")
                continue
            self.kudos[gift.account] -= gift.amount
            self.kudos[gift.receiver_user.replace("u#", "a")] += gift.amount
            self.paid[gift.id] += 1
            await self.store.settle_gift(gift.id, state="paid")

    async def check(self) -> dict[str, int]:
        """The invariants; how many gifts ended how."""
        assert sum(self.kudos.values()) == PEOPLE * RICH, "kudos were made or lost"
        assert min(self.kudos.values()) >= 0, "somebody paid more than they had"
        assert max(self.paid.values(), default=0) <= 1, "a gift was paid twice"
        states = Counter[str]()
        for account in self.kudos:
            for gift in await self.store.gifts_of(account, most=10**6):
                states[gift.state] += 1
                assert (gift.state == "paid") == (self.paid[gift.id] == 1), f"{gift.id} is {gift.state}"
        return dict(states)


async def bulk(url: str, events: int) -> dict[str, Any]:
    """Random events on one engine, a few at once, clerks one at a time."""
    async with await Store.open(url) as store:
        evening = Evening(store, seed=8)
        await evening.open()
        begun, left = time.perf_counter(), events
        while left > 0:
            await asyncio.gather(*(evening.event() for _ in range(min(AT_ONCE, left))))
            left -= AT_ONCE
        seconds = time.perf_counter() - begun
        return {"events": events, "events_per_second": round(events / seconds), "gifts": await evening.check()}


async def receipts(folder: Path, count: int) -> dict[str, float]:
    """Milliseconds from a reaction to its receipt, one after another."""
    async with AsyncExitStack() as stack:
        horde = await stack.enter_async_context(ScriptedHorde().listening())
        store = await stack.enter_async_context(await Store.open(f"sqlite:///{folder / 'bots.db'}"))
        house = await stack.enter_async_context(
            open_house(Bots(), store, horde_url=horde.url, api_key=SecretStr("bots"), data_dir=folder)
        )
        horde.people["key-of-ann-for-bench"] = ("ann#1", 10.0**9)
        account = await store.open_account("a", platform="fake", person="ann", now=0.0)
        sealed = house.community.seal.close(account.id, "key-of-ann-for-bench")
        await store.sign_in(account.id, user="ann#1", sealed=sealed)
        port, took = FakePlatform(Limits(edit_interval=0.0, dedupe=True)), list[float]()
        dispatch = Dispatch(REPERTOIRE, house, store)
        for number in range(count):
            dispatch = Dispatch(REPERTOIRE, house, store) if number % 50 == 0 else dispatch
            author = port.person(f"ben{number}")
            put = port.reaction("🍪", MessageRef("fake", "room", f"m{number}"), author=author)
            begun = time.perf_counter()
            await dispatch.react(port, put)
            await dispatch.idle()
            took.append(1000 * (time.perf_counter() - begun))
        assert len(port.texts) == count, "a receipt is missing"
        cuts = statistics.quantiles(took, n=100)
        return {"receipt_p50_ms": round(cuts[49], 1), "receipt_p99_ms": round(cuts[98], 1)}


async def main() -> None:
    """Both engines and the receipts; a table, then one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short runs, for a first look")
    quick = parser.parse_args().quick
    log.configure(level="ERROR")
    events, count = (2_000, 100) if quick else (100_000, 900)
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, PostgresServer() as server:
        figures["sqlite"] = await bulk(f"sqlite:///{folder}/gifts.db", events)
        figures["postgres"] = await bulk(server.address(server.create()), events)
        figures |= await receipts(Path(folder), count)
    for name, value in figures.items():
        print(f"{name:16} {value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    asyncio.run(main())
