"""What has to happen without anybody asking: jobs of silent workers go back, old requests and their pictures go away.

Every process runs this loop, and each round is one process's. A round is a transaction; pictures are removed from the
store only after the wish to remove them is committed, and the wish is struck off only after they are gone: a process
killed in between repeats a removal and never forgets one.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import time

from sqlalchemy.exc import SQLAlchemyError

from core import log
from core.coordinator.blobs.keys import is_shared
from core.coordinator.rooms import Rooms
from core.coordinator.rules import sweep
from core.errors import LargesseError

_log = log.get(__name__)

_ORPHAN_AGE = 86_400.0
"""Seconds after which a picture that no request speaks of any more is removed, whatever happened to its request."""
_ORPHANS_EVERY = 3_600.0


async def run_sweeper(rooms: Rooms) -> None:
    """Sweep until cancelled; a round that fails is logged and tried again in the next."""
    orphans_due = time.monotonic()
    while True:
        try:
            async with rooms.database.alone("sweep") as mine:
                if mine and await _due(rooms):
                    await sweep_once(rooms)
            if time.monotonic() >= orphans_due:
                orphans_due = time.monotonic() + _ORPHANS_EVERY
                await _remove_orphans(rooms)
        except (LargesseError, SQLAlchemyError, sqlite3.Error, OSError) as error:
            _log.warning("sweep_failed", reason=str(error))
        await asyncio.sleep(rooms.terms.sweep_every)


async def _due(rooms: Rooms) -> bool:
    return await rooms.database.write(lambda tx: sweep.due(tx, terms=rooms.terms, now=time.time()))


async def sweep_once(rooms: Rooms) -> None:
    """One round: the rules first, then the pictures that they want removed."""
    swept = await rooms.database.write(lambda tx: sweep.sweep(tx, terms=rooms.terms, now=time.time()))
    if swept.requeued:
        rooms.live.wake()
    if swept.stale or swept.purged:
        _log.info("swept", stale=swept.stale, purged=swept.purged)
    while keys := await rooms.database.read(sweep.blobs_to_delete):
        await rooms.blobs.share(filter(is_shared, keys))
        await rooms.blobs.delete(itertools.filterfalse(is_shared, keys))
        done = list(keys)
        await rooms.database.write(lambda tx, done=done: sweep.blobs_deleted(tx, done))


async def _remove_orphans(rooms: Rooms) -> None:
    count = await rooms.blobs.forget_older_than(_ORPHAN_AGE)
    if count:
        _log.info("orphaned_pictures_removed", count=count)
