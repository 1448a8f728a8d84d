"""What people asked to be drawn, for as long as the buttons under it may be pressed: rows for `memory.Store`."""

from __future__ import annotations

from dataclasses import dataclass

from core.db import Reading, Statement, Writing


@dataclass(frozen=True)
class RequestRow:
    """One request as it is remembered; see core.house.requests.Remembered."""

    platform: str
    person: str
    wish: str
    state: str


_KEEP = Statement(
    "INSERT INTO requests (id, platform, person, wish, state, created)"
    " VALUES (:id, :platform, :person, :wish, 'open', :now) ON CONFLICT (id) DO NOTHING"
)
_FIND = Statement("SELECT platform, person, wish, state FROM requests WHERE id = :id")
_CHANGE = Statement(
    "UPDATE requests SET wish = COALESCE(:wish, wish),"
    " state = CASE WHEN state = 'done' THEN state ELSE COALESCE(:state, state) END WHERE id = :id"
)
_FORGET = Statement("DELETE FROM requests WHERE created < :before")


def keep(tx: Writing, values: dict[str, object]) -> None:
    """Insert a request; one of that id that is there already stays as it is."""
    tx.run(_KEEP, values)


def find(tx: Reading, request_id: str) -> RequestRow | None:
    """The request of that id."""
    row = tx.one(_FIND, {"id": request_id})
    return RequestRow(*row) if row else None


def change(tx: Writing, values: dict[str, object]) -> None:
    """Set what is not None; what is done stays done."""
    tx.run(_CHANGE, values)


def forget(tx: Writing, before: float) -> None:
    """Delete those made before that time."""
    tx.run(_FORGET, {"before": before})
