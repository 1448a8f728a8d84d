"""What goes wrong around the bot on Discord: lost answers, broken connections, repeats, refusals, missing rights."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from adapters.discord import faults
from adapters.discord.platform import Discord as Adapter
from core.chat.port import SendRefused
from core.chat.types import Call, Picture, Place, Post, Progress, Reaction
from core.errors import ConfigError, LargesseError, NotFound
from tests.adapters.discord.house import Running, running
from tests.adapters.rigs import Recorder, listening
from tests.bots.scripted import ScriptedHorde
from tests.doubles.discord.rest import Refused
from tests.doubles.discord.server import TOKEN, Discord
from tests.doubles.discord.world import APPLICATION


def adapter(folder: Path, discord: Discord, *, token: str = TOKEN, shards: int = 1) -> Adapter:
    return Adapter(token=SecretStr(token), shards=shards, data_dir=folder, connector=discord.connector)


async def test_lost_answers_make_nothing_twice(bot: Running) -> None:
    """Discord does the work and answers 502: each answer stands once, in a channel or as an interaction's own."""
    bot.discord.rest.losing = 6
    await bot.discord.slash("help")
    await bot.discord.write(f"<@{APPLICATION}> styles")
    await bot.discord.until(lambda: bot.discord.rest.losing == 0 and len(bot.discord.world.shown()) == 2)
    await bot.dispatch.idle()
    assert len(bot.discord.world.shown()) == 2


async def test_late_progress_never_takes_the_place_of_an_answer(bot: Running) -> None:
    """Progress that is shown or moved after the answer changes nothing, and its removal leaves the answer."""
    asked = await bot.discord.slash("help")
    (shown,) = await bot.discord.until(bot.discord.world.shown)
    await bot.dispatch.idle()
    via = f"c:{asked.id}:1:{asked.token}"
    place, late = Place("discord", asked.channel, private=False, via=via), Post("…", progress=Progress("…"))
    sent = await bot.adapter.send(place, late, key=f"discord:i{asked.id}/progress")
    await bot.adapter.edit(sent.ref, late)
    await bot.adapter.delete(sent.ref)
    assert bot.discord.world.shown() == [shown]
    assert "Write what you would like to see" in shown["content"]


async def test_resumed_connections_repeat_nothing(bot: Running) -> None:
    """The connection breaks; what Discord repeats is not answered again, what was missed is answered."""
    await bot.discord.slash("help")
    await bot.discord.until(bot.discord.world.shown)
    await bot.dispatch.idle()
    bot.discord.gateway.replay = 5
    await bot.discord.gateway.reconnect()
    await bot.discord.until(lambda: bot.discord.gateway.resumes == 1)
    await bot.discord.slash("styles")
    await bot.discord.until(lambda: len(bot.discord.world.shown()) == 2)
    await bot.dispatch.idle()
    assert len(bot.discord.world.shown()) == 2


async def test_a_pause_that_discord_asks_for_is_kept(bot: Running) -> None:
    """A storm of 429 delays the words and loses none."""
    bot.discord.rest.failing = [Refused(429, 0, "slow down", **{"Retry-After": "0"}) for _ in range(4)]
    await bot.discord.write(f"<@{APPLICATION}> styles")
    await bot.discord.until(bot.discord.world.shown)
    await bot.dispatch.idle()
    assert len(bot.discord.world.shown()) == 1


async def test_without_the_right_to_post_the_interaction_answers(bot: Running) -> None:
    """A command works in a channel where the bot may not write."""
    bot.discord.rest.may_send = False
    await bot.discord.slash("imagine", prompt="a frog")
    (shown,) = await bot.discord.until(bot.discord.world.shown)
    await bot.dispatch.idle()
    assert shown["attachments"]


async def test_an_app_that_one_person_installed_answers_through_the_interaction(bot: Running) -> None:
    """Where the bot is no member, nothing is posted by its own right."""
    bot.discord.rest.may_send = False
    await bot.discord.slash("imagine", prompt="a frog", private_install=True)
    (shown,) = await bot.discord.until(bot.discord.world.shown)
    await bot.dispatch.idle()
    assert shown["attachments"]
    assert not any(each.startswith("POST /channels") for each in bot.discord.rest.calls)


@pytest.mark.parametrize(("code", "words"), [(4004, "Reset Token"), (4014, "Privileged Gateway Intents")])
async def test_a_refused_connection_says_what_to_click(tmp_path: Path, discord: Discord, code: int, words: str) -> None:
    """Token and intents are named, with the page where they are mended."""
    discord.gateway.refuse_with = code
    with pytest.raises(ConfigError, match=words):
        await adapter(tmp_path, discord).run(Recorder())


async def test_a_wrong_token_is_told_and_never_shown(tmp_path: Path, discord: Discord) -> None:
    """The sentence names the setting, not the token."""
    with pytest.raises(ConfigError, match="does not accept it") as refused:
        await adapter(tmp_path, discord, token="wrong.token.here").run(Recorder())
    assert "wrong.token" not in str(refused.value)


async def test_a_gateway_that_is_away_at_the_first_connection_is_tried_again(tmp_path: Path, discord: Discord) -> None:
    """discord.py gives up with an AttributeError there; the port says so in words, and a second run connects."""
    port, discord.gateway_open = adapter(tmp_path, discord), False
    with pytest.raises(LargesseError, match="cannot be reached"):
        await port.run(Recorder())
    discord.gateway_open = True
    async with listening(port):
        await asyncio.wait_for(discord.gateway.identified.wait(), 30)


async def test_commands_are_made_known_once(tmp_path: Path, discord: Discord, horde: ScriptedHorde) -> None:
    """One bulk overwrite at the first start, none at the second; each is within Discord's limits."""
    for _ in range(2):
        async with running(tmp_path, discord, horde):
            pass
    assert sum(each.startswith("PUT /applications") for each in discord.rest.calls) == 1
    assert {each["name"] for each in discord.world.commands} >= {"imagine", "Draw again", "Use as source picture"}
    assert all(len(each.get("options", ())) <= 25 for each in discord.world.commands)
    managed = next(each for each in discord.world.commands if each["name"] == "settings")
    assert managed["default_member_permissions"] == "32"


async def test_two_shards_hear_everything_once(tmp_path: Path, discord: Discord, horde: ScriptedHorde) -> None:
    """A server belongs to one connection, direct messages to the first; both are answered."""
    direct = discord.world.channel("", direct_with=discord.world.ann)
    async with running(tmp_path, discord, horde, shards=2) as bot:
        await discord.until(lambda: len(discord.gateway.sessions) == 2)
        await discord.slash("help")
        await discord.write("styles", channel=direct)
        await discord.until(lambda: len(discord.world.shown()) == 2)
        await bot.dispatch.idle()
    assert {each.shard for each in discord.gateway.sessions.values()} == {(0, 2), (1, 2)}


async def test_options_are_completed_from_memory(bot: Running) -> None:
    """What is being typed is completed at once, without asking the horde."""
    before = len(bot.horde.calls)
    asked = await bot.discord.slash("imagine", typing="style", prompt="a frog", style="wat")
    choices = await bot.discord.until(lambda: asked.choices)
    assert choices[0]["value"] == "watercolour"
    assert len(bot.horde.calls) == before


async def test_settings_are_for_people_who_manage_the_server(bot: Running) -> None:
    """Their answer is for them alone, and rules hold for the whole server at once."""
    boss = bot.discord.world.person("boss", manager=True)
    await bot.discord.slash("settings", person=boss, max_pictures=1)
    (told,) = await bot.discord.until(bot.discord.world.whispered)
    assert "max_pictures 1" in told["content"]
    await bot.discord.slash("imagine", prompt="a frog", n=2)
    await bot.discord.until(lambda: len(bot.discord.world.whispered()) == 2)
    await bot.dispatch.idle()
    assert "Here I draw at most 1" in bot.discord.world.whispered()[1]["content"]


async def test_emoji_are_heard_with_the_author_and_once(tmp_path: Path, discord: Discord) -> None:
    """Put, put again as a super one, taken away, cleared: each change once; a server's own emoji keeps its id."""
    recorder, port = Recorder(), adapter(tmp_path, discord)
    said = discord.world.message(discord.world.general["id"], discord.world.ann, "look")
    bob = discord.world.person("bob")
    task = asyncio.create_task(port.run(recorder))
    await asyncio.wait_for(discord.gateway.identified.wait(), 30)
    await discord.react(said, "👍", person=bob)
    await discord.react(said, "👍", person=bob, burst=True)
    await discord.react(said, "👍", person=bob, burst=True, added=False)
    await discord.react(said, "👍", person=bob, added=False)
    await discord.react(said, "gold", person=bob, number="777000000000000001")
    await discord.react(said, "🎉", person=bob)
    await discord.clear(said, "🎉")
    await discord.clear(said)
    heard: list[Any] = []
    async with asyncio.timeout(20):
        while len(heard) < 6:
            heard.append(await recorder.events.get())
    task.cancel()
    await asyncio.wait({task})
    assert recorder.events.empty()
    assert all(isinstance(each, Reaction) and each.person.id == bob["id"] for each in heard)
    assert [(each.emoji, each.added) for each in heard] == [
        ("👍", True), ("👍", False), ("<:gold:777000000000000001>", True), ("🎉", True), ("🎉", False),
        ("<:gold:777000000000000001>", False),
    ]  # fmt: skip
    assert heard[0].author.id == discord.world.ann["id"]
    assert len({each.key for each in heard}) == 6


async def test_the_token_of_an_interaction_is_kept_from_view(tmp_path: Path, discord: Discord) -> None:
    """It travels with the place, and neither its repr nor anything compared shows it."""
    async with listening(adapter(tmp_path, discord)) as recorder:
        await asyncio.wait_for(discord.gateway.identified.wait(), 30)
        await discord.write(f"<@{APPLICATION}> hello")
        call = await recorder.events.get()
    assert isinstance(call, Call)
    assert call.place.via is None
    assert "secret-token" not in repr(Place("discord", "1", private=False, via="c:1:1:secret-token"))


async def test_a_picture_elsewhere_is_not_fetched(tmp_path: Path, discord: Discord) -> None:
    """Only Discord's own hosts are asked for pictures."""
    for url in ("http://cdn.discordapp.com/a.png", "https://10.0.0.1/a.png", "https://cdn.discordapp.com.evil.org/a"):
        with pytest.raises(NotFound):
            await adapter(tmp_path, discord).fetch(Picture(url=url))


async def test_a_message_that_is_gone_is_told_apart(bot: Running) -> None:
    """Changing it is refused, removing it is fine."""
    place = Place("discord", bot.discord.world.general["id"], private=False)
    sent = await bot.adapter.send(place, Post("hello"), key="k/answer")
    await bot.adapter.delete(sent.ref)
    await bot.adapter.delete(sent.ref)
    with pytest.raises(SendRefused):
        await bot.adapter.edit(sent.ref, Post("changed"))


def test_refused_requests_are_counted() -> None:
    """Long before Discord locks an address out, nothing more is sent for a while."""
    time = [0.0]
    budget = faults.Budget(clock=lambda: time[0])
    budget._refused.extend([0.0] * faults.MOST_REFUSED)
    assert budget.too_many
    time[0] = faults.WINDOW + 1
    assert not budget.too_many


async def test_the_doctor_looks_at_token_rights_and_commands(
    tmp_path: Path, discord: Discord, horde: ScriptedHorde
) -> None:
    """After a start all is well; a wrong token is named in the words that say what to click."""
    async with running(tmp_path, discord, horde):
        pass
    look = Adapter.examine
    found = [
        each async for each in look(token=SecretStr(TOKEN), shards=1, data_dir=tmp_path, connector=discord.connector)
    ]
    assert {each.health.value for each in found} == {"good"}, found
    bad = [each async for each in look(token=SecretStr("no"), shards=1, data_dir=tmp_path, connector=discord.connector)]
    assert [each.words for each in bad] == [faults.LOGIN_REFUSED]
