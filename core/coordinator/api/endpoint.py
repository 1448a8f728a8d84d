"""What is known of an endpoint: how it is routed, limited and described; `routes` lists them, `openapi` reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from core.contract.base import Answer, Ask
from core.contract.names import KeyScope
from core.coordinator.api.call import Handle
from core.coordinator.rates import DEFAULT, Rule


class Key(StrEnum):
    """Whether a call needs the `apikey` header."""

    NONE = "none"  # it is not looked at
    OPTIONAL = "optional"  # with it, more is shown
    REQUIRED = "required"  # without it, 400


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path."""

    method: str
    path: str
    handle: Handle
    summary: str
    tag: str
    key: Key = Key.NONE
    body: type[Ask] | None = None
    answer: type[Answer] | None = None
    many: bool = False
    """The answer is a list of `answer`."""
    status: int = 200
    also: Mapping[int, str] = field(default_factory=dict[int, str])
    """Other statuses that are no errors, or errors beyond 400, 404, 429 and 500, with a sentence each."""
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    """Parameters of the query with a sentence each."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Headers of the request beyond the usual ones."""
    rates: Sequence[Rule] = DEFAULT
    media: str = "application/json"
    """What a good answer is made of; an empty text where it has no body."""
    takes: str = ""
    """What the body of the call is made of, where it is no model."""
    scope: KeyScope | None = None
    """Keys of this scope may do it too; keys for everything always may, and any key may read."""

    @property
    def scopes(self) -> frozenset[KeyScope]:
        """The scopes of keys with which it may be called."""
        if self.scope is None and self.method == "GET":
            return frozenset(KeyScope)
        return frozenset({KeyScope.ALL, self.scope or KeyScope.ALL})
