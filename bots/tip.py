"""Giving kudos: an emoji of the table put to somebody's message, a reply of nothing else, or `tip 10`.

On a picture of ours they go to the person who asked for it. One receipt for each message totals what was given and is
edited; everything else is said in private. Rules in `core.kudos.giving`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from core.chat.command import Opt, button, command, emoji_table, reaction
from core.chat.forms import Aim, Menu
from core.chat.port import SendRefused
from core.chat.talk import Chat
from core.chat.types import Button, ButtonStyle, Call, MessageRef, Person, Place, Post, Press, Reaction
from core.errors import InvalidRequest, NotAllowed, NotFound
from core.house import House
from core.house.gifts import GiftState
from core.kudos import giving
from core.kudos.giving import Wanted

_AMOUNT = re.compile(r"\s*(\d{1,7})\b")


@emoji_table("tip")
async def table(house: House, place: Place) -> Mapping[str, int]:
    """The emoji that give something in a place."""
    return await giving.table(house, place)


@reaction(table="tip")
async def reacted(chat: Chat[House], put: Reaction) -> None:
    """An emoji gives; taken away in time it takes back. Who has no account gives nothing, and is not bothered."""
    if not put.added:
        if await giving.take_back(chat.house, giving.gift_id(put.target, put.person, put.emoji)):
            await _show(chat, put.target, await _receiver(chat, put.target, put.author))
        return
    receiver = await _receiver(chat, put.target, put.author)
    if receiver is None or not await giving.has_account(chat.house, put.person):
        return
    amount = await giving.worth(chat.house, put.place, put.emoji)
    await _give(chat, Wanted(put.person, receiver, amount, put.target, put.emoji, put.place), confirmed=False)


@command("tip", menus=(Menu("Give kudos", Aim.MESSAGE), Menu("Give kudos", Aim.PERSON)))
async def tip(
    chat: Chat[House], amount: Annotated[str, Opt("How many kudos, and what for", example="10 for the fox")]
) -> None:
    """Give kudos to whom you reply to."""
    found = _AMOUNT.match(amount)
    if found is None:
        raise InvalidRequest("Say how many, for example: tip 10")
    event = chat.event
    if not isinstance(event, Call) or (event.replied_to is None and event.target is None):
        raise InvalidRequest("Reply to a message of the person you mean, for example with: tip 10")
    message = event.replied_to or MessageRef(chat.place.platform, chat.place.id, event.key)
    receiver = await _receiver(chat, message, event.target)
    if receiver is None:
        raise NotFound("I cannot see whose message that is.")
    given = await _give(
        chat, Wanted(chat.person, receiver, int(found[1]), message, event.key, chat.place), confirmed=True
    )
    if given is None:
        raise InvalidRequest("That is given already.")


@button("tip-confirm")
async def confirmed(chat: Chat[House], press: Press) -> None:
    """A large gift is meant."""
    gift = await giving.confirm(chat.house, press.arg, press.person)
    await chat.whisper(f"{gift.amount} kudos for {gift.receiver_name or 'them'}, promised. Thank you!")
    receiver = Person(gift.platform, gift.receiver, gift.receiver_name)
    await _show(chat, MessageRef(gift.platform, gift.place, gift.message), receiver)


@command("gifts")
async def gifts(chat: Chat[House]) -> None:
    """Show what you gave."""
    account = await chat.house.community.people.account(chat.person.platform, chat.person.id)
    made = await chat.house.community.gifts.gifts_of(account.id, most=20) if account else ()
    lines = [f"{each.amount} to {each.receiver_name or 'somebody'}: {each.state}" for each in made]
    await chat.whisper("\n".join(lines) or "You have given nothing yet.")


async def _receiver(chat: Chat[House], message: MessageRef, author: Person | None) -> Person | None:
    """Whom a gift for a message is for: on a post of ours the person who asked for it; None = nobody can tell."""
    ours = await chat.about(message)
    if ours is None:
        return author
    request = await chat.house.requests.request(ours.about) if ours.about else None
    if request is None:
        return None
    name = await chat.house.community.people.name_of(request.platform, request.person)
    return Person(request.platform, request.person, name)


async def _give(chat: Chat[House], wanted: Wanted, *, confirmed: bool) -> GiftState | None:
    state = await giving.give(chat.house, wanted, confirmed=confirmed)
    if state is GiftState.ASKED:
        await _ask(chat, wanted)
    elif state is GiftState.PROMISED:
        await _show(chat, wanted.message, wanted.receiver)
    return state


async def _ask(chat: Chat[House], wanted: Wanted) -> None:
    if not (chat.place.private or chat.limits.can_whisper):
        raise NotAllowed(f"That is much for an emoji: say “tip {wanted.amount}” as a reply to the message.")
    name = wanted.receiver.name or "them"
    yes = Button(f"Give {wanted.amount}", "tip-confirm", wanted.id, style=ButtonStyle.PRIMARY)
    await chat.whisper(Post(f"Do you want to give {name} {wanted.amount} kudos?", buttons=(yes,)), part=wanted.id)


async def _show(chat: Chat[House], message: MessageRef, receiver: Person | None) -> None:
    """The receipt of a message: said once, edited from then on; nothing depends on it."""
    if receiver is None:
        return
    text = await giving.receipt(chat.house, message, receiver)
    try:
        sent = await chat.once(f"receipt/{message.message}", Post(text, reply_to=message))
        await chat.edit(sent.ref, Post(await giving.receipt(chat.house, message, receiver), reply_to=message))
    except SendRefused:
        return
