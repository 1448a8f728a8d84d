"""What emoji are worth (`config/emoji.toml`), and the book of gifts as a protocol that `core.store` implements.

A gift is one row for each message, giver and emoji: whatever platforms repeat or lose, it is paid at most once.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.chat.emoji import plain
from core.errors import ConfigError


class GiftState(StrEnum):
    """Where a gift stands."""

    ASKED = "asked"
    """It is large: the giver has not confirmed it yet."""
    PROMISED = "promised"
    """It may still be taken back, or its receiver has no account yet."""
    PAYING = "paying"
    """The horde is being asked to move the kudos; it cannot be taken back any more."""
    PAID = "paid"
    """The receiver has them."""
    CANCELLED = "cancelled"
    """The giver took it back."""
    RETURNED = "returned"
    """Nobody claimed it in time."""
    REFUSED = "refused"
    """The horde did not want to move them."""


class Gift(Protocol):
    """One row of the book."""

    @property
    def id(self) -> str:
        """Names it for ever."""
        ...

    @property
    def platform(self) -> str:
        """Where."""
        ...

    @property
    def place(self) -> str:
        """The place of the message."""
        ...

    @property
    def private(self) -> bool:
        """Whether only the giver and the bot read along there."""
        ...

    @property
    def message(self) -> str:
        """What it was given for."""
        ...

    @property
    def giver(self) -> str:
        """The giver's id on the platform."""
        ...

    @property
    def giver_name(self) -> str:
        """Their name there."""
        ...

    @property
    def receiver(self) -> str:
        """The receiver's id on the platform."""
        ...

    @property
    def receiver_name(self) -> str:
        """The receiver's name there."""
        ...

    @property
    def amount(self) -> int:
        """Kudos."""
        ...

    @property
    def state(self) -> str:
        """A `GiftState`."""
        ...

    @property
    def attempt(self) -> int:
        """How often it was taken back and promised again."""
        ...

    @property
    def expires(self) -> float:
        """Until when the receiver may claim it, seconds since 1970."""
        ...


class Payable(Gift, Protocol):
    """A gift that can be paid now."""

    @property
    def account(self) -> str:
        """The giver's account with us."""
        ...

    @property
    def sealed(self) -> str:
        """Their sealed key."""
        ...

    @property
    def receiver_user(self) -> str:
        """The receiver's `alias#id` on the horde."""
        ...


class GiftBook(Protocol):
    """Raises StorageFull when the disk is."""

    async def promise(self, gift: Mapping[str, object], *, balance: float, most_a_day: int, most_to_one: int) -> str:
        """Write a gift down in one transaction; a `GiftState`, or why not: "stands", "balance", "day", "one".

        Open promises count against the balance, so that nobody promises what they do not have.
        """
        ...

    async def confirm(self, gift: str, *, person: str, due: float) -> Gift | None:
        """Its giver means it; None = there is nothing of theirs to confirm."""
        ...

    async def cancel(self, gift: str, *, now: float) -> Gift | None:
        """Take it back where that is still possible; the gift as it stands now, None = there is none."""
        ...

    async def gifts_for(self, platform: str, place: str, message: str) -> Sequence[Gift]:
        """What was given for a message and not taken back or refused, oldest first."""
        ...

    async def gifts_of(self, account: str, *, most: int) -> Sequence[Gift]:
        """The last gifts that somebody made, newest first."""
        ...

    async def payable(self, *, now: float, most: int) -> Sequence[Payable]:
        """Gifts to pay now, each on its way from here on: they cannot be taken back any more."""
        ...

    async def unclaimed(self, *, now: float, most: int) -> Sequence[Gift]:
        """Gifts whose time is over, returned from here on."""
        ...

    async def settle_gift(self, gift: str, *, state: str, reason: str = "") -> None:
        """A gift on its way has arrived, or was refused."""
        ...

    async def postpone_gift(self, gift: str, *, due: float) -> None:
        """Try a gift on its way again then."""
        ...


Worth = Annotated[int, Field(ge=1, le=1_000_000)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    tip: dict[Annotated[str, Field(min_length=1, max_length=64)], Worth] = {}


def load_emoji(file: Path) -> Mapping[str, int]:
    """Emoji, plainly spelled → kudos.

    Raises:
        ConfigError: the file is missing, not TOML, or holds something that is not allowed.
    """
    try:
        found = _File(**tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read ({error}); [bots] emoji_file names it.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: this is not TOML: {error}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{file}: {key}: found {first['input']!r}; allowed: whole kudos from 1 to 1000000.") from None
    return {plain(emoji): worth for emoji, worth in found.tip.items()}
