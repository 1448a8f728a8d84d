"""What every handler of one coordinator process shares; made once in `app`, found by `request.app[ROOMS]`."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from core.coordinator.auth import Accounts
from core.coordinator.blobs.guard import Fetcher
from core.coordinator.blobs.store import BlobStore
from core.coordinator.live import Live
from core.coordinator.memo import Memo
from core.coordinator.rates import Rates
from core.coordinator.rules.reference import Reference
from core.coordinator.shield import Shield
from core.db import Database
from core.settings import Coordinator

VERSION = "0.1.0"


@dataclass(frozen=True, slots=True)
class Rooms:
    """The parts of one running coordinator."""

    terms: Coordinator
    database: Database
    blobs: BlobStore
    accounts: Accounts
    rates: Rates
    fetcher: Fetcher
    live: Live
    memo: Memo
    reference: Reference
    shield: Shield


ROOMS: web.AppKey[Rooms] = web.AppKey("rooms", Rooms)
