"""The progress message: throttled, in order, harmless when it fails."""

from __future__ import annotations

import asyncio
import time

from core.chat.live import WORKING, Live
from core.chat.outbox import Outbox
from core.chat.port import Limits, SendFailed
from core.chat.testing import FakePlatform, InMemory, KeptMessage
from core.chat.types import MessageRef, Post, Progress
from core.errors import StorageFull


class Slow(FakePlatform):
    """A platform whose edits take a while; it notes how many run at once."""

    running = most = edits = 0

    async def edit(self, ref: MessageRef, post: Post) -> None:
        self.edits += 1
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0.002)
        self.running -= 1
        await super().edit(ref, post)
        if self.edits == 2:
            raise SendFailed(retry_after=0.0)


def live(fake: FakePlatform) -> Live:
    return Live(fake, Outbox(InMemory()), place=fake.place(), person=fake.person(), key="k/progress")


def post(number: int) -> Post:
    return Post(f"{number}", progress=Progress(f"{number}"), reply_to=MessageRef("fake", "room", "7"))


async def test_edits_are_few_in_order_and_one_at_a_time() -> None:
    """Of many steps only some are shown, each later than the one before, and never two edits at once."""
    fake = Slow(Limits(edit_interval=0.02))
    shown, begun = live(fake), time.monotonic()
    for number in range(100):
        shown.show(post(number))
        await asyncio.sleep(0.001)
    await shown.end(look=False)
    (message,) = fake.deleted
    numbers = [int(each.text) for each in [*message.history, message.post]]
    assert numbers == sorted(set(numbers))
    assert 2 < len(numbers) <= 2 + (time.monotonic() - begun) / 0.02
    assert fake.most == 1


async def test_a_message_that_somebody_deletes_is_given_up() -> None:
    """The conversation goes on without progress."""
    fake = FakePlatform(Limits(edit_interval=0.0))
    shown = live(fake)
    shown.show(post(1))
    await fake.sent.wait()
    fake.shown.clear()
    shown.show(post(2))
    await asyncio.sleep(0.01)
    await shown.end(look=False)
    assert fake.shown == {}


async def test_where_nothing_can_be_edited_an_emoji_says_it() -> None:
    """The request gets an hourglass, once, and no message is sent."""
    fake = FakePlatform(Limits(can_edit=False, can_react=True))
    answered = await fake.send(fake.place(), Post("the request"), key="x")
    shown = live(fake)
    shown.show(Post("1", reply_to=answered.ref))
    shown.show(Post("2", reply_to=answered.ref))
    await shown.end(look=False)
    assert [(each.post.text, each.reactions) for each in fake.shown.values()] == [("the request", [WORKING])]


async def test_a_platform_that_is_away_costs_only_the_progress() -> None:
    """It is not tried again: the answer matters, the progress does not."""
    fake = FakePlatform()
    fake.failing = 1
    shown = live(fake)
    shown.show(post(1))
    await shown.end(look=False)
    assert (fake.shown, fake.sends["k/progress"]) == ({}, 1)


async def test_a_full_disk_costs_only_the_progress() -> None:
    """The answer may have been said already; what cannot be kept of its progress must not undo that."""

    class Full(InMemory):
        async def begin_sending(self, key: str, **_: str) -> KeptMessage:
            raise StorageFull(f"There is no room for {key}.")

    fake = FakePlatform()
    shown = Live(fake, Outbox(Full()), place=fake.place(), person=fake.person(), key="k/progress")
    shown.show(post(1))
    await shown.end(look=False)
    assert fake.shown == {}
