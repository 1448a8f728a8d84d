"""Kudos: transfers with their refusals and replays, grants, floors, folding, and the proof of the ledger."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from core.coordinator.rules import accounts, figures, kudos, ledger
from core.coordinator.rules.ledger import Entry
from core.coordinator.rules.values import User
from core.coordinator.store import ledger as store
from core.coordinator.store.ledger import Posting
from core.errors import NotEnoughKudos, UserError

if TYPE_CHECKING:
    from conftest import Horde


async def _send(horde: Horde, sender: User, to: str, amount: int, key: str | None = None) -> float:
    return await horde.db.write(
        lambda tx: kudos.transfer(tx, sender=sender, to=to, amount=amount, idempotency_key=key, now=horde.now)
    )


async def test_kudos_move_once_for_each_key(horde: Horde) -> None:
    """A transfer repeated with its key succeeds and changes nothing; the key for something else is a conflict."""
    giver, taker = await horde.user("giver", kudos=100), await horde.user("taker")
    for _ in range(3):
        assert await _send(horde, giver, taker.unique_name, 30, "gift 1") == 30
    assert (await horde.balance(giver), await horde.balance(taker)) == (84, 44)
    with pytest.raises(UserError) as refusal:
        await _send(horde, giver, taker.unique_name, 31, "gift 1")
    assert refusal.value.code == "IdempotencyKeyConflict"
    await _send(horde, giver, f"renamed#{taker.id}", 1)
    await _send(horde, giver, taker.unique_name, 1)
    assert await horde.balance(taker) == 46
    details = await horde.db.read(lambda tx: figures.user_details(tx, giver, privilege=0, now=horde.now))
    assert details["kudos_details"]["gifted"] == -32
    assert details["kudos_details"]["admin"] == 100


async def test_transfers_at_once_cannot_spend_the_same_kudos_twice(horde: Horde) -> None:
    """Of ten transfers of all that somebody owns one succeeds."""
    giver, taker = await horde.user("giver", kudos=100), await horde.user("taker")
    results = await asyncio.gather(
        *(_send(horde, giver, taker.unique_name, 100) for _ in range(10)), return_exceptions=True
    )
    assert sum(result == 100 for result in results) == 1
    assert sum(isinstance(result, NotEnoughKudos) for result in results) == 9
    assert (await horde.balance(giver), await horde.balance(taker)) == (14, 114)


@pytest.mark.parametrize(
    ("sender", "receiver", "amount", "code"),
    [
        ({}, {}, 101, "KudosTransferNotEnough"),
        ({}, {}, 0, "InvalidKudosTransferAmount"),
        ({}, {}, -5, "NegativeKudosTransfer"),
        ({"flagged": True}, {}, 1, "SourceAccountFlagged"),
        ({"education": True}, {}, 1, "EducationCannotSendKudos"),
        ({"suspicion": 5}, {}, 1, "FaultWhenKudosSending"),
        ({}, {"flagged": True}, 1, "TargetAccountFlagged"),
        ({}, {"suspicion": 5}, 1, "FaultWhenKudosReceiving"),
        ({}, {"deleted": True}, 1, "DeletedUser"),
    ],
)
async def test_transfers_are_refused_with_their_code(
    sender: dict[str, Any], receiver: dict[str, Any], amount: int, code: str, horde: Horde
) -> None:
    """Every reason against a transfer has its code, and nothing moves."""
    giver, taker = await horde.user("giver", kudos=100), await horde.user("taker")
    if sender:
        giver = await horde.db.write(lambda tx: accounts.change(tx, giver.id, **sender))
    if receiver:
        await horde.db.write(lambda tx: accounts.change(tx, taker.id, **receiver))
    with pytest.raises(UserError) as refusal:
        await _send(horde, giver, taker.unique_name, amount)
    assert refusal.value.code == code
    assert (await horde.balance(giver), await horde.balance(taker)) == (114, 14)


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("nobody#999", "InvalidTargetUsername"),
        ("no number", "InvalidTargetUsername"),
        ("x#99999999999999999999999", "InvalidTargetUsername"),
        ("Anonymous#0", "KudosTransferToAnon"),
        ("giver#1", "KudosTransferToSelf"),
    ],
)
async def test_only_somebody_else_can_be_given_to(to: str, code: str, horde: Horde) -> None:
    """The receiver must exist, must not be anonymous and not be oneself."""
    giver = await horde.user("giver", kudos=100)
    assert giver.id == 1
    with pytest.raises(UserError) as refusal:
        await _send(horde, giver, to, 1)
    assert refusal.value.code == code


async def test_anonymous_people_give_nothing_away(horde: Horde) -> None:
    """The anonymous account can neither give nor be granted anything."""
    taker, nobody = await horde.user("taker"), await horde.anonymous()
    with pytest.raises(UserError) as refusal:
        await _send(horde, nobody, taker.unique_name, 1)
    assert refusal.value.code == "KudosTransferFromAnon"
    await horde.db.write(lambda tx: accounts.grant(tx, user_id=0, kudos=500, key="x", now=horde.now))
    assert await horde.balance(nobody) == -50


async def test_kudos_do_not_come_straight_back(horde: Horde) -> None:
    """Who just received kudos waits a minute before sending any back."""
    one, two = await horde.user("one", kudos=100), await horde.user("two", kudos=100)
    await _send(horde, one, two.unique_name, 10)
    with pytest.raises(UserError) as refusal:
        await _send(horde, two, one.unique_name, 10)
    assert refusal.value.code == "TooFastKudosTransfers"
    horde.now += 61
    assert await _send(horde, two, one.unique_name, 10) == 10


async def test_grants_happen_once_and_stop_at_the_floor(horde: Horde) -> None:
    """A grant's key makes it one act; taking kudos away ends at the floor."""
    user = await horde.user()

    async def grant(amount: float, key: str) -> bool:
        return await horde.db.write(
            lambda tx: accounts.grant(tx, user_id=user.id, kudos=amount, key=key, now=horde.now)
        )

    assert [await grant(10.25, "a"), await grant(10.25, "a"), await grant(-1000, "b")] == [True, False, True]
    assert await horde.balance(user) == 14


async def test_folding_changes_no_balance(horde: Horde) -> None:
    """Balances and their details are the same before, between and after folding."""
    giver, taker = await horde.user("giver", kudos=100), await horde.user("taker")

    async def seen() -> tuple[float, object]:
        details = await horde.db.read(lambda tx: figures.user_details(tx, giver, privilege=0, now=horde.now))
        return await horde.balance(giver), details

    for amount in range(1, 6):
        await _send(horde, giver, taker.unique_name, amount)
        before = await seen()
        await horde.db.write(lambda tx: store.fold(tx, 3))
        assert await seen() == before
        await horde.prove()
    assert await horde.balance(taker) == 29


async def test_an_audit_finds_what_is_wrong(horde: Horde) -> None:
    """A ledger that was tampered with does not pass."""
    user = await horde.user(kudos=10)

    def tamper(tx: Any) -> ledger.Audit:
        store.append(tx, key="made up", kind=Entry.ADMIN, at=0, postings=[Posting(ledger.wallet(user.id), "admin", 7)])
        audit = ledger.audit(tx)
        raise LookupError(audit)

    with pytest.raises(LookupError) as found:
        await horde.db.write(tamper)
    audit: ledger.Audit = found.value.args[0]
    assert (audit.ok, audit.uneven_events, audit.total) == (False, 1, 7)


async def test_figures_count_what_happened(horde: Horde) -> None:
    """Performance, models, users and totals tell one story, before and after the sweeper folded it."""
    asker, owner = await horde.user("asker", kudos=50), await horde.user("owner", trusted=True)
    await horde.ask(asker, params={"n": 2})
    job = (await horde.take(owner, threads=2)).jobs[0]
    await horde.submit(owner, job.id)
    await horde.ask(asker, models=["absent"])
    for _ in range(2):
        horde.now += 2
        work = 512 * 512 * 20
        performance = await horde.db.read(lambda tx: figures.performance(tx, now=horde.now))
        assert performance["worker_count"] == 1
        assert performance["thread_count"] == 2
        assert performance["queued_requests"] == 2
        assert performance["past_minute_megapixelsteps"] == round(work / 1e6, 2)
        models = await horde.db.read(lambda tx: figures.models(tx, now=horde.now))
        assert [(model["name"], model["count"], model["jobs"]) for model in models] == [
            ("little", 2, 1.0),
            ("absent", 0, 1.0),
        ]
        details = await horde.db.read(lambda tx: figures.user_details(tx, owner, privilege=1, now=horde.now))
        assert details["records"]["fulfillment"]["image"] == 1
        assert details["records"]["contribution"]["megapixelsteps"] == round(work / 1e6, 2)
        await horde.sweep()
    totals = await horde.db.read(lambda tx: figures.totals(tx, now=horde.now))
    assert {name: period["images"] for name, period in totals.items()} == dict.fromkeys(totals, 1)
    by_model = await horde.db.read(lambda tx: figures.model_totals(tx, now=horde.now))
    assert by_model["day"] == {"little": 1}
    page = await horde.db.read(lambda tx: figures.users_page(tx, page=1, sort="kudos", now=horde.now))
    assert [user["username"] for user in page] == ["asker#1", "owner#2", "Anonymous#0"]
