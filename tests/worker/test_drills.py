"""Fault drills on the whole worker: whatever dies, each job is handed in once or given back once."""

from __future__ import annotations

import asyncio

import pytest

from core.errors import RenderError
from core.worker.device import Patience
from tests.doubles.pop_server import PopServer
from tests.worker.conftest import Start

HASTY = Patience(beat=20, start=60, load=20, step=2.0)


async def test_kill_9_of_the_device_in_the_middle_of_the_steps(server: PopServer, start: Start) -> None:
    """The batch is drawn again by a new process, and each picture is handed in exactly once."""
    server.offer("a", "b", prompt="[[slow]]", ddim_steps=6)
    running = await start(max_batch=2)
    await server.until(lambda: bool(server.reports))
    before = running.devices()
    before[0].kill()
    await server.until(lambda: len(server.submits) == 2)
    after = running.devices()
    await running.drain()
    assert server.states() == {"a": ["ok"], "b": ["ok"]}
    assert [process.pid for process in after] != [process.pid for process in before]


@pytest.mark.parametrize("word", ["[[crash]]", "[[hang]]"])
async def test_a_job_that_kills_the_device_is_given_back_after_two_tries(
    word: str, server: PopServer, start: Start
) -> None:
    """The bad job is found out and given back; those that shared its batch, and those after it, are drawn."""
    server.offer("warm")
    running = await start(patience=HASTY, max_batch=3)
    await server.until(lambda: "warm" in server.states())
    server.offer("block", prompt="[[slow]]", ddim_steps=8)
    await server.until(lambda: any(report["id"] == "block" for report in server.reports))
    server.offer("good")
    server.offer("bad", prompt=word)
    server.offer("after")
    await server.until(lambda: {"good", "bad", "after"} <= set(server.states()), seconds=40)
    await running.drain()
    assert server.states() == {"warm": ["ok"], "block": ["ok"], "good": ["ok"], "bad": ["faulted"], "after": ["ok"]}


async def test_one_bad_job_does_not_take_its_batch_along(server: PopServer, start: Start) -> None:
    """Of three jobs in one batch the one that fails is given back and the two others arrive."""
    server.offer("block", prompt="[[slow]]", ddim_steps=3)
    running = await start(max_batch=3)
    await server.until(lambda: "block" in server.states())
    server.offer("x", prompt="[[slow]]", ddim_steps=8)
    await server.until(lambda: any(report["id"] == "x" for report in server.reports))
    server.offer("one")
    server.offer("bad", prompt="[[fail]]")
    server.offer("two")
    await server.until(lambda: {"one", "bad", "two"} <= set(server.states()))
    await running.drain()
    assert {name: server.states()[name] for name in ("one", "bad", "two")} == {
        "one": ["ok"],
        "bad": ["faulted"],
        "two": ["ok"],
    }


async def test_too_little_memory_for_a_batch_is_enough_for_one(server: PopServer, start: Start) -> None:
    """Out of memory makes the batch smaller; a job that does not even fit alone is given back."""
    server.offer("a", "b", "c", prompt="[[oom]]")
    server.offer("huge", prompt="[[oom!]]")
    running = await start(max_batch=3)
    await server.until(lambda: len(server.states()) == 4)
    await running.drain()
    assert server.states() == {"a": ["ok"], "b": ["ok"], "c": ["ok"], "huge": ["faulted"]}


async def test_a_coordinator_that_is_away_gets_the_picture_when_it_is_back(server: PopServer, start: Start) -> None:
    """Cut off while drawing: the picture is finished, kept, and handed in once as soon as somebody answers."""
    server.offer("a", prompt="[[slow]]", ddim_steps=5)
    running = await start()
    await server.until(lambda: bool(server.reports))
    await server.stop()
    await asyncio.sleep(1.2)
    assert not server.submits
    await server.start()
    await server.until(lambda: "a" in server.states())
    server.offer("b")
    await server.until(lambda: "b" in server.states())
    await running.drain()
    assert server.states() == {"a": ["ok"], "b": ["ok"]}


async def test_a_device_on_which_everything_crashes_is_given_up(server: PopServer, start: Start) -> None:
    """No crash loop for ever: after a row of crashes the worker ends with the reason, every job given back."""
    for number in range(8):
        server.offer(f"job{number}", prompt="[[crash]]")
    running = await start(max_batch=1)
    with pytest.raises(RenderError, match="given up"):
        async with asyncio.timeout(60):
            await running.task
    assert all(state == ["faulted"] for state in server.states().values())
    assert len(server.states()) >= 4
    assert running.devices() == []


async def test_a_pop_whose_answer_was_lost_gives_its_jobs_back(server: PopServer, start: Start) -> None:
    """After a cut the next pop comes in a new session, but never while the worker still holds a job."""
    await start()
    await server.until(lambda: len(server.pops) == 1)
    await server.stop()
    await server.start()
    await server.until(lambda: len(server.pops) >= 2)
    first, second = server.pops[0]["session"], server.pops[-1]["session"]
    assert first != second
    server.offer("a", prompt="[[slow]]", ddim_steps=12)
    await server.until(lambda: bool(server.reports))
    count = len(server.pops)
    await server.stop()
    await server.start()
    await server.until(lambda: len(server.pops) > count)
    assert not server.submits
    assert server.pops[-1]["session"] == second
    await server.until(lambda: "a" in server.states())
