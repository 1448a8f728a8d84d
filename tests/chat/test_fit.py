"""Posts are made to suit a platform."""

from __future__ import annotations

import io
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.chat.fit import cut, fit, short, split
from core.chat.port import Limits
from core.chat.types import Button, Picture, Post, Progress

TINY = Limits(max_text=40, max_pictures=2, max_alt=10, max_bytes=3000, edit_interval=0.0)
WORDS = {"again": "again", "vary": "variation"}
BUTTONS = (Button("Again", "again", "r"), *(Button(f"V{n}", "vary", f"r:{n}") for n in range(3)), Button("?", "silent"))


def noise(side: int, mime: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.effect_noise((side, side), 90).convert("RGB").save(out, mime)
    return out.getvalue()


@given(st.text(max_size=400), st.integers(1, 60))
def test_splitting_loses_no_letter_and_keeps_the_size(text: str, size: int) -> None:
    """The pieces fit and together are the text, spaces at the cuts apart."""
    pieces = split(text, size)
    assert all(0 < len(piece) <= size for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_text_is_cut_between_sentences() -> None:
    """A sentence is kept whole where that is possible, and a word in any case."""
    assert split("The first one is here. The second is there.", 30) == [
        "The first one is here.",
        "The second is there.",
    ]
    assert split("one two three", 9) == ["one two", "three"]
    assert cut("one two three", 9) == "one two…"


@given(
    st.text(max_size=200),
    st.integers(0, 5),
    st.booleans(),
    st.integers(0, 3),
    st.text(max_size=20),
)
def test_every_post_fits(text: str, pictures: int, has_buttons: bool, max_pictures: int, warning: str) -> None:
    """Whatever is said, each message is within the limits, pictures in order, buttons last."""
    limits = replace(TINY, has_buttons=has_buttons, max_pictures=max_pictures)
    shown = tuple(Picture(data=bytes([number]), alt="long description " * 3) for number in range(pictures))
    posts = fit(Post(text, shown, BUTTONS, content_warning=warning or None), limits, WORDS)
    assert all(len(post.text) + len(warning) <= limits.max_text for post in posts)
    assert all(
        len(post.pictures) <= max_pictures and all(len(each.alt) <= 10 for each in post.pictures) for post in posts
    )
    carried = [each.data for post in posts for each in post.pictures]
    assert carried == ([each.data for each in shown] if max_pictures else [])
    assert [post.buttons for post in posts] == [()] * (len(posts) - 1) + [BUTTONS]
    firsts = [post.first_picture for post in posts]
    assert firsts == [sum(len(each.pictures) for each in posts[:number]) for number in range(len(posts))]


def test_buttons_become_words_where_there_are_none() -> None:
    """The reply words are offered, several of one kind with their numbers; a button without a word is left out."""
    assert fit(Post("Hi", buttons=BUTTONS), TINY, WORDS)[0].text == "Hi\nReply: again · variation 1-3"
    assert fit(Post("Hi", buttons=BUTTONS), replace(TINY, has_buttons=True), WORDS)[0].text == "Hi"


def test_a_picture_that_is_too_large_is_shrunk() -> None:
    """It is encoded smaller and still a picture; one that fits keeps every byte."""
    large, small = Picture(data=noise(200), mime="image/png", name="a.png"), Picture(data=b"as it is")
    first, second = fit(Post(pictures=(large, small)), TINY, {})[0].pictures
    assert first.data is not None
    assert len(first.data) <= TINY.max_bytes
    with Image.open(io.BytesIO(first.data)) as image:
        assert (image.format, image.size, first.name) == ("WEBP", (first.width, first.height), "a.webp")
    assert second == small


def test_a_kind_the_platform_does_not_show_is_converted() -> None:
    """A webp becomes what the platform takes."""
    limits = replace(TINY, mimes=("image/jpeg",), max_bytes=100_000)
    (picture,) = fit(Post(pictures=(Picture(data=noise(32, "WEBP")),)), limits, {})[0].pictures
    assert picture.mime == "image/jpeg"


def test_what_is_no_picture_leaves_its_address_or_a_note() -> None:
    """Broken bytes never stop an answer."""
    broken = Picture(data=b"x" * 5000, url="https://here/a.webp")
    assert fit(Post("See", pictures=(broken,)), TINY, {})[0].text == "See\nhttps://here/a.webp"
    assert "cannot be shown" in fit(Post(pictures=(replace(broken, url=None),)), replace(TINY, max_text=90), {})[0].text


def test_progress_is_always_one_message() -> None:
    """It is cut, never split, and keeps the word that cancels."""
    post = Post("step by step " * 20, buttons=(BUTTONS[0],), progress=Progress("x"))
    assert len(short(post, TINY, WORDS).text) <= TINY.max_text
    assert short(post, TINY, WORDS).text.endswith("\nReply: again")


def test_nothing_that_commands_a_terminal_is_said() -> None:
    """Escape sequences, bells, carriage returns and turns of the writing direction go; letters of any script stay."""
    said = "red\x1b[31m\x07\x9b2J\rover \u202eturned\u2066 \N{HEBREW LETTER ALEF}\N{ZERO WIDTH JOINER}🍎\r\nnext\tcell"
    clean = "red[31m2Jover turned \N{HEBREW LETTER ALEF}\N{ZERO WIDTH JOINER}🍎\nnext\tcell"
    (post,) = fit(Post(said, (Picture(data=b"x", alt=said),)), Limits(has_buttons=True), WORDS)
    assert (post.text, post.pictures[0].alt) == (clean, clean)
    assert short(Post(said), Limits(), WORDS).text == clean


def test_a_picture_that_unfolds_to_a_giant_is_not_opened() -> None:
    """A few kilobytes may be nine thousand pixels square; there is a sentence instead."""
    out = io.BytesIO()
    Image.new("1", (9_000, 9_000)).save(out, "PNG")
    (post,) = fit(Post("look", (Picture(data=out.getvalue(), mime="image/png"),)), replace(TINY, max_text=400), WORDS)
    assert (post.pictures, "cannot be shown" in post.text) == ((), True)
