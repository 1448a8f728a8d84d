"""What the errors of PostgreSQL and its driver mean for whoever ran a transaction; asked by `postgres`."""

from __future__ import annotations

import importlib
from enum import StrEnum
from typing import Any

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from core.db.transactions import Raced
from core.errors import ConfigError, HordeUnavailable, LargesseError, StorageFull


class Verdict(StrEnum):
    """What to do about an error."""

    RACE = "race"
    """Another transaction was first: run it again, and it sees what the other did."""
    AWAY = "away"
    """The server cannot be reached, or let go of us: wait for it."""
    FULL = "full"
    """No room is left."""
    REFUSED = "refused"
    """It will never let us in like this."""
    OTHER = "other"
    """Nothing that time could mend."""


_STATES = {
    "40001": Verdict.RACE,
    "40P01": Verdict.RACE,  # deadlock
    "23505": Verdict.RACE,  # a unique key that was free when we looked
    "55P03": Verdict.RACE,  # waited too long for a lock
    "22012": Verdict.RACE,  # the division by zero that `optimistic` provokes where a guard fails
    "0A000": Verdict.RACE,  # a prepared statement from before a migration
    "57P01": Verdict.AWAY,  # the server is being stopped
    "57P02": Verdict.AWAY,  # the server crashed
    "57P03": Verdict.AWAY,  # the server is starting
    "57P05": Verdict.AWAY,  # nothing was heard from us for too long
    "25P03": Verdict.AWAY,  # likewise, within a transaction
    "53300": Verdict.AWAY,  # no more connections
    "53100": Verdict.FULL,
    "3D000": Verdict.REFUSED,  # no such database
}
_CLASSES = {"08": Verdict.AWAY, "28": Verdict.REFUSED}


class Faults:
    """Knows the errors of one server."""

    def __init__(self, address: URL) -> None:
        """address: named, without its password, where the server is away."""
        driver: Any = importlib.import_module("asyncpg")
        own: tuple[type[Exception], ...] = (driver.PostgresError, driver.InterfaceError, driver.InternalClientError)
        self.kinds: tuple[type[Exception], ...] = (DBAPIError, OSError, TimeoutError, Raced, *own)
        """What connecting, asking and committing may raise."""
        self._place = f"{address.host or address.query.get('host') or 'localhost'}:{address.port or 5432}"

    def judge(self, error: Exception) -> Verdict:
        """What it means."""
        if isinstance(error, Raced):
            return Verdict.RACE
        inner: Any = error.orig if isinstance(error, DBAPIError) else error
        state: str = getattr(inner, "sqlstate", None) or ""
        found = _STATES.get(state) or _CLASSES.get(state[:2])
        if found is not None:
            return found
        if isinstance(inner, OSError):  # TimeoutError is one
            return Verdict.AWAY
        return Verdict.AWAY if "connection" in str(inner) and "closed" in str(inner) else Verdict.OTHER

    def explain(self, error: Exception, verdict: Verdict) -> LargesseError | None:
        """The error of ours for it, None where it is nothing that anybody could have foreseen."""
        match verdict:
            case Verdict.FULL:
                return StorageFull("The disk with the database is full; nothing was changed.")
            case Verdict.REFUSED:
                return ConfigError(f"coordinator.database_url: the database refuses us: {_first_line(error)}.")
            case Verdict.AWAY:
                return HordeUnavailable(f"The database at {self._place} cannot be reached just now.", retry_after=2)
            case Verdict.RACE if getattr(getattr(error, "orig", error), "sqlstate", "") != "23505":
                return HordeUnavailable("The database is busy; try again in a moment.", retry_after=1)
            case _:
                return None


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", error)).strip().split("\n")[0].rstrip(".")
