"""Picture posts keep to the rules of the subreddit they are made in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.reddit import show
from core.chat.types import Picture, Place, Post
from tests.adapters.reddit.town import Town, png
from tests.doubles.reddit.server import Fault


@pytest.mark.parametrize(
    ("rules", "title"),
    [
        ({}, "a heron"),
        ({"title_text_max_length": 5}, "a…"),
        ({"title_text_min_length": 12}, "a heron....."),
        ({"title_required_strings": ["[AI]"]}, "[AI] a heron"),
        ({"title_blacklisted_strings": ["heron"]}, "A picture that somebody asked for"),
        ({"title_regexes": ["^Picture"]}, "Picture"),
        ({"title_regexes": ["(?<!]["]}, "a heron"),
    ],
)
def test_a_title_obeys_the_rules(rules: dict[str, Any], title: str) -> None:
    """Length, words that must or must not be there, patterns; where the prompt does not fit, something neutral does."""
    assert show.Rules.of(rules).title("a heron\nseed 5", "k") == title


def test_rules_that_nothing_fits() -> None:
    """Then there is no title, and no post."""
    assert show.Rules.of({"title_regexes": ["^My own work"]}).title("a heron", "k") is None


@given(st.text(max_size=400))
def test_markdown_shows_what_was_written(text: str) -> None:
    """No sign of it does anything, and nobody is called."""
    written = show.markdown(text)
    assert "u/a" not in written
    assert written.count("](") == 0


async def test_a_flair_is_chosen_where_one_is_demanded(town: Town) -> None:
    """The first one that a post may carry."""
    town.there.sub("botart").rules = {"is_flair_required": True}
    town.there.sub("botart").flairs = {"id-1": "Fan art", "id-2": "AI"}
    await town.summon("draw a heron")
    assert town.there.posted()[0]["link_flair_text"] == "Fan art"


async def test_the_operators_flair_is_used(town: Town) -> None:
    """By its text or its id; one that is not there is said, and the answer comes without the post."""
    town.there.sub("botart").flairs = {"id-1": "Fan art", "id-2": "AI"}
    await town.close()
    await town.open(flair="AI")
    await town.summon("draw a heron")
    assert town.there.posted()[0]["link_flair_text"] == "AI"
    await town.close()
    await town.open(flair="Gone")
    answer = await town.summon("draw a dog")
    assert "has no flair 'Gone'" in town.body(answer)


async def test_where_no_text_may_stand_under_a_picture_the_title_carries_the_mark(town: Town) -> None:
    """So that a post whose answer was lost is found again there, too."""
    town.there.sub("botart").rules = {"body_restriction_policy": "notAllowed"}
    left = [Fault.LOST]
    town.there.fault = lambda _method, path: left.pop() if "api/submit" in path and left else None
    await town.summon("draw a heron")
    (post,) = town.there.posted()
    assert post["selftext"] == ""
    assert "#m-" in post["title"]


async def test_a_subreddit_that_is_closed_to_the_bot_costs_the_post_only(town: Town) -> None:
    """The answer stands, says why there is no picture, and the thread's own subreddit is not blamed."""
    town.there.sub("botart").bans = True
    answer = await town.summon("draw a heron")
    assert "The picture could not be posted" in town.body(answer)
    await town.summon("help")


async def test_spoilers_and_warnings_are_kept(town: Town) -> None:
    """A hidden picture is a spoiler, one with a warning is for adults."""
    where = Place("reddit", "pics", private=False, thread=town.thread)
    picture = Picture(data=png(), mime="image/png", alt="a frog", spoiler=True)
    await town.port.send(where, Post("one", (picture,), content_warning="frogs"), key="k/answer")
    (post,) = town.there.posted()
    assert post["spoiler"]
    assert post["over_18"]
