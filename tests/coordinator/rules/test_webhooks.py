"""Deliveries to requesters' servers as the database keeps them, on both engines."""

from __future__ import annotations

from typing import Any

from core.coordinator.rules import webhooks


async def test_a_delivery_is_one_takers_until_it_is_settled(horde: Any) -> None:
    """Written with the settlement, taken once at a time, postponed longer each time, given up at last."""
    owner, asker = await horde.user("owner", trusted=True), await horde.user("asker", kudos=50.0)
    await horde.ask(asker)
    assert not (await horde.submit(owner, (await horde.take(owner)).jobs[0].id)).mail
    await horde.ask(asker, webhook="https://example.org/hook")
    told = (await horde.take(owner)).jobs[0].id
    assert (await horde.submit(owner, told)).mail

    async def take() -> list[Any]:
        return await horde.db.write(lambda tx: webhooks.take(tx, now=horde.now, limit=10))

    for attempt in range(1, webhooks.MOST_ATTEMPTS + 1):
        (delivery,) = await take()
        assert (delivery.id, delivery.attempt, delivery.address) == (told, attempt, "https://example.org/hook")
        assert await take() == []
        again = await horde.db.write(lambda tx, one=delivery: webhooks.failed(tx, one, now=horde.now))
        assert again == (attempt < webhooks.MOST_ATTEMPTS)
        horde.now += webhooks.FIRST_PAUSE * 2**attempt
    horde.now += 10_000
    assert await take() == []


async def test_a_taker_that_dies_leaves_it_to_the_next(horde: Any) -> None:
    """After the lease somebody else gets it; once it arrived nobody does."""
    owner, asker = await horde.user("owner", trusted=True), await horde.user("asker", kudos=50.0)
    await horde.ask(asker, webhook="https://example.org/hook")
    await horde.submit(owner, (await horde.take(owner)).jobs[0].id)
    assert len(await horde.db.write(lambda tx: webhooks.take(tx, now=horde.now, limit=10))) == 1
    horde.now += webhooks.LEASE + 1
    (second,) = await horde.db.write(lambda tx: webhooks.take(tx, now=horde.now, limit=10))
    await horde.db.write(lambda tx: webhooks.settled(tx, second))
    horde.now += 10_000
    assert await horde.db.write(lambda tx: webhooks.take(tx, now=horde.now, limit=10)) == []
