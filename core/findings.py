"""What `run_bot.py doctor` says, line by line; platforms make findings of their own (`examine` of an adapter)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How bad it is."""

    GOOD = "good"
    """Nothing to do."""
    NOTE = "note"
    """Works, but somebody should know."""
    BAD = "bad"
    """Will not work until it is mended."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: what was looked at, how it is, what to do."""

    health: Health
    about: str
    words: str
