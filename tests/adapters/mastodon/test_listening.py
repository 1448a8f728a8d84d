"""What comes in: on every kind of server, over every kind of stream, nothing is lost and nothing is answered twice."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.adapters.mastodon.house import listening, until, webp
from tests.doubles.mastodon.server import Server, Streaming
from tests.doubles.mastodon.variants import GOTOSOCIAL, MASTODON, TAKAHE, VARIANTS, Variant


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda each: each.name)
async def test_a_mention_is_answered_everywhere(variant: Variant, tmp_path: Path) -> None:
    """Whatever a server's ids, streams, calls and version are: one mention, one answer with a described picture."""
    async with Server(variant).listening() as server, listening(server, tmp_path):
        asked = server.say("ann", "@largesse draw a cat")
        await until(lambda: server.answers(asked))
        await asyncio.sleep(0.2)
        (answer,) = server.answers(asked)
        assert answer.text == "@ann Here: a cat\nReply: again"
        assert [each["description"] for each in answer.media] == ["a cat, number 0"]


@pytest.mark.parametrize("variant", [MASTODON, GOTOSOCIAL], ids=lambda each: each.name)
async def test_what_was_said_while_the_bot_was_away_is_answered(variant: Variant, tmp_path: Path) -> None:
    """More than a page of mentions waits; each is answered once, also those it had answered before."""
    async with Server(variant).listening() as server:
        async with listening(server, tmp_path) as bot:
            first = server.say("ann", "@largesse hello")
            await bot.answered(first)
        missed = [server.say("ann", "@largesse hello") for _ in range(45)]
        async with listening(server, tmp_path):
            await until(lambda: all(server.answers(each) for each in missed))
        assert [len(server.answers(each)) for each in (first, *missed)] == [1] * 46


async def test_the_first_start_leaves_the_past_alone(tmp_path: Path) -> None:
    """What was said before the bot ever ran is not answered; what comes after, even the very first, is."""
    async with Server().listening() as server:
        old = server.say("ann", "@largesse hello")
        async with listening(server, tmp_path) as bot:
            await bot.answered(server.say("ann", "@largesse hello"))
            assert server.answers(old) == []
    async with Server().listening() as empty, listening(empty, tmp_path / "other") as bot:
        await bot.answered(empty.say("ann", "@largesse hello"))


@pytest.mark.parametrize("trouble", ["cut", "closed", "malformed", "refused", "mute"])
@pytest.mark.parametrize("websocket", [True, False], ids=["websocket", "sse"])
async def test_no_stream_is_needed(trouble: str, websocket: bool, tmp_path: Path) -> None:
    """A stream that is cut, ends, lies, is refused or never comes: the mention is answered all the same, once."""
    server = Server(Variant("some", "1", websocket=websocket))
    server.streaming = {"refused": Streaming.REFUSED, "mute": Streaming.MUTE}.get(trouble, Streaming.GOOD)
    async with server.listening(), listening(server, tmp_path) as bot:
        if server.streaming is Streaming.GOOD:
            await until(lambda: server.streams)
            if trouble == "cut":
                server.cut_streams()
            elif trouble == "closed":
                server.close_streams()
            else:
                for nonsense in ("{", "[]", 'event: notification\ndata: {"a": \n\n', "event: delete\n\n"):
                    server.ring("", nonsense)
                server.ring("status.update", "no json")
                server.ring("delete", "")
                server.ring("something.new", "{}")
        asked = server.say("ann", "@largesse draw a cat")
        await bot.answered(asked)
        await asyncio.sleep(0.2)
        assert len(server.answers(asked)) == 1


async def test_a_stream_that_came_back_rings_for_what_was_missed(tmp_path: Path) -> None:
    """Between two streams nobody tells: the first thing after reconnecting is a look."""
    async with Server().listening() as server, listening(server, tmp_path) as bot:
        await until(lambda: server.streams)
        await asyncio.sleep(0.1)
        server.close_streams()
        server._listeners.clear()
        asked = server.say("ann", "@largesse hello")
        await bot.answered(asked)


async def test_a_notification_that_cannot_be_read_blocks_nothing(tmp_path: Path) -> None:
    """One without a status, one without an author, one of a kind that nobody knows: the next one is answered."""
    async with Server().listening() as server, listening(server, tmp_path) as bot:
        other = server.say("bob", "hi")
        for body in ({"type": "mention"}, {"type": "mention", "status": {"id": "1"}}, {"type": "annual_report"}):
            server.tell("x", server.person("bob"), other)
            number = server.notifications.pop()["id"]
            server.notifications.append({"id": number, **body})
        await bot.answered(server.say("ann", "@largesse hello"))


async def test_people_may_talk_about_the_bot(tmp_path: Path) -> None:
    """Nobody who did not summon it hears from it, and other bots never do."""
    async with Server().listening() as server, listening(server, tmp_path) as bot:
        picture = await bot.answered(server.say("ann", "@largesse draw a cat"))
        server.person("robot", bot=True)
        ignored = [
            server.say("bob", "look what @largesse made"),
            server.say("ann", "@largesse thanks, how lovely", to=picture[0]),
            server.say("bob", "@ann @largesse nice", to=picture[0]),
            server.say("robot", "@largesse draw a cat"),
        ]
        await bot.answered(server.say("ann", "@largesse again", to=picture[0]))
        assert [server.answers(each) for each in ignored] == [[], [], [], []]


async def test_the_word_of_a_button_is_answered_where_it_was_said(tmp_path: Path) -> None:
    """Said in whispers under a picture in public, it is answered in whispers, to whoever said it."""
    async with Server().listening() as server, listening(server, tmp_path) as bot:
        (picture,) = await bot.answered(server.say("ann", "@largesse draw a cat"))
        said = server.say("bob", "@largesse again", to=picture, visibility="direct")
        (answer,) = await bot.answered(said)
        assert (answer.text, answer.visibility) == ("@bob Once more: a cat", "direct")


async def test_a_deleted_request_takes_its_answer_along(tmp_path: Path) -> None:
    """Deleted after the answer, the answer goes, too; deleted before, there is none, and the work is stopped."""
    async with Server().listening() as server, listening(server, tmp_path) as bot:
        await until(lambda: server.streams)
        asked = server.say("ann", "@largesse draw a cat")
        await bot.answered(asked)
        server.remove(asked)
        await until(lambda: not server.said)
        bot.easel.dry.clear()
        asked = server.say("ann", "@largesse draw a dog")
        await until(lambda: "a dog" in bot.easel.begun)
        server.remove(asked)
        await until(lambda: len(bot.easel.withdrawn) == 2)
        bot.easel.dry.set()
        await bot.answered(server.say("ann", "@largesse hello"))
        assert len(server.said) == 1


async def test_a_request_that_is_gone_is_noticed_without_a_stream(tmp_path: Path) -> None:
    """Where nobody tells, the bot looks once more before it answers."""
    async with Server(TAKAHE).listening() as server, listening(server, tmp_path) as bot:
        bot.easel.dry.clear()
        asked = server.say("ann", "@largesse draw a cat")
        await until(lambda: bot.easel.begun)
        server.remove(asked)
        bot.port._ear._recent.clear()  # as after ten seconds
        bot.easel.dry.set()
        await until(lambda: bot.easel.withdrawn)
        assert server.said == []


@pytest.mark.parametrize("variant", [MASTODON, TAKAHE], ids=lambda each: each.name)
async def test_an_edited_request_is_drawn_as_it_is_now(variant: Variant, tmp_path: Path) -> None:
    """The stream tells, or the bot sees it when it is about to answer; the old answer goes, the new one stays."""
    async with Server(variant).listening() as server, listening(server, tmp_path) as bot:
        if variant.websocket:
            await until(lambda: server.streams)
            asked = server.say("ann", "@largesse draw a cta")
            await bot.answered(asked)
        else:
            bot.easel.dry.clear()
            asked = server.say("ann", "@largesse draw a cta")
            await until(lambda: bot.easel.begun)
        bot.port._ear._recent.clear()
        server.edit(asked, "@largesse draw a cat")
        bot.easel.dry.set()
        await until(lambda: [each.text.split("\n")[0] for each in server.answers(asked)] == ["@ann Here: a cat"])
        assert len(bot.easel.withdrawn) == 1


async def test_an_edit_that_asks_for_the_same_changes_nothing(tmp_path: Path) -> None:
    """A hashtag or a warning more is no new request."""
    async with Server().listening() as server, listening(server, tmp_path) as bot:
        await until(lambda: server.streams)
        asked = server.say("ann", "@largesse draw a cat")
        await bot.answered(asked)
        server.edit(asked, "@largesse draw a cat #art")
        await bot.answered(server.say("ann", "@largesse hello"))
        assert len(server.answers(asked)) == 1
        assert bot.easel.withdrawn == []


async def test_a_picture_comes_from_the_request_or_the_post_it_answers(tmp_path: Path) -> None:
    """Attached to the request it is the source, else what is attached above; whoever wants no bots is left alone."""
    mine, theirs = (webp("mine"), "my garden"), (webp("theirs"), "their garden")
    async with Server().listening() as server, listening(server, tmp_path) as bot:
        above = server.say("bob", "my garden", pictures=(theirs,))
        await bot.answered(server.say("ann", "@largesse draw it in oil", pictures=(mine,), to=above))
        await bot.answered(server.say("ann", "@largesse draw it in oil", to=above))
        server.person("carla", note="<p>Gardener. #<span>noAI</span></p>")
        closed = server.say("carla", "my garden", pictures=(theirs,))
        (refusal,) = await bot.answered(server.say("ann", "@largesse draw it in oil", to=closed))
        assert refusal.text == "@ann Whoever posted that picture does not want bots to use it."
        await bot.answered(server.say("ann", "@largesse hello", to=closed))
        assert [(each.data, each.alt) for each in bot.easel.sources] == [mine, theirs]


async def test_a_stream_tells_of_people_whose_ids_are_no_numbers(tmp_path: Path) -> None:
    """Deleting on a server with other ids is understood."""
    async with Server(GOTOSOCIAL).listening() as server, listening(server, tmp_path) as bot:
        await until(lambda: server.streams)
        asked = server.say("ann", "@largesse draw a cat")
        await bot.answered(asked)
        server.ring("delete", json.dumps(asked.id))
        await until(lambda: bot.easel.withdrawn)
        await until(lambda: not server.answers(asked))
