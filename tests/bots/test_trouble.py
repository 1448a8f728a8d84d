"""What goes wrong on the way to a picture, and how little of it a person notices."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from core.chat.testing import FakePlatform
from tests.bots.scripted import Room, ScriptedHorde, open_room, until

AWAY = "The horde does not answer right now. Nothing is lost: I keep trying."


async def test_a_horde_that_is_away_is_tried_until_it_is_back(room: Room, horde: ScriptedHorde) -> None:
    """The person is told once, and gets the picture of one single request."""
    horde.away = True
    task = await room.start("draw a frog")
    await until(lambda: AWAY in room.progress)
    horde.away = False
    await task
    assert len(horde.requests) == 1
    assert len(room.platform.posts[-1].pictures) == 1
    assert room.progress.count(AWAY) == 1


async def test_a_horde_that_goes_away_in_the_middle_loses_nothing(room: Room, horde: ScriptedHorde) -> None:
    """Following goes on where it was."""
    horde.patient = True
    task = await room.start("draw a frog")
    asked = await horde.asked()
    asked.runs(step=1, steps=9)
    await until(lambda: any("step 1 of 9" in text for text in room.progress))
    horde.away = True
    await until(lambda: AWAY in room.progress)
    horde.away = False
    asked.finishes()
    await task
    assert len(horde.requests) == 1
    assert len(room.platform.posts[-1].pictures) == 1


async def test_failed_workers_are_told_with_advice(room: Room, horde: ScriptedHorde) -> None:
    """No picture at all is an error in words."""
    horde.patient = True
    task = await room.start("draw a frog")
    (await horde.asked()).fails()
    await task
    assert room.platform.texts == [
        "The workers tried and failed. Please ask again, perhaps for a smaller picture or fewer steps."
    ]


async def test_some_of_several_pictures_are_better_than_none(room: Room, horde: ScriptedHorde) -> None:
    """What was drawn before the workers failed is shown, and what is missing is said."""
    horde.patient = True
    task = await room.start("draw a frog --n 3")
    (await horde.asked()).fails(drawn=2)
    await task
    post = room.platform.posts[-1]
    assert len(post.pictures) == 2
    assert "Only 2 of 3 could be drawn" in post.text


async def test_a_lost_request_is_sent_again_once(room: Room, horde: ScriptedHorde) -> None:
    """A horde that forgot it gets it again under a new key, with the same seed: the same picture."""
    horde.forgets = 1
    (post,) = await room.say("draw a frog")
    first, second = horde.requests.values()
    assert first.key != second.key
    assert first.body == second.body
    assert len(post.pictures) == 1


async def test_a_request_lost_twice_is_given_up_in_words(room: Room, horde: ScriptedHorde) -> None:
    """Sending the same thing for ever helps nobody."""
    horde.forgets = 2
    (post,) = await room.say("draw a frog")
    assert post.text == "The horde lost the request twice. Please ask again in a while."
    assert len(horde.requests) == 2


async def test_too_long_a_wait_is_given_up_in_words(tmp_path: Path, horde: ScriptedHorde) -> None:
    """After the time of the setting the horde is told that nobody waits any more, and the person, too."""
    horde.patient = True
    now = 1000.0
    async with open_room(tmp_path, horde, clock=lambda: now, give_up_after=60) as room:
        task = await room.start("draw a frog")
        asked = await horde.asked()
        asked.waits(position=5, wait=900)
        await until(lambda: any("Number 5" in text for text in room.progress))
    now = 1061.0
    async with open_room(tmp_path, horde, platform=room.platform, clock=lambda: now, give_up_after=60) as later:
        await later.dispatch.idle()
    assert task.cancelled()
    assert asked.cancelled
    assert room.platform.texts == ["I gave up after 60 s: nobody drew it in that time. Please try again later."]


async def test_what_is_finished_when_time_is_up_is_shown(tmp_path: Path, horde: ScriptedHorde) -> None:
    """Two of three pictures were drawn and paid: they are not thrown away with the third."""
    horde.patient = True
    now = 1000.0
    async with open_room(tmp_path, horde, clock=lambda: now, give_up_after=60) as room:
        await room.start("draw a frog --n 3")
        asked = await horde.asked()
        asked.runs(step=1, steps=9)
        asked.drawn = 2
    now = 1061.0
    async with open_room(tmp_path, horde, platform=room.platform, clock=lambda: now, give_up_after=60) as later:
        await later.dispatch.idle()
    (post,) = room.platform.posts
    assert asked.cancelled
    assert len(post.pictures) == 2
    assert "Only 2 of 3 could be drawn" in post.text


async def test_a_horde_without_keys_never_gets_a_request_twice(room: Room, horde: ScriptedHorde) -> None:
    """Where nothing tells a repeat from a second request, a lost answer is said instead of asked for again."""
    horde.is_ours = False
    horde.losing = 1
    (post,) = await room.say("draw a frog")
    assert post.text.startswith("The horde did not answer, and may have taken the request all the same.")
    assert len(horde.requests) == 1
    await room.say("draw a frog")
    assert len(room.platform.posts[-1].pictures) == 1


async def test_a_horde_that_says_why_it_is_away_is_quoted(room: Room, horde: ScriptedHorde) -> None:
    """Maintenance and a full disk are something else than silence."""
    horde.refusal = (400, {"message": "Closed", "rc": "MaintenanceMode"})
    task = await room.start("draw a frog")
    await until(lambda: any("in maintenance" in text and "I keep trying" in text for text in room.progress))
    horde.refusal = None
    await task
    assert len(room.platform.posts[-1].pictures) == 1


async def test_a_restart_in_the_middle_delivers_once(tmp_path: Path, horde: ScriptedHorde) -> None:
    """The next process goes on following the same request and takes the old progress message away."""
    horde.patient = True
    platform = FakePlatform()
    async with open_room(tmp_path, horde, platform=platform) as room:
        await room.start("draw a frog")
        asked = await horde.asked()
        asked.waits(position=4, wait=60)
        await until(lambda: any("Number 4" in text for text in room.progress))
    asked.finishes()
    async with open_room(tmp_path, horde, platform=platform) as room:
        await room.dispatch.idle()
    async with open_room(tmp_path, horde, platform=platform) as room:
        await room.dispatch.idle()
    assert len(horde.requests) == 1
    assert [len(post.pictures) for post in platform.posts] == [1]
    assert not any(each.post.progress for each in platform.shown.values())


async def test_a_restart_before_the_horde_answered_asks_once(tmp_path: Path, horde: ScriptedHorde) -> None:
    """What was written down before it left is sent under the same key afterwards."""
    platform = FakePlatform()
    horde.away = True
    async with open_room(tmp_path, horde, platform=platform) as room:
        await room.start("draw a frog")
        await until(lambda: AWAY in room.progress)
    horde.away = False
    async with open_room(tmp_path, horde, platform=platform) as room:
        await room.dispatch.idle()
    assert len(horde.requests) == 1
    assert [len(post.pictures) for post in platform.posts] == [1]


async def test_what_was_answered_is_not_asked_for_again(tmp_path: Path, horde: ScriptedHorde) -> None:
    """A process that died after the answer, but before it noted that the talk is over, costs nothing twice."""
    platform = FakePlatform()
    horde.patient = True
    async with open_room(tmp_path, horde, platform=platform) as room:
        task = await room.start("draw a frog")
        asked = await horde.asked()
        with closing(sqlite3.connect(tmp_path / "bots.db")) as database:
            talk = database.execute("SELECT event, kind, state FROM talks").fetchone()
        asked.finishes()
        await task
    with closing(sqlite3.connect(tmp_path / "bots.db", isolation_level=None)) as database:
        database.execute("UPDATE talks SET ended = NULL, event = ?, kind = ?, state = ?", talk)
    calls = len(horde.calls)
    async with open_room(tmp_path, horde, platform=platform) as room:
        await room.dispatch.idle()
    assert len(horde.calls) == calls
    assert [len(post.pictures) for post in platform.posts] == [1]


async def test_a_lost_answer_to_the_chat_repeats_nothing(tmp_path: Path, horde: ScriptedHorde) -> None:
    """The platform took the picture but its answer got lost: it is found there, not posted again."""
    platform = FakePlatform()
    async with open_room(tmp_path, horde, platform=platform) as room:
        horde.patient = True
        task = await room.start("draw a frog")
        asked = await horde.asked()
        asked.waits(position=1, wait=5)
        await until(lambda: any("Number 1" in text for text in room.progress))
        platform.losing = 1
        asked.finishes()
        await task
    assert [len(post.pictures) for post in platform.posts] == [1]


async def test_a_horde_that_is_away_is_not_asked_by_everybody_in_turn(room: Room, horde: ScriptedHorde) -> None:
    """What it offers is asked for once; twenty people at the same moment do not wait for twenty attempts."""
    horde.away = True
    await asyncio.gather(*(room.house.offer.models() for _ in range(20)))
    assert len(horde.calls) <= 3
