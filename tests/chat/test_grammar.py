"""The sentences that people write, and what they mean."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.chat.command import Opt, Repertoire, command
from core.chat.grammar import check, nearest, parse
from core.chat.talk import Chat
from core.chat.types import Picture
from core.errors import InvalidRequest, LargesseError


@command("imagine", default=True, aliases=("draw",))
async def imagine(
    chat: Chat[None],
    prompt: Annotated[str, Opt("What to draw", example="a red apple")],
    *,
    negative: Annotated[str | None, Opt("What not to draw", aliases=("no",))] = None,
    style: Annotated[str | None, Opt("A named look", suggest="styles")] = None,
    steps: Annotated[int | None, Opt("How long", ge=1, le=500)] = None,
    guidance: Annotated[float, Opt("How close", ge=0, le=100, aliases=("cfg",))] = 7.0,
    tiling: Annotated[bool, Opt("Seamless")] = False,
    shape: Annotated[Literal["square", "Portrait"], Opt("Shape")] = "square",
    clip_skip: Annotated[int, Opt("Layers", ge=1)] = 1,
    picture: Annotated[Picture | None, Opt("Start from this")] = None,
) -> None:
    """Draw a picture."""


@command("status")
async def status(chat: Chat[None]) -> None:
    """Say how it goes."""


REPERTOIRE = Repertoire(imagine, status)
KNOWN = {"styles": ["oil", "oil painting", "ukiyo-e", "none"]}


def read(text: str, *pictures: Picture) -> dict[str, Any]:
    parsed = parse(text, REPERTOIRE, KNOWN)
    return check(parsed.command, parsed.values, pictures)


def given_options(text: str) -> dict[str, Any]:
    """What differs from the defaults."""
    defaults = read("x")
    return {name: value for name, value in read(text).items() if value != defaults[name]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a red apple", {"prompt": "a red apple"}),
        ("draw a red apple", {"prompt": "a red apple"}),
        ("/imagine a red apple", {"prompt": "a red apple"}),
        ("!draw a red apple", {"prompt": "a red apple"}),
        ("Draw for me a red apple", {"prompt": "a red apple"}),
        ("draw for us: a red apple", {"prompt": "a red apple"}),
        ("draw me a red apple", {"prompt": "a red apple"}),
        ("please draw a red apple", {"prompt": "a red apple"}),
        ("imagine me as a knight", {"prompt": "me as a knight"}),
        ("drawing of a cat", {"prompt": "drawing of a cat"}),
        ("a cat ### blurry, dark", {"prompt": "a cat", "negative": "blurry, dark"}),
        ("a cat ### blurry style: oil", {"prompt": "a cat", "negative": "blurry", "style": "oil"}),
        ("a cat style: oil ### blurry", {"prompt": "a cat", "negative": "blurry", "style": "oil"}),
        ("style: oil painting a cat in a hat", {"prompt": "a cat in a hat", "style": "oil painting"}),
        ("a cat style: Ukiyo-E.", {"prompt": "a cat", "style": "Ukiyo-E"}),
        ("a cat style: no such thing", {"prompt": "a cat", "style": "no such thing"}),
        ("a cat --steps 30 on a mat", {"prompt": "a cat on a mat", "steps": 30}),
        ("--steps=30 a cat", {"prompt": "a cat", "steps": 30}),
        ("a cat --cfg 7,5", {"prompt": "a cat", "guidance": 7.5}),
        (
            'a cat --style "oil" --negative "dark --steps"',
            {"prompt": "a cat", "style": "oil", "negative": "dark --steps"},
        ),
        ("a cat —steps 30", {"prompt": "a cat", "steps": 30}),
        ("a cat —not a dog", {"prompt": "a cat —not a dog"}),
        ("a cat --tiling --clip-skip 2", {"prompt": "a cat", "tiling": True, "clip_skip": 2}),
        ("a cat --tiling --steps 3 ### ugly", {"prompt": "a cat", "tiling": True, "steps": 3, "negative": "ugly"}),
        ("a cat --no-tiling", {"prompt": "a cat"}),
        ("a cat --no dogs", {"prompt": "a cat", "negative": "dogs"}),
        ("a cat --shape portrait", {"prompt": "a cat", "shape": "Portrait"}),
        ("a sign that says steps: 3", {"prompt": "a sign that says steps: 3"}),
        ("a cat -- a dog --- a bird", {"prompt": "a cat -- a dog --- a bird"}),
    ],
)
def test_the_spellings_people_know_are_understood(text: str, expected: dict[str, Any]) -> None:
    """Commands, fillers, negatives, options and style names are found wherever people put them."""
    assert given_options(text) == expected


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a cat --stepz 30", "Did you mean steps?"),
        ("a cat --steps 900", "from 1 to 500"),
        ("a cat --steps many", "whole number"),
        ("a cat --steps", "needs a value"),
        ("a cat --guidance nan", "from 0 to 100"),
        ("a cat --clip-skip 0", "1 or more"),
        ("a cat --shape round", "square"),
        ("a cat --steps 3 --steps 4", "twice"),
        ("a cat --tiling=maybe", "on or off"),
        ("draw", "what to draw. For example: imagine a red apple"),
        ("/stauts", "Did you mean status?"),
        ("status now please", "takes no words"),
        ("a cat --picture me", "attach one"),
    ],
)
def test_what_cannot_be_is_refused_with_a_hint(text: str, hint: str) -> None:
    """A refusal says what would be right."""
    with pytest.raises(LargesseError, match=None) as refused:
        read(text)
    assert hint in str(refused.value)


def test_attachments_fill_the_picture_options() -> None:
    """The first attachment becomes the picture of a command that takes one."""
    picture = Picture(data=b"x")
    assert read("a cat", picture)["picture"] is picture


WORDS = st.from_regex(r"[a-z]{1,8}", fullmatch=True).filter(
    lambda word: word not in {"draw", "imagine", "status", "me", "us", "for", "please", "pls"}
)
PROSE = st.lists(WORDS, min_size=1, max_size=6).map(" ".join)


@given(
    prompt=PROSE,
    negative=st.none() | PROSE,
    style=st.none() | st.sampled_from(KNOWN["styles"]),
    steps=st.none() | st.integers(1, 500),
    guidance=st.none() | st.floats(0, 100).map(lambda number: round(number, 2)),
    tiling=st.booleans(),
    order=st.randoms(use_true_random=False),
)
def test_what_is_written_out_is_read_back(
    prompt: str,
    negative: str | None,
    style: str | None,
    steps: int | None,
    guidance: float | None,
    tiling: bool,
    order: Any,
) -> None:
    """Any options in any order after the words mean what they say."""
    options = [
        f"--style {style}" if style else "",
        f"--steps {steps}" if steps else "",
        f"--guidance {guidance}" if guidance is not None else "",
        "--tiling" if tiling else "",
        f'--negative "{negative}"' if negative else "",
    ]
    order.shuffle(options)
    found = read(f"draw {prompt} {' '.join(options)}")
    assert found["prompt"] == prompt
    assert (found["negative"], found["style"], found["steps"]) == (negative, style, steps)
    assert (found["guidance"], found["tiling"]) == (7.0 if guidance is None else guidance, tiling)


@given(st.text() | st.text(alphabet='ab-—#=:"“” \n/!stylep3'))
def test_no_text_breaks_the_grammar(text: str) -> None:
    """Whatever is written is understood or refused with a sentence."""
    try:
        found = read(text)
    except LargesseError:
        return
    assert found == {} or found["prompt"].strip()


@given(PROSE, st.from_regex(r"[a-z][a-z0-9-]{2,10}", fullmatch=True), PROSE)
def test_unknown_options_are_always_refused(before: str, name: str, after: str) -> None:
    """An option nobody knows is never taken for words."""
    if imagine.option(name) or imagine.option(name.removeprefix("no-")):
        return
    with pytest.raises(InvalidRequest, match=f"no option “--{name}”"):
        read(f"draw {before} --{name} {after}")


def test_a_hint_names_what_is_near_or_all_there_is() -> None:
    """Close names come first; without any the whole list is shown, without a list nothing."""
    assert nearest("olil", ["oil", "ink"]) == "Did you mean oil?"
    assert nearest("zzz", ["oil", "ink"]) == "There is: oil, ink."
    assert nearest("zzz", []) == ""


@pytest.mark.parametrize("value", ["steps", "shape", "tiling="])
def test_long_words_are_not_said_back(value: str) -> None:
    """Whoever pastes a novel into an option still reads what the option takes."""
    with pytest.raises(InvalidRequest) as refused:
        read(f"x --{value} {'n' * 5000}" if "=" not in value else f"x --{value}{'n' * 5000}")
    assert len(str(refused.value)) < 200
    with pytest.raises(InvalidRequest, match="no option “--nnn") as refused:
        read(f"x --{'n' * 5000}")
    assert len(str(refused.value)) < 200


def test_slash_commands_know_the_negative_mark_too() -> None:
    """What a platform hands over as one value is split like a sentence."""
    checked = check(imagine, {"prompt": "a cat ### dogs", "negative": "birds"})
    assert (checked["prompt"], checked["negative"]) == ("a cat", "birds, dogs")


def test_a_very_long_sentence_is_read_at_once() -> None:
    """A platform may allow a hundred thousand characters; reading them must not hold up everybody else."""
    begun = time.process_time()
    for text in ("x style: " + "a " * 50_000, "x" + " \N{EN DASH}a" * 30_000, " " * 100_000, "/" + "a" * 100_000):
        with suppress(LargesseError):
            read(text)
    assert time.process_time() - begun < 2
