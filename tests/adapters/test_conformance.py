"""Every platform alike: the same sentences become the same requests, the same posts come out within its limits."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from console_child import PICTURE
from rigs import RIGS, Rig

from adapters import PLATFORMS
from core.chat.command import Opt, Repertoire, command
from core.chat.fit import fit, short
from core.chat.grammar import check, parse
from core.chat.talk import Chat
from core.chat.types import Button, Picture, Post, Progress


@command("imagine", default=True, aliases=("draw",))
async def imagine(
    _chat: Chat[None],
    prompt: Annotated[str, Opt("What to draw")],
    *,
    negative: Annotated[str | None, Opt("What not")] = None,
    style: Annotated[str | None, Opt("A named look", suggest="styles")] = None,
    steps: Annotated[int | None, Opt("How long", ge=1)] = None,
) -> None:
    """Draw a picture."""


REPERTOIRE = Repertoire(imagine)
WORDS = {"again": "again", "vary": "variation"}
BUTTONS = (Button("Again", "again", "r", emoji="🔁"), *(Button(f"V{n}", "vary", f"r:{n}") for n in range(4)))

SENTENCES = [
    ("a red apple", {"prompt": "a red apple"}),
    ("draw for me a heron ### blurry style: ukiyo-e", {"prompt": "a heron", "negative": "blurry", "style": "ukiyo-e"}),
    ("a lighthouse --steps 30", {"prompt": "a lighthouse", "steps": 30}),
    ("Žluťoučký kůň 🐎 пьёт 水", {"prompt": "Žluťoučký kůň 🐎 пьёт 水"}),
    (
        "a <b>sign</b> #tag & *stars* _under_ `score` @nobody",
        {"prompt": "a <b>sign</b> #tag & *stars* _under_ `score` @nobody"},
    ),
]
POSTS = {
    "plain": Post("Here it is."),
    "empty": Post(""),
    "long": Post("A sentence that goes on for a while. " * 60),
    "one endless word": Post("x" * 2000),
    "markup": Post("<b>*_`~|@everyone #1 [a](b)\\ \x1b[31mred"),
    "pictures": Post(
        "Seven", tuple(Picture(data=PICTURE, alt=f"picture {n} " * 99, name=f"{n}.webp") for n in range(7))
    ),
    "buttons": Post("Well?", (Picture(data=PICTURE, alt="one"),), BUTTONS, about="r"),
    "warning": Post("Shh", (Picture(data=PICTURE, alt="one", spoiler=True),), content_warning="spiders"),
}


@pytest.fixture(params=RIGS)
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    async with RIGS[request.param](tmp_path) as made:
        yield made


def test_every_platform_is_in_the_suite() -> None:
    """No adapter without a rig."""
    assert set(PLATFORMS) <= set(RIGS)


@pytest.mark.parametrize(("sentence", "expected"), SENTENCES)
async def test_a_sentence_means_the_same_everywhere(rig: Rig, sentence: str, expected: dict[str, object]) -> None:
    """The way of being addressed is gone, everything else is there."""
    call = await rig.hear(sentence)
    parsed = parse(call.text, REPERTOIRE)
    found = check(parsed.command, parsed.values, call.pictures)
    assert {name: value for name, value in found.items() if value is not None} == expected


async def test_an_event_says_who_where_and_which(rig: Rig) -> None:
    """Two events have two keys, and everything names its platform."""
    first, second = await rig.hear("a cat"), await rig.hear("a cat")
    assert first.key != second.key
    assert first.person == second.person
    assert not first.person.is_bot
    assert {first.person.platform, first.place.platform} == {rig.port.name}
    assert first.message is not None
    assert first.message.platform == rig.port.name
    assert first.message != second.message


@pytest.mark.parametrize("post", POSTS.values(), ids=POSTS.keys())
async def test_every_post_is_shown_once(rig: Rig, post: Post) -> None:
    """Made to fit, each part is taken; sent again under its key, or looked for before, it still stands once."""
    place, limits = rig.place, rig.port.limits
    parts = fit(post, limits, WORDS)
    for number, part in enumerate(parts):
        assert len(part.text) <= limits.max_text
        assert len(part.pictures) <= limits.max_pictures
        assert all(len(each.alt) <= limits.max_alt for each in part.pictures)
        key = f"event/answer/{number}"
        sent = await rig.port.send(place, part, key=key)
        if limits.dedupe:
            assert await rig.port.send(place, part, key=key) == sent
        else:
            found = await rig.port.find(place, key)
            assert found is not None
            assert found.ref == sent.ref
        assert (sent.ref.platform, sent.ref.place) == (rig.port.name, place.id)
    assert len(rig.standing()) == len(parts)


async def test_a_message_can_be_changed_and_removed(rig: Rig) -> None:
    """An edit replaces it, a removal twice is the same as once."""
    sent = await rig.port.send(rig.place, Post("before"), key="k")
    if rig.port.limits.can_edit:
        await rig.port.edit(sent.ref, Post("after"))
        assert rig.standing() == ["after"]
    await rig.port.delete(sent.ref)
    await rig.port.delete(sent.ref)
    assert rig.standing() == []


async def test_progress_leaves_nothing_behind(rig: Rig) -> None:
    """Shown, moved and removed, it is not among the messages."""
    post = short(Post("half way", progress=Progress("half way", 0.5)), rig.port.limits, WORDS)
    sent = await rig.port.send(rig.place, post, key="k/progress")
    if rig.port.limits.can_edit:
        await rig.port.edit(sent.ref, Post("nearly", progress=Progress("nearly", 0.9)))
    await rig.port.delete(sent.ref)
    assert rig.standing() == []


async def test_what_was_never_said_is_not_found(rig: Rig) -> None:
    """Looking for a message that never went out finds nothing."""
    assert await rig.port.find(rig.place, "never") is None
