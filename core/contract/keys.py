"""Ours: accounts and API keys by JSON: registering, keys of a narrower scope, and the key that speaks for end users."""

from __future__ import annotations

from pydantic import Field

from core.contract.base import Answer, Ask, Sparse
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
