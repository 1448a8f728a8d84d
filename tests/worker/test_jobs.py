"""From a pop to jobs, and how many of them are held ready."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.work import PopResponse
from core.worker.jobs import Held, held
from core.worker.renderer import DrawJob
from core.worker.waiting import Waiting

IDS = ["a", "b", "c"]


def pop(**changes: Any) -> PopResponse:
    payload = {"prompt": "cat ### dog", "ddim_steps": 9, "seed": "5", "width": 128, "height": 64}
    return PopResponse.model_validate({"id": "a", "ids": IDS, "model": "little", "payload": payload | changes})


def seeds(offer: PopResponse) -> list[int]:
    return [one.job.seed for one in held(offer)]


def one(name: str) -> Held:
    return Held(job=DrawJob(id=name, model="little", prompt=""))


def test_an_empty_pop_is_no_job() -> None:
    """The answer without a job, as hordes really give it, with the payload's defaults filled in."""
    empty: dict[str, Any] = {"id": None, "ids": [], "model": None, "payload": {"ddim_steps": 30}, "skipped": {}}
    assert held(PopResponse.model_validate(empty)) == []


def test_every_picture_has_its_own_seed() -> None:
    """Our coordinator's seeds are taken as they are; another's one seed goes up picture by picture."""
    ours = pop().model_copy(update={"seeds": ["9", "70", "8"]})
    assert seeds(ours) == [9, 70, 8]
    assert seeds(pop()) == [5, 6, 7]
    assert seeds(pop(seed_variation=100)) == [5, 105, 205]
    assert len(set(seeds(pop(seed=None)))) == 3


@given(st.text())
def test_any_seed_text_is_a_number(text: str) -> None:
    """Digits count as themselves, other text always as the same number."""
    first = seeds(pop(seed=text))[0]
    assert first == seeds(pop(seed=text))[0]
    assert 0 <= first < 2**63
    if text.isascii() and text.isdigit() and len(text) < 18:
        assert first == int(text)


@pytest.mark.parametrize("seed", ["9" * 5000, "9" * 18, "-1"])
def test_seeds_of_any_length_are_drawable(seed: str) -> None:
    """A requester's endless number must not end the worker that popped it."""
    assert all(0 <= number < 2**63 for number in seeds(pop(seed=seed, seed_variation=1000)))


def test_what_the_payload_says_reaches_the_job() -> None:
    """Prompt and negative prompt are parted, sizes and steps arrive, uploads keep their order."""
    offer = pop(sampler_name="DDIM", karras=False, clip_skip=2, hires_fix=True).model_copy(
        update={"r2_uploads": ["u/a", "u/b", "u/c"], "source_image": "x"}
    )
    jobs = held(offer)
    job = jobs[0].job
    assert (job.prompt, job.negative_prompt, job.width, job.height, job.steps) == ("cat", "dog", 128, 64, 9)
    assert (job.sampler, job.karras, job.clip_skip, job.hires_fix) == ("DDIM", False, 2, True)
    assert [(each.job.id, each.upload, each.source) for each in jobs] == [(i, f"u/{i}", "x") for i in IDS]


def test_little_is_held_ahead_of_a_slow_device() -> None:
    """One job per device until the speed is known; then what is drawn in the time ahead, within the batch limit."""
    waiting = Waiting(devices=2, max_batch=4, lookahead=20)
    assert waiting.limit == 2
    waiting.drew(1, 100.0)
    assert waiting.limit == 2
    for _ in range(40):
        waiting.drew(4, 36.0)
    assert (waiting.limit, waiting.amount) == (4, 2)
    for _ in range(40):
        waiting.drew(4, 0.4)
    assert (waiting.limit, waiting.amount) == (8, 4)


async def test_room_and_jobs_wake_those_who_wait() -> None:
    """Asking for room waits while all is full; asking for a batch waits while all is empty; closing sends home."""
    waiting = Waiting(devices=1, max_batch=2, lookahead=1)
    assert await waiting.room() == 1
    taking = asyncio.create_task(waiting.take(2))
    await asyncio.sleep(0)
    waiting.put([one("a"), one("b")])
    assert [each.job.id for each in await taking] == ["a", "b"]
    waiting.put([one("c")])
    asking = asyncio.create_task(waiting.room())
    await asyncio.sleep(0)
    assert not asking.done()
    assert [each.job.id for each in waiting.close()] == ["c"]
    assert await asking == 1
    assert await waiting.take(2) == []


async def test_a_job_marked_alone_shares_no_batch() -> None:
    """Neither as the oldest nor as a companion."""
    waiting = Waiting(devices=1, max_batch=4, lookahead=1)
    lonely = one("b")
    lonely.alone = True
    waiting.put([one("a"), lonely, one("c")])
    assert [each.job.id for each in await waiting.take(4)] == ["a", "c"]
    assert [each.job.id for each in await waiting.take(4)] == ["b"]
