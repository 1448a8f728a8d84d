"""Statements for the public figures: sums are made by the database, never by pulling rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.db import Reading, Row, Statement, Writing

_MODES = Statement('SELECT name, "on" FROM modes')
_SET_MODE = Statement(
    'INSERT INTO modes (name, "on") VALUES (:name, :on) ON CONFLICT (name) DO UPDATE SET "on" = excluded."on"'
)
_QUEUE = Statement("SELECT kind, sum(waiting), sum(waiting * things) FROM requests WHERE waiting > 0 GROUP BY kind")
_MODELS = Statement(
    "SELECT models, sum(waiting), sum(waiting * things) FROM requests "
    "WHERE waiting > 0 AND kind = :kind GROUP BY models"
)
_SINCE = Statement(
    "SELECT count(*), coalesce(sum(things), 0) FROM ledger_events WHERE at > :since AND kind = 'contribution'"
)
_TAKE = Statement(
    "UPDATE ledger_events SET counted = true WHERE id IN "
    "(SELECT id FROM ledger_events WHERE NOT counted LIMIT :limit) RETURNING kind, model, at, things"
)
_COUNT = Statement(
    "INSERT INTO statistics (kind, model, hour, times, things) VALUES (:kind, :model, :hour, :times, :things) "
    "ON CONFLICT (kind, model, hour) DO UPDATE SET "
    "times = statistics.times + excluded.times, things = statistics.things + excluded.things"
)
_TOTAL = Statement(
    "SELECT coalesce(sum(times), 0), coalesce(sum(things), 0) FROM statistics WHERE kind = :kind AND hour >= :hour"
)
_BY_MODEL = Statement(
    "SELECT model, sum(times) FROM statistics WHERE kind = :kind AND hour >= :hour GROUP BY model ORDER BY model"
)
_MARKED = Statement("SELECT at FROM marks WHERE name = :name")
_MARK = Statement(
    "INSERT INTO marks (name, at) VALUES (:name, :now) ON CONFLICT (name) DO UPDATE SET at = excluded.at "
    "WHERE marks.at <= :before OR marks.at > :now + 60"
)


def modes(tx: Reading) -> dict[str, bool]:
    """The switches of the horde that were ever set."""
    return {name: bool(on) for name, on in tx.all(_MODES)}


def set_mode(tx: Writing, name: str, *, on: bool) -> None:
    """Turn a switch."""
    tx.run(_SET_MODE, {"name": name, "on": on})


def queue(tx: Reading) -> list[Row]:
    """Kind, waiting pictures and work of everything that waits."""
    return tx.all(_QUEUE)


def queue_by_models(tx: Reading, kind: str) -> list[Row]:
    """The same for each list of models (JSON) that requests name."""
    return tx.all(_MODELS, {"kind": kind})


def delivered_since(tx: Reading, since: float) -> Row:
    """Number of pictures delivered after `since`, and their work."""
    return tx.one(_SINCE, {"since": since}) or (0, 0)


def take_uncounted(tx: Writing, limit: int) -> list[Row]:
    """Kind, model, time and work of events that no statistic knows yet; they are marked as counted."""
    return tx.all(_TAKE, {"limit": limit})


def count(tx: Writing, rows: list[Mapping[str, Any]]) -> None:
    """Add to the statistics: kind, model, hour, times, things."""
    tx.run_many(_COUNT, rows)


def total(tx: Reading, kind: str, hour: int) -> Row:
    """Times and work since an hour."""
    return tx.one(_TOTAL, {"kind": kind, "hour": hour}) or (0, 0)


def by_model(tx: Reading, kind: str, hour: int) -> list[Row]:
    """Model and times since an hour."""
    return tx.all(_BY_MODEL, {"kind": kind, "hour": hour})


def due(tx: Writing, name: str, *, every: float, now: float) -> bool:
    """Is a piece of periodic work due? Says yes once for each period, whoever asks, also after a clock was put back."""
    return tx.run(_MARK, {"name": name, "now": now, "before": now - every}) == 1


def last(tx: Reading, name: str) -> float | None:
    """When a piece of periodic work was last done."""
    return tx.value(_MARKED, {"name": name})
