"""Who gets what: every filter between a request and a worker, the order of the queue, and honest answers about both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from core.coordinator.rules import accounts, workers
from core.coordinator.rules.values import Nothing, Offer, StoredSources
from core.errors import InvalidRequest, NotAllowed, NotFound

if TYPE_CHECKING:
    from conftest import Horde

SOURCE = StoredSources(picture="sources/x_src.webp", mask=None)

FILTERS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("models", {"models": ["other"]}, {}, {"models": ["little", "other"]}),
    ("max_pixels", {"params": {"width": 1024, "height": 640}}, {"max_pixels": 500_000}, {"max_pixels": 655_360}),
    ("max_pixels", {"params": {"width": 512, "height": 576}}, {"max_pixels": 294_911}, {"max_pixels": 294_912}),
    ("nsfw", {"nsfw": True}, {"nsfw": False}, {"nsfw": True}),
    ("img2img", {"sources": SOURCE}, {"allow_img2img": False}, {"allow_img2img": True}),
    ("lora", {"params": {"loras": [{"name": "a"}]}}, {"allow_lora": False}, {"allow_lora": True}),
    ("post-processing", {"params": {"post_processing": ["GFPGAN"]}}, {"allow_post_processing": False}, {}),
    ("controlnet", {"sources": SOURCE, "params": {"control_type": "canny"}}, {}, {"allow_controlnet": True}),
    ("step_count", {"params": {"steps": 40}}, {"limit_max_steps": True}, {"limit_max_steps": False}),
    ("performance", {}, {"extra_slow_worker": True}, {}),
    ("blacklist", {"prompt": "a RED apple"}, {"blacklist": ["red"]}, {"blacklist": ["green"]}),
    ("bridge_version", {"params": {"tiling": True}}, {"capabilities": ["img2img"]}, {"capabilities": ["tiling"]}),
    ("bridge_version", {"params": {"tis": [{"name": "a"}]}}, {}, {"capabilities": ["textual_inversion"]}),
    (
        "bridge_version",
        {"params": {"hires_fix": True}},
        {"capabilities": None},
        {"capabilities": None, "bridge_agent": "AI Horde Worker reGen:10.1.1:x"},
    ),
    ("kudos", {}, {"require_upfront_kudos": True}, {}),
]


@pytest.mark.parametrize(("reason", "asked", "refusing", "taking"), FILTERS)
async def test_a_worker_gets_only_what_it_can_and_wants(
    reason: str, asked: dict[str, Any], refusing: dict[str, Any], taking: dict[str, Any], horde: Horde
) -> None:
    """A request is passed over with the right entry in `skipped`, and given to a worker that takes it."""
    asker, owner = await horde.user(), await horde.user("owner")
    accepted = await horde.ask(asker, **asked)
    nothing = await horde.pop(owner, "refusing", **refusing)
    assert isinstance(nothing, Nothing)
    assert nothing.skipped == {reason: 1}
    assert (await horde.take(owner, "taking", **taking)).request_id == accepted.id


async def test_trusted_only_requests_wait_for_trusted_workers(horde: Horde) -> None:
    """trusted_workers keeps a request from owners whom nobody vouched for."""
    asker, stranger, friend = await horde.user(), await horde.user("stranger"), await horde.user("f", trusted=True)
    await horde.ask(asker, trusted_workers=True)
    nothing = await horde.pop(stranger, "strange")
    assert isinstance(nothing, Nothing)
    assert nothing.skipped == {"untrusted": 1}
    assert isinstance(await horde.pop(friend, "friendly"), Offer)


async def test_slow_workers_can_be_refused(horde: Horde) -> None:
    """slow_workers=false needs half a megapixelstep per second."""
    asker, owner = await horde.user(kudos=500), await horde.user("owner")
    await horde.ask(asker, params={"width": 64, "height": 64})
    job = (await horde.take(owner)).jobs[0]
    horde.now += 100
    await horde.submit(owner, job.id)
    await horde.ask(asker, slow_workers=False)
    assert isinstance(await horde.pop(owner), Nothing)
    assert isinstance(await horde.pop(owner, "fresh"), Offer)


async def test_lists_of_workers_are_kept_to(horde: Horde) -> None:
    """Only the named workers get it; or all but the named; an unknown name is refused."""
    asker, owner = await horde.user(), await horde.user("owner")
    one, two = await horde.pop(owner, "one"), await horde.pop(owner, "two")
    only = await horde.ask(asker, workers=[one.worker_id])
    horde.now += 11  # why there is nothing may be ten seconds old
    nothing = await horde.pop(owner, "two")
    assert isinstance(nothing, Nothing)
    assert nothing.skipped == {"worker_id": 1}
    assert (await horde.take(owner, "one")).request_id == only.id
    without = await horde.ask(asker, workers=[one.worker_id], worker_blacklist=True)
    assert isinstance(await horde.pop(owner, "one"), Nothing)
    assert (await horde.take(owner, "two")).request_id == without.id
    assert two.worker_id != one.worker_id
    with pytest.raises(NotFound) as refusal:
        await horde.ask(asker, workers=["00000000-0000-0000-0000-000000000000"])
    assert refusal.value.code == "WorkerNotFound"


async def test_any_model_will_do_when_none_is_named(horde: Horde) -> None:
    """An empty list of models is served by every worker, with its own model."""
    asker, owner = await horde.user(), await horde.user("owner")
    await horde.ask(asker, models=[])
    assert (await horde.take(owner, models=["special one"])).model == "special one"


async def test_one_of_several_models_is_enough(horde: Horde) -> None:
    """A request that names several models is drawn once, with one that the worker has."""
    asker, owner = await horde.user(), await horde.user("owner")
    accepted = await horde.ask(asker, models=["a model", "b model", "little"])
    assert (await horde.take(owner, models=["b model"])).model == "b model"
    assert isinstance(await horde.pop(owner, models=["a model", "b model", "little"]), Nothing)
    assert (await horde.check(accepted.id)).processing == 1


async def test_rich_people_come_first_until_others_have_waited(horde: Horde) -> None:
    """Balance orders the queue, and every second of waiting counts like five kudos."""
    owner, rich, poor = await horde.user("owner"), await horde.user("rich", kudos=1000), await horde.user("poor")
    old = await horde.ask(poor, "first")
    horde.now += 100
    young = await horde.ask(rich, "second")
    assert (await horde.check(young.id)).queue_position == 1
    assert (await horde.check(old.id)).queue_position == 2
    horde.now += 120
    late = await horde.ask(rich, "third")
    order = [(await horde.take(owner)).request_id for _ in range(3)]
    assert order == [young.id, old.id, late.id]


async def test_owners_and_friends_are_served_first(horde: Horde) -> None:
    """A worker's owner goes before everybody, and so do the people it names."""
    rich, owner, friend = await horde.user("rich", kudos=9999), await horde.user("owner"), await horde.user("friend")
    theirs = await horde.ask(rich)
    friends = await horde.ask(friend)
    own = await horde.ask(owner)
    assert (await horde.take(owner)).request_id == own.id
    assert (await horde.take(owner, priority_usernames=[friend.unique_name])).request_id == friends.id
    assert (await horde.take(owner)).request_id == theirs.id


async def test_a_worker_in_maintenance_serves_its_owner_only(horde: Horde) -> None:
    """Maintenance is said in the words that worker programs look for, and only when there is nothing for the owner."""
    asker, owner = await horde.user(), await horde.user("owner")
    worker = (await horde.pop(owner)).worker_id
    await horde.db.write(
        lambda tx: workers.change(tx, worker, user=owner, maintenance=True, maintenance_msg="back at nine")
    )
    await horde.ask(asker)
    with pytest.raises(NotAllowed, match=r"back at nine.*maintenance mode") as refusal:
        await horde.pop(owner)
    assert refusal.value.code == "WorkerMaintenance"
    own = await horde.ask(owner)
    assert (await horde.take(owner)).request_id == own.id


async def test_workers_belong_to_their_accounts(horde: Horde) -> None:
    """A name is one account's; anonymous people run none; an account runs so many and no more."""
    owner, other, nobody = await horde.user("owner"), await horde.user("other"), await horde.anonymous()
    await horde.pop(owner)
    for user, name, code in ((other, "machine", "WrongCredentials"), (nobody, "mine", "AnonForbiddenWorker")):
        with pytest.raises(NotAllowed) as refusal:
            await horde.pop(user, name)
        assert refusal.value.code == code
    for number in range(3):
        await horde.pop(owner, f"machine {number}")
    with pytest.raises(NotAllowed) as full:
        await horde.pop(owner, "one too many")
    assert full.value.code == "TooManyWorkers"
    with pytest.raises(InvalidRequest, match="cannot accept workers serving"):
        await horde.pop(owner, models=[])
    with pytest.raises(InvalidRequest) as nameless:
        await horde.pop(owner, priority_usernames=["nobody"])
    assert nameless.value.code == "InvalidPriorityUsername"


async def test_too_many_dropped_jobs_mean_maintenance(horde: Horde) -> None:
    """More than twenty faulted jobs within an hour put a worker into maintenance."""
    asker, owner = await horde.user(concurrency=100), await horde.user("owner")
    for _ in range(21):
        await horde.ask(asker)
        await horde.submit(owner, (await horde.take(owner)).jobs[0].id, state="faulted")
    with pytest.raises(NotAllowed, match="maintenance mode"):
        await horde.pop(owner)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"models": ["absent"]}, "has the model 'absent'"),
        ({"params": {"width": 2048, "height": 512}}, "of that size"),
        ({"params": {"tiling": True}}, "can do everything"),
        ({"prompt": "a forbidden thing"}, "refuses a word"),
    ],
)
async def test_what_nobody_can_serve_is_said_at_once(options: dict[str, Any], sentence: str, horde: Horde) -> None:
    """The answer warns with the reason, status says the same, and who asks for it is refused instead."""
    asker, owner = await horde.user(), await horde.user("owner")
    await horde.pop(owner, blacklist=["forbidden"], capabilities=["img2img"], max_pixels=600_000)
    accepted = await horde.ask(asker, **options)
    assert not accepted.is_possible
    assert accepted.warnings[0].code == "NoAvailableWorker"
    assert sentence in accepted.warnings[0].message
    assert not (await horde.check(accepted.id)).is_possible
    with pytest.raises(InvalidRequest, match=sentence) as refusal:
        await horde.ask(asker, refuse_impossible=True, **options)
    assert refusal.value.code == "NoValidWorkers"


async def test_position_and_time_count_what_stands_in_front(horde: Horde) -> None:
    """What the serving workers cannot draw does not stand in front; the time is the work ahead over their speed."""
    asker, owner = await horde.user(), await horde.user("owner")
    await horde.pop(owner)
    for _ in range(3):
        await horde.ask(asker, models=["absent"])
    await horde.ask(asker)
    horde.now += 1
    mine = await horde.ask(asker, params={"n": 2})
    horde.now += 5
    found = await horde.check(mine.id)
    assert found.queue_position == 2
    assert found.wait_time == round(3 * 512 * 512 * 20 / 1_000_000)


async def test_uptime_is_rewarded(horde: Horde) -> None:
    """Ten minutes of being there earn 50 kudos and 2 for each model, an untrusted owner's in escrow."""
    owner = await horde.user("owner", trusted=True)
    for _ in range(22):
        await horde.pop(owner, models=["little", "other"])
        horde.now += 30
    assert await horde.balance(owner) == 14 + 54


async def test_a_deleted_account_may_not_ask(horde: Horde) -> None:
    """Deleted accounts neither ask nor work."""
    user = await horde.user()
    gone = await horde.db.write(lambda tx: accounts.change(tx, user.id, deleted=True))
    for attempt in (horde.ask(gone), horde.pop(gone)):
        with pytest.raises(NotAllowed) as refusal:
            await attempt
        assert refusal.value.code == "DeletedUser"
