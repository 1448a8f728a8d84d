"""Conversations from the event to the answer, and everything that can come between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from core.chat.dispatch import Dispatch
from core.chat.port import Limits, SendFailed
from core.chat.testing import FakePlatform, InMemory
from core.chat.types import Call, Place, Post, Press, Reaction, Sent
from core.errors import StorageFull


async def say(dispatch: Dispatch[Any], fake: FakePlatform, text: str, **more: Any) -> Call:
    """Say it and wait for the end of the conversation."""
    call = fake.call(text, **more)
    await dispatch.call(fake, call)
    await dispatch.idle()
    return call


async def test_a_sentence_is_answered(dispatch: Dispatch[Any], fake: FakePlatform) -> None:
    """The default command gets it and its post answers the message."""
    call = await say(dispatch, fake, "a cat")
    (post,) = fake.posts
    assert (post.text, post.reply_to) == ("Here: a cat\nReply: again · variation 1-2", call.message)


async def test_the_same_event_twice_is_answered_once(dispatch: Dispatch[Any], fake: FakePlatform, house: Any) -> None:
    """Platforms repeat events after a reconnect; also while the first is still being answered."""
    call = fake.call("a cat", key="fake:1")
    await asyncio.gather(dispatch.call(fake, call), dispatch.call(fake, call))
    await dispatch.idle()
    await dispatch.call(fake, call)
    await dispatch.idle()
    assert house.ran == ["draw a cat"]


async def test_bots_are_not_answered(dispatch: Dispatch[Any], fake: FakePlatform, house: Any) -> None:
    """Two bots must never start to talk to each other."""
    await say(dispatch, fake, "a cat", person=replace(fake.person(), is_bot=True))
    assert (fake.posts, house.ran) == ([], [])


async def test_options_from_the_platform_are_checked_like_text(dispatch: Dispatch[Any], fake: FakePlatform) -> None:
    """A slash command goes the same way as a sentence, its mistakes too."""
    await dispatch.call(fake, replace(fake.call(""), command="draw", args={"prompt": "a cat"}))
    await dispatch.call(fake, replace(fake.call(""), command="draw", args={"promt": "a cat"}))
    await dispatch.call(fake, replace(fake.call(""), command="drw"))
    await dispatch.idle()
    assert "Here: a cat" in fake.texts[0] + fake.texts[1] + fake.texts[2]
    assert any("no option" in text for text in fake.texts)
    assert any("Did you mean draw?" in text for text in fake.texts)


async def test_an_error_becomes_its_sentence(dispatch: Dispatch[Any], fake: FakePlatform) -> None:
    """What a conversation refuses is said as it is, and the outcome tells the caller."""
    task = await dispatch.call(fake, fake.call("refuse"))
    assert task is not None
    assert str(await task) == "Not on a Sunday." == fake.texts[0]


async def test_a_surprise_is_told_without_its_details(dispatch: Dispatch[Any], fake: FakePlatform) -> None:
    """The person reads a number, the log has the same number and the reason."""
    with capture_logs() as logs:
        await say(dispatch, fake, "break")
    number = fake.texts[0].rpartition("number ")[2].rstrip(".")
    assert "secret" not in fake.texts[0]
    (line,) = [line for line in logs if line["event"] == "conversation_failed"]
    assert (line["number"], str(line["exc_info"])) == (number, "the secret is 42")


async def test_errors_are_whispered_where_that_is_possible(dispatch: Dispatch[Any]) -> None:
    """In a public place only the person sees what went wrong."""
    fake = FakePlatform(Limits(can_whisper=True))
    await say(dispatch, fake, "refuse")
    assert [each.to for each in fake.shown.values()] == ["ann"]


async def test_what_is_private_never_gets_public(dispatch: Dispatch[Any], fake: FakePlatform) -> None:
    """Where there is no whispering the person is sent to a private place, where it is said."""
    await say(dispatch, fake, "secret")
    assert fake.texts == ["I say that in private only: please write to me directly."]
    await say(dispatch, fake, "secret", place=fake.place("dm", private=True))
    assert fake.texts[1] == "Your balance is 7."


async def test_a_flood_is_answered_with_one_sentence(start: Callable[..., Dispatch[Any]], fake: FakePlatform) -> None:
    """Beyond the limit there is one refusal, then silence; another person is not concerned."""
    dispatch = start(per_minute=2)
    for number in range(6):
        await say(dispatch, fake, f"cat {number}")
    assert [text.partition("\n")[0] for text in fake.texts[:2]] == ["Here: cat 0", "Here: cat 1"]
    assert len(fake.texts) == 3
    assert "a lot at once" in fake.texts[2]
    await say(dispatch, fake, "a dog", person=fake.person("bob"))
    assert fake.texts[3].startswith("Here: a dog")


async def test_buttons_and_their_words_do_the_same(dispatch: Dispatch[Any], fake: FakePlatform) -> None:
    """A press, a reply with the word, a reply with the emoji and a reaction all reach the button of that post."""
    await say(dispatch, fake, "a cat")
    (ref,) = [shown.ref for shown in fake.shown.values()]
    await dispatch.press(fake, Press("p1", "again", "a cat", fake.person(), fake.place(), ref))
    await dispatch.idle()
    await say(dispatch, fake, "again", replied_to=ref)
    await say(dispatch, fake, "🔁\ufe0f", replied_to=ref)
    await dispatch.react(fake, Reaction("r1", "🔁", True, fake.person("bob"), fake.place(), ref))
    await dispatch.react(fake, Reaction("r1", "🔁", True, fake.person("bob"), fake.place(), ref))
    await dispatch.react(fake, Reaction("r2", "🔁", False, fake.person("bob"), fake.place(), ref))
    await dispatch.react(fake, Reaction("r3", "🐸", True, fake.person("bob"), fake.place(), ref))
    await dispatch.idle()
    assert fake.texts[1:] == ["again a cat"] * 4
    await say(dispatch, fake, "Variation 2!", replied_to=ref)
    await say(dispatch, fake, "variation 3", replied_to=ref)
    assert fake.texts[5:] == ["varied a cat:2", "“variation” takes 1 to 2 here."]


async def test_a_bare_word_means_the_last_post_in_private_only(dispatch: Dispatch[Any], fake: FakePlatform) -> None:
    """In a direct conversation "again" needs no reply; among others it is a word like any other."""
    alone = fake.place("dm", private=True)
    await say(dispatch, fake, "again", place=alone)
    assert "nothing here" in fake.texts[0]
    await say(dispatch, fake, "a cat", place=alone)
    await say(dispatch, fake, "a dog", place=alone)
    await say(dispatch, fake, "again", place=alone)
    assert fake.texts[3] == "again a dog"
    await say(dispatch, fake, "again")
    assert fake.texts[4].startswith("Here: again")


async def test_a_word_finds_the_buttons_of_a_split_post(dispatch: Dispatch[Any]) -> None:
    """A reply to the first of several messages reaches the buttons under the last one."""
    fake = FakePlatform(Limits(max_text=24, edit_interval=0.0))
    await say(dispatch, fake, "a cat that is quite long")
    first, *others = [shown.ref for shown in fake.shown.values()]
    assert others
    await say(dispatch, fake, "again", replied_to=first)
    assert "again a cat" in fake.texts[-2] + fake.texts[-1]


async def test_a_button_nobody_knows_is_explained(dispatch: Dispatch[Any], fake: FakePlatform) -> None:
    """Posts outlive versions."""
    await say(dispatch, fake, "a cat")
    (ref,) = [shown.ref for shown in fake.shown.values()]
    await dispatch.press(fake, Press("p1", "gone", "", fake.person(), fake.place(), ref))
    await dispatch.idle()
    assert "older version" in fake.texts[1]


async def test_progress_is_one_message_and_goes_away(dispatch: Dispatch[Any], fake: FakePlatform, house: Any) -> None:
    """It stands while the conversation works and is gone with the answer."""
    await dispatch.call(fake, fake.call("slow"))
    await house.reached.wait()
    await asyncio.sleep(0)
    house.go.set()
    await dispatch.idle()
    assert fake.texts == ["slow is done"]
    assert [shown.post.text for shown in fake.deleted] == ["working"]


@pytest.mark.parametrize("dedupe", [True, False])
async def test_a_lost_answer_is_not_said_twice(dispatch: Dispatch[Any], dedupe: bool) -> None:
    """The platform did it but its answer got lost: the same key again, or a look before, finds the message."""
    fake = FakePlatform(Limits(dedupe=dedupe))
    fake.losing = 1
    await say(dispatch, fake, "a cat")
    assert len(fake.posts) == 1


async def test_a_platform_that_is_away_is_tried_again(dispatch: Dispatch[Any], fake: FakePlatform) -> None:
    """The answer arrives when the platform is back."""
    fake.failing = 1
    await say(dispatch, fake, "a cat")
    assert len(fake.posts) == 1


async def test_a_ban_ends_the_conversation(
    dispatch: Dispatch[Any], fake: FakePlatform, memory: InMemory, house: Any
) -> None:
    """Where nothing may be said nothing is tried for ever, not after a restart either."""
    fake.refusing = True
    await say(dispatch, fake, "a cat")
    assert [talk.ended for talk in memory.talks.values()] == [True]
    assert house.ran == ["draw a cat"]


class Deaf(FakePlatform):
    """A platform that takes progress and then wants to be left alone for a day."""

    async def send(self, place: Place, post: Post, *, key: str) -> Sent:
        if post.progress is None:
            raise SendFailed(retry_after=86_400.0)
        return await super().send(place, post, key=key)


class Broken(FakePlatform):
    """A platform that fails at its start."""

    runs = 0

    async def run(self, dispatch: Any) -> None:
        del dispatch
        self.runs += 1
        raise RuntimeError("no token")


class FullMemory(InMemory):
    """A disk without room."""

    async def begin_talk(self, key: str, **_: str) -> bool:
        raise StorageFull(f"There is no room for {key}.")


async def test_a_full_disk_gets_its_sentence(fake: FakePlatform, house: Any, dispatch: Dispatch[Any]) -> None:
    """Nothing is begun that could not be kept, and the person reads why."""
    full = Dispatch(dispatch.repertoire, house, FullMemory())
    await say(full, fake, "a cat")
    assert fake.texts == ["I cannot take this now: There is no room for fake:1."]
    assert house.ran == []


async def test_one_platform_that_fails_does_not_stop_another(
    start: Callable[..., Dispatch[Any]], memory: InMemory
) -> None:
    """A platform that breaks at its start is left aside; the other answers until it has ended or is told to stop."""
    broken, healthy, stop = Broken(name="broken"), FakePlatform(), asyncio.Event()
    dispatch = start()
    healthy.hear(healthy.call("a cat"))
    listening = asyncio.create_task(dispatch.listen(broken, healthy, until=stop))
    await healthy.sent.wait()
    stop.set()
    await listening
    assert [talk.ended for talk in memory.talks.values()] == [True]
    assert broken.runs == 1


async def test_listening_ends_with_the_last_platform(start: Callable[..., Dispatch[Any]], fake: FakePlatform) -> None:
    """Piped input comes to an end, and so does the process."""
    fake.hear(None)
    await start().listen(fake, until=asyncio.Event())


async def test_suggestions_begin_with_what_begins_so(dispatch: Dispatch[Any]) -> None:
    """For completing while typing."""
    assert await dispatch.suggest("styles", "in") == ["ink", "pink ink"]
    assert await dispatch.suggest("none", "") == []


async def test_a_long_line_of_spaces_is_a_sentence_at_once(dispatch: Dispatch[Any], fake: FakePlatform) -> None:
    """Looking for a reply word in it must not take time that grows faster than its length."""
    begun = time.process_time()
    await say(dispatch, fake, "a" + " " * 400 + "x,")
    assert time.process_time() - begun < 2
    assert fake.texts[0].startswith("Here: a")


async def test_a_conversation_that_is_left_open_leaves_nothing_running(
    dispatch: Dispatch[Any], memory: InMemory, house: Any
) -> None:
    """When the platform is away for too long the talk waits for the next start, and so does its progress message."""
    fake = Deaf(Limits(edit_interval=0.0))
    before = asyncio.all_tasks()
    await dispatch.call(fake, fake.call("slow"))
    await house.reached.wait()
    await fake.sent.wait()
    house.go.set()
    await dispatch.idle()
    await asyncio.sleep(0)
    assert [talk.ended for talk in memory.talks.values()] == [False]
    assert asyncio.all_tasks() == before
