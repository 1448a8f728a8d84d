"""Messages to those who run workers: told with every pop until they end."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Literal

from core.contract.teams import NewMessage
from core.coordinator.rules.values import User
from core.coordinator.store import teams as store
from core.coordinator.store import workers as worker_store
from core.db import Reading, Row, Writing
from core.errors import NotAllowed, NotFound

PAGE = 50
KEPT = 30 * 86400.0
"""Seconds for which a message that ended can still be listed."""
FOREVER = 1e15
Validity = Literal["active", "expired", "all"]


@dataclass(frozen=True, slots=True)
class Message:
    """A message."""

    id: str
    worker_id: str | None
    """None = to everybody who runs a worker."""
    user_id: int
    text: str
    origin: str
    expires: float


def listed(
    tx: Reading, user: User, *, worker_id: str, user_id: int | None, validity: Validity, page: int, now: float
) -> list[Message]:
    """Messages that an account wrote, newest first; a moderator sees everybody's."""
    moderates = user.moderator or user.admin
    mine = (-1 if user_id is None else user_id) if moderates else user.id
    after, until = {"active": (now, FOREVER), "expired": (0.0, now), "all": (0.0, FOREVER)}[validity]
    wanted = {"mine": mine, "worker": worker_id, "after": after, "until": until}
    rows = store.list_messages(tx, {**wanted, "limit": PAGE, "skip": PAGE * (page - 1)})
    return [_message(row) for row in rows]


def one(tx: Reading, message_id: str) -> Message:
    """A message by its id; raises NotFound where there is none."""
    row = store.message(tx, message_id)
    if row is None:
        raise NotFound("There is no such message.", code="WorkermessageNotFound")
    return _message(row)


def for_worker(tx: Reading, worker_id: str, *, now: float) -> list[Message]:
    """What a worker is told now."""
    return [_message(row) for row in store.for_worker(tx, worker_id, now)]


def write(tx: Writing, user: User, wanted: NewMessage, *, now: float) -> Message:
    """Write a message.

    Raises:
        NotFound: there is no such worker.
        NotAllowed: others than moderators write to their own workers alone.
    """
    moderates = user.moderator or user.admin
    if wanted.worker_id is None:
        mine = False
    else:
        worker = worker_store.by_id(tx, wanted.worker_id)
        if worker is None:
            raise NotFound("There is no such worker.", code="WorkerNotFound")
        mine = worker.user_id == user.id
    if not (mine or moderates) or user.anonymous:
        raise NotAllowed("You may write to your own workers only.", code="MessagesOnlyOwnWorkers")
    origin = (wanted.origin if moderates else None) or user.unique_name
    made = Message(str(uuid.uuid4()), wanted.worker_id, user.id, wanted.message, origin, now + wanted.expiry * 3600.0)
    values = {"id": made.id, "worker_id": made.worker_id, "user_id": user.id, "message": made.text}
    store.add_message(tx, {**values, "origin": origin, "created": now, "expires": made.expires})
    return made


def delete(tx: Writing, message_id: str, user: User) -> None:
    """Take a message back; raises NotFound, or NotAllowed where somebody else wrote it."""
    if one(tx, message_id).user_id != user.id and not (user.moderator or user.admin):
        raise NotAllowed("Only whoever wrote a message, and moderators, may do that.", code="NotOwner")
    store.remove_message(tx, message_id)


def forget(tx: Writing, now: float) -> None:
    """Forget messages that ended long ago."""
    store.forget(tx, now - KEPT)


def _message(row: Row) -> Message:
    return Message(*row)
