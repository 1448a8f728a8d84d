"""A guest: says what it is, leaves alone who does not want it, and hears what people feel."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from adapters import examined
from adapters.mastodon.manners import OPT_OUT
from core.errors import ConfigError
from core.findings import Health
from tests.adapters.mastodon.house import account, listening, until
from tests.adapters.rigs import Recorder
from tests.adapters.rigs import listening as recording
from tests.doubles.mastodon.server import TOKEN, Server
from tests.doubles.mastodon.variants import AKKOMA, FEDIBIRD, MASTODON, Variant


async def test_the_profile_says_what_it_is(tmp_path: Path) -> None:
    """Marked as a bot, with operator, source and the way out; what the operator wrote besides stays; written once."""
    async with Server().listening() as server:
        server.bot.fields = [{"name": "Pronouns", "value": "it"}, {"name": "Operator", "value": "somebody else"}]
        for _ in range(2):
            async with listening(server, tmp_path, operator="@me@e.x", source="https://e.x/src"):
                await until(lambda: server.bot.bot)
        fields = [(each["name"], each["value"]) for each in server.bot.fields]
        assert fields == [("Operator", "@me@e.x"), ("Source", "https://e.x/src"), OPT_OUT, ("Pronouns", "it")]
        assert server.calls["PATCH /api/v1/accounts/update_credentials"] == 1


@pytest.mark.parametrize("note", ["<p>Cats. #<span>nobot</span></p>", "no thanks #NoAI", "<p>#nollm</p>"])
async def test_who_wants_no_bots_is_left_alone(note: str, tmp_path: Path) -> None:
    """A tag in a profile is enough, however it is written."""
    async with Server().listening() as server, listening(server, tmp_path) as bot:
        server.person("carla", note=note)
        asked = server.say("carla", "@largesse draw a cat")
        await bot.answered(server.say("ann", "@largesse hello"))
        assert server.answers(asked) == []


async def test_who_is_muted_is_not_answered(tmp_path: Path) -> None:
    """Whom the operator has muted with the bot's account gets nothing from it."""
    server = Server()
    server.silenced = [server.person("troll")]
    async with server.listening(), listening(server, tmp_path) as bot:
        asked = server.say("troll", "@largesse draw a cat")
        await bot.answered(server.say("ann", "@largesse hello"))
        assert server.answers(asked) == []


@pytest.mark.parametrize(
    ("variant", "kind", "more", "emoji"),
    [
        (MASTODON, "favourite", {}, "⭐"),
        (MASTODON, "reblog", {}, "🚀"),
        (AKKOMA, "pleroma:emoji_reaction", {"emoji": "🎉", "emoji_url": None}, "🎉"),
        (AKKOMA, "pleroma:emoji_reaction", {"emoji": ":blobcat@e.x:"}, ":blobcat:"),
        (FEDIBIRD, "emoji_reaction", {"emoji_reaction": {"name": "blobcat", "url": "https://e.x/1.png"}}, ":blobcat:"),
        (FEDIBIRD, "reaction", {"emoji": "❤"}, "❤"),
    ],
)
async def test_feelings_are_heard(
    variant: Variant, kind: str, more: dict[str, object], emoji: str, tmp_path: Path
) -> None:
    """Favourites, boosts and emoji on the bot's posts are reactions to them; the same one again is the same event."""
    async with Server(variant).listening() as server:
        async with listening(server, tmp_path) as bot:
            (answer,) = await bot.answered(server.say("ann", "@largesse draw a cat"))
        async with recording(account(server, tmp_path)) as recorder:
            found = [await _react(server, recorder, kind, more, answer) for _ in range(2)]
        first, second = found
        assert (first.emoji, first.added, first.person.name) == (emoji, True, "bob")
        assert first.target.message == answer.id
        assert first.key == second.key


async def _react(server: Server, recorder: Recorder, kind: str, more: dict[str, object], answer):  # noqa: ANN001, ANN202
    server.tell(kind, server.person("bob"), answer, **more)
    return await recorder.events.get()


async def test_settings_that_cannot_work_are_refused(tmp_path: Path) -> None:
    """Without a server or a token there is nothing to connect to."""
    server = Server()
    with pytest.raises(ConfigError, match="both are needed"):
        account(server, tmp_path)


async def test_the_doctor_looks_at_the_account(tmp_path: Path) -> None:
    """Who it is and what fits, where the token is good; what to do, where it is not, or nobody answers."""
    async with Server(text=300).listening() as server:
        settings = {"instance": server.base, "access_token": SecretStr(TOKEN)}
        found = [each async for each in examined({"mastodon": settings}, data_dir=tmp_path)]
        assert [each.health for each in found] == [Health.GOOD, Health.NOTE]
        assert "takes 300 characters and 4 pictures" in found[0].words
        server.revoked = True
        (bad,) = [each async for each in examined({"mastodon": settings}, data_dir=tmp_path)]
        assert "make a new one" in bad.words
    (bad,) = [each async for each in examined({"mastodon": settings}, data_dir=tmp_path)]
    assert (bad.health, "cannot be reached" in bad.words) == (Health.BAD, True)
