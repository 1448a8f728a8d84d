"""What operators do to the horde as a whole: its modes, and an empty queue before maintenance."""

from __future__ import annotations

from contextlib import suppress

from core.coordinator.rules import requests
from core.coordinator.store import figures
from core.coordinator.store import requests as store
from core.db import Reading, Writing
from core.errors import NotFound

MODES = ("maintenance", "invite_only", "raid")
AT_ONCE = 200
"""Requests that one transaction takes out of the queue."""


def modes(tx: Reading) -> dict[str, bool]:
    """The switches of the horde: maintenance, invite_only, raid."""
    known = figures.modes(tx)
    return {name: known.get(name, False) for name in MODES}


def set_mode(tx: Writing, name: str, *, on: bool) -> None:
    """Turn one of the switches."""
    figures.set_mode(tx, name, on=on)


def empty_queue(tx: Writing, *, now: float) -> list[str]:
    """Give up what waits of some requests; what workers draw already is finished and paid.

    Returns:
        Their ids; call it again until there are none.
    """
    waiting = store.some_waiting(tx, AT_ONCE)
    for request in sorted(waiting):  # the order in which everybody locks several
        with suppress(NotFound):  # it expired meanwhile
            requests.cancel(tx, request, now=now)
    return waiting
