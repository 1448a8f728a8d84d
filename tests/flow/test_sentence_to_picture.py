"""A sentence in, a picture out: chat, conversation, client, coordinator, worker and back, in one process."""

from __future__ import annotations

import asyncio
import io
import sqlite3
import time
from pathlib import Path

from PIL import Image

from core.generation import Size
from tests.flow.whole import whole

SENTENCE = "draw for me a red apple on a blue background ### text --steps 8"


async def test_a_sentence_becomes_a_picture_in_under_two_seconds(tmp_path: Path) -> None:
    """The whole way once, with the picture, its description, its seed and its price."""
    async with whole(tmp_path) as system:
        begun = time.monotonic()
        post = await system.say(SENTENCE)
        took = time.monotonic() - begun
    (picture,) = post.pictures
    image = Image.open(io.BytesIO(picture.data or b""))
    assert (image.format, image.size) == ("WEBP", (128, 128))
    assert "a red apple on a blue background" in picture.alt
    assert post.text.splitlines()[1].startswith("seed ")
    assert "kudos" in post.text
    assert took < 2


async def test_the_seed_shown_draws_the_same_picture(tmp_path: Path) -> None:
    """Byte for byte, also when it was one of several; without it the picture is another."""
    async with whole(tmp_path) as system:
        several = await system.say("draw a frog --n 3 --seed 1000")
        alone = await system.say("draw a frog --seed 1001")
        other = await system.say("draw a frog")
    assert "seeds 1000, 1001, 1002" in several.text
    assert alone.pictures[0].data == several.pictures[1].data
    assert other.pictures[0].data != alone.pictures[0].data


async def test_buttons_work_against_the_real_thing(tmp_path: Path) -> None:
    """Again and variation draw, delete takes away."""
    async with whole(tmp_path) as system:
        await system.say("draw a frog --seed 5")
        await system.press("again")
        await system.press("variation")
        assert len(set(system.pictures)) == 3
        await system.press("delete")
        assert len(system.pictures) == 2


async def test_steps_are_seen_on_the_way(tmp_path: Path) -> None:
    """A slow picture reports its steps through all rooms."""
    async with whole(tmp_path) as system:
        await system.say("draw a frog [[slow]] --steps 12")
    assert any(text.startswith("Drawing: step ") and " of 12" in text for text in system.progress)


async def test_cancel_reaches_the_worker(tmp_path: Path) -> None:
    """A long picture ends at once, and the worker is free for the next one."""
    async with whole(tmp_path) as system:
        task = await system.begin("draw a frog [[slow]] --steps 40")
        await system.until(lambda: any("step " in text for text in system.progress))
        await system.press("cancel")
        async with asyncio.timeout(2):
            await task
        assert system.platform.texts[-1] == "I stopped it; nothing was drawn."
        post = await system.say("draw a dog --steps 4")
        assert len(post.pictures) == 1


async def test_a_request_waits_for_a_worker(tmp_path: Path) -> None:
    """Nobody is there yet: that is said, and the picture comes with the worker."""
    async with whole(tmp_path, drawing=False) as system:
        task = await system.begin("draw a frog --steps 4")
        await system.until(lambda: any("is online" in text or "queue" in text for text in system.progress))
        await system.worker.start()
        async with asyncio.timeout(10):
            await task
        assert len(system.pictures) == 1


async def test_what_no_worker_can_draw_is_refused_at_once(tmp_path: Path) -> None:
    """While workers are there, nobody waits for what none of them can do."""
    async with whole(tmp_path) as system:
        post = await system.say("draw a frog --size 3072x3072")
        assert post.pictures == ()
        assert post.text.startswith(f"Nobody who is online can draw {Size(3072, 3072)} in 16 steps with little.")


async def test_a_device_that_dies_costs_no_picture_of_others(tmp_path: Path) -> None:
    """The picture that kills its renderer fails in words; the next one is drawn."""
    async with whole(tmp_path) as system:
        failed = await system.say("draw [[crash]] --steps 4")
        assert "The workers tried and failed" in failed.text
        post = await system.say("draw a frog --steps 4")
        assert len(post.pictures) == 1


async def test_a_worker_that_goes_hands_over(tmp_path: Path) -> None:
    """The worker is broken off in the middle; the next one draws the picture, which arrives once."""
    async with whole(tmp_path) as system:
        task = await system.begin("draw a frog [[slow]] --steps 15")
        await system.until(lambda: any("step " in text for text in system.progress))
        await system.worker.break_off()
        await system.worker.start()
        async with asyncio.timeout(15):
            await task
        assert len(system.pictures) == 1


async def test_a_coordinator_that_restarts_keeps_everything(tmp_path: Path) -> None:
    """It is away for a moment in the middle; the picture arrives once and is paid once."""
    async with whole(tmp_path) as system:
        task = await system.begin("draw a frog [[slow]] --steps 15")
        await system.until(lambda: any("step " in text for text in system.progress))
        await system.coordinator.break_off()
        await system.until(lambda: any("does not answer" in text for text in system.progress))
        await system.coordinator.start()
        async with asyncio.timeout(15):
            await task
        assert len(system.pictures) == 1
    database = sqlite3.connect(tmp_path / "coordinator.db")
    assert database.execute("SELECT count(*) FROM requests").fetchone() == (1,)
    database.close()


async def test_bots_that_restart_deliver_once(tmp_path: Path) -> None:
    """The house is closed in the middle and opened again; the picture is not drawn or shown twice."""
    async with whole(tmp_path) as system:
        await system.begin("draw a frog [[slow]] --steps 10")
        await system.until(lambda: any("step " in text for text in system.progress))
        await system.stop_bots()
        await system.start_bots()
        async with asyncio.timeout(10):
            await system.dispatch.idle()
        assert len(system.pictures) == 1
        await system.stop_bots()
        await system.start_bots()
        await system.dispatch.idle()
        assert len(system.pictures) == 1
