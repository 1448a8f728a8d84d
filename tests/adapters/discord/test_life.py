"""The life of a picture on Discord: asked for, shown while it is drawn, there, and pressed again."""

from __future__ import annotations

import io
import random
from pathlib import Path

from PIL import Image

from tests.adapters.discord.house import Running, running
from tests.bots.scripted import ScriptedHorde, webp
from tests.doubles.discord.server import Discord
from tests.doubles.discord.world import APPLICATION


async def test_a_slash_command_becomes_a_picture(bot: Running) -> None:
    """One message: first words within a second, then the picture with its description and buttons, in its place."""
    asked = await bot.discord.slash("imagine", prompt="a red apple")
    (shown,) = await bot.discord.until(bot.discord.world.shown)
    await bot.dispatch.idle()
    assert asked.answered_after is not None
    assert asked.answered_after < 1.0
    assert shown["id"] == asked.message
    assert shown["content"].startswith("a red apple\nseed ")
    (picture,) = shown["attachments"]
    assert "from the words: a red apple" in picture["description"]
    labels = [each["label"] for row in shown["components"] for each in row["components"]]
    assert labels == ["Again", "Variation", "Edit", "Delete"]
    assert len(bot.discord.world.shown()) == 1


async def test_what_comes_at_once_is_the_answer(bot: Running) -> None:
    """Help needs no “thinking”: it is the first response, and nothing else is said."""
    asked = await bot.discord.slash("help")
    (shown,) = await bot.discord.until(bot.discord.world.shown)
    await bot.dispatch.idle()
    assert asked.message == shown["id"]
    assert "Write what you would like to see" in shown["content"]


async def test_a_mistake_is_told_to_the_person_alone(bot: Running) -> None:
    """The first response is for nobody else, also where others read along."""
    await bot.discord.slash("imagine", prompt="a frog", style="nonsense")
    (told,) = await bot.discord.until(bot.discord.world.whispered)
    await bot.dispatch.idle()
    assert "There is no style called “nonsense”" in told["content"]
    assert bot.discord.world.shown() == []


async def test_a_mention_and_a_direct_message_are_sentences(bot: Running) -> None:
    """The grammar is the same as everywhere; what people say to each other is not for the bot."""
    direct = bot.discord.world.channel("", direct_with=bot.discord.world.ann)
    await bot.discord.write("what a day")
    await bot.discord.write(f"<@{APPLICATION}> draw for me a heron ### fog --steps 9")
    await bot.discord.write("a lighthouse", channel=direct)
    await bot.discord.until(lambda: len(bot.discord.world.shown()) == 2)
    await bot.dispatch.idle()
    prompts = {each.body["prompt"]: each.params["steps"] for each in bot.horde.requests.values()}
    assert set(prompts) == {"a heron ### fog", "a lighthouse"}
    assert prompts["a heron ### fog"] == 9


async def test_buttons_work_after_a_restart(tmp_path: Path, discord: Discord, horde: ScriptedHorde) -> None:
    """Again, pressed in a later process, draws once more as a reply to the picture."""
    async with running(tmp_path, discord, horde) as bot:
        await discord.slash("imagine", prompt="a frog")
        (shown,) = await discord.until(discord.world.shown)
        await bot.dispatch.idle()
    async with running(tmp_path, discord, horde) as bot:
        await discord.press(shown, "Again")
        await discord.until(lambda: len(discord.world.shown()) == 2)
        await bot.dispatch.idle()
    assert discord.world.shown()[1]["message_reference"]["message_id"] == shown["id"]
    assert len(horde.requests) == 2


async def test_edit_opens_a_form_with_the_words_as_they_were(bot: Running) -> None:
    """What is sent in is drawn; the form comes before anything is remembered of the press."""
    await bot.discord.slash("imagine", prompt="a frog ### water")
    (shown,) = await bot.discord.until(bot.discord.world.shown)
    asked = await bot.discord.press(shown, "Edit")
    modal = await bot.discord.until(lambda: asked.modal)
    assert [row["component"].get("value") for row in modal["components"]] == ["a frog", "water", None]
    await bot.discord.fill(asked, prompt="a newt")
    await bot.discord.until(lambda: len(bot.discord.world.shown()) == 2)
    await bot.dispatch.idle()
    assert bot.horde.last.body["prompt"] == "a newt ### water"


async def test_only_the_requester_deletes(bot: Running) -> None:
    """Somebody else is told so in private; the requester's press removes the message."""
    bob = bot.discord.world.person("bob")
    await bot.discord.slash("imagine", prompt="a frog")
    (shown,) = await bot.discord.until(bot.discord.world.shown)
    await bot.discord.press(shown, "Delete", person=bob)
    (told,) = await bot.discord.until(bot.discord.world.whispered)
    assert told["content"] == "Only the person who asked for this picture can delete it."
    await bot.discord.press(shown, "Delete")
    await bot.discord.until(lambda: not bot.discord.world.shown())
    await bot.dispatch.idle()


async def test_a_job_longer_than_the_token_still_arrives(bot: Running) -> None:
    """After 15 minutes the bot posts by its own right, and the progress is gone."""
    bot.horde.patient = True
    await bot.discord.slash("imagine", prompt="a slow frog")
    asked = await bot.horde.asked()
    asked.waits(position=4, wait=900)
    (moving,) = await bot.discord.until(
        lambda: [each for each in bot.discord.world.messages.values() if "Number 4" in str(each["embeds"])]
    )
    for interaction in bot.discord.world.interactions.values():
        interaction.born -= 1000
    asked.finishes()
    (shown,) = await bot.discord.until(bot.discord.world.shown)
    await bot.dispatch.idle()
    assert shown["id"] != moving["id"]
    assert moving["id"] not in bot.discord.world.messages


async def test_pictures_that_are_too_large_are_made_smaller(bot: Running) -> None:
    """Discord's 413 is answered with smaller files, not with a lost picture."""
    bot.discord.rest.bytes_allowed = 700_000
    bot.horde.file = noise()
    await bot.discord.slash("imagine", prompt="a frog")
    (shown,) = await bot.discord.until(bot.discord.world.shown)
    await bot.dispatch.idle()
    (picture,) = shown["attachments"]
    assert 0 < picture["size"] <= 700_000


async def test_a_source_comes_attached_or_from_the_message_that_is_answered(bot: Running) -> None:
    """Its bytes are fetched from Discord's own host when they are needed."""
    source = webp("a source")
    await bot.discord.slash("imagine", prompt="a frog", picture=source)
    await bot.discord.until(lambda: len(bot.horde.requests) == 1)
    assert bot.horde.last.body["source_image"]
    posted = await bot.discord.write("look", files={"photo.webp": source})
    await bot.discord.write(f"<@{APPLICATION}> a newt", reply_to=posted)
    await bot.discord.until(lambda: len(bot.horde.requests) == 2)
    assert bot.horde.last.body["source_image"]
    asked = await bot.discord.menu("Use as source picture", message=posted)
    await bot.discord.until(lambda: asked.modal)
    await bot.discord.fill(asked, prompt="a toad")
    await bot.discord.until(lambda: len(bot.horde.requests) == 3)
    assert bot.horde.last.body["prompt"] == "a toad"
    assert bot.horde.last.body["source_image"]
    await bot.dispatch.idle()


async def test_pictures_in_places_for_adults_are_hidden(bot: Running) -> None:
    """The file is a spoiler there, and only there adult pictures are asked for."""
    den = bot.discord.world.channel("den", nsfw=True)
    await bot.discord.gateway.tell("CHANNEL_CREATE", den)
    await bot.discord.slash("imagine", prompt="a frog", channel=den)
    (shown,) = await bot.discord.until(bot.discord.world.shown)
    await bot.dispatch.idle()
    assert shown["attachments"][0]["filename"].startswith("SPOILER_")
    assert bot.horde.last.body["nsfw"]


async def test_a_menu_draws_again(bot: Running) -> None:
    """“Draw again” in the menu of the bot's message is the button below it."""
    await bot.discord.slash("imagine", prompt="a frog")
    (shown,) = await bot.discord.until(bot.discord.world.shown)
    await bot.discord.menu("Draw again", message=shown)
    await bot.discord.until(lambda: len(bot.horde.requests) == 2)
    await bot.dispatch.idle()
    assert bot.horde.last.body["prompt"] == "a frog"


async def test_whose_request_is_deleted_is_withdrawn(bot: Running) -> None:
    """Who takes their words away gets no picture for them."""
    bot.horde.patient = True
    said = await bot.discord.write(f"<@{APPLICATION}> a frog")
    asked = await bot.horde.asked()
    await bot.discord.remove(said)
    await bot.discord.until(lambda: asked.cancelled)
    await bot.dispatch.idle()


def noise() -> bytes:
    """A picture that no encoder makes small."""
    image = Image.frombytes("RGB", (1024, 1024), random.Random(3).randbytes(1024 * 1024 * 3))
    out = io.BytesIO()
    image.save(out, "WEBP", quality=95)
    return out.getvalue()
