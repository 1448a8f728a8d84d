"""Words between the processes of one horde: what one of them did, the others need not find out by looking.

Runs beside the sweeper where the database carries such words (PostgreSQL). New work wakes the long polls of every
process and lowers its bounds of the lanes; changes of requests and steps of jobs reach whoever follows them, whichever
process that is connected to. A word that gets lost costs seconds, never work: see `store.lanes` and `api.work`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from core import log
from core.coordinator.live import Live
from core.coordinator.rooms import Rooms
from core.coordinator.store import lanes
from core.coordinator.store.lanes import Lanes
from core.db import Database
from core.errors import LargesseError

_log = log.get(__name__)

TOPIC = "live"
_AGAIN_AFTER = 1.0


def lively(database: Database) -> Live:
    """What this process knows of the moment, told to the others as well."""
    signals = database.signals
    return Live() if signals is None else Live(lambda word: signals.tell(TOPIC, word))


async def run_exchange(rooms: Rooms) -> None:
    """Talk with the other processes until cancelled; returns at once where there cannot be any."""
    signals = rooms.database.signals
    if signals is None:
        return
    known = rooms.database.local(Lanes)

    def hear(topic: str, messages: Sequence[str]) -> None:
        if topic == TOPIC:
            for word in messages:
                rooms.live.hear(word)
            return
        if topic == lanes.TOPIC:
            known.hear(messages)
        else:
            known.distrust()
        rooms.live.hear("wake")

    while True:
        try:
            await signals.exchange(hear)
        except (LargesseError, SQLAlchemyError, OSError) as error:
            _log.warning("exchange_broke", reason=str(error))
        await asyncio.sleep(_AGAIN_AFTER)
