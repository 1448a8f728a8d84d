"""The book of gifts on both engines, with everybody at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.store import Store


@pytest.fixture
async def store(empty_url: str) -> AsyncIterator[Store]:
    async with await Store.open(empty_url) as opened:
        for account, person in (("a", "1"), ("b", "2")):
            await opened.open_account(account, platform="p", person=person, now=1.0)
            await opened.sign_in(account, user=f"{account}#1", sealed="sealed")
        yield opened


def gift(name: str, amount: int = 10, **changes: Any) -> dict[str, object]:
    """Person 1 gives person 2 something, to be paid from 60 on."""
    values: dict[str, object] = {
        "id": name, "platform": "p", "place": "room", "private": False, "message": "m", "emoji": "🎁", "account": "a",
        "giver": "1", "giver_name": "Ann", "receiver": "2", "receiver_name": "Ben", "amount": amount,
        "state": "promised", "created": 0.0, "due": 60.0, "expires": 1000.0,
    }  # fmt: skip
    return values | changes


async def promise(store: Store, values: dict[str, object], balance: float = 100.0) -> str:
    return await store.promise(values, balance=balance, most_a_day=1000, most_to_one=1000)


async def test_promises_never_exceed_the_balance(store: Store) -> None:
    """Made at once, as many are taken as the giver can pay; the same one is taken once."""
    made = await asyncio.gather(*(promise(store, gift(f"g{number}"), 35.0) for number in range(8)))
    assert sorted(made) == ["balance"] * 5 + ["promised"] * 3
    again = await asyncio.gather(*(promise(store, gift("new", 1), 1000.0) for _ in range(4)))
    assert sorted(again) == ["promised", "stands", "stands", "stands"]


async def test_a_gift_is_taken_back_or_paid_never_both(store: Store) -> None:
    """Whoever comes first: clerks and a giver at the same moment."""
    for number in range(5):
        await promise(store, gift(f"g{number}", 1))
    work = [store.payable(now=60.0, most=9), store.payable(now=60.0, most=9)]
    backs = [store.cancel(f"g{number}", now=59.0) for number in range(5)]
    first, second, *cancelled = await asyncio.gather(*work, *backs)
    taken = {each.id for each in [*first, *second]}
    assert taken.isdisjoint({each.id for each in cancelled if each and each.state == "cancelled"})
    assert len(taken) + sum(each.state == "cancelled" for each in cancelled if each) == 5


async def test_states_end(store: Store) -> None:
    """What is paid stays paid; what was refused or returned may be promised anew, under another attempt."""
    await promise(store, gift("paid"))
    await promise(store, gift("refused"))
    await promise(store, gift("late", receiver="9"))
    (one, other) = await store.payable(now=61.0, most=9)
    assert (one.receiver_user, one.sealed, one.attempt) == ("b#1", "sealed", 0)
    await store.settle_gift("paid", state="paid")
    await store.settle_gift(other.id if one.id == "paid" else one.id, state="refused", reason="no")
    assert [each.id for each in await store.unclaimed(now=1001.0, most=9)] == ["late"]
    assert await store.unclaimed(now=1001.0, most=9) == []
    assert [await promise(store, gift(name)) for name in ("paid", "refused", "late")] == [
        "stands",
        "promised",
        "promised",
    ]
    assert {each.id: each.attempt for each in await store.gifts_of("a", most=9)} == {"paid": 0, "refused": 1, "late": 1}


async def test_who_is_forgotten_has_no_open_gifts(store: Store) -> None:
    """Names go from those that were paid, which others' receipts still count."""
    await promise(store, gift("open"))
    await promise(store, gift("paid", due=0.0))
    await store.payable(now=1.0, most=9)
    await store.settle_gift("paid", state="paid")
    await store.forget("p", "1")
    assert [(each.id, each.giver_name) for each in await store.gifts_for("p", "room", "m")] == [("paid", "")]
