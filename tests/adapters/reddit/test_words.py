"""What is for the bot on Reddit, and what is people talking."""

from __future__ import annotations

import pytest

from adapters.reddit.words import Addressed, Words
from bots import REPERTOIRE

WORDS = Words("The_Bot")


def _heard(body: str, *, private: bool = False, to_bot: bool = False) -> Addressed | None:
    return WORDS.address(body, REPERTOIRE, private=private, to_bot=to_bot)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("u/the_bot a heron", "a heron"),
        ("/u/The_Bot, draw a heron", "draw a heron"),
        ("[u/The_Bot](https://www.reddit.com/user/The_Bot/) draw a heron", "draw a heron"),
        ("hello!\n\nu/the_bot: a heron\nby the lake", "a heron\nby the lake"),
        ("could you, u/the_bot, draw a heron", "draw a heron"),
        ("draw a heron u/the_bot", "draw a heron"),
        (
            r"u/The\_Bot draw for me a heron \#\#\# blurry style: ukiyo\-e",
            "draw for me a heron ### blurry style: ukiyo-e",
        ),
        ("> u/the_bot draw a dog\n\nu/the_bot draw a cat", "draw a cat"),
        ("nice\n!imagine a heron", "!imagine a heron"),
        ("u/the_bot help", "help"),
    ],
)
def test_a_summons_is_heard(body: str, text: str) -> None:
    """By name at the beginning of a line or before a command, or by a command with an exclamation mark."""
    assert _heard(body) == Addressed(text)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "a heron",
        "have you tried u/the_bot for that?",
        "thanks u/the_bot!",
        "u/the_bot",
        "u/the_bot2 draw a cat",
        "wu/the_bot draw a cat",
        "> u/the_bot draw a cat",
        "what a picture! wow",
        "!remindme 5 days",
        "draw a cat",
        "delete",
        "rate 8",
    ],
)
def test_people_who_talk_are_left_alone(body: str) -> None:
    """Talking about the bot, quoting somebody, and other bots' commands summon nobody."""
    assert _heard(body) is None


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("again", "again"),
        ("Again!", "Again!"),
        ("!again thank you", "again"),
        ("that is lovely, !delete", "delete"),
        ("variation 2", "variation 2"),
        ("wow !variation 2", "variation 2"),
        ("!nsfw", "nsfw"),
        ("🔁", "🔁"),
        ("draw me a cat instead", "draw me a cat instead"),
        ("u/the_bot a cat", "a cat"),
        ("u/the_bot again", "again"),
    ],
)
def test_a_reply_to_the_bot_may_be_a_word(body: str, text: str) -> None:
    """As the first or the last word, alone or with its sign; the rest of the comment is for people."""
    assert _heard(body, to_bot=True) == Addressed(text)


@pytest.mark.parametrize(
    "body", ["again and again I see this", "we should delete", "> !delete\n\nwhy would you", "wow"]
)
def test_a_reply_to_the_bot_may_be_talk(body: str) -> None:
    """A reply word inside a sentence, or quoted, presses nothing."""
    assert _heard(body, to_bot=True) is None


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("u/the_bot redraw as an oil painting", "draw an oil painting"),
        ("u/the_bot please redraw this picture in the style of Monet", "draw the style of Monet"),
        ("u/the_bot redraw it like a child", "draw a child"),
    ],
)
def test_redraw_asks_for_the_picture_of_the_post(body: str, text: str) -> None:
    """The words after it are the prompt."""
    assert _heard(body) == Addressed(text, redraw=True)


def test_every_private_message_is_for_the_bot() -> None:
    """Nobody else reads along."""
    assert _heard("a heron, please", private=True) == Addressed("a heron, please")
