"""Deliveries to requesters' own servers: written down with the settlement of a picture, tried again until they arrive.

What is written in the same transaction as the payment is never lost; `core.coordinator.courier` carries it out. A
delivery is named after its job, so that the receiver can tell a repeat.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.coordinator.store import webhooks as store
from core.coordinator.store.jobs import JobRow
from core.coordinator.store.requests import RequestRow
from core.coordinator.store.webhooks import WebhookRow
from core.db import Reading, Writing
from core.errors import NotAllowed

MOST_ATTEMPTS = 10
FIRST_PAUSE = 2.0
"""Seconds until the second attempt; doubled each time, so the last comes after some 17 minutes."""
LEASE = 30.0
"""Seconds after which a delivery whose process died is tried by another."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to tell somebody's server of a picture."""

    id: str
    address: str
    key_hash: str | None
    """Of the API key whose secret signs it; None = it is not signed."""
    version: int
    """Which secret of that key."""
    origin: str
    """Where the requester reaches this coordinator; the picture's address begins with it."""
    inline: bool
    """The requester wants pictures as base64."""
    body: Mapping[str, Any]
    """The contract's WebhookPayload without the picture, and its `state`."""
    attempt: int
    """1 = the first."""


def write_down(tx: Writing, request: RequestRow, job: JobRow, *, worker: str, result: Mapping[str, Any]) -> bool:
    """Have the requester's server told of a picture; False where the request names none.

    Args:
        tx: the transaction that settles the job.
        request: what the picture belongs to.
        job: the picture.
        worker: name of the worker.
        result: now, outcome, metadata (a list) and kudos of the picture.
    """
    if not request.webhook:
        return False
    body = {
        "id": job.id,
        "request": request.id,
        "seed": job.seed,
        "model": job.model,
        "worker_id": job.worker_id,
        "worker_name": worker,
        "state": result["outcome"],
        "censored": result["outcome"] != "ok",
        "gen_metadata": result["metadata"],
        "kudos": result["kudos"],
    }
    values = {
        "id": job.id,
        "address": request.webhook,
        "key": request.webhook_key,
        "origin": request.origin,
        "inline": not request.r2,
        "body": json.dumps(body),
        "created": result["now"],
    }
    store.add(tx, values)
    return True


def take(tx: Writing, *, now: float, limit: int) -> list[Delivery]:
    """Deliveries whose turn it is; each is this caller's alone for `LEASE` seconds."""
    return [_delivery(tx, row) for row in store.claim(tx, now=now, until=now + LEASE, limit=limit)]


def _delivery(tx: Reading, row: WebhookRow) -> Delivery:
    version = store.version(tx, row.key) if row.key is not None else None
    return Delivery(
        id=row.id,
        address=row.address,
        key_hash=row.key if version is not None else None,
        version=version or 0,
        origin=row.origin,
        inline=bool(row.inline),
        body=json.loads(row.body),
        attempt=row.attempts,
    )


def settled(tx: Writing, delivery: Delivery) -> None:
    """The receiver has it, or never wants it."""
    store.remove(tx, delivery.id)


def failed(tx: Writing, delivery: Delivery, *, now: float) -> bool:
    """The receiver does not have it; False where that was the last attempt."""
    if delivery.attempt >= MOST_ATTEMPTS:
        store.remove(tx, delivery.id)
        return False
    pause = FIRST_PAUSE * 2.0 ** (delivery.attempt - 1) * random.uniform(0.75, 1.25)  # noqa: S311  # jitter
    store.postpone(tx, delivery.id, now + pause)
    return True


def secret_version(tx: Reading, key_hash: str) -> int:
    """Which secret of a key is in force.

    Raises:
        NotAllowed: the anonymous key, which everybody has, has no secret.
    """
    return _existing(store.version(tx, key_hash))


def next_secret(tx: Writing, key_hash: str) -> int:
    """Put a new secret of a key into force.

    Raises:
        NotAllowed: the anonymous key, which everybody has, has no secret.
    """
    return _existing(store.rotate(tx, key_hash))


def _existing(version: int | None) -> int:
    if version is None:
        raise NotAllowed("The anonymous key has no secret; make an account first.", code="AnonForbidden")
    return version
