"""Tells requesters' own servers of finished pictures: takes deliveries from the database, signs, posts, tries again.

Runs beside the sweeper in every process; a delivery is one process's alone while it is under way, and another's when
that one dies. It arrives at least once; its id in a header stays the same, so that receivers can tell a repeat.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sqlite3
import time
from collections.abc import Coroutine

from sqlalchemy.exc import SQLAlchemyError

from core import log
from core.contract.webhooks import ATTEMPT, DELIVERY, SIGNATURE, WebhookPayload
from core.coordinator.blobs.guard import Poster
from core.coordinator.blobs.keys import result_key
from core.coordinator.blobs.results import shown
from core.coordinator.rooms import VERSION, Rooms
from core.coordinator.rules import webhooks
from core.coordinator.rules.webhooks import Delivery
from core.db import Writing
from core.errors import InvalidRequest, LargesseError

_log = log.get(__name__)

AT_ONCE = 32
"""Deliveries that are under way at the same time."""
_LOOK_EVERY = 2.0
"""Seconds between two looks for what is to be tried again."""
_GONE = 410
"""The status by which a receiver says that it wants no more of this."""


async def run_courier(rooms: Rooms) -> None:
    """Deliver until cancelled; a round that fails is logged and its deliveries are tried again."""
    poster = Poster(loopback=rooms.terms.limits.loopback_webhooks)
    while True:
        rooms.live.mail.clear()
        try:
            while await deliver_once(rooms, poster) == AT_ONCE:
                pass
        except (LargesseError, SQLAlchemyError, sqlite3.Error, OSError) as error:
            _log.warning("deliveries_failed", reason=str(error))
        try:
            async with asyncio.timeout(_LOOK_EVERY):
                await rooms.live.mail.wait()
        except TimeoutError:
            pass


async def deliver_once(rooms: Rooms, poster: Poster) -> int:
    """Deliver what is due now, a bounded number at once; how many were tried."""
    taken = await rooms.database.write(lambda tx: webhooks.take(tx, now=time.time(), limit=AT_ONCE))
    async with asyncio.TaskGroup() as group:
        for delivery in taken:
            group.create_task(_deliver(rooms, poster, delivery))
    return len(taken)


async def _deliver(rooms: Rooms, poster: Poster, delivery: Delivery) -> None:
    status, reason = 0, "The coordinator stopped."
    try:
        status, reason = await _post(rooms, poster, delivery)
    finally:
        await _surely(rooms.database.write(lambda tx: _note(tx, delivery, status, reason)))


async def _surely(work: Coroutine[object, object, None]) -> None:
    """Finish it even when the courier is told to stop meanwhile: what was sent has to be written down."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def _note(tx: Writing, delivery: Delivery, status: int, reason: str) -> None:
    arrived = 200 <= status < 300
    if arrived or status == _GONE:
        webhooks.settled(tx, delivery)
    again = not arrived and status != _GONE and webhooks.failed(tx, delivery, now=time.time())
    if again:
        _log.debug("webhook_failed", delivery=delivery.id, status=status, reason=reason)
    elif not arrived:
        _log.info("webhook_given_up", delivery=delivery.id, status=status, reason=reason)


async def _post(rooms: Rooms, poster: Poster, delivery: Delivery) -> tuple[int, str]:
    """Status and reason of one attempt; status 0 where nobody answered."""
    body = await _body(rooms, delivery)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"Largesse/{VERSION}",
        DELIVERY: delivery.id,
        ATTEMPT: str(delivery.attempt),
    }
    if delivery.key_hash is not None:
        secret = rooms.accounts.webhook_secret(delivery.key_hash, delivery.version)
        headers[SIGNATURE] = signature(secret, body, at=int(time.time()))
    try:
        return await poster.post(delivery.address, body, headers), ""
    except InvalidRequest as error:
        return 0, str(error)


async def _body(rooms: Rooms, delivery: Delivery) -> bytes:
    img = await shown(
        rooms.blobs,
        result_key(delivery.id),
        state=str(delivery.body["state"]),
        as_address=not delivery.inline,
        origin=delivery.origin,
    )
    return json.dumps(WebhookPayload.model_validate({**delivery.body, "img": img}).wire()).encode()


def signature(secret: str, body: bytes, *, at: int) -> str:
    """The header that proves where a delivery comes from; at: Unix time, so that an old one cannot be played again."""
    made = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={made.hexdigest()}"
