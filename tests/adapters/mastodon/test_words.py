"""The words of a status: line breaks stay, what addresses the bot goes, and small talk is not for it."""

from __future__ import annotations

import pytest

from adapters.mastodon import words
from tests.adapters.mastodon.house import REPERTOIRE

BOT = (
    '<span class="h-card" translate="no"><a href="https://e.x/@largesse" class="u-url mention">@<span>largesse</span>'
    "</a></span>"
)
ANN = '<span class="h-card"><a href="https://e.x/@ann" class="u-url mention">@<span>ann</span></a></span>'
MISSKEY = '<a href="https://e.x/@largesse" class="u-url mention" rel="noopener">@largesse@e.x</a>'
TAG = '<a href="https://e.x/tags/art" class="mention hashtag" rel="tag">#<span>art</span></a>'
PLEROMA_TAG = '<a class="hashtag" data-tag="art" href="https://e.x/tag/art">#art</a>'


@pytest.mark.parametrize(
    ("content", "text", "named"),
    [
        (f"<p>{BOT} draw a cat</p>", "draw a cat", True),
        (f"<p>{BOT} draw a cat<br />in a hat</p><p>at night</p>", "draw a cat\nin a hat\n\nat night", True),
        (f"<p>{ANN} {BOT}, a cat</p>", "a cat", True),
        (f"<p>{BOT} a portrait of {ANN} as a cat</p>", "a portrait of @ann as a cat", True),
        (f"<p>{BOT} a {TAG} gallery {TAG} {TAG}</p><p>{TAG}</p>", "a #art gallery", True),
        (f"{BOT} a cat {PLEROMA_TAG}", "a cat", True),
        (f"<p>a cat {BOT} {TAG}</p>", "a cat", False),
        (f"<p>hey {BOT} draw a cat</p>", "draw a cat", True),
        (f"<p>I like what {BOT} makes</p>", "I like what @largesse makes", False),
        (f"{MISSKEY}<span> draw a cat</span>", "draw a cat", True),
        (f"<p>{BOT} a &lt;b&gt;sign&lt;/b&gt; &amp; more</p>", "a <b>sign</b> & more", True),
        (f"<p>{BOT} draw a cat</p><p class='quote-inline'>RE: https://e.x/1</p>", "draw a cat", True),
        (f"<p>{BOT}</p>", "", True),
        ("<p>" * 3000 + f"{BOT} deep", "deep", True),
        ("<script>alert(1)</script><!-- no -->plain", "plain", False),
        ("\ue000@largesse\ue002 forged", "@largesse forged", False),
    ],
)
def test_a_status_becomes_a_sentence(content: str, text: str, named: bool) -> None:
    """Mentions in front and hashtags behind go; everything between stays as it was written, line by line."""
    assert words.said(content, "largesse", REPERTOIRE) == words.Said(text, named)


@pytest.mark.parametrize(
    ("text", "named", "about", "meant"),
    [
        ("a red fox", True, {}, True),
        ("draw a red fox", False, {"reply": True}, True),
        ("a red fox", True, {"reply": True}, False),
        ("thank you!", True, {"reply": True, "to_bot": True}, False),
        ("again", True, {"reply": True, "to_bot": True}, True),
        ("again", True, {"reply": True}, False),
        ("🔁", True, {"reply": True, "to_bot": True}, True),
        ("thank you!", False, {"private": True}, True),
        ("I like what @largesse makes", False, {}, False),
        ("/paint a fox", False, {}, True),
    ],
)
def test_only_who_summons_the_bot_gets_it(text: str, named: bool, about: dict[str, bool], meant: bool) -> None:
    """A mention that was merely carried along in a conversation between people is no request."""
    sentence = words.address(
        words.Said(text, named), REPERTOIRE, **{"private": False, "reply": False, "to_bot": False, **about}
    )
    assert (sentence == text) is meant


def test_a_profile_is_read_through_its_markup() -> None:
    """Some servers split a tag over several elements."""
    assert words.plain("<p>Hi. #<span>nobot</span></p>") == "Hi. #nobot"
