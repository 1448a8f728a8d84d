"""Ours: accounts and API keys by JSON: registering, keys of a narrower scope, and the key that speaks for end users."""

from __future__ import annotations

from pydantic import Field

from core.contract.base import Answer, Ask, Sparse, Whole
from core.contract.names import KeyScope


class Registration(Ask):
    """POST users (ours): a new account."""

    username: str = Field(min_length=1, max_length=30)
    contact: str | None = Field(default=None, min_length=5, max_length=500)


class Registered(Answer):
    """The account that was made; its key is shown only here."""

    id: int
    username: str
    """`alias#id`."""
    key: str = Field(repr=False)


class KeyWanted(Ask):
    """POST keys (ours): one more key of the account."""

    name: str = Field(default="", max_length=100)
    scope: KeyScope = KeyScope.ALL


class KeyDetails(Sparse):
    """A key as its owner sees it later; the key itself is known to nobody."""

    id: int
    name: str = ""
    scope: KeyScope = KeyScope.ALL
    created: float = 0
    """Unix time."""


class KeyMade(KeyDetails):
    """A key that was made; it is shown only here."""

    key: str = Field(repr=False)


class Done(Answer):
    """It was done."""

    message: str = "OK"


class SharedKeyInput(Ask):
    """PUT sharedkeys and PATCH sharedkeys/{id}: a key that others may use up to a limit; -1 = no limit."""

    kudos: int = Field(default=5000, ge=-1, le=50_000_000)
    expiry: int = Field(default=-1, ge=-1)
    """Days from now."""
    name: str | None = Field(default=None, min_length=3, max_length=255)
    max_image_pixels: int = Field(default=-1, ge=-1, le=4_194_304)
    max_image_steps: int = Field(default=-1, ge=-1, le=500)
    max_text_tokens: int = Field(default=-1, ge=-1, le=500)


class SharedKeyDetails(Sparse):
    """A shared key; whoever knows its id may use it."""

    id: str
    username: str = ""
    """`alias#id` of its owner."""
    name: str | None = None
    kudos: Whole = 0
    """What may be used of it, -1 = no limit."""
    expiry: str | None = None
    utilized: Whole = 0
    """Kudos that were used of it."""
    max_image_pixels: Whole = -1
    max_image_steps: Whole = -1
    max_text_tokens: Whole = -1
