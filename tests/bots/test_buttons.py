"""What can be pressed under a picture, or said in reply to it: again, variation, cancel, delete."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.chat.port import Limits
from core.chat.testing import FakePlatform
from core.chat.types import MessageRef, Press
from tests.bots.scripted import Room, ScriptedHorde, open_room, until


async def test_again_draws_the_same_words_from_a_new_seed(room: Room, horde: ScriptedHorde) -> None:
    """Everything that was asked for stays, also when the seed was."""
    await room.say("draw a frog ### water style: oil --seed 5 --steps 9")
    first = horde.last
    (post,) = await room.press("again")
    again = horde.last
    assert len(post.pictures) == 1
    assert again.id != first.id
    assert again.body["prompt"] == first.body["prompt"]
    assert again.params["seed"] != "5"
    assert {**again.params, "seed": ""} == {**first.params, "seed": ""}


async def test_a_variation_keeps_the_seed_and_changes_the_guidance(room: Room, horde: ScriptedHorde) -> None:
    """The composition stays; how closely the words are followed does not."""
    await room.say("draw a frog")
    first = horde.last
    await room.press("variation")
    varied = horde.last
    assert varied.params["cfg_scale"] != first.params["cfg_scale"]
    assert {**varied.params, "cfg_scale": 0} == {**first.params, "cfg_scale": 0}
    assert varied.body["prompt"] == first.body["prompt"]


async def test_anybody_may_ask_for_more(room: Room) -> None:
    """A picture inspires others; what they ask for is theirs."""
    await room.say("draw a frog", person="ann")
    await room.press("again", person="bob")
    (post,) = await room.press("delete", person="ann")
    assert "Only the person who asked" in post.text


async def test_buttons_work_after_a_restart(tmp_path: Path, horde: ScriptedHorde) -> None:
    """Nothing about them lives in the process."""
    platform = FakePlatform()
    async with open_room(tmp_path, horde, platform=platform) as room:
        await room.say("draw a frog --seed 5")
    async with open_room(tmp_path, horde, platform=platform) as room:
        (post,) = await room.press("variation")
    assert len(post.pictures) == 1
    assert horde.last.params["seed"] == "5"


async def test_a_button_of_a_forgotten_request_says_so(room: Room, horde: ScriptedHorde, tmp_path: Path) -> None:
    """A picture older than the memory can't be drawn again by a button, and the person learns what to do."""
    await room.say("draw a frog")
    other = tmp_path / "other"
    other.mkdir()
    async with open_room(other, horde, platform=room.platform) as forgetful:
        (post,) = await forgetful.press("again")
    assert post.text.startswith("I no longer know how that picture was made.")


async def test_a_word_in_reply_is_a_button(room: Room, horde: ScriptedHorde) -> None:
    """Where there are no buttons, a reply to the picture with its word does the same."""
    await room.say("draw a frog")
    picture = next(each.ref for each in room.platform.shown.values() if each.post.pictures)
    call = room.platform.call("again", replied_to=MessageRef(picture.platform, picture.place, picture.message))
    task = await room.dispatch.call(room.platform, call)
    assert task is not None
    await task
    assert len(horde.requests) == 2


async def test_cancel_stops_a_request(room: Room, horde: ScriptedHorde) -> None:
    """The horde is told, the person gets one sentence, and nothing was drawn."""
    horde.patient = True
    task = await room.start("draw a frog")
    asked = await horde.asked()
    asked.waits(position=9, wait=600)
    await until(lambda: any("Number 9" in text for text in room.progress))
    await room.press("cancel")
    await task
    assert asked.cancelled
    assert room.platform.texts == ["I stopped it; nothing was drawn."]


async def test_cancel_shows_what_was_finished(room: Room, horde: ScriptedHorde) -> None:
    """Of several pictures the finished ones are shown."""
    horde.patient = True
    task = await room.start("draw a frog --n 3")
    asked = await horde.asked()
    asked.runs(step=1, steps=9)
    await until(lambda: any("picture 1 of 3" in text for text in room.progress))
    asked.drawn = 2
    await room.press("cancel")
    await task
    post = room.platform.posts[-1]
    assert len(post.pictures) == 2
    assert "You stopped it: 2 of 3 were finished." in post.text


async def test_cancel_works_while_the_horde_is_away(room: Room, horde: ScriptedHorde) -> None:
    """A request that never got out is taken back without the horde hearing of it."""
    await room.say("draw a dog")
    horde.away = True
    task = await room.start("draw a frog")
    await until(lambda: any("does not answer" in text for text in room.progress))
    await room.press("cancel")
    await task
    assert room.platform.texts[-1] == "I stopped it; nothing was drawn."
    assert len(horde.requests) == 1


@pytest.mark.parametrize(("action", "verb"), [("cancel", "stop"), ("delete", "delete")])
async def test_only_the_requester_may_stop_and_delete(room: Room, horde: ScriptedHorde, action: str, verb: str) -> None:
    """Others are told so, and nothing happens."""
    horde.patient = action == "cancel"
    task = await room.start("draw a frog", person="ann")
    asked = await horde.asked()
    if action == "delete":
        await task
    else:
        asked.waits(position=2, wait=5)
        await until(lambda: any("Number 2" in text for text in room.progress))
    (post,) = await room.press(action, person="bob")
    assert post.text == f"Only the person who asked for this picture can {verb} it."
    assert not asked.cancelled
    asked.finishes()
    await task
    assert any(post.pictures for post in room.platform.posts)


async def test_the_requester_deletes_the_picture(room: Room) -> None:
    """It is gone from the place; a second press finds nothing left to do."""
    await room.say("draw a frog")
    assert await room.press("delete") == []
    assert room.platform.posts == []


async def test_whoever_looks_after_the_place_takes_pictures_down(room: Room) -> None:
    """A moderator need not be the one who asked."""
    await room.say("draw a frog", person="ann")
    await room.say("draw a dog", person="ann")
    (shown, _) = room.platform.shown.values()
    warden = replace(room.platform.person("bob"), moderates=True)
    call = room.platform.call("delete", person=warden, replied_to=shown.ref)
    task = await room.dispatch.call(room.platform, call)
    assert task is not None
    assert await task is None
    assert [post.text.splitlines()[0] for post in room.platform.posts] == ["a dog"]


async def test_a_finished_request_is_not_stopped(room: Room, horde: ScriptedHorde) -> None:
    """Who presses cancel a moment too late gets the picture and a sentence."""
    horde.patient = True
    task = await room.start("draw a frog")
    asked = await horde.asked()
    asked.waits(position=1, wait=5)
    await until(lambda: any("Number 1" in text for text in room.progress))
    standing = next(each for each in room.platform.shown.values() if each.post.progress)
    asked.finishes()
    await task
    room.platform.shown[standing.ref.message] = standing
    (post,) = await room.press("cancel")
    assert post.text == "That is finished already."


async def test_a_post_of_several_messages_is_deleted_whole(tmp_path: Path, horde: ScriptedHorde) -> None:
    """Where the platform takes two pictures a message, four pictures are two messages, and one button for both."""
    platform = FakePlatform(Limits(max_pictures=2, edit_interval=0.0))
    async with open_room(tmp_path, horde, platform=platform) as room:
        await room.say("draw a dog")
        await room.say("draw a frog --n 4")
        assert len(platform.posts) == 3
        await room.press("delete")
    assert [post.text.splitlines()[0] for post in platform.posts] == ["a dog"]


async def test_a_message_that_is_taken_away_takes_its_request_along(room: Room, horde: ScriptedHorde) -> None:
    """Whoever deletes what they asked with stops the drawing, and what was shown goes; others cannot."""
    horde.patient = True
    platform = room.platform
    call = platform.call("draw a frog", key="fake:asked")
    talk = await room.dispatch.call(platform, call)
    asked = await horde.asked()
    assert call.message is not None

    async def withdraw(person: str, number: int) -> None:
        press = Press(
            f"gone:{number}", "withdraw", call.key, platform.person(person), platform.place(), call.message or ref
        )
        task = await room.dispatch.press(platform, press)
        assert task is not None
        await task

    ref = call.message
    await withdraw("bob", 1)
    assert not asked.cancelled
    await withdraw("ann", 2)
    assert talk is not None
    await talk
    assert asked.cancelled
    horde.patient = False
    drawn = await room.dispatch.call(platform, call2 := platform.call("draw a cat"))
    assert drawn is not None
    await drawn
    assert any(post.pictures for post in platform.posts)
    press = Press("gone:3", "withdraw", call2.key, platform.person(), platform.place(), ref)
    task = await room.dispatch.press(platform, press)
    assert task is not None
    await task
    assert not any(post.pictures for post in platform.posts)


async def test_edited_words_keep_everything_else(room: Room, horde: ScriptedHorde) -> None:
    """The form begins with the words as they were; what comes back is drawn with the same options, from a new seed."""
    await room.say("draw a frog ### water --seed 5 --steps 9")
    arg = next(each.arg for each in room.platform.posts[-1].buttons if each.action == "edit")
    form = await room.dispatch.form("edit", arg)
    assert form is not None
    assert [(each.name, each.value) for each in form.fields][:2] == [("prompt", "a frog"), ("negative", "water")]
    picture = next(each.ref for each in room.platform.shown.values() if each.post.pictures)
    press = Press("press:1", "edit", arg, room.platform.person(), room.platform.place(), picture, {"prompt": "a newt"})
    task = await room.dispatch.press(room.platform, press)
    assert task is not None
    await task
    assert horde.last.body["prompt"] == "a newt ### water"
    assert horde.last.params["steps"] == 9
    assert horde.last.params["seed"] != "5"


async def test_a_reply_fills_the_form_where_there_are_no_forms(room: Room, horde: ScriptedHorde) -> None:
    """“edit a newt” in reply to a picture draws a newt; the word alone says what is missing."""
    await room.say("draw a frog")
    picture = next(each.ref for each in room.platform.shown.values() if each.post.pictures)
    for said in ("edit: a newt", "edit"):
        task = await room.dispatch.call(room.platform, room.platform.call(said, replied_to=picture))
        assert task is not None
        await task
    assert horde.last.body["prompt"] == "a newt"
    assert "Write what to draw instead" in room.platform.texts[-1]


async def test_a_sentence_that_begins_like_a_button_is_a_sentence(room: Room, horde: ScriptedHorde) -> None:
    """In public, without a reply, “edit …” is something to draw like everything else."""
    await room.say("draw a frog")
    await room.say("edit suite of a film studio")
    assert horde.last.body["prompt"] == "edit suite of a film studio"
