"""What is written down of a request before anything leaves, so that a restart goes on where it was.

`bots/drawing.py` makes a ticket from an order and keeps it in the chat's memory; `track` brings it to its end.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol, Self

from core.contract.generate import GenerateRequest
from core.generation.order import Order, Wish
from core.generation.sizes import Size


@dataclass(frozen=True)
class Ticket:
    """One request and all that must survive a restart; `begun` in seconds since 1970."""

    id: str
    """Ours, for buttons and the memory."""
    wish: Wish
    request: dict[str, Any]
    """What goes over the wire, as JSON."""
    style: str | None
    notes: tuple[str, ...]
    begun: float
    key: str
    """Makes sending it twice harmless: the same key is the same request for the horde."""
    horde_id: str | None = None
    """The horde's name for it, None until it was accepted."""
    losses: int = 0
    """How often the horde lost it."""

    @classmethod
    def of(cls, wish: Wish, order: Order, *, event: str, now: float) -> Self:
        """A new ticket; one event of a chat always has the same one. `now` in seconds since 1970."""
        name = cls.name(event)
        return cls(name, wish, order.request.wire(), order.style, order.notes, now, key=name)

    @staticmethod
    def name(event: str) -> str:
        """The id of the request that an event of a chat makes."""
        return uuid.uuid5(uuid.NAMESPACE_OID, event).hex

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Self:
        """The ticket that `to_json` wrote down."""
        values: dict[str, Any] = {**state, "wish": Wish(**state["wish"]), "notes": tuple(state["notes"])}
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @property
    def wanted(self) -> GenerateRequest:
        """The request as the contract has it."""
        return GenerateRequest.read(self.request)

    @property
    def size(self) -> Size:
        """How large the pictures are."""
        return Size(self.request["params"]["width"], self.request["params"]["height"])

    @property
    def total(self) -> int:
        """How many pictures were asked for."""
        return int(self.request["params"]["n"])


class Notebook(Protocol):
    """Where a ticket is written down, and where the person's change of mind is read."""

    async def keep(self, ticket: Ticket) -> None:
        """Write the ticket down; it is safe when this returns."""
        ...

    async def taken_back(self) -> bool:
        """Whether the person does not want the request any more."""
        ...
