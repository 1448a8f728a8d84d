"""Emoji put to messages and taken away: who hears of them, in whatever way they are spelled."""

from __future__ import annotations

from typing import Any

import pytest

from core.chat import emoji, record
from core.chat.command import Repertoire, reaction
from core.chat.dispatch import MOST_REACTIONS, Dispatch
from core.chat.outbox import Outbox
from core.chat.port import Limits
from core.chat.ruling import Unruled
from core.chat.talk import Chat
from core.chat.testing import FakePlatform, InMemory
from core.chat.types import MessageRef, Reaction

BY_BEN = MessageRef("fake", "room", "900")


async def put(dispatch: Dispatch[Any], fake: FakePlatform, shown: str, **more: Any) -> Reaction:
    """Put it to a message of Ben's and wait for what comes of it."""
    event = fake.reaction(shown, BY_BEN, author=fake.person("ben"), **more)
    await dispatch.react(fake, event)
    await dispatch.idle()
    return event


async def test_emoji_of_a_table_reach_their_handler(dispatch: Dispatch[Any], fake: FakePlatform, house: Any) -> None:
    """Put and taken away, with or without variation selector, a platform's own by id or name; others reach nobody."""
    for shown in ("❤️", "❤", "<:hug:77>", "<a:cake:5>", "🙃", "<:hug:78>"):
        await put(dispatch, fake, shown)
    await put(dispatch, fake, "❤️", added=False)
    assert house.ran == ["+❤️ Ben 900", "+❤ Ben 900", "+<:hug:77> Ben 900", "+<a:cake:5> Ben 900", "-❤️ Ben 900"]
    assert fake.texts == []


async def test_a_repeated_event_is_heard_once(dispatch: Dispatch[Any], fake: FakePlatform, house: Any) -> None:
    """Platforms repeat events after a reconnect."""
    for _ in range(2):
        await put(dispatch, fake, "❤️", key="fake:once")
    assert len(house.ran) == 1


async def test_a_table_may_differ_from_place_to_place(dispatch: Dispatch[Any], fake: FakePlatform, house: Any) -> None:
    """What means nothing in a room is nobody's event there."""
    await dispatch.react(fake, fake.reaction("❤️", MessageRef("fake", "strict", "900")))
    await dispatch.idle()
    assert house.ran == []


async def test_a_reply_of_emoji_is_a_reaction(dispatch: Dispatch[Any], fake: FakePlatform, house: Any) -> None:
    """To the message that is answered; each kind once; one that means nothing draws nothing either."""
    ben = fake.person("ben")
    for text in ("❤️❤️ <:hug:77>", "🙃"):
        await dispatch.call(fake, fake.call(text, replied_to=BY_BEN, target=ben))
        await dispatch.idle()
    assert house.ran == ["+❤️ Ben 900", "+<:hug:77> Ben 900"]


async def test_an_error_about_an_emoji_is_private(dispatch: Dispatch[Any], fake: FakePlatform) -> None:
    """Whispered where that is possible, else kept to oneself: nobody asked a question."""
    await put(dispatch, fake, ":cake:")
    assert fake.texts == []
    whispering = FakePlatform(Limits(can_whisper=True))
    await put(dispatch, whispering, ":cake:", key="fake:other")
    assert [(each.post.text, each.to) for each in whispering.shown.values()] == [("No cake.", "ann")]


async def test_a_flood_of_emoji_means_nothing(dispatch: Dispatch[Any], fake: FakePlatform, house: Any) -> None:
    """Beyond a number a minute nothing is put any more; taking away always is."""
    for number in range(MOST_REACTIONS + 5):
        await dispatch.react(fake, fake.reaction("❤️", MessageRef("fake", "room", str(number))))
    await put(dispatch, fake, "❤️", added=False)
    assert len(house.ran) == MOST_REACTIONS + 1
    assert house.ran[-1].startswith("-")


async def test_a_post_of_one_name_stands_once(fake: FakePlatform) -> None:
    """Whoever says it first; it can be edited afterwards."""
    outbox = Outbox(InMemory())
    for text in ("one", "two"):
        chat = Chat(None, fake, fake.call(text), repertoire=Repertoire(), outbox=outbox, rules=Unruled())
        sent = await chat.once("receipt", f"so far {text}")
        await chat.edit(sent.ref, f"so far {text}")
    assert fake.texts == ["so far two"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("❤️", ("❤️",)),
        (" 👍🏽 🙏", ("👍🏽", "🙏")),
        ("👩‍🚀🇮🇹1️⃣", ("👩‍🚀", "🇮🇹", "1️⃣")),
        ("<:hug:77>:cake:", ("<:hug:77>", ":cake:")),
        ("❤️ you", ()),
        ("12", ()),
        ("", ()),
        ("🎉" * 40, ("🎉",) * emoji.MOST),
    ],
)
def test_texts_of_emoji(text: str, found: tuple[str, ...]) -> None:
    """Joined ones, flags, keycaps and platforms' own are one emoji each; a word among them makes it a sentence."""
    assert emoji.only(text) == found


def test_events_survive_a_restart() -> None:
    """A reaction is written down with the author of its message, and read again the same."""
    fake = FakePlatform()
    event = fake.reaction("❤️", BY_BEN, author=fake.person("ben"))
    assert record.load(record.dump(event)) == event
    call = fake.call("❤️", replied_to=BY_BEN, target=fake.person("ben"))
    assert record.load(record.dump(call)) == call


def test_a_reaction_without_a_table_is_refused() -> None:
    """It would never be heard of."""

    @reaction(table="nowhere")
    async def nobody(_chat: object, _put: Reaction) -> None: ...

    with pytest.raises(TypeError, match="nowhere"):
        Repertoire(nobody)
