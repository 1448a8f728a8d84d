"""The rules that a community makes for the bot: where it may be used, by whom, for what, and how it shows things.

People who manage the place change them in the conversation `bots/settings.py`; dispatch asks `Places.allow` before
every command and button, `bots/drawing.py` and the kudos conversations ask `Places.rules`.
"""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.chat.grammar import quoted
from core.chat.types import Call, Manner, Place, Press
from core.errors import InvalidRequest, NotAllowed

Names = Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=200)]
Emoji = Annotated[str, Field(min_length=1, max_length=64)]
ALWAYS = ("settings", "help", "delete", "cancel", "withdraw")
"""What no rule takes away: to learn the rules, to change them, and to take back one's own."""


class Rules(BaseModel):
    """One community's rules. An empty list means no limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    manner: Manner = Field(
        default=Manner.FULL,
        description="How much I say: full, minimal = the answer alone, silent = nothing in the place itself, off",
    )
    channels: Names = Field(default=[], description="Places where I may be used; empty = everywhere")
    roles: Names = Field(default=[], description="Roles that may use me; empty = everybody")
    off: Names = Field(default=[], description="Commands and buttons that are switched off")
    safety: Literal["place", "strict"] = Field(
        default="place", description="place = adult pictures where the place is marked for them, strict = nowhere"
    )
    spoilers: Literal["never", "adult", "always"] = Field(
        default="adult", description="Pictures that are hidden until clicked: never, in places for adults, always"
    )
    models: Names = Field(default=[], description="Models that may be asked for; empty = all")
    styles: Names = Field(default=[], description="Styles that may be asked for; empty = all")
    max_pictures: int = Field(default=0, ge=0, le=20, description="Most pictures at once; 0 = the bot's own limit")
    emoji: dict[Emoji, Annotated[int, Field(ge=0, le=1_000_000)]] = Field(
        default={}, max_length=100, description="Emoji and the kudos they give here, over the bot's own table"
    )
    seeded: list[Emoji] = Field(default=[], max_length=10, description="Emoji that I put under finished pictures")

    def allows_model(self, name: str) -> bool:
        """Whether this model may draw here."""
        return not self.models or name.lower() in {each.lower() for each in self.models}

    def allows_style(self, name: str) -> bool:
        """Whether this style may be used here."""
        return not self.styles or name.lower() in {each.lower() for each in self.styles}

    def hides(self, place: Place) -> bool:
        """Whether pictures are hidden there until somebody clicks."""
        return self.spoilers == "always" or (self.spoilers == "adult" and place.nsfw)


class Book(Protocol):
    """Where rules are written down; `core.store` does. Raises StorageFull when the disk is."""

    async def place_rules(self, platform: str, community: str) -> str | None:
        """The rules of a community as JSON; None = it never made any."""
        ...

    async def keep_place_rules(self, platform: str, community: str, rules: str, *, person: str) -> None:
        """Write them down in place of the former ones; `person` changed them."""
        ...


class Places:
    """All communities' rules; those once asked for stay in memory."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._known: dict[tuple[str, str], Rules] = {}

    async def rules(self, place: Place) -> Rules:
        """The rules that hold there. Where nobody manages anything (a direct conversation) they are the bot's own."""
        if place.private and not place.community:
            return Rules()
        key = (place.platform, place.ruled)
        if key not in self._known:
            written = await self._book.place_rules(*key)
            self._known[key] = Rules.model_validate_json(written) if written else Rules()
        return self._known[key]

    async def manner(self, place: Place) -> Manner:
        """How much may be said there."""
        return (await self.rules(place)).manner

    async def change(self, place: Place, rules: Rules, *, person: str) -> None:
        """New rules for the community of a place, from now on."""
        await self._book.keep_place_rules(place.platform, place.ruled, rules.model_dump_json(), person=person)
        self._known[(place.platform, place.ruled)] = rules

    async def allow(self, name: str, event: Call | Press) -> None:
        """Asked before a command or button.

        Raises:
            NotAllowed: the community's rules are against it.
        """
        if name in ALWAYS or event.person.manages:
            return
        rules = await self.rules(event.place)
        if name in rules.off:
            raise NotAllowed(f"{quoted(name)} is switched off here.")
        if rules.channels and not {event.place.id, *event.place.inside} & set(rules.channels):
            raise NotAllowed("I am not to be used in this place; there are others here for that.")
        if rules.roles and not set(event.person.roles) & set(rules.roles):
            raise NotAllowed("The people who manage this place let only some roles use me.")


def read_rules(text: str) -> Rules:
    """Rules from the JSON of an export.

    Raises:
        InvalidRequest: it is none; says what is wrong with it.
    """
    try:
        return Rules.model_validate_json(text)
    except ValidationError as error:
        details = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'all'}: {each['msg']}" for each in error.errors()[:3])
        raise InvalidRequest(f"Those settings cannot be used: {details}.") from None


def changed(rules: Rules, values: dict[str, object]) -> Rules:
    """The rules with other values.

    Raises:
        InvalidRequest: a value is not allowed; says which.
    """
    try:
        return Rules.model_validate({**rules.model_dump(), **values})
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidRequest(f"{quoted('.'.join(map(str, first['loc'])))}: {first['msg']}.") from None
