"""What people are given by the clock."""

from __future__ import annotations

from typing import Any

from core.coordinator.rules import accounts, ledger
from core.coordinator.rules.rewards import MODERATOR_MONTHLY, MONTH, TRUST_AGE


async def test_the_monthly_grant_comes_once_a_month(horde: Any) -> None:
    """At once when it is set, then each month, however often the sweeper looks; moderators get theirs on top."""
    ann, mod = await horde.user("ann"), await horde.user("mod", moderator=True)
    await horde.db.write(lambda tx: accounts.change(tx, ann.id, monthly=100.0))
    for _ in range(3):
        await horde.sweep()
        horde.now += 3601
    assert await horde.balance(ann) == 114.0
    assert await horde.balance(mod) == 14.0 + MODERATOR_MONTHLY
    horde.now += MONTH
    await horde.sweep()
    assert await horde.balance(ann) == 214.0


async def test_workers_earn_trust(horde: Any) -> None:
    """Old enough and with enough in escrow: trusted, and the escrow becomes the owner's, once."""
    horde.terms = horde.terms.model_copy(update={"trust_threshold": 1.0})
    owner, asker = await horde.user("owner"), await horde.user("asker", kudos=100.0)
    await horde.ask(asker)
    offer = await horde.take(owner)
    await horde.submit(owner, offer.jobs[0].id)
    before = await horde.balance(owner)
    await horde.sweep()
    assert not (await horde.db.read(lambda tx: accounts.get(tx, owner.id))).trusted  # too young
    horde.now += TRUST_AGE + 1
    await horde.sweep()
    assert (await horde.db.read(lambda tx: accounts.get(tx, owner.id))).trusted
    saved = await horde.db.read(lambda tx: ledger.store.balance(tx, ledger.escrow(owner.id)))
    assert saved == 0
    after = await horde.balance(owner)
    assert after > before
    horde.now += 61
    await horde.sweep()
    assert await horde.balance(owner) == after


async def test_without_a_threshold_nobody_is_trusted_by_themselves(horde: Any) -> None:
    """The default leaves trust to people."""
    owner, asker = await horde.user("owner"), await horde.user("asker", kudos=100.0)
    await horde.ask(asker)
    await horde.submit(owner, (await horde.take(owner)).jobs[0].id)
    horde.now += TRUST_AGE + 1
    await horde.sweep()
    assert not (await horde.db.read(lambda tx: accounts.get(tx, owner.id))).trusted


async def test_an_outage_is_nobodys_fault(horde: Any) -> None:
    """After hours without a coordinator a job may still be handed in, no worker is blamed, and no request is gone."""
    owner, asker = await horde.user("owner", trusted=True), await horde.user("asker", kudos=100.0)
    accepted = await horde.ask(asker)
    offer = await horde.take(owner)
    await horde.sweep()
    horde.now += 4 * 3600
    assert (await horde.sweep()).stale == 0
    settled = await horde.submit(owner, offer.jobs[0].id)
    assert settled.done
    assert len((await horde.status(accepted.id)).pictures) == 1


async def test_silence_while_we_were_there_is_a_fault(horde: Any) -> None:
    """With a sweep every few seconds a worker that says nothing loses its job as always."""
    owner, asker = await horde.user("owner", trusted=True), await horde.user("asker", kudos=100.0)
    await horde.ask(asker)
    offer = await horde.take(owner)
    lost = 0
    for _ in range(offer.ttl // 30 + 2):
        lost += (await horde.sweep()).stale
        horde.now += 30
    assert lost == 1
