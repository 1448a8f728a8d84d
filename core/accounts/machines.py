"""The machines that somebody lends to the horde: how they do, and resting them. Used by `bots/workers.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from core.accounts.membership import own_horde
from core.chat.grammar import nearest, quoted
from core.chat.types import Person
from core.client.horde import HordeClient
from core.contract.workers import WorkerDetails, WorkerUpdate
from core.errors import NotAllowed, NotFound
from core.house import House

MOST = 20
"""Machines that are asked for at once."""


async def machines(house: House, person: Person) -> Sequence[WorkerDetails]:
    """Everything that somebody lends, those that are there first.

    Raises:
        NotAllowed: they have no account, or their key does not open any more.
    """
    horde = await _horde(house, person)
    ids = (await horde.find_user()).worker_ids or []
    found = await asyncio.gather(*(horde.worker(each) for each in ids[:MOST]))
    return sorted(found, key=lambda each: (not each.online, each.name.lower()))


async def rest(house: House, person: Person, worker_id: str, *, message: str = "") -> None:
    """Let a machine take no more work of others; `message` is what the horde tells whoever asks why."""
    update = WorkerUpdate(maintenance=True, maintenance_msg=message) if message else WorkerUpdate(maintenance=True)
    await (await _horde(house, person)).change_worker(worker_id, update)


async def wake(house: House, person: Person, worker_id: str) -> None:
    """Let it work again."""
    await (await _horde(house, person)).change_worker(worker_id, WorkerUpdate(maintenance=False))


async def named(house: House, person: Person, name: str) -> WorkerDetails:
    """Their machine of that name, upper and lower case alike.

    Raises:
        NotFound: they have none of that name; names the nearest ones.
    """
    mine = await machines(house, person)
    for each in mine:
        if each.name.lower() == name.strip().lower():
            return each
    raise NotFound(f"You have no worker called {quoted(name)}. {nearest(name, [each.name for each in mine])}")


async def _horde(house: House, person: Person) -> HordeClient:
    account = await house.community.people.account(person.platform, person.id)
    horde = own_horde(house, account)
    if horde is None:
        raise NotAllowed("I do not know your account on the horde: say “login KEY” to me in private.")
    return horde
