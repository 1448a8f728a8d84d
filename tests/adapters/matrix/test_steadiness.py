"""Nothing is lost and nothing is said twice: restarts, gaps, kills, revoked tokens, limits."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from urllib.parse import quote

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from rigs import Recorder, listening

from core.chat.port import SendFailed
from core.chat.types import Call, Post
from core.errors import ConfigError
from tests.adapters.matrix.bot import joined, matrix
from tests.adapters.matrix.human import Human, human
from tests.doubles.synapse_server import SynapseServer

CHILD = Path(__file__).with_name("child.py")
ROOT = CHILD.parents[3]


async def test_what_is_said_while_the_bot_is_away_reaches_it_once(
    server: SynapseServer, tmp_path: Path, encrypted: bool
) -> None:
    """Started again on its old folder, it reads what came meanwhile, once; what it says again is the same event."""
    async with human(server, tmp_path / "ann") as ann:
        bot = matrix(server, tmp_path)
        async with listening(bot) as recorder:
            room = await ann.room(bot._user, encrypted=encrypted)
            await joined(bot, room)
            await ann.say(room, "before")
            call = await recorder.events.get()
            sent = await bot.send(call.place, Post("Here."), key="k/answer")
        await ann.say(room, "meanwhile")
        with sqlite3.connect(tmp_path / "matrix" / "notebook.db") as notebook:
            notebook.execute("DELETE FROM said")  # as if it was killed before it could write that down
        notebook.close()
        again = matrix(server, tmp_path)
        async with listening(again) as recorder:
            later = await recorder.events.get()
            assert isinstance(later, Call)
            assert (later.text, recorder.events.qsize()) == ("meanwhile", 0)
            assert await again.send(later.place, Post("Here."), key="k/answer") == sent
            await again.send(later.place, Post("There."), key="l/answer")
            said = await ann.heard(room, bot._user, count=2)
            assert [each["content"]["body"] for each in said] == ["Here.", "There."]


async def test_a_long_absence_leaves_no_gap_but_old_news_rest(server: SynapseServer, tmp_path: Path) -> None:
    """More messages than a sync brings are fetched and come in order; what is older than the limit is not answered."""
    async with human(server, tmp_path / "ann") as ann:
        bot = matrix(server, tmp_path)
        async with listening(bot):
            room = await ann.room(bot._user, encrypted=False)
            await joined(bot, room)
        for number in range(120):
            content = {"msgtype": "m.text", "body": f"number {number}"}
            server.ask(ann.account, "PUT", f"/v3/rooms/{quote(room)}/send/m.room.message/{number}", content)
        async with listening(matrix(server, tmp_path)) as recorder:
            texts = [(await recorder.events.get()).text for _ in range(120)]
        assert texts == [f"number {number}" for number in range(120)]
        await ann.say(room, "old news")
        await asyncio.sleep(1.5)
        async with listening(matrix(server, tmp_path, answer_within=1)) as recorder:
            await ann.until(lambda: True)
            await asyncio.sleep(0.5)
            await ann.say(room, "news")
            assert (await recorder.events.get()).text == "news"


async def test_a_revoked_token_ends_it_with_advice(server: SynapseServer, tmp_path: Path) -> None:
    """The loop does not spin: it ends with a sentence that says what to do, and so does the next start."""
    account = server.account()
    bot = matrix(server, tmp_path, account)
    running = asyncio.create_task(bot.run(Recorder()))
    async with asyncio.timeout(30):
        await bot._connected.wait()
    server.ask(account, "POST", "/v3/logout", {})
    for _ in range(2):
        with pytest.raises(ConfigError, match="matrix login"):
            await asyncio.wait_for(running, 30)
        running = asyncio.create_task(matrix(server, tmp_path).run(Recorder()))
    with pytest.raises(ConfigError):
        await running


async def test_one_device_is_for_one_process(server: SynapseServer, tmp_path: Path) -> None:
    """A second process on the same folder refuses to start: both would read half, and spoil the keys."""
    bot = matrix(server, tmp_path)
    async with listening(bot):
        async with asyncio.timeout(30):
            await bot._connected.wait()
        with pytest.raises(ConfigError, match="another process"):
            await matrix(server, tmp_path).run(Recorder())


async def test_limits_and_a_killed_homeserver_only_delay(tmp_path: Path) -> None:
    """A 429 says how long to wait and holds up nobody else; after a kill -9 of the homeserver all goes on by itself."""
    own = SynapseServer(tmp_path / "synapse", rc_message={"per_second": 0.2, "burst_count": 4})
    own.start()
    try:
        async with human(own, tmp_path / "ann") as ann:
            bot = matrix(own, tmp_path)
            async with listening(bot) as recorder:
                room = await ann.room(bot._user, encrypted=False)
                await joined(bot, room)
                await ann.say(room, "one")
                call = await recorder.events.get()
                sends = [bot.send(call.place, Post("x"), key=f"{number}/answer") for number in range(9)]
                ends = await asyncio.gather(*sends, return_exceptions=True)
                waits = [each.retry_after or 0.0 for each in ends if isinstance(each, SendFailed)]
                assert waits
                assert all(0 < each < 60 for each in waits)
                begun = time.monotonic()
                await bot.find(call.place, "never")
                assert time.monotonic() - begun < 2
                own.kill()
                with pytest.raises(SendFailed):
                    await bot.send(call.place, Post("y"), key="y/answer")
                own.start()
                await ann.say(room, "two")
                second = await asyncio.wait_for(recorder.events.get(), 60)
                assert isinstance(second, Call)
                assert second.text == "two"
    finally:
        own.kill()


async def drill(server: SynapseServer, folder: Path, kills: int, *, encrypted: bool) -> None:
    """Ask, and kill the bot at a random moment, again and again; then let it finish."""
    chance = random.Random(7)
    async with human(server, folder / "ann") as ann:
        first = matrix(server, folder)
        async with listening(first):
            room = await ann.room(first._user, encrypted=encrypted)
            await joined(first, room)
        asked: list[str] = []
        for number in range(kills):
            with start(folder) as process:
                await asyncio.to_thread(ready, process)
                for letter in "ab":
                    asked.append(f"picture {number} {letter}")
                    await ann.say(room, asked[-1])
                await asyncio.sleep(chance.uniform(0.0, 3.0))
                process.kill()
        with start(folder) as last:
            await ann.until_slowly(lambda: len(answers(ann, room, first._user)) >= len(asked))
            await ann.say(room, "the end")
            await ann.until_slowly(lambda: "Here: the end" in answers(ann, room, first._user))
            last.terminate()
            assert await asyncio.to_thread(last.wait, 60) == 0
        found = Counter(answers(ann, room, first._user))
        assert found == Counter([f"Here: {each}" for each in (*asked, "the end")])
        left = [each["content"]["body"] for each in ann.standing(room, first._user)]
        assert [each for each in left if each.startswith("step")] == []


def start(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(CHILD), str(folder)]
    log = (folder / "child.log").open("ab")
    with log:
        return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=log, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})


def ready(process: subprocess.Popen[bytes]) -> None:
    assert process.stderr is not None
    assert process.stderr.readline() == b"ready\n"


def answers(ann: Human, room: str, bot: str) -> list[str]:
    said = [each["content"]["body"] for each in ann.standing(room, bot)]
    return [each for each in said if each.startswith("Here")]


async def test_kills_of_the_bot_lose_and_repeat_nothing(server: SynapseServer, tmp_path: Path) -> None:
    """Three kill -9 in the middle of two requests each, in an encrypted room: each is answered exactly once."""
    await drill(server, tmp_path, 3, encrypted=True)


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_many_kills_of_the_bot_lose_and_repeat_nothing(
    server: SynapseServer, tmp_path: Path, encrypted: bool
) -> None:
    """Thirty kills."""
    await drill(server, tmp_path, 30, encrypted=encrypted)
