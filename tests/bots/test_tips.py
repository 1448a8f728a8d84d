"""Giving kudos by emoji and words: conversations, a horde that keeps balances, and a clerk who pays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bots import REPERTOIRE
from core.chat.dispatch import Dispatch
from core.chat.notices import Notices
from core.chat.port import Limits
from core.chat.testing import FakePlatform
from core.chat.types import MessageRef, Person, Press
from core.house import House, open_house
from core.kudos.clerk import pay_due
from core.settings import Bots
from core.store import Store
from tests.bots.scripted import ScriptedHorde

DAY = 86_400.0


class Clock:
    """Seconds that a test sets."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Town:
    """One bot on a platform that whispers; Ann and Ben have accounts of 100 kudos, Cat has none."""

    def __init__(self, house: House, store: Store, clock: Clock, horde: ScriptedHorde) -> None:
        self.house, self.store, self.clock, self.horde = house, store, clock, horde
        self.port = FakePlatform(Limits(can_whisper=True, edit_interval=0.0, dedupe=True))
        self.dispatch = Dispatch(REPERTOIRE, house, store, requests_per_minute=600)
        self.notices = Notices(store, [self.port])

    async def join(self, name: str, kudos: float) -> None:
        """Somebody logs in with a key of that many kudos."""
        self.horde.people[f"key-of-{name}-for-tests"] = (f"{name}#{len(self.horde.people) + 1}", kudos)
        await self.say(f"login key-of-{name}-for-tests", person=name, private=True)

    def message(self, number: str = "900") -> MessageRef:
        return MessageRef("fake", "room", number)

    async def put(self, emoji: str, *, by: str = "ann", to: str = "ben", **more: Any) -> None:
        """Somebody puts an emoji to somebody's message, or takes it away."""
        ref = more.pop("ref", self.message())
        author = more.pop("author", self.port.person(to))
        event = self.port.reaction(emoji, ref, person=self.port.person(by), author=author, **more)
        await self.dispatch.react(self.port, event)
        await self.idle()

    async def say(self, text: str, *, person: str = "ann", private: bool = False, **more: Any) -> None:
        place = self.port.place(f"dm-{person}" if private else "room", private=private)
        await self.dispatch.call(self.port, self.port.call(text, person=self.port.person(person), place=place, **more))
        await self.idle()

    async def idle(self) -> None:
        async with asyncio.timeout(30):
            await self.dispatch.idle()

    async def later(self, seconds: float = 61.0) -> int:
        """Time passes, and the clerk looks at the book."""
        self.clock.now += seconds
        return await pay_due(self.house, self.notices)

    def kudos(self, name: str) -> float:
        """What somebody has on the horde."""
        return self.horde.people[f"key-of-{name}-for-tests"][1]

    @property
    def receipts(self) -> list[str]:
        return [each.post.text for each in self.port.shown.values() if each.to is None and "🎁" in each.post.text]

    def whispered(self, to: str = "ann") -> list[str]:
        return [each.post.text for each in self.port.shown.values() if each.to == to]


@pytest.fixture
async def town(tmp_path: Path, horde: ScriptedHorde) -> AsyncIterator[Town]:
    clock = Clock()
    async with (
        await Store.open(f"sqlite:///{tmp_path / 'bots.db'}", clock=clock) as store,
        open_house(
            Bots(), store, horde_url=horde.url, api_key=SecretStr("bots-key"), data_dir=tmp_path, clock=clock
        ) as house,
    ):
        made = Town(house, store, clock, horde)
        await made.join("ann", 100.0)
        await made.join("ben", 100.0)
        yield made


async def test_an_emoji_gives_once(town: Town) -> None:
    """Promised at once, paid after the time to take it back; repeated events, and putting it back, pay nothing more."""
    for _ in range(3):
        await town.put("🎁")
    assert (town.kudos("ann"), town.kudos("ben")) == (100, 100)
    await town.later()
    assert (town.kudos("ann"), town.kudos("ben")) == (90, 110)
    await town.put("🎁", added=False)
    assert "too late" in town.whispered()[-1]
    await town.put("🎁")
    await town.later()
    assert town.kudos("ben") == 110
    assert town.receipts == ["🎁 Ben was given 10 kudos for this: Ann 10"]


async def test_a_gift_is_taken_back_in_time(town: Town) -> None:
    """Taking the emoji away cancels; put again it is promised anew, and paid once."""
    await town.put("🎁")
    await town.put("🎁", added=False)
    assert town.receipts == ["🎁 (taken back)"]
    await town.later()
    assert town.kudos("ben") == 100
    await town.put("🎁")
    await town.later()
    await town.later()
    assert (town.kudos("ann"), town.kudos("ben")) == (90, 110)


async def test_one_receipt_totals_everything(town: Town) -> None:
    """Several emoji of several people for one message, in one post that is edited."""
    await town.join("dan", 5.0)
    await town.put("🎁")
    await town.put("🍪")
    await town.put("🍪", by="dan")
    assert town.receipts == ["🎁 Ben was given 12 kudos for this: Ann 11, Dan 1"]


async def test_a_picture_rewards_who_asked_for_it(town: Town) -> None:
    """An emoji on the bot's post gives to the requester; on its other posts, a receipt for one, it gives nothing."""
    await town.say("draw a frog", person="ben")
    shown = next(each for each in town.port.shown.values() if each.post.pictures)
    bot = Person("fake", "bot", "Largesse", is_bot=True)
    await town.put("🎁", ref=shown.ref, author=bot)
    receipt = next(each for each in town.port.shown.values() if "was given" in each.post.text)
    await town.put("🍪", ref=receipt.ref, author=bot)
    await town.later()
    assert (town.kudos("ann"), town.kudos("ben")) == (90, 110)


async def test_words_do_the_same(town: Town) -> None:
    """`tip 7 for the frog` as a reply, and a reply of nothing but emoji."""
    ben = town.port.person("ben")
    await town.say("tip 7 for the frog", replied_to=town.message(), target=ben)
    await town.say("🍪", replied_to=town.message("901"), target=ben)
    await town.say("tip many", replied_to=town.message(), target=ben)
    assert "tip 10" in town.whispered()[-1]
    await town.say("tip 7")
    assert "Reply to a message" in town.whispered()[-1]
    await town.later()
    assert (town.kudos("ann"), town.kudos("ben")) == (92, 108)


async def test_nobody_gives_to_themselves_or_to_bots(town: Town) -> None:
    """Not under another name of theirs either; the reason is told in private."""
    await town.put("🎁", to="ann")
    assert "yours already" in town.whispered()[-1]
    ann = await town.store.account("fake", "ann")
    assert ann is not None
    await town.store.offer_link("digest", account=ann.id, expires=town.clock.now + 9)
    await town.store.take_link("digest", platform="fake", person="alt", now=town.clock.now)
    await town.put("🎁", to="alt")
    assert "yours already" in town.whispered()[-1]
    await town.put("🎁", author=Person("fake", "b", "B", is_bot=True))
    assert "Bots have no use" in town.whispered()[-1]
    assert await town.later() == 0


async def test_nobody_gives_what_they_do_not_have(town: Town) -> None:
    """Open promises count, whatever the race; a day has its limit, and so has one receiver."""
    puts = [
        town.dispatch.react(
            town.port,
            town.port.reaction(
                "🏆", town.message(str(n)), person=town.port.person("ann"), author=town.port.person("ben")
            ),
        )
        for n in range(4)
    ]
    await asyncio.gather(*puts)
    await town.idle()
    assert sum("do not have that many" in each for each in town.whispered()) == 2
    await town.later()
    assert (town.kudos("ann"), town.kudos("ben")) == (0, 200)
    town.horde.people["key-of-ann-for-tests"] = ("ann#1", 5000.0)
    for number in range(5):
        await town.say(f"tip 50 {number}", replied_to=town.message(), target=town.port.person("ben"))
    assert "gives another in a day" in town.whispered()[-1]
    await town.say("tip 300", replied_to=town.message(), target=town.port.person("cat"))
    await town.say("tip 300", replied_to=town.message(), target=town.port.person("dan"))
    await town.say("tip 300", replied_to=town.message(), target=town.port.person("eve"))
    assert "in a day here. Please go on tomorrow" in town.whispered()[-1]


async def test_a_large_emoji_is_confirmed(town: Town) -> None:
    """It is asked about in private, and only its giver can mean it."""
    town.horde.people["key-of-ann-for-tests"] = ("ann#1", 500.0)
    await town.put("💎")
    asked = next(each for each in town.port.shown.values() if each.to == "ann" and each.post.buttons)
    assert "200 kudos" in asked.post.text
    await town.later()
    assert town.kudos("ben") == 100
    for number, who in enumerate(("ben", "ann", "ann")):
        button = asked.post.buttons[0]
        place = town.port.place()
        press = Press(f"press:{number}", button.action, button.arg, town.port.person(who), place, asked.ref)
        await town.dispatch.press(town.port, press)
        await town.idle()
    assert town.receipts == ["🎁 Ben was given 200 kudos for this: Ann 200"]
    await town.later()
    assert (town.kudos("ann"), town.kudos("ben")) == (300, 300)


async def test_who_has_no_account_claims_by_getting_one(town: Town) -> None:
    """It waits for a week, told once in the receipt; with an account it is paid."""
    await town.put("🎁", to="cat")
    assert "say “join”" in town.receipts[-1]
    await town.later(3 * DAY)
    assert town.kudos("ann") == 100
    await town.join("cat", 0.0)
    await town.later()
    assert (town.kudos("ann"), town.kudos("cat")) == (90, 10)


async def test_what_nobody_claims_comes_back(town: Town) -> None:
    """After the week its giver is told, once; meanwhile they may take it back; afterwards nothing is paid any more."""
    await town.put("🎁", to="cat")
    await town.put("🍪", to="cat")
    await town.later(DAY)
    await town.put("🍪", to="cat", added=False)
    await town.later(7 * DAY)
    await town.later()
    assert [each for each in town.whispered() if "Nobody claimed" in each] == [
        "Nobody claimed the 10 kudos you gave Cat; they are yours again."
    ]
    await town.join("cat", 0.0)
    await town.later()
    assert (town.kudos("ann"), town.kudos("cat")) == (100, 0)


async def test_a_horde_that_is_away_pays_later_and_once(town: Town) -> None:
    """A lost answer is asked for again under the same name; a gift on its way cannot be taken back."""
    await town.put("🎁")
    town.horde.losing_transfers = 1
    await town.later()
    await town.put("🎁", added=False)
    assert "too late" in town.whispered()[-1]
    town.horde.away = True
    await town.later()
    town.horde.away = False
    await town.later(120)
    await town.later(120)
    assert (town.kudos("ann"), town.kudos("ben")) == (90, 110)


async def test_a_refusal_is_told(town: Town) -> None:
    """The horde's own words, in private; to and fro within a minute is tried again instead."""
    await town.put("🎁")
    town.horde.people["key-of-ann-for-tests"] = ("ann#1", 3.0)
    await town.later()
    assert "could not be given" in town.whispered()[-1]
    town.horde.people["key-of-ann-for-tests"] = ("ann#1", 100.0)
    await town.put("🍪")
    town.horde.too_fast = 1
    await town.later()
    await town.later(70)
    assert (town.kudos("ann"), town.kudos("ben")) == (99, 101)
    await town.say("gifts")
    assert town.whispered()[-1] == "1 to Ben: paid\n10 to Ben: refused"


async def test_strangers_to_kudos_are_not_bothered(town: Town) -> None:
    """Whoever has no account uses emoji as ever; only the command explains itself."""
    before = len(town.port.shown)
    await town.put("🎁", by="cat")
    assert len(town.port.shown) == before
    await town.say("tip 5", person="cat", replied_to=town.message(), target=town.port.person("ben"))
    assert "need an account" in town.whispered("cat")[-1]


async def test_crashes_pay_once(town: Town) -> None:
    """Gifts that were on their way when the process died are paid by the next clerk, and by no second one."""
    await town.put("🎁")
    town.clock.now += 61
    (taken,) = await town.store.payable(now=town.clock.now, most=5)
    assert taken.amount == 10
    await town.later(0)
    await town.later(0)
    assert (town.kudos("ann"), town.kudos("ben")) == (90, 110)
