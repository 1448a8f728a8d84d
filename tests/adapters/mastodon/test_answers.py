"""What goes out: who sees it, what stands before it, its pictures; and that it is said once, whatever happens."""

from __future__ import annotations

import asyncio
import io
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from adapters.mastodon.budget import Kind
from adapters.mastodon.show import ROOM
from core.chat.port import SendFailed, SendRefused
from core.chat.types import Picture, Place, Post, Progress
from tests.adapters.mastodon.house import Bot, account, listening, until, webp
from tests.doubles.mastodon.bodies import Status
from tests.doubles.mastodon.server import Fault, Server
from tests.doubles.mastodon.variants import GOTOSOCIAL, MASTODON, TAKAHE, Variant


def place(bot: Bot, status: Status) -> Place:
    """Where this status is answered."""
    private = status.visibility == "direct"
    return Place("mastodon", bot.port._server.acct, private=private, thread=f"{status.id}/{status.account.name}")


def once(method: str, path: str, fault: Fault, server: Server, *, times: int = 1) -> None:
    """Let so many calls of this kind go wrong."""
    left = [times]

    def decide(called: str, where: str) -> Fault | None:
        if called == method and where == path and left[0]:
            left[0] -= 1
            return fault
        return None

    server.faults = decide


@pytest.mark.parametrize(
    ("asked", "cap", "answered"),
    [
        ("public", "unlisted", "unlisted"),
        ("public", "private", "private"),
        ("unlisted", "public", "unlisted"),
        ("private", "unlisted", "private"),
        ("direct", "public", "direct"),
        ("mutuals_only", "public", "direct"),
    ],
)
async def test_an_answer_is_never_wider_than_what_it_answers(
    asked: str, cap: str, answered: str, tmp_path: Path
) -> None:
    """The narrower of the request's and the operator's visibility; one that nobody knows counts as the narrowest."""
    async with Server().listening() as server, listening(server, tmp_path, visibility=cap) as bot:
        (answer,) = await bot.answered(server.say("ann", "@largesse hello", visibility=asked))
        assert answer.visibility == answered


@pytest.mark.parametrize("asked", ["public", "direct"])
async def test_errors_are_for_whoever_asked(asked: str, tmp_path: Path) -> None:
    """What went wrong is nobody else's business, in public least of all."""
    async with Server().listening() as server, listening(server, tmp_path) as bot:
        (answer,) = await bot.answered(server.say("ann", "@largesse draw the impossible", visibility=asked))
        assert (answer.text, answer.visibility) == ("@ann That cannot be drawn.", "direct")


async def test_public_answers_are_few(tmp_path: Path) -> None:
    """Beyond so many in an hour they are unlisted, so that no timeline is flooded; also after a restart."""
    async with Server().listening() as server:
        seen: list[str] = []
        for _ in range(2):
            async with listening(server, tmp_path, visibility="public", public_posts_per_hour=2) as bot:
                for _ in range(2):
                    seen += [each.visibility for each in await bot.answered(server.say("ann", "@largesse hello"))]
        assert seen == ["public", "public", "unlisted", "unlisted"]


async def test_nobody_else_is_called(tmp_path: Path) -> None:
    """Only the requester is mentioned: others in the request, and names and tags in its words, are not."""
    async with Server().listening() as server, listening(server, tmp_path) as bot:
        server.person("bob")
        (answer,) = await bot.answered(server.say("ann", "@largesse @bob draw @bob and #cats, please"))
        assert [each.name for each in answer.mentions] == ["ann"]
        assert "#cats" not in answer.text


async def test_warnings_are_kept_and_added(tmp_path: Path) -> None:
    """The person's warning stays, the conversation's and the operator's are added, each once; the picture is hidden."""
    async with Server().listening() as server, listening(server, tmp_path, content_warning="AI picture") as bot:
        (answer,) = await bot.answered(server.say("ann", "@largesse draw a spider", spoiler="animals"))
        assert (answer.spoiler, answer.sensitive) == ("animals; spiders; AI picture", True)
        (answer,) = await bot.answered(server.say("ann", "@largesse hello", spoiler="animals"))
        assert (answer.spoiler, answer.sensitive) == ("animals", False)
        hidden = Post("Look", (Picture(webp("x"), alt="x", spoiler=True),))
        asked = server.say("bob", "hi")
        await bot.port.send(place(bot, asked), hidden, key="k/answer")
        (answer,) = server.answers(asked)
        assert (answer.spoiler, answer.sensitive) == ("sensitive picture; AI picture", True)


async def test_language_and_quotes_are_the_operators(tmp_path: Path) -> None:
    """Filters and screen readers know the language; nobody quotes a bot unless its operator allows it."""
    async with Server().listening() as server:
        async with listening(server, tmp_path, language="eo") as bot:
            (answer,) = await bot.answered(server.say("ann", "@largesse hello"))
        assert (answer.language, answer.quotes) == ("eo", "nobody")


async def test_uploads_are_waited_for(tmp_path: Path) -> None:
    """A server that takes its time over a picture gets it; the post comes when the picture is ready."""
    server = Server()
    server.slow_uploads = 4
    async with server.listening(), listening(server, tmp_path) as bot:
        (answer,) = await bot.answered(server.say("ann", "@largesse draw a cat --n 2"))
        assert [each["description"] for each in answer.media] == ["a cat, number 0", "a cat, number 1"]
        assert len(server.media) == 2


async def test_everything_fits_this_server(tmp_path: Path) -> None:
    """Text, pictures and descriptions keep within what the server itself says, not within what Mastodon has."""
    async with Server(text=300, pictures=2, alt=40).listening() as server, listening(server, tmp_path) as bot:
        assert bot.port.limits.max_text == 300 - ROOM
        asked = server.say("a" * 60, "@largesse draw " + "a cat and " * 60 + " --n 3", spoiler="w" * 400)
        await bot.answered(asked, 4)
        answers = server.answers(asked)
        assert all(len(each.text) + len(each.spoiler) <= 300 for each in answers)
        assert [len(each.media) for each in answers if each.media] == [2, 1]
        assert all(len(media["description"]) <= 40 for each in answers for media in each.media)


@pytest.mark.parametrize("variant", [MASTODON, GOTOSOCIAL, TAKAHE], ids=lambda each: each.name)
@pytest.mark.parametrize("fault", [Fault.LOST, Fault.CUT, Fault.ERROR, Fault.NONSENSE])
async def test_an_answer_whose_fate_is_unknown_is_said_once(variant: Variant, fault: Fault, tmp_path: Path) -> None:
    """The work may have been done when the answer was lost: it stands once, with its picture uploaded once."""
    async with Server(variant).listening() as server, listening(server, tmp_path) as bot:
        once("POST", "/api/v1/statuses", fault, server)
        asked = server.say("ann", "@largesse draw a cat")
        await bot.answered(asked)
        await bot.answered(server.say("ann", "@largesse hello"))
        assert len(server.answers(asked)) == 1
        assert len(server.media) == 1


@pytest.mark.parametrize("variant", [MASTODON, GOTOSOCIAL], ids=lambda each: each.name)
@pytest.mark.parametrize("fault", [Fault.LOST, Fault.CUT])
async def test_a_crash_between_upload_and_post_is_healed(variant: Variant, fault: Fault, tmp_path: Path) -> None:
    """The next process posts what is not there yet, with the very picture that was uploaded, and nothing twice."""
    async with Server(variant).listening() as server:
        async with listening(server, tmp_path) as bot:
            once("POST", "/api/v1/statuses", fault, server, times=1000)
            asked = server.say("ann", "@largesse draw a cat")
            await until(lambda: server.calls["POST /api/v1/statuses"])
        server.faults = lambda _method, _path: None
        async with listening(server, tmp_path) as bot:
            await bot.answered(server.say("ann", "@largesse hello"))
            (answer,) = await bot.answered(asked)
        assert len(server.media) == 1
        assert [each["id"] for each in answer.media] == list(server.media)


async def test_a_key_that_the_server_has_forgotten_is_no_trouble(tmp_path: Path) -> None:
    """Later than an hour only the bot's own statuses tell what was said."""
    async with Server().listening() as server:
        async with listening(server, tmp_path) as bot:
            once("POST", "/api/v1/statuses", Fault.LOST, server, times=1)
            asked = server.say("ann", "@largesse draw a cat")
            await until(lambda: server.answers(asked))
        server._keys.clear()
        async with listening(server, tmp_path) as bot:
            await bot.answered(server.say("ann", "@largesse hello"))
        assert len(server.answers(asked)) == 1


@pytest.mark.parametrize("variant", [MASTODON, TAKAHE], ids=lambda each: each.name)
async def test_a_long_wait_is_one_post_that_becomes_the_picture(variant: Variant, tmp_path: Path) -> None:
    """Progress is written only after a while and edited into the answer; where nothing can be edited it goes away."""
    async with Server(variant).listening() as server, listening(server, tmp_path) as bot:
        asked = server.say("ann", "hi")
        where, port = place(bot, asked), bot.port
        first = await port.send(where, Post("third in the queue", progress=Progress("third")), key="e/progress")
        assert server.said == []
        await port.edit(first.ref, Post("second in the queue", progress=Progress("second")))
        await port.edit(first.ref, Post("you are next", progress=Progress("next")))
        answer = await port.send(where, Post("Here", (Picture(webp("x"), alt="x"),)), key="e/answer")
        await port.delete(first.ref)
        (said,) = server.answers(asked)
        assert (said.id, said.text, len(said.media)) == (answer.ref.message, "@ann Here", 1)
        if variant.edits:
            assert said.versions == ["@ann second in the queue", "@ann you are next"]
        assert await port.send(where, Post("Here"), key="e/answer") == answer


async def test_progress_that_came_to_nothing_goes_away(tmp_path: Path) -> None:
    """An error is whispered, and the post that told of the wait is deleted."""
    async with Server().listening() as server, listening(server, tmp_path) as bot:
        asked = server.say("ann", "hi")
        where, port = place(bot, asked), bot.port
        first = await port.send(where, Post("waiting", progress=Progress("waiting")), key="e/progress")
        await port.edit(first.ref, Post("still waiting", progress=Progress("still")))
        await port.whisper(port_person(asked), where, Post("That cannot be drawn."), key="e/error")
        await port.delete(first.ref)
        assert [(each.text, each.visibility) for each in server.said] == [("@ann That cannot be drawn.", "direct")]


async def test_uploads_that_run_low_become_a_grid(tmp_path: Path) -> None:
    """Four pictures are one, two in a row, each described, so that more people get theirs."""
    async with Server().listening() as server, listening(server, tmp_path) as bot:
        server.windows["media"] = (12, 600.0)
        await bot.answered(server.say("ann", "@largesse draw a cat"))
        (answer,) = await bot.answered(server.say("ann", "@largesse draw a dog --n 4"))
        (media,) = answer.media
        assert media["description"].startswith("4 pictures in a grid, row by row. 1: a dog, number 0 2: a dog")
        data, _ = server.media[media["id"]]
        with Image.open(io.BytesIO(data)) as image:
            assert image.size == (64 * 2 + 8, 64 * 2 + 8)


async def test_the_budget_is_kept(tmp_path: Path) -> None:
    """More is asked than the server allows in a window: everybody is answered later, and it never has to refuse."""
    async with Server().listening() as server, listening(server, tmp_path) as bot:
        server.windows["post"] = (3, 1.0)
        await bot.answered(server.say("ann", "@largesse hello"))  # from here on the window is known
        asked = [server.say("ann", "@largesse hello") for _ in range(6)]
        await until(lambda: all(server.answers(each) for each in asked))
        assert server.refused["post"] == 0
        assert bot.port._server.budget.left(Kind.POST) <= 3


async def test_a_refusal_says_when_to_come_back(tmp_path: Path) -> None:
    """A 429 with its reset: nothing is said until then, whoever asks."""
    async with Server().listening() as server, listening(server, tmp_path) as bot:
        server.windows["post"] = (0, 30.0)
        asked = server.say("bob", "hi")
        for _ in range(2):
            with pytest.raises(SendFailed) as caught:
                await bot.port.send(place(bot, asked), Post("Hi"), key="k/answer")
            assert 25 < (caught.value.retry_after or 0) <= 31, "30, and what the Date header cuts off a second"
        assert server.refused["post"] == 1


async def test_a_revoked_token_is_said_in_plain_words(tmp_path: Path) -> None:
    """The operator learns what to do; what could not be said is kept, and said when there is a new token."""
    async with Server().listening() as server:
        async with listening(server, tmp_path) as bot:
            asked = server.say("bob", "hi")
            server.revoked = True
            with pytest.raises(SendFailed, match="make a new one and set mastodon"):
                await bot.port.send(place(bot, asked), Post("Hi"), key="k/answer")
        port = account(server, tmp_path)
        with pytest.raises(SendFailed, match="does not accept the bot's access token"):
            await port.run(_Nobody())  # type: ignore[arg-type]


async def test_what_is_gone_is_not_answered(tmp_path: Path) -> None:
    """A request that was deleted meanwhile, or whose author has blocked the bot, is refused for good."""
    async with Server().listening() as server, listening(server, tmp_path) as bot:
        asked = server.say("bob", "hi")
        where = place(bot, asked)
        del server.statuses[asked.id]
        with pytest.raises(SendRefused):
            await bot.port.send(where, Post("Hi"), key="k/answer")


async def test_a_server_that_is_away_is_waited_for(tmp_path: Path) -> None:
    """While it answers nothing, nothing is lost; when it is back, everybody is answered."""
    async with Server().listening() as server, listening(server, tmp_path) as bot:
        server.faults = lambda _method, _path: Fault.CUT
        asked = server.say("ann", "@largesse draw a cat")
        await asyncio.sleep(0.3)
        server.faults = lambda _method, _path: None
        await bot.answered(asked)
        assert len(server.answers(asked)) == 1


class _Nobody:
    """Takes the place of dispatch where nothing comes in."""


def port_person(status: Status):  # noqa: ANN201  # a Person
    """Whoever wrote it."""
    from adapters.mastodon.read import person

    with suppress(KeyError):
        return person({"id": status.account.id, "acct": status.account.name})
    return None
