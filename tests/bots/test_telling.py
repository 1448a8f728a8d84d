"""help, status and styles: what the bot tells about itself and the horde."""

from __future__ import annotations

import re

import pytest

from bots import REPERTOIRE
from core.generation import Size
from tests.bots.scripted import Room, ScriptedHorde, model


async def test_help_names_everything_there_is(room: Room) -> None:
    """It is made from the declarations, so nothing is missing and nothing is made up."""
    (post,) = await room.say("help")
    for command in REPERTOIRE.commands:
        assert command.name in post.text
        assert command.description in post.text
    for word in ("again", "variation", "cancel", "delete"):
        assert word in post.text
    assert "draw a red apple on a blue background" in post.text
    assert len(post.text) < 1000


async def test_help_explains_every_option_of_a_command(room: Room) -> None:
    """Each with what it means, its range and an example."""
    (post,) = await room.say("help imagine")
    command = REPERTOIRE.command("imagine")
    assert command is not None
    for option in command.named:
        assert f"--{option.spelled}" in post.text
        assert option.about.description in post.text
    assert "--steps 30: How long to work on it, 1 to 500" in post.text
    assert "### is what you do not want to see" in post.text


async def test_help_for_an_unknown_command_leads_on(room: Room) -> None:
    """A typing mistake gets the nearest name."""
    (post,) = await room.say("help imagin")
    assert post.text == "I have no command called “imagin”. Did you mean imagine?"


async def test_status_tells_who_draws_and_how_long_it_takes(room: Room, horde: ScriptedHorde) -> None:
    """Workers, queue, models, and the wait of the next picture."""
    horde.models = [model("little"), model("SDXL 1.0", count=3, eta=240)]
    (post,) = await room.say("status")
    assert post.text.splitlines() == [
        "2 workers drawing, nothing waits.",
        "A picture would be started at once.",
        "• SDXL 1.0: 3 workers, about 4 min of work before you",
        "• little: 1 worker",
    ]


async def test_status_of_an_empty_horde(room: Room, horde: ScriptedHorde) -> None:
    """Nobody there is said in words, with what happens next."""
    horde.models = []
    (post,) = await room.say("status")
    assert post.text.startswith("Nobody is drawing right now, so nothing waits.")


async def test_status_while_the_horde_is_away(room: Room, horde: ScriptedHorde) -> None:
    """A question gets an answer even then."""
    horde.away = True
    (post,) = await room.say("status")
    assert post.text == "The horde does not answer right now. Please ask again in a while."


async def test_styles_are_listed(room: Room) -> None:
    """All of them, with how to use one."""
    (post,) = await room.say("styles")
    assert set(room.house.styles.styles) <= set(re.findall(r"\w+", post.text))
    assert "• oil: Oil on canvas" in post.text
    assert "Not with the models that draw right now: portrait, cinematic, ink, comic, fantasy." in post.text
    assert "Use one like this: draw a lighthouse style: photo" in post.text


async def test_styles_are_found_by_words(room: Room) -> None:
    """A word of the description or a tag is enough."""
    (post,) = await room.say("styles painting")
    assert "• oil:" in post.text
    assert "• pixel:" not in post.text


async def test_one_style_is_shown_in_detail(room: Room, horde: ScriptedHorde) -> None:
    """As it is for the models that draw right now."""
    horde.models = [model("SDXL 1.0")]
    (post,) = await room.say("styles Portrait")
    assert "It asks for: portrait of your words, soft window light" in post.text
    assert f"{Size(832, 1216)}, 30 steps" in post.text


async def test_a_style_that_nobody_can_do_now_says_so(room: Room) -> None:
    """Before anybody is disappointed."""
    (post,) = await room.say("styles portrait")
    assert "The models that draw right now can't do it; it is made for sd1, sd2, sdxl, turbo or flux." in post.text


async def test_an_unknown_style_leads_on(room: Room) -> None:
    """Words that find nothing get the nearest names."""
    (post,) = await room.say("styles fantsy")
    assert "Did you mean fantasy?" in post.text


@pytest.mark.parametrize(
    ("name", "typed", "offered"),
    [
        ("styles", "wa", ["watercolour"]),
        ("sizes", "port", ["portrait"]),
        ("samplers", "k_heun", ["k_heun"]),
        ("models", "lit", ["little"]),
    ],
)
async def test_suggestions_come_from_memory(room: Room, name: str, typed: str, offered: list[str]) -> None:
    """Options with usual values offer them while somebody types."""
    await room.say("draw a frog")
    assert await room.dispatch.suggest(name, typed) == offered
