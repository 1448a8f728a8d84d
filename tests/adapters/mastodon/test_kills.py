"""kill -9 of the bot at random moments, on servers that keep Idempotency-Keys and on those that do not."""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

import pytest

from tests.adapters.mastodon.house import until
from tests.doubles.mastodon.bodies import Status
from tests.doubles.mastodon.server import Server
from tests.doubles.mastodon.variants import GOTOSOCIAL, MASTODON, Variant

CHILD = Path(__file__).with_name("child.py")
ROOT = CHILD.parents[3]


async def start(folder: Path, server: Server) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(CHILD), str(folder), server.base),
        cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def drill(variant: Variant, folder: Path, kills: int) -> None:
    """Mentions keep coming while the bot is killed; in the end each has one answer with its own picture."""
    chance = random.Random(5)
    asked: list[Status] = []
    async with Server(variant).listening() as server:
        for number in range(kills):
            process = await start(folder, server)
            asked += [server.say("ann", f"@largesse draw the cat {number}{letter}") for letter in "abc"]
            await asyncio.sleep(chance.uniform(0.05, 0.5))
            process.kill()
            await process.wait()
        last = await start(folder, server)
        await until(lambda: all(server.answers(each) for each in asked))
        last.terminate()
        await last.wait()
        for each in asked:
            (answer,) = server.answers(each)
            prompt = each.text.removeprefix("@largesse draw ")
            assert answer.text.startswith(f"@ann Here: {prompt}")
            assert [media["description"] for media in answer.media] == [f"{prompt}, number 0"]


@pytest.mark.parametrize("variant", [MASTODON, GOTOSOCIAL], ids=lambda each: each.name)
async def test_a_kill_at_any_moment_loses_and_repeats_nothing(variant: Variant, tmp_path: Path) -> None:
    """Also between an upload and its post, and between a post and the note of it."""
    await drill(variant, tmp_path, kills=3)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("variant", [MASTODON, GOTOSOCIAL], ids=lambda each: each.name)
async def test_a_hundred_kills(variant: Variant, tmp_path: Path) -> None:
    """The same, long."""
    await drill(variant, tmp_path, kills=100)
