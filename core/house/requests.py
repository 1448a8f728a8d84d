"""What the house remembers of every request, as a protocol: `core.store` keeps it in the bots' database.

`bots/imagine.py` writes a row before anything leaves; buttons find it by its id, also a month later.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class RequestState(StrEnum):
    """Where a request stands for the person who made it."""

    OPEN = "open"
    """On its way."""
    TAKEN_BACK = "taken back"
    """The person does not want it any more; whatever is finished is still shown."""
    DONE = "done"
    """The pictures stand in the chat."""


class Remembered(Protocol):
    """One request."""

    @property
    def platform(self) -> str:
        """Where it was made."""
        ...

    @property
    def person(self) -> str:
        """The platform's id of the person who made it."""
        ...

    @property
    def wish(self) -> str:
        """What was asked for, as JSON."""
        ...

    @property
    def state(self) -> str:
        """A `RequestState`."""
        ...


class Requests(Protocol):
    """Raises StorageFull when the disk is."""

    async def keep_request(self, request_id: str, *, platform: str, person: str, wish: str, now: float) -> None:
        """Write a new request down, open; one of that id that is there already stays as it is. `now`: s since 1970."""
        ...

    async def request(self, request_id: str) -> Remembered | None:
        """The request of that id."""
        ...

    async def change_request(self, request_id: str, *, wish: str | None = None, state: str | None = None) -> None:
        """Change what is not None; a request that is done stays done."""
        ...
