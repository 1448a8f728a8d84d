"""What the people who manage a place allow the bot there, as dispatch and the chat ask for it.

`core.house.places` implements it from what they set; where nobody sets anything, `Unruled` stands in.
"""

from __future__ import annotations

from typing import Protocol

from core.chat.types import Call, Manner, Place, Press


class Ruling(Protocol):
    """The rules of all places."""

    async def allow(self, name: str, event: Call | Press) -> None:
        """Asked before a command or button.

        Raises:
            NotAllowed: it is not for this person or place.
        """
        ...

    async def manner(self, place: Place) -> Manner:
        """How much may be said there."""
        ...


class Unruled:
    """Everything is allowed, everything is said."""

    async def allow(self, name: str, event: Call | Press) -> None:
        """It is."""

    async def manner(self, place: Place) -> Manner:
        """All of it."""
        del place
        return Manner.FULL
