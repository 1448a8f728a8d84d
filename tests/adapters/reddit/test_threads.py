"""Asked in a thread, answered in the thread: the whole way over a small Reddit, with the real bots."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adapters.reddit.town import Town, png
from tests.bots.scripted import ScriptedHorde
from tests.doubles.reddit.server import PICTURES, FakeReddit


async def test_a_summons_is_answered_with_a_picture_post_and_a_link_to_it(town: Town) -> None:
    """The post stands in the bot's own subreddit; the reply links it and says prompt, seed and what to reply next."""
    answer = await town.summon("draw for me a heron ### blurry --seed 5")
    (post,) = town.there.posted()
    assert (post["subreddit"], post["title"], post["over_18"], post["spoiler"]) == ("botart", "a heron", False, False)
    assert post["url"].startswith(f"https://{PICTURES}/")
    assert "seed 5" in post["selftext"]
    assert "Description: A picture drawn by the model little from the words: a heron" in post["selftext"]
    said = town.body(answer)
    assert f"https://redd.it/{post['id']}" in said
    assert "a heron" in said
    assert "seed 5" in said
    assert "Reply: again · " in said
    assert town.horde.last.body["prompt"].startswith("a heron ### blurry")
    await town.read()


async def test_several_pictures_are_a_gallery_with_captions(town: Town) -> None:
    """One post, one reply, each picture described."""
    await town.summon("draw a frog --n 3")
    (post,) = town.there.posted()
    captions = [each["caption"] for each in post["gallery_data"]["items"]]
    assert len(captions) == 3
    assert all("frog" in each for each in captions)


async def test_redraw_takes_the_picture_of_the_post(town: Town) -> None:
    """Under somebody's picture, its pixels are the source."""
    post = town.there.post("pics", "bob", "My cat", picture=png())
    await town.summon("redraw as an oil painting", parent=post)
    assert town.horde.last.body["source_image"]
    assert town.horde.last.body["prompt"].startswith("an oil painting")


async def test_redraw_under_a_picture_of_the_bot_takes_that_one(town: Town) -> None:
    """Also in a thread whose post has no picture."""
    first = await town.summon("draw a frog")
    await town.reply("redraw as a toad", to=first)
    assert town.horde.last.body["source_image"]


@pytest.mark.parametrize(
    "more", [{}, {"url": "https://elsewhere.example/cat.png"}, {"url": "https://i.redd.it/no.png"}]
)
async def test_redraw_without_a_picture_says_so(town: Town, more: dict[str, str]) -> None:
    """No picture, one that is gone, and one elsewhere, which is not fetched: a sentence, and nothing is drawn."""
    post = town.there.post("pics", "bob", "My cat", **more)
    answer = await town.summon("redraw as an oil painting", parent=post)
    assert "could not find a picture there" in town.body(answer)
    assert town.horde.requests == {}


async def test_imagine_is_heard_where_a_subreddit_opted_in(
    tmp_path: Path, horde: ScriptedHorde, there: FakeReddit
) -> None:
    """Not elsewhere, not what was said before the bot came, but all that is said while it is down."""
    async with Town(tmp_path, horde, there) as town:
        old = there.comment("ann", town.thread, "!imagine an old thing", created_utc=5.0)
        await town.open(listen_in=["pics"])
        await there.until(lambda: any(path == "/r/pics/comments/" for _, _, path in there.calls))
        elsewhere = there.comment("ann", there.post("other", "bob", "Elsewhere"), "!imagine a dog")
        await town.answer(there.comment("ann", town.thread, "!imagine a heron"))
        await town.close()
        meanwhile = there.comment("ann", town.thread, "Please\n\n!imagine a frog")
        await town.open()
        await town.answer(meanwhile)
        assert there.below(old) == there.below(elsewhere) == []
        assert len(there.said()) == 2


async def test_reply_words_press_the_buttons(town: Town) -> None:
    """First or last word of a reply to the bot's comment, or under its picture post."""
    first = await town.summon("draw a frog --seed 5")
    await town.reply("Wonderful! !again", author="bob", to=first)
    assert town.horde.last.body["prompt"] == "a frog"
    assert len(town.horde.requests) == 2
    post = town.there.posted()[0]["name"]
    await town.reply("variation", author="eve", to=post)
    assert len(town.horde.requests) == 3
    assert town.horde.last.params["seed"] == "5"


async def test_the_requester_deletes_and_others_do_not(town: Town) -> None:
    """Comment and picture post go together; somebody else gets a sentence."""
    first = await town.summon("draw a frog")
    refusal = await town.reply("!delete", author="eve", to=first)
    assert "Only the person who asked" in town.body(refusal)
    town.there.comment("ann", first, "oh no, !delete")
    await town.there.until(lambda: first in town.there.deleted)
    await town.there.until(lambda: not town.there.posted())


async def test_a_moderator_deletes(town: Town) -> None:
    """Whoever moderates the subreddit need not be the one who asked."""
    first = await town.summon("draw a frog")
    town.there.comment("warden", first, "!delete")
    await town.there.until(lambda: first in town.there.deleted)


async def test_a_reply_hides_the_picture_behind_a_warning(town: Town) -> None:
    """!nsfw marks the picture post."""
    first = await town.summon("draw a frog")
    town.there.comment("eve", first, "!nsfw")
    await town.there.until(lambda: town.there.posted()[0]["over_18"])


async def test_pictures_for_an_adult_thread_are_marked(town: Town) -> None:
    """Asked under a post for adults, posted as one."""
    post = town.there.post("pics", "bob", "Adults only", over_18=True)
    await town.summon("draw a frog", parent=post)
    assert town.there.posted()[0]["over_18"]


async def test_a_private_message_is_answered_in_private(town: Town) -> None:
    """As a reply to it; the picture is a post like any other, and nobody else is written to."""
    wrote = town.there.message("ann", "draw a frog")
    await town.answer(wrote)
    assert [each["name"][:2] for each in town.there.said()] == ["t4"]
    assert town.there.said()[0]["dest"] == "ann"


async def test_what_is_not_for_the_bot_is_read_and_left(town: Town) -> None:
    """Talk under its comments, other robots, deleted people and what it said itself."""
    first = await town.summon("draw a frog")
    town.there.comment("eve", first, "how nice")
    town.there.comment("AutoModerator", first, "!again")
    deleted = town.there.comment("eve", town.thread, "u/thebot draw a dog")
    town.there.unread[deleted]["author"] = "[deleted]"
    nobody = town.there.comment("eve", town.thread, "u/thebot draw a dog")
    town.there.unread[nobody]["author"] = None
    await town.read()
    assert len(town.there.said()) == 1


async def test_what_people_write_calls_nobody_and_formats_nothing(town: Town) -> None:
    """A prompt with Markdown, a link and somebody's name is shown as it was written."""
    answer = await town.summon("draw # a *frog* for u/president, [click](https://evil.example)")
    said = town.body(answer)
    assert "u/president" not in said
    assert r"\# a \*frog\*" in said
    assert r"\[click\]" in said


async def test_nothing_is_answered_twice(town: Town) -> None:
    """An item that Reddit hands out again, also after a restart, is only marked as read."""
    asked = town.there.comment("ann", town.thread, "u/thebot draw a frog")
    item = town.there.unread[asked]
    await town.answer(asked)
    await town.read()
    for _ in range(2):
        town.there.unread[asked] = item
        await town.read()
        await town.reopen()
    assert len(town.there.below(asked)) == 1
    assert len(town.there.posted()) == 1


async def test_what_comes_while_the_bot_is_down_waits_for_it(town: Town) -> None:
    """More than one page of the inbox, each answered."""
    await town.close()
    asked = [town.there.comment("ann", town.thread, "u/thebot help") for _ in range(105)]
    await town.open(replies_per_hour=1000)
    for each in asked:
        await town.answer(each)
    await town.read()


async def test_the_bot_says_who_it_is_to_reddit(town: Town) -> None:
    """The user agent names app, version and the person who answers for it, as Reddit wants it."""
    await town.summon("help")
    (agent,) = town.there.agents
    assert agent.startswith("python:largesse.thebot:0.1.0 (by /u/warden)")
