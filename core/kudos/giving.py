"""Giving kudos: who may give whom how much, written down once for each message, giver and emoji.

Used by `bots/tip.py`. Nothing leaves here but a look at the giver's balance; `clerk` pays when the time to take it back
is over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from core.accounts.membership import own_horde
from core.chat.emoji import plain, spellings
from core.chat.types import MessageRef, Person, Place
from core.errors import InvalidRequest, NotAllowed, NotEnoughKudos, NotFound, TooMany
from core.house import House
from core.house.gifts import Gift, GiftState
from core.house.people import Account

DAY = 86_400.0
NO_ACCOUNT = "To give kudos you need an account: say “join” or “login KEY” to me in private."
_WHY_NOT = {
    "balance": NotEnoughKudos("You do not have that many kudos, counting what you have promised already."),
    "day": TooMany("That would be more than one person gives in a day here. Please go on tomorrow."),
    "one": TooMany("That would be more than one person gives another in a day here."),
}


@dataclass(frozen=True)
class Wanted:
    """Somebody wants to give something: for which message, with which emoji ("" = in words), and where."""

    giver: Person
    receiver: Person
    amount: int
    message: MessageRef
    emoji: str
    place: Place

    @property
    def id(self) -> str:
        """The same for the same message, giver and emoji, for ever."""
        return gift_id(self.message, self.giver, self.emoji)


def gift_id(message: MessageRef, giver: Person, emoji: str) -> str:
    """Names a gift for ever."""
    parts = (message.platform, message.place, message.message, giver.id, plain(emoji))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]


async def table(house: House, place: Place) -> Mapping[str, int]:
    """What emoji are worth in a place: the community's own over the bot's."""
    own = {plain(emoji): worth for emoji, worth in (await house.places.rules(place)).emoji.items()}
    return {emoji: worth for emoji, worth in {**house.community.emoji, **own}.items() if worth}


async def worth(house: House, place: Place, emoji: str) -> int:
    """What an emoji is worth in a place; 0 = nothing."""
    known = await table(house, place)
    return next((known[each] for each in spellings(emoji) if each in known), 0)


async def give(house: House, wanted: Wanted, *, confirmed: bool) -> GiftState | None:
    """Promise a gift: written down, not yet paid. ASKED = it is large, to be confirmed; None = it stands already.

    Raises:
        NotAllowed: the giver has no account, or gives to themselves or a bot.
        NotEnoughKudos: they do not have that many.
        TooMany: it is more than is given in a day.
        InvalidRequest: it is nothing.
    """
    account = await _giver(house, wanted)
    horde = own_horde(house, account)
    if account is None or horde is None:
        raise NotAllowed(NO_ACCOUNT)
    limits, now = house.settings.gifts, house.clock()
    large = not confirmed and wanted.amount > limits.confirm_above
    state = GiftState.ASKED if large else GiftState.PROMISED
    outcome = await house.community.gifts.promise(
        _row(wanted, account.id, state, now=now, undo=limits.undo_seconds, claim=limits.claim_days * DAY),
        balance=(await horde.find_user()).kudos,
        most_a_day=limits.most_a_day,
        most_to_one=limits.most_to_one,
    )
    if outcome in _WHY_NOT:
        raise _WHY_NOT[outcome]
    return None if outcome == "stands" else state


async def has_account(house: House, person: Person) -> bool:
    """Whether somebody can give anything."""
    account = await house.community.people.account(person.platform, person.id)
    return account is not None and bool(account.sealed)


async def _giver(house: House, wanted: Wanted) -> Account | None:
    """The giver's account, unless they give to nobody.

    Raises:
        NotAllowed: to themselves, under whatever name, or to a bot.
        InvalidRequest: nothing.
    """
    if wanted.amount < 1:
        raise InvalidRequest("Nothing cannot be given; name at least 1.")
    if wanted.receiver.is_bot:
        raise NotAllowed("Bots have no use for kudos; give them to the people.")
    people = house.community.people
    giver = await people.account(wanted.giver.platform, wanted.giver.id)
    receiver = await people.account(wanted.receiver.platform, wanted.receiver.id)
    same = (wanted.giver.platform, wanted.giver.id) == (wanted.receiver.platform, wanted.receiver.id)
    if same or (giver and receiver and (giver.id == receiver.id or (giver.user and giver.user == receiver.user))):
        raise NotAllowed("That is yours already: nobody gives kudos to themselves.")
    return giver


def _row(
    wanted: Wanted, account: str, state: GiftState, *, now: float, undo: float, claim: float
) -> Mapping[str, object]:
    return {
        "id": wanted.id,
        "platform": wanted.message.platform,
        "place": wanted.message.place,
        "private": wanted.place.private,
        "message": wanted.message.message,
        "emoji": plain(wanted.emoji),
        "account": account,
        "giver": wanted.giver.id,
        "giver_name": wanted.giver.name,
        "receiver": wanted.receiver.id,
        "receiver_name": wanted.receiver.name,
        "amount": wanted.amount,
        "state": state.value,
        "created": now,
        "due": now + undo,
        "expires": now + claim,
    }


async def confirm(house: House, gift: str, person: Person) -> Gift:
    """The giver means a large gift.

    Raises:
        NotFound: there is nothing of theirs to confirm (any more).
    """
    due = house.clock() + house.settings.gifts.undo_seconds
    found = await house.community.gifts.confirm(gift, person=person.id, due=due)
    if found is None or found.platform != person.platform:
        raise NotFound("There is nothing of yours to confirm (any more).")
    return found


async def take_back(house: House, gift: str) -> bool:
    """Take a gift back; False = there is none.

    Raises:
        NotAllowed: it is paid, or being paid.
    """
    found = await house.community.gifts.cancel(gift, now=house.clock())
    if found is not None and found.state in {GiftState.PROMISED, GiftState.PAYING, GiftState.PAID}:
        name = found.receiver_name or "them"
        raise NotAllowed(f"It is too late to take that back: the kudos are {name}'s. Ask {name} to give them back.")
    return found is not None


async def receipt(house: House, message: MessageRef, receiver: Person) -> str:
    """One line that totals what was given for a message; how to claim it where its receiver has no account."""
    gifts = await house.community.gifts.gifts_for(message.platform, message.place, message.message)
    if not gifts:
        return "🎁 (taken back)"
    givers = [f"{name} {amount}" for name, amount in _totals(gifts).items()]
    line = f"🎁 {receiver.name or 'Somebody'} was given {sum(each.amount for each in gifts):,} kudos for this: "
    line += ", ".join(givers)
    if not await has_account(house, receiver):
        until = datetime.fromtimestamp(min(each.expires for each in gifts), UTC)
        line += (
            f". To have them, say “join” or “login KEY” to me in private by {until:%d %B}; else they go back to "
            "those who gave them."
        )
    return line


def _totals(gifts: Sequence[Gift]) -> Mapping[str, int]:
    totals: dict[str, int] = {}
    for each in gifts:
        name = each.giver_name or "somebody"
        totals[name] = totals.get(name, 0) + each.amount
    return totals
