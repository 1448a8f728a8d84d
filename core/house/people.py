"""What the house remembers of people who are known by more than one name, as a protocol: `core.store` keeps it.

An account is one person of ours: the chat identities that they linked themselves, and perhaps an account on the horde.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Account(Protocol):
    """One person."""

    @property
    def id(self) -> str:
        """Ours; never shown."""
        ...

    @property
    def user(self) -> str:
        """`alias#id` on the horde; empty = none."""
        ...

    @property
    def sealed(self) -> str:
        """Their API key there, sealed (`core.house.seal`); empty = none."""
        ...


class Identity(Protocol):
    """Somebody on a platform."""

    @property
    def platform(self) -> str:
        """Where."""
        ...

    @property
    def person(self) -> str:
        """The platform's own id."""
        ...

    @property
    def name(self) -> str:
        """What they call themselves; empty = not known."""
        ...


class People(Protocol):
    """Raises StorageFull when the disk is."""

    async def account(self, platform: str, person: str) -> Account | None:
        """Whose identity that is; None = nobody linked it or logged in with it."""
        ...

    async def open_account(self, account: str, *, platform: str, person: str, now: float) -> Account:
        """The account of an identity; the new one of this id where it has none."""
        ...

    async def sign_in(self, account: str, *, user: str, sealed: str) -> None:
        """The account is that one on the horde from now on; both empty = none any more."""
        ...

    async def identities(self, account: str) -> Sequence[Identity]:
        """All identities of an account, longest linked first."""
        ...

    async def offer_link(self, code: str, *, account: str, expires: float) -> None:
        """Whoever shows this code (its digest) before it expires is this account; an earlier code of it is void."""
        ...

    async def take_link(self, code: str, *, platform: str, person: str, now: float) -> Account | None:
        """Use up a code (its digest) and link the identity; None = there is no such code any more.

        Raises:
            TooMany: this identity has shown too many wrong ones.
        """
        ...

    async def unlink(self, platform: str, person: str) -> bool:
        """Take an identity out of its account, and the account away with its last one; False = it was in none."""
        ...

    async def forget(self, platform: str, person: str) -> None:
        """Delete the account of an identity, all its identities, and what was asked for with any of them."""
        ...

    async def name_of(self, platform: str, person: str) -> str:
        """What somebody calls themselves there; empty = not known."""
        ...

    async def sealed_keys(self) -> Sequence[Account]:
        """The accounts that have a key."""
        ...
