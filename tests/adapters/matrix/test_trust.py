"""Trust between devices: an app that shows signed devices only talks with the bot, and verifies it by emoji."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

sys.path.insert(0, str(Path(__file__).parents[1]))

from console_child import PICTURE
from rigs import Recorder, listening

from adapters.matrix import identity, session, vault
from adapters.matrix.platform import Matrix
from core.chat.types import Call, Picture, Place, Post
from core.errors import ConfigError
from tests.adapters.matrix.bot import joined as bot_joined
from tests.adapters.matrix.bot import matrix
from tests.adapters.matrix.human import human
from tests.doubles.strict_client import Strict, strict_client
from tests.doubles.synapse_server import SynapseServer


async def joined(app: Strict, room: str, user: str) -> None:
    async with asyncio.timeout(30):
        while user not in (await app.do("members", room=room))["joined"]:  # noqa: ASYNC110  # it happens elsewhere
            await asyncio.sleep(0.1)


async def test_a_strict_app_and_the_bot_understand_each_other(server: SynapseServer, tmp_path: Path) -> None:
    """With signed devices only, the bot reads what the app writes and the app shows what the bot answers, encrypted."""
    bot = matrix(server, tmp_path)
    async with listening(bot) as recorder, strict_client(server, server.account()) as app:
        room = (await app.do("room", invite=bot._user))["room"]
        await joined(app, room, bot._user)
        await app.do("say", room=room, text="a red apple")
        call = await recorder.events.get()
        assert isinstance(call, Call)
        assert call.text == "a red apple"
        post = Post("an apple", (Picture(PICTURE, alt="an apple", name="a.webp"),), reply_to=call.message)
        await bot.send(call.place, post, key="s/answer")
        shown = await app.until(lambda event: event["type"] == "m.room.message" and event["sender"] == bot._user)
        assert (shown["encrypted"], shown["failure"], shown["content"]["body"]) == (True, None, "an apple")


@pytest.mark.parametrize("in_room", [True, False], ids=["in a room", "between devices"])
async def test_an_owner_verifies_the_bot_by_emoji(
    server: SynapseServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], in_room: bool
) -> None:
    """The log shows the same seven emoji as the app, which holds the bot for verified afterwards."""
    account = server.account()
    bot = matrix(server, tmp_path, owners=[account.user_id])
    async with listening(bot), strict_client(server, account) as app:
        room = (await app.do("room", invite=bot._user))["room"]
        await joined(app, room, bot._user)
        device = session.load(tmp_path / "matrix").device_id
        target = {"room": room} if in_room else {"device": device}
        emoji = (await app.do("verify", user=bot._user, **target))["emoji"]
        (line,) = [each for each in capsys.readouterr().out.splitlines() if "verification_emoji" in each]
        assert [sign for sign in emoji if sign not in line] == []
        async with asyncio.timeout(30):
            while True:
                trust = await app.do("trust", user=bot._user, device=device)
                if trust["verified"]:
                    break
                await asyncio.sleep(0.1)
        assert trust["signed"]


async def test_a_strangers_verification_is_not_answered(server: SynapseServer, tmp_path: Path) -> None:
    """Only owners may verify: whoever else asks gets no answer at all."""
    bot = matrix(server, tmp_path, owners=["@somebody:else"])
    async with listening(bot), human(server, tmp_path / "ann") as ann:
        room = await ann.room(bot._user, encrypted=False)
        await bot_joined(bot, room)
        ask = {"msgtype": "m.key.verification.request", "body": "verify", "to": bot._user, "from_device": "X"}
        await ann.send(room, {**ask, "methods": ["m.sas.v1"]})
        await ann.say(room, "hello")
        await bot.send(Place("matrix", room, private=True), Post("hello"), key="x/answer")
        await ann.heard(room, bot._user)
        assert [each["type"] for _, each in ann.events if "verification" in each["type"]] == []


async def test_the_identity_is_made_once_and_restored_by_its_recovery_key(
    server: SynapseServer, tmp_path: Path
) -> None:
    """Another app opens the bot's vault with the recovery key, so does the bot's next device; nothing is replaced."""
    account = server.account()
    first = matrix(server, tmp_path / "first", account)
    async with listening(first):
        await connected(first)
    known = identity.load(tmp_path / "first" / "matrix")
    assert known is not None
    assert known.recovery_key not in repr(known)
    async with strict_client(server, server.log_in(account), recovery=known.recovery_key) as app:
        device = session.load(tmp_path / "first" / "matrix").device_id
        assert (await app.do("trust", user=account.user_id, device=device))["signed"]
    second = matrix(server, tmp_path / "second", server.log_in(account), recovery_key=SecretStr(known.recovery_key))
    async with listening(second):
        await connected(second)
    again = identity.load(tmp_path / "second" / "matrix")
    assert again is not None
    assert [key.seed for key in again.keys.values()] == [key.seed for key in known.keys.values()]


async def test_a_lost_store_ends_the_device_before_anything_is_published(server: SynapseServer, tmp_path: Path) -> None:
    """A device id with other keys than before is never trusted by apps again: nothing is published, and it is said."""
    bot = matrix(server, tmp_path)
    async with listening(bot):
        await connected(bot)
    shutil.rmtree(tmp_path / "matrix" / "keys")
    with pytest.raises(ConfigError, match="keys of this device are gone"):
        await bot.run(Recorder())


async def connected(bot: Matrix) -> None:
    """Wait until the bot is there, with its identity."""
    async with asyncio.timeout(30):
        await bot._connected.wait()


def test_recovery_keys_are_written_and_read() -> None:
    """Written in groups of four; a typing mistake is noticed; the specification's example reads as it says."""
    key = bytes(range(32))
    written = vault.write_key(key)
    assert vault.read_key(written) == key
    assert vault.read_key(written.replace(" ", "")) == key
    assert vault.read_key(written[:-1] + ("A" if written[-1] != "A" else "B")) is None
    assert vault.read_key("no key, I say") is None
