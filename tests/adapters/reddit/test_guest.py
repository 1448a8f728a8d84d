"""A good guest: few comments, none where they are not wanted, and the operator told when nobody sees them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from adapters.reddit.guest import DAY, Guest, Way
from adapters.reddit.memory import Memory
from adapters.reddit.platform import Pace
from tests.adapters.reddit.town import Town
from tests.bots.scripted import ScriptedHorde
from tests.doubles.reddit.rig import QUICK, reddit_port
from tests.doubles.reddit.server import FakeReddit

AT_ONCE = Pace(**{**vars(QUICK), "looks": (0.0, 0.0, 0.0)})


@pytest.mark.parametrize(("days", "allowed"), [(0, 1), (3, 1), (15, 5), (30, 10), (400, 10)])
async def test_a_young_account_says_little(tmp_path: Path, days: float, allowed: int) -> None:
    """One comment an hour at first, the whole cap after a month, counted for each subreddit."""
    now = time.time()
    memory = Memory(tmp_path / "reddit.db", clock=lambda: now)
    guest = Guest(None, memory, home="botart", per_hour=10, remove_below=-3, clock=lambda: now)  # type: ignore[arg-type]
    guest.introduce(now - days * DAY)
    for number in range(allowed):
        assert await guest.way("pics") is Way.THERE
        key = f"reddit:t1_{number}/answer"
        await memory.begin(key, place="pics", parent=f"t1_{number}", subreddit="pics")
        await memory.stands(key, f"t1_our{number}", subreddit="pics", next_look=None)
    assert await guest.way("pics") is Way.HOME
    assert await guest.way("other") is Way.THERE
    now += 3601
    assert await guest.way("pics") is Way.THERE
    memory.close()


async def test_over_the_cap_the_answer_is_given_at_home(
    tmp_path: Path, horde: ScriptedHorde, there: FakeReddit
) -> None:
    """Under the picture post, calling the person; sentences without a picture are not said, and buttons still work."""
    async with Town(tmp_path, horde, there) as town:
        await town.open(replies_per_hour=1)
        await town.summon("help")
        there.comment("ann", town.thread, "u/thebot draw a heron")
        await there.until(lambda: len(there.said()) == 2)
        there.comment("ann", town.thread, "u/thebot help")
        await town.read()
        at_home = there.said()[-1]
        assert (at_home["subreddit"], at_home["parent_id"]) == ("botart", there.posted()[0]["name"])
        assert at_home["body"].startswith("u/ann, this is for you:")
        assert len(there.said()) == 2
        await town.reply("!again", to=at_home["name"])
        assert len(horde.requests) == 2


async def test_comments_that_vanish_are_told_and_no_more_are_made(
    tmp_path: Path, horde: ScriptedHorde, there: FakeReddit
) -> None:
    """AutoModerator removes them without a word: the operator learns it, and answers go home after the third."""
    there.sub("pics").removes = True
    async with Town(tmp_path, horde, there) as town:
        with capture_logs() as logs:
            await town.open(pace=AT_ONCE)
            for _ in range(3):
                await town.summon("help")
            await there.until(lambda: [each["event"] for each in logs].count("subreddit_removes_comments") == 1)
        assert sum(each["event"] == "comment_removed_silently" for each in logs) >= 3
        there.comment("ann", town.thread, "u/thebot draw a heron")
        await there.until(lambda: there.posted() and there.below(there.posted()[0]["name"]))


async def test_a_comment_that_is_disliked_is_removed(tmp_path: Path, horde: ScriptedHorde, there: FakeReddit) -> None:
    """Below the score that the operator chose; its votes are on record, apart from ratings."""
    async with Town(tmp_path, horde, there) as town:
        await town.open(pace=Pace(**{**vars(QUICK), "looks": (0.05,) * 1000}))
        answer = await town.summon("draw a heron")
        liked = await town.summon("draw a dog")
        there.things[answer]["score"] = -4
        there.posted()[0].update(score=7, upvote_ratio=0.9)
        await there.until(lambda: answer in there.deleted)
        assert liked not in there.deleted
        rows = await town.port._memory._do(lambda file: file.execute("SELECT score, ratio FROM votes").fetchall())
        assert (7, 0.9) in rows


async def test_a_shadow_ban_is_told_to_the_operator(tmp_path: Path, there: FakeReddit) -> None:
    """To the bot all looks well: only somebody else's eyes see that its page is gone."""
    port = reddit_port(there, tmp_path)
    with capture_logs() as logs:
        assert not await port._guest.is_shadowed("thebot")
        there.shadowed = True
        assert await port._guest.is_shadowed("thebot")
    assert [each["event"] for each in logs] == ["account_is_shadow_banned"]
    await port._access.close()
    port.close()


async def test_moderators_choose_how_much_is_said(town: Town) -> None:
    """By a comment: minimal gives the link alone, silent answers at home, off hears nobody else."""
    refused = await town.summon("settings --manner off")
    assert "for the people who manage this place" in town.body(refused)
    await town.summon("settings --manner minimal", author="warden")
    brief = town.body(await town.summon("draw a heron"))
    assert "Here is the picture." in brief
    assert "seed" not in brief
    await town.summon("settings --manner silent", author="warden")
    town.there.comment("ann", town.thread, "u/thebot draw a frog")
    await town.there.until(lambda: len(town.there.posted()) == 2 and town.there.below(town.there.posted()[1]["name"]))
    await town.summon("settings --manner off", author="warden")
    unheard = town.there.comment("ann", town.thread, "u/thebot draw a dog")
    await town.read()
    assert town.there.below(unheard) == []
    assert len(town.horde.requests) == 2


async def test_moderators_write_in_the_name_of_their_subreddit(town: Town) -> None:
    """A message from r/pics sets what holds in r/pics, and is answered there; nobody else's message does."""
    stranger = town.there.message("ann", "settings --manner off", subreddit="pics")
    assert "for the people who manage this place" in town.body(await town.answer(stranger))
    mail = town.there.message(None, "settings --manner off", subreddit="pics", subject="your bot")
    assert "settings here from now on" in town.body(await town.answer(mail))
    unheard = town.there.comment("ann", town.thread, "u/thebot draw a dog")
    await town.read()
    assert town.there.below(unheard) == []


async def test_what_was_said_long_ago_is_forgotten(tmp_path: Path) -> None:
    """The file does not grow for ever; bans stay."""
    now = 1_000_000.0
    memory = Memory(tmp_path / "reddit.db", clock=lambda: now)
    await memory.begin("old", place="pics", parent="t1_a", subreddit="pics")
    await memory.note("ban", "pics", "no bots")
    memory.close()
    later = Memory(tmp_path / "reddit.db", clock=lambda: now + 401 * DAY)
    assert await later.answer("old") is None
    assert await later.note("ban", "pics") == "no bots"
    later.close()
