"""How a community changes what the bot does there, and that its rules hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.chat.port import Limits, SendRefused
from core.chat.testing import FakePlatform
from core.chat.types import Person, Place, Post
from tests.bots.scripted import Room, ScriptedHorde, open_room

BOSS = Person("fake", "boss", "Boss", manages=True)


async def said(room: Room, text: str, *, person: Person | None = None, place: Place | None = None) -> Post:
    """Somebody says something somewhere; what the bot answered."""
    call = room.platform.call(text, person=person, place=place)
    task = await room.dispatch.call(room.platform, call)
    assert task is not None
    await task
    return room.platform.posts[-1]


async def test_only_those_who_manage_the_place_change_anything(room: Room) -> None:
    """Everybody else is told so, and nothing changes."""
    post = await said(room, "settings --max-pictures 1")
    assert post.text == "That is for the people who manage this place."
    await said(room, "draw a frog --n 2")
    assert len(room.platform.posts[-1].pictures) == 2


async def test_rules_hold_from_now_on_and_after_a_restart(tmp_path: Path, horde: ScriptedHorde) -> None:
    """A number of pictures, a model, a style and a switched off command are refused in words; managers may do all."""
    platform = FakePlatform()
    async with open_room(tmp_path, horde, platform=platform) as room:
        await said(room, "settings --max-pictures 1 --models other, sdxl --styles oil --off status, again", person=BOSS)
    async with open_room(tmp_path, horde, platform=platform) as room:
        assert (await said(room, "draw a frog --n 2")).text.startswith("Here I draw at most 1 at once")
        assert "is not for here. There is: other, sdxl." in (await said(room, "draw a frog --model little")).text
        assert "is not for here. There is: oil." in (await said(room, "draw a frog style: photo")).text
        assert (await said(room, "draw a frog")).text.startswith("Nobody offers any of the models that may draw here")
        assert (await said(room, "status")).text == "“status” is switched off here."
        assert (await said(room, "status", person=BOSS)).text.startswith("1 worker drawing")
    assert horde.requests == {}


async def test_a_community_has_places_and_roles(room: Room) -> None:
    """Rules belong to the whole community: where one place of it is named, the others are refused."""
    studio, hall = (Place("fake", name, private=False, community="town") for name in ("studio", "hall"))
    await said(room, "settings --channels here --roles <@&77>", person=BOSS, place=studio)
    painter = Person("fake", "ann", "Ann", roles=("77",))
    assert "not to be used in this place" in (await said(room, "styles", person=painter, place=hall)).text
    assert "only some roles" in (await said(room, "styles", place=studio)).text
    assert "only some" not in (await said(room, "styles", person=painter, place=studio)).text
    assert "only some" not in (await said(room, "styles", place=replace(studio, community="village"))).text


async def test_pictures_are_hidden_where_the_rules_say_so(room: Room, horde: ScriptedHorde) -> None:
    """In places for adults by default, everywhere or nowhere by choice; “strict” asks for no adult pictures there."""
    den = Place("fake", "den", private=False, nsfw=True)
    assert (await said(room, "draw a frog", place=den)).pictures[0].spoiler
    assert horde.last.body["nsfw"]
    await said(room, "settings --safety strict --spoilers never", person=BOSS, place=den)
    assert not (await said(room, "draw a frog", place=den)).pictures[0].spoiler
    assert not horde.last.body["nsfw"]


async def test_settings_travel_as_text(room: Room) -> None:
    """What is exported in one place is loaded in another, with the emoji and their kudos."""
    await said(room, "settings --emoji 👍=10 🎉=100 --seeded 👍 🎉", person=BOSS)
    exported = (await said(room, "settings --export", person=BOSS)).text
    other = Place("fake", "other", private=False)
    post = await said(room, f"settings --load {exported}", person=BOSS, place=other)
    assert "• emoji 👍=10 🎉=100" in post.text
    assert (await said(room, "settings --export", person=BOSS, place=other)).text == exported


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("--load {]", "Those settings cannot be used"),
        ('--load {"colour": "blue"}', "colour"),
        ("--emoji thumbs", "Write each emoji with its kudos"),
        ("--safety loose", "“safety” cannot be “loose”"),
        ("--emoji 👍=9999999999", "emoji"),
    ],
)
async def test_what_is_no_setting_is_refused_in_words(room: Room, words: str, answer: str) -> None:
    """Nothing changes."""
    before = (await said(room, "settings --export", person=BOSS)).text
    assert answer in (await said(room, f"settings {words}", person=BOSS)).text
    assert (await said(room, "settings --export", person=BOSS)).text == before


async def test_a_direct_conversation_has_no_settings(room: Room) -> None:
    """They belong to places where several people are."""
    post = await said(room, "settings", person=BOSS, place=room.platform.place("dm", private=True))
    assert "nothing to set in a direct conversation" in post.text


async def test_how_much_is_said_is_the_managers_choice(room: Room) -> None:
    """Minimal leaves out what could be said next; silent tells only the person; off hears nobody but the managers."""
    platform = room.platform
    await said(room, "settings --manner minimal", person=BOSS)
    assert "Reply:" not in (await said(room, "draw a frog")).text
    await said(room, "settings --manner silent", person=BOSS)
    shown = len(platform.shown)
    task = await room.dispatch.call(platform, platform.call("draw a frog"))
    assert task is not None
    assert isinstance(await task, SendRefused)
    assert len(platform.shown) == shown
    await said(room, "settings --manner off", person=BOSS)
    asked = await room.dispatch.call(platform, platform.call("nothing --such a thing"))
    assert asked is not None
    assert await asked is None
    assert platform.posts[-1].text.startswith("These are the settings here from now on:")
    await said(room, "settings --manner full", person=BOSS)
    assert "Reply:" in (await said(room, "draw a frog")).text


async def test_silence_is_kept_by_whispering_where_that_can_be(tmp_path: Path, horde: ScriptedHorde) -> None:
    """The picture is there for whoever asked, and for nobody else."""
    platform = FakePlatform(Limits(can_whisper=True, edit_interval=0.0))
    async with open_room(tmp_path, horde, platform=platform) as room:
        await said(room, "settings --manner silent", person=BOSS)
        await said(room, "draw a frog")
    (drawn,) = [each for each in platform.shown.values() if each.post.pictures]
    assert drawn.to == "ann"
