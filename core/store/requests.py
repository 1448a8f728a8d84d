"""What the bots asked of the horde, written down before it leaves; statements and rows for `memory.Store`."""

from __future__ import annotations

from dataclasses import dataclass

from core.db import Reading, Statement, Writing


@dataclass(frozen=True)
class RequestRow:
    """One request as it was kept."""

    id: str
    kind: str
    """What it is for, the name of its `@resume`."""
    person: str
    """JSON or id of who asked."""
    place: str
    """JSON or id of where."""
    event: str
    """JSON of the event that asked."""
    request: str
    """JSON of what was asked; may change while it is being made ready."""
    horde_id: str | None
    """Id that the horde gave it; None = it has not answered yet."""
    state: str
    """The keeper's own word; `waiting` at first."""
    created: float
    """Seconds since 1970."""


_INSERT = Statement(
    "INSERT INTO requests (id, kind, person, place, event, request, horde_id, state, created)"
    " VALUES (:id, :kind, :person, :place, :event, :request, NULL, 'waiting', :now) ON CONFLICT (id) DO NOTHING"
)
_BY_ID = Statement(
    "SELECT id, kind, person, place, event, request, horde_id, state, created FROM requests WHERE id = :id"
)
_CHANGE = Statement(
    "UPDATE requests SET state = COALESCE(:state, state), horde_id = COALESCE(:horde_id, horde_id),"
    " request = COALESCE(:request, request) WHERE id = :id"
)
_FORGET = Statement("DELETE FROM requests WHERE created < :before")


def keep(tx: Writing, values: dict[str, object]) -> RequestRow:
    """Insert a request, or find the one of that id that is there already."""
    tx.run(_INSERT, values)
    row = tx.one(_BY_ID, {"id": values["id"]})
    if row is None:
        raise LookupError("A row that was just written is not there.")
    return RequestRow(*row)


def find(tx: Reading, request_id: str) -> RequestRow | None:
    """The request of that id."""
    row = tx.one(_BY_ID, {"id": request_id})
    return RequestRow(*row) if row else None


def change(tx: Writing, values: dict[str, object]) -> bool:
    """Set what is not None; False when there is no such request."""
    return tx.run(_CHANGE, values) == 1


def forget(tx: Writing, before: float) -> None:
    """Delete those made before that time."""
    tx.run(_FORGET, {"before": before})
