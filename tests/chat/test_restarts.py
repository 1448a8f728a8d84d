"""Crashes, restarts and stops: nothing is lost, nothing is said twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from core.chat import record
from core.chat.dispatch import MAX_ATTEMPTS, Dispatch
from core.chat.port import Limits
from core.chat.testing import FakePlatform, InMemory
from core.chat.types import Post, Sent


async def test_a_restart_goes_on_where_it_was(
    start: Callable[..., Dispatch[Any]], fake: FakePlatform, house: Any
) -> None:
    """Stopped in the middle, the next process answers from the kept state and removes the old progress message."""
    first = start()
    await first.call(fake, fake.call("slow"))
    await house.reached.wait()
    await fake.sent.wait()
    await first.close()
    assert fake.texts == []
    second = start()
    await second.resume(fake)
    await second.resume(fake)
    await second.idle()
    assert (fake.texts, house.ran, len(fake.shown)) == (["slow is done"], ["slow", "slow since before"], 1)
    third = start()
    await third.resume(fake)
    await third.idle()
    assert fake.texts == ["slow is done"]


async def test_while_closing_events_are_kept_for_later(
    start: Callable[..., Dispatch[Any]], fake: FakePlatform, house: Any
) -> None:
    """A drain lets running ones finish; what comes in meanwhile is answered after the next start."""
    first = start()
    await first.call(fake, fake.call("slow"))
    await house.reached.wait()
    closing = asyncio.create_task(first.close(drain=30))
    await asyncio.sleep(0)
    await first.call(fake, fake.call("a late cat"))
    house.go.set()
    await closing
    assert fake.texts == ["slow is done"]
    second = start()
    await second.resume(fake)
    await second.idle()
    assert fake.texts[1].startswith("Here: a late cat")


class Crash(BaseException):
    """The process ends here."""


class Crashing(FakePlatform):
    """A platform during whose send the process dies, before or after the work."""

    after = False

    async def send(self, place: Any, post: Post, *, key: str) -> Sent:
        if self.after:
            await super().send(place, post, key=key)
        raise Crash


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("dedupe", [True, False])
async def test_a_crash_while_sending_repeats_nothing(
    start: Callable[..., Dispatch[Any]], house: Any, after: bool, dedupe: bool
) -> None:
    """Between the write-ahead and the mark: after the next start the answer stands once, whether it was out or not."""
    crashing = Crashing(Limits(dedupe=dedupe))
    crashing.after = after
    first = start()
    task = await first.call(crashing, crashing.call("a cat"))
    assert task is not None
    with pytest.raises(Crash):
        await task
    healthy = FakePlatform(Limits(dedupe=dedupe))
    healthy.shown = crashing.shown
    second = start()
    await second.resume(healthy)
    await second.idle()
    assert len(healthy.posts) == 1
    assert house.ran == ["draw a cat"] * 2


class Forgetful(InMemory):
    """The process dies when everything was said, just before that is noted."""

    async def end_talk(self, key: str) -> None:
        raise Crash(key)


@pytest.mark.parametrize("dedupe", [True, False])
async def test_what_is_marked_as_sent_is_never_sent_again(
    dispatch: Dispatch[Any], memory: InMemory, house: Any, dedupe: bool
) -> None:
    """Not after a crash at the very end, nor when somebody has removed the message meanwhile."""
    fake = FakePlatform(Limits(dedupe=dedupe))
    forgetful = Forgetful()
    task = await Dispatch(dispatch.repertoire, house, forgetful).call(fake, fake.call("a cat"))
    assert task is not None
    with pytest.raises(Crash):
        await task
    fake.shown.clear()
    memory.talks, memory.messages = forgetful.talks, forgetful.messages
    await dispatch.resume(fake)
    await dispatch.idle()
    assert (fake.posts, sum(fake.sends.values()), house.ran) == ([], 1, ["draw a cat"] * 2)


async def test_a_conversation_that_never_ends_well_is_given_up(
    start: Callable[..., Dispatch[Any]], fake: FakePlatform, memory: InMemory, house: Any
) -> None:
    """After some restarts the person is told, and it is not taken up again."""
    await start().call(fake, fake.call("slow"))
    await house.reached.wait()
    key = next(iter(memory.talks))
    memory.talks[key] = replace(memory.talks[key], attempts=MAX_ATTEMPTS)
    dispatch = start()
    await dispatch.resume(fake)
    await dispatch.idle()
    assert "could not finish" in fake.texts[0]
    assert memory.talks[key].ended
    house.go.set()
    await asyncio.sleep(0)


async def test_a_stop_lets_running_answers_out(
    start: Callable[..., Dispatch[Any]], fake: FakePlatform, house: Any
) -> None:
    """Told to stop, the platform stays until what is being answered was said."""
    stop = asyncio.Event()
    fake.hear(fake.call("slow"))
    listening = asyncio.create_task(start().listen(fake, until=stop))
    await house.reached.wait()
    stop.set()
    await asyncio.sleep(0)
    house.go.set()
    await listening
    assert fake.texts == ["slow is done"]


async def test_an_event_that_cannot_be_read_stops_nobody(
    start: Callable[..., Dispatch[Any]], fake: FakePlatform, memory: InMemory
) -> None:
    """A row of another version is passed over; the others are taken up."""
    await memory.begin_talk("old", platform="fake", person="a", name="A", event='{"event": "Song"}')
    await memory.begin_talk(
        "new", platform="fake", person="a", name="A", event=record.dump(fake.call("a cat", key="new"))
    )
    dispatch = start()
    await dispatch.resume(fake)
    await dispatch.idle()
    assert len(fake.texts) == 1
    assert memory.talks["old"].ended, "no later start could read it either"
