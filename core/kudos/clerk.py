"""Pays what was promised: moves kudos on the horde once nobody can take them back, and returns what nobody claimed.

Runs beside the platforms as long as the bots do. A gift is marked as on its way before the horde is asked, and the
horde is asked under a name that belongs to this one gift: a crash at any line pays it once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from core import log
from core.accounts.membership import horde_signed
from core.chat.memory import Memory
from core.chat.notices import Notices
from core.chat.port import Port
from core.errors import HordeUnavailable, LargesseError, StorageFull, TooMany
from core.house import House
from core.house.gifts import Gift, GiftState, Payable

EVERY = 2.0
"""Seconds between two looks at the book."""
AT_ONCE = 50
LATER, SOON = 65.0, 15.0
"""Seconds until a gift is tried again: where the horde asks for patience (it lets nobody send kudos to and fro within a
minute), and where it is away."""
_TO_AND_FRO = "TooFastKudosTransfers"
_log = log.get(__name__)


@asynccontextmanager
async def paying(house: House, memory: Memory, ports: Sequence[Port]) -> AsyncGenerator[Sequence[Port]]:
    """Pay as long as the block lasts; yields the platforms on which people are told what came of it."""
    task = asyncio.create_task(_keep_paying(house, Notices(memory, ports)))
    try:
        yield ports
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _keep_paying(house: House, notices: Notices) -> None:
    """Pay until cancelled."""
    while True:
        try:
            await pay_due(house, notices)
        except LargesseError as error:
            _log.warning("gifts_wait", reason=str(error), code=error.code)
        await asyncio.sleep(EVERY)


async def pay_due(house: House, notices: Notices) -> int:
    """Pay everything that is due, return what nobody claimed; how many of both.

    Raises:
        StorageFull: the disk is; nothing is lost.
    """
    now, book = house.clock(), house.community.gifts
    due = await book.payable(now=now, most=AT_ONCE)
    for gift in due:
        await _pay(house, gift, notices)
    left = await book.unclaimed(now=now, most=AT_ONCE)
    for gift in left:
        _log.info("gift_returned", gift=gift.id, amount=gift.amount)
        whom = gift.receiver_name or "somebody"
        text = f"Nobody claimed the {gift.amount} kudos you gave {whom}; they are yours again."
        await _say(notices, gift, text, "returned")
    return len(due) + len(left)


async def _pay(house: House, gift: Payable, notices: Notices) -> None:
    book = house.community.gifts
    try:
        horde = horde_signed(house, gift.account, gift.sealed)
        await horde.transfer(gift.receiver_user, gift.amount, idempotency_key=f"gift-{gift.id}-{gift.attempt}")
    except StorageFull:
        raise
    except LargesseError as error:
        if isinstance(error, HordeUnavailable | TooMany) or error.code == _TO_AND_FRO:
            wait = SOON if isinstance(error, HordeUnavailable) else LATER
            await book.postpone_gift(gift.id, due=house.clock() + max(wait, getattr(error, "retry_after", 0) or 0))
            return
        await book.settle_gift(gift.id, state=GiftState.REFUSED, reason=str(error))
        _log.info("gift_refused", gift=gift.id, code=error.code)
        whom = gift.receiver_name or "somebody"
        await _say(notices, gift, f"Your {gift.amount} kudos for {whom} could not be given: {error}", "refused")
        return
    await book.settle_gift(gift.id, state=GiftState.PAID)
    _log.info("gift_paid", gift=gift.id, amount=gift.amount)


async def _say(notices: Notices, gift: Gift, text: str, part: str) -> None:
    key = f"gift/{gift.id}/{gift.attempt}/{part}"
    await notices.tell(gift.platform, gift.giver, gift.place, text, private=gift.private, key=key)
