"""Accounts and identities in the bots' database, on both engines, with everybody at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from core.errors import TooMany
from core.store import Store
from core.store.people import MOST_TRIES


@pytest.fixture
async def store(empty_url: str) -> AsyncIterator[Store]:
    async with await Store.open(empty_url) as opened:
        yield opened


async def test_an_identity_has_one_account_whoever_opens_it(store: Store) -> None:
    """Opened many times at once, all get the same one, and no other is left behind."""
    opened = await asyncio.gather(
        *(store.open_account(f"a{number}", platform="p", person="1", now=1.0) for number in range(8))
    )
    assert len({each.id for each in opened}) == 1
    for account in {f"a{number}" for number in range(8)} - {opened[0].id}:
        await store.sign_in(account, user="nobody", sealed="x")
    assert await store.sealed_keys() == []


async def test_a_code_links_one_of_those_who_show_it(store: Store) -> None:
    """At once as well; the account has both identities then, and goes with the last of them."""
    account = await store.open_account("a", platform="p", person="1", now=1.0)
    await store.offer_link("digest", account=account.id, expires=99.0)
    shown = [store.take_link("digest", platform="q", person=str(number), now=2.0) for number in range(4)]
    linked = [each for each in await asyncio.gather(*shown) if each]
    assert [each.id for each in linked] == [account.id]
    assert len(await store.identities(account.id)) == 2
    for each in await store.identities(account.id):
        assert await store.unlink(each.platform, each.person)
    assert await store.account("p", "1") is None
    assert not await store.unlink("p", "1")


async def test_guessing_ends(store: Store) -> None:
    """After a few wrong codes even a right one is refused, for a while."""
    account = await store.open_account("a", platform="p", person="1", now=1.0)
    await store.offer_link("digest", account=account.id, expires=9999.0)
    for _ in range(MOST_TRIES):
        assert await store.take_link("wrong", platform="q", person="2", now=2.0) is None
    with pytest.raises(TooMany):
        await store.take_link("digest", platform="q", person="2", now=3.0)
    assert await store.take_link("digest", platform="q", person="2", now=700.0)


async def test_who_is_forgotten_leaves_nothing(store: Store) -> None:
    """Identities, key, codes and requests under every name are gone; other people's stay."""
    account = await store.open_account("a", platform="p", person="1", now=1.0)
    await store.sign_in(account.id, user="Ann#7", sealed="sealed")
    await store.offer_link("digest", account=account.id, expires=99.0)
    await store.take_link("digest", platform="q", person="2", now=2.0)
    for platform, person in (("p", "1"), ("q", "2"), ("q", "3")):
        await store.keep_request(f"r{person}", platform=platform, person=person, wish="{}", now=1.0)
    await store.forget("q", "2")
    assert await store.account("p", "1") is None
    assert await store.sealed_keys() == []
    assert [await store.request(f"r{person}") is None for person in "123"] == [True, True, False]
