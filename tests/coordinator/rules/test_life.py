"""The life of a request from acceptance to payment, and everything that can cross it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.coordinator.rules.values import Nothing
from core.errors import InvalidRequest, NotAllowed, NotEnoughKudos, NotFound, TooMany

if TYPE_CHECKING:
    from conftest import Horde


async def test_a_picture_is_asked_drawn_and_paid(horde: Horde) -> None:
    """async, pop, submit: the picture is there with its seed, the owner earned what the requester paid, tax aside."""
    asker, owner = await horde.user(kudos=100), await horde.user("owner", trusted=True)
    assert isinstance(await horde.pop(owner), Nothing)
    accepted = await horde.ask(asker, params={"seed": "41"})
    assert accepted.is_possible
    assert accepted.warnings == ()
    offer = await horde.take(owner)
    assert (offer.request_id, offer.model, offer.payload["ddim_steps"], offer.payload["seed"]) == (
        accepted.id,
        "little",
        20,
        "41",
    )
    before = await horde.check(accepted.id)
    assert (before.waiting, before.processing, before.finished, before.done) == (0, 1, 0, False)
    assert before.running[0].worker_name == "machine"
    settled = await horde.submit(owner, offer.jobs[0].id)
    assert settled.done
    status = await horde.status(accepted.id)
    assert status.progress.done
    assert (status.pictures[0].seed, status.pictures[0].blob) == ("41", f"results/{offer.jobs[0].id}.webp")
    assert await horde.balance(asker) == pytest.approx(114 - settled.reward - 3)
    assert status.progress.kudos == pytest.approx(settled.reward + 3) == pytest.approx(accepted.kudos)
    assert await horde.balance(owner) == pytest.approx(14 + settled.reward)


async def test_an_untrusted_owner_gets_half_into_escrow(horde: Horde) -> None:
    """Half of what a new owner earns waits for trust."""
    asker, owner = await horde.user(kudos=100), await horde.user("owner")
    await horde.ask(asker)
    settled = await horde.submit(owner, (await horde.take(owner)).jobs[0].id)
    assert await horde.balance(owner) == pytest.approx(14 + settled.reward / 2, abs=0.01)


async def test_anonymous_people_pay_nothing_and_stay_at_their_floor(horde: Horde) -> None:
    """The anonymous account is pinned at -50 while workers are paid in full."""
    owner, nobody = await horde.user("owner", trusted=True), await horde.anonymous()
    accepted = await horde.ask(nobody)
    await horde.submit(owner, (await horde.take(owner)).jobs[0].id)
    assert await horde.balance(nobody) == -50
    assert (await horde.status(accepted.id)).shared
    assert await horde.balance(owner) > 14


async def test_nobody_falls_below_the_floor(horde: Horde) -> None:
    """Who has nothing left is forgiven the rest; the worker is paid all the same."""
    poor, owner = await horde.user(), await horde.user("owner", trusted=True)
    await horde.ask(poor, params={"n": 3})
    for job in (await horde.take(owner, amount=3, max_pixels=9_000_000)).jobs:
        await horde.submit(owner, job.id)
    assert await horde.balance(poor) == 14
    assert await horde.balance(owner) > 14


async def test_shared_requests_pay_less_tax_and_sources_are_never_shared(horde: Horde) -> None:
    """Tax is 3, or 1 when shared; drawing over somebody's own picture is not shared."""
    user = await horde.user(kudos=50)
    await horde.ask(user)
    assert await horde.balance(user) == 61
    await horde.ask(user, shared=True)
    assert await horde.balance(user) == 60


async def test_a_result_is_paid_once(horde: Horde) -> None:
    """The same result again is DuplicateGen, says so in the words workers look for, and moves no kudos."""
    asker, owner = await horde.user(kudos=100), await horde.user("owner", trusted=True)
    await horde.ask(asker)
    job = (await horde.take(owner)).jobs[0]
    await horde.submit(owner, job.id)
    owned = await horde.balance(asker), await horde.balance(owner)
    with pytest.raises(InvalidRequest, match="already submitted") as refusal:
        await horde.submit(owner, job.id)
    assert refusal.value.code == "DuplicateGen"
    assert (await horde.balance(asker), await horde.balance(owner)) == owned


async def test_results_of_others_and_of_nobody_are_refused(horde: Horde) -> None:
    """A job belongs to the account whose worker popped it; unknown and hostile ids are simply not there."""
    asker, owner, thief = await horde.user(), await horde.user("owner"), await horde.user("thief")
    await horde.ask(asker)
    job = (await horde.take(owner)).jobs[0]
    with pytest.raises(NotAllowed) as refusal:
        await horde.submit(thief, job.id)
    assert refusal.value.code == "WrongCredentials"
    for hostile in ("nonsense", "../../etc", "00000000-0000-0000-0000-000000000000", "x' OR 1=1 --"):
        with pytest.raises(NotFound, match="does not exist") as missing:
            await horde.submit(owner, hostile)
        assert missing.value.code == "InvalidJobID"
        with pytest.raises(NotFound):
            await horde.check(hostile)


async def test_a_censored_picture_costs_the_tax_only(horde: Horde) -> None:
    """The worker is paid in full for a picture that had to be hidden; the requester loses no more than the tax."""
    asker, owner = await horde.user(kudos=100), await horde.user("owner", trusted=True)
    accepted = await horde.ask(asker)
    note = {"type": "censorship", "value": "nsfw"}
    settled = await horde.submit(owner, (await horde.take(owner)).jobs[0].id, gen_metadata=[note])
    assert await horde.balance(asker) == 111
    assert await horde.balance(owner) == pytest.approx(14 + settled.reward)
    picture = (await horde.status(accepted.id)).pictures[0]
    assert (picture.censored, picture.state, picture.metadata) == (True, "censored", (note,))


async def test_each_picture_of_a_batch_has_its_own_seed(horde: Horde) -> None:
    """Picture k is drawn with seed + k, over several pops and after a fault too."""
    asker, owner = await horde.user(), await horde.user("owner")
    accepted = await horde.ask(asker, params={"n": 4, "seed": "100", "width": 64, "height": 64})
    first = await horde.take(owner, amount=2)
    assert [job.seed for job in first.jobs] == ["100", "101"]
    await horde.submit(owner, first.jobs[0].id, state="faulted")
    again = await horde.take(owner, amount=4)
    assert [job.seed for job in again.jobs] == ["100"]
    rest = await horde.take(owner, amount=4)
    assert [job.seed for job in rest.jobs] == ["102", "103"]
    for job in (first.jobs[1], *again.jobs, *rest.jobs):
        await horde.submit(owner, job.id)
    status = await horde.status(accepted.id)
    assert [picture.seed for picture in status.pictures] == ["100", "101", "102", "103"]
    assert (status.progress.finished, status.progress.restarted, status.progress.done) == (4, 1, True)


async def test_text_seeds_are_the_same_number_every_time(horde: Horde) -> None:
    """A seed in words means one number."""
    asker, owner = await horde.user(), await horde.user("owner")
    await horde.ask(asker, params={"seed": "my cat"})
    await horde.ask(asker, params={"seed": "my cat"})
    seeds = {(await horde.take(owner)).jobs[0].seed for _ in range(2)}
    assert len(seeds) == 1
    assert 0 <= int(seeds.pop()) < 2**32


async def test_more_than_two_faults_fail_the_request(horde: Horde) -> None:
    """A picture that three workers could not draw is given up, and nobody pays for it."""
    asker, owner = await horde.user(kudos=10), await horde.user("owner")
    accepted = await horde.ask(asker, params={"n": 2})
    for attempt in range(3):
        settled = await horde.submit(owner, (await horde.take(owner)).jobs[0].id, state="faulted")
        assert settled.requeued == (attempt < 2)
        assert settled.reward == 0
    found = await horde.check(accepted.id)
    assert (found.faulted, found.done, found.waiting, found.processing) == (True, True, 0, 0)
    assert isinstance(await horde.pop(owner), Nothing)
    assert await horde.balance(asker) == 21


async def test_a_silent_worker_loses_its_job(horde: Horde) -> None:
    """After its ttl a job goes to somebody else; the late result is AbortedGen and unpaid."""
    asker, slow, quick = await horde.user(), await horde.user("slow"), await horde.user("quick")
    accepted = await horde.ask(asker)
    late = await horde.take(slow, "slow one")
    horde.now += late.ttl + 1
    swept = await horde.sweep()
    assert (swept.stale, swept.requeued) == (1, True)
    job = (await horde.take(quick, "quick one")).jobs[0]
    with pytest.raises(InvalidRequest, match="Please check your worker speed") as refusal:
        await horde.submit(slow, late.jobs[0].id)
    assert refusal.value.code == "AbortedGen"
    assert (await horde.submit(slow, late.jobs[0].id, state="faulted")).reward == 0
    assert (await horde.submit(quick, job.id)).done
    assert (await horde.check(accepted.id)).finished == 1
    assert await horde.balance(slow) == 14


async def test_a_new_session_gives_back_what_the_former_one_held(horde: Horde) -> None:
    """A worker that was killed gets its own job again at its first pop, at once and without a fault."""
    asker, owner = await horde.user(), await horde.user("owner")
    accepted = await horde.ask(asker)
    for number in range(5):
        offer = await horde.take(owner, session=f"run {number}")
        assert offer.request_id == accepted.id
    assert isinstance(await horde.pop(owner, session="run 4"), Nothing)
    await horde.submit(owner, offer.jobs[0].id)
    found = await horde.check(accepted.id)
    assert (found.finished, found.faulted, found.restarted) == (1, False, 4)


async def test_cancelling_keeps_what_is_being_drawn(horde: Horde) -> None:
    """What waits is dropped at once; a job in flight is finished, paid and charged, and reported as unwanted."""
    asker, owner = await horde.user(kudos=100), await horde.user("owner", trusted=True)
    accepted = await horde.ask(asker, params={"n": 3})
    job = (await horde.take(owner)).jobs[0]
    status = await horde.cancel(accepted.id)
    assert (status.progress.waiting, status.progress.processing, status.progress.done) == (0, 1, False)
    assert isinstance(await horde.pop(owner), Nothing)
    settled = await horde.submit(owner, job.id)
    assert settled.done
    assert (await horde.check(accepted.id)).finished == 1
    assert await horde.balance(asker) == pytest.approx(111 - settled.reward)


async def test_a_cancelled_job_that_comes_back_is_not_drawn_again(horde: Horde) -> None:
    """A worker that stops drawing an unwanted picture ends the request."""
    asker, owner = await horde.user(), await horde.user("owner")
    accepted = await horde.ask(asker)
    job = (await horde.take(owner)).jobs[0]
    await horde.cancel(accepted.id)
    settled = await horde.submit(owner, job.id, state="faulted")
    assert (settled.requeued, settled.done) == (False, True)
    assert isinstance(await horde.pop(owner), Nothing)


async def test_requests_expire_with_their_pictures(horde: Horde) -> None:
    """Activity renews a request's life; after that it is forgotten and its pictures are put on the list to delete."""
    from core.coordinator.rules import sweep

    asker, owner = await horde.user(), await horde.user("owner")
    accepted = await horde.ask(asker)
    idle = await horde.ask(asker, "nobody draws this", models=["other"])
    horde.now += horde.terms.request_ttl - 10
    job = (await horde.take(owner)).jobs[0]
    await horde.submit(owner, job.id)
    horde.now += 60
    assert (await horde.sweep()).purged == 1
    with pytest.raises(NotFound):
        await horde.check(idle.id)
    assert (await horde.check(accepted.id)).finished == 1
    assert await horde.pass_time(horde.terms.request_ttl + 1) == 1
    keys = await horde.db.read(sweep.blobs_to_delete)
    assert keys == [f"results/{job.id}.webp"]
    await horde.db.write(lambda tx: sweep.blobs_deleted(tx, keys))
    assert await horde.db.read(sweep.blobs_to_delete) == []


async def test_the_same_key_is_the_same_request(horde: Horde) -> None:
    """An Idempotency-Key repeated gives the first answer and takes the tax once; another account's key is its own."""
    user, other = await horde.user(kudos=50), await horde.user(kudos=50)
    first = await horde.ask(user, idempotency_key="k")
    again = await horde.ask(user, idempotency_key="k")
    assert (again.id, again.replayed, first.replayed) == (first.id, True, False)
    assert await horde.balance(user) == 61
    assert (await horde.ask(other, idempotency_key="k")).id != first.id


async def test_waiting_pictures_are_limited(horde: Horde) -> None:
    """An account may have so many pictures waiting, and no more."""
    user = await horde.user(concurrency=3)
    await horde.ask(user, params={"n": 3})
    with pytest.raises(TooMany) as refusal:
        await horde.ask(user)
    assert refusal.value.code == "TooManyPrompts"


async def test_large_requests_are_covered_in_advance(horde: Horde) -> None:
    """What is too large for free is held, paid from the hold, and the rest comes back."""
    poor, rich = await horde.user(), await horde.user(kudos=5000)
    owner = await horde.user("owner", trusted=True)
    large = {"width": 2048, "height": 2048, "steps": 30, "n": 2}
    with pytest.raises(NotEnoughKudos) as refusal:
        await horde.ask(poor, params=large)
    assert refusal.value.code == "KudosUpfront"
    assert await horde.balance(poor) == 14
    accepted = await horde.ask(rich, params=large)
    assert await horde.balance(rich) == pytest.approx(5014 - accepted.kudos)
    await horde.prove()
    job = (await horde.take(owner, max_pixels=9_000_000)).jobs[0]
    settled = await horde.submit(owner, job.id)
    await horde.cancel(accepted.id)
    assert await horde.balance(rich) == pytest.approx(5014 - 3 - settled.reward)


async def test_a_downgrade_makes_it_free(horde: Horde) -> None:
    """allow_downgrade shrinks what the balance does not cover instead of refusing it."""
    poor, owner = await horde.user(), await horde.user("owner")
    await horde.ask(poor, allow_downgrade=True, params={"width": 2048, "height": 1024, "steps": 60})
    payload = (await horde.take(owner, max_pixels=9_000_000)).payload
    assert payload["width"] * payload["height"] <= 1034**2
    assert payload["ddim_steps"] <= 40
