"""From a wish to the pictures in the chat: what `imagine`, `again` and `variation` have in common.

The request is written down before anything leaves; from then on a restart goes on at `deliver`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from bots.card import finished_post, running_buttons
from core.accounts.membership import horde_of
from core.chat.grammar import nearest, quoted
from core.chat.talk import Chat
from core.chat.types import Picture
from core.errors import NotAllowed, NotFound
from core.generation import Glimpse, Outcome, Ticket, Wish, fulfil, take_order
from core.house import House, RequestState
from core.house.places import Rules

RESUME = "drawing"
"""Kind under which an unfinished request is held over a restart."""
SO_FAR = "How the picture looks so far"


async def draw(chat: Chat[House], wish: Wish) -> None:
    """Order what is wished for and show it."""
    house = await _as_themselves(chat)
    rules = await house.places.rules(chat.place)
    _keep_to(rules, wish)
    adult = chat.place.nsfw and rules.safety != "strict"
    order = await take_order(house, wish, nsfw=adult, models=rules.models)
    ticket = Ticket.of(wish, order, event=chat.key, now=house.clock())
    await house.requests.keep_request(
        ticket.id,
        platform=chat.person.platform,
        person=chat.person.id,
        wish=remember(wish),
        now=ticket.begun,
    )
    notebook = _Notes(chat, ticket.id)
    await notebook.keep(ticket)
    await deliver(chat, ticket)


async def deliver(chat: Chat[House], ticket: Ticket) -> None:
    """Follow a request to its end and show what came of it; the buttons find it by its id afterwards."""

    async def tell(glimpse: Glimpse) -> None:
        preview = Picture(glimpse.preview, alt=SO_FAR) if glimpse.preview else None
        await chat.progress(glimpse.text, glimpse.fraction, buttons=running_buttons(ticket.id), preview=preview)

    if await _answered(chat.house, ticket.id):
        return
    outcome = await fulfil(await _as_themselves(chat), ticket, _Notes(chat, ticket.id), tell=tell)
    drawn = _as_drawn(ticket, outcome)
    await chat.house.requests.change_request(ticket.id, wish=remember(ticket.wish, drawn))
    await _show(chat, ticket, outcome)
    await chat.house.requests.change_request(ticket.id, state=RequestState.DONE)


async def _as_themselves(chat: Chat[House]) -> House:
    """The house, asking the horde as the person's own account where they have one."""
    return replace(chat.house, horde=await horde_of(chat.house, chat.person))


async def _show(chat: Chat[House], ticket: Ticket, outcome: Outcome) -> None:
    if not outcome.pictures:
        await chat.reply("I stopped it; nothing was drawn.")
        return
    rules = await chat.house.places.rules(chat.place)
    sent = await chat.reply(finished_post(ticket, outcome, hidden=rules.hides(chat.place)))
    for emoji in rules.seeded:
        await chat.react(emoji, to=sent.ref)


def _keep_to(rules: Rules, wish: Wish) -> None:
    """Refuse what the people who manage the place don't want.

    Raises:
        NotAllowed: the wish is against their rules; says what is allowed.
    """
    if rules.max_pictures and wish.n > rules.max_pictures:
        raise NotAllowed(f"Here I draw at most {rules.max_pictures} at once; you asked for {wish.n}.")
    if wish.model and not rules.allows_model(wish.model):
        raise NotAllowed(f"The model {quoted(wish.model)} is not for here. {nearest(wish.model, rules.models)}")
    if wish.style and wish.style.lower() != "none" and not rules.allows_style(wish.style):
        raise NotAllowed(f"The style {quoted(wish.style)} is not for here. {nearest(wish.style, rules.styles)}")


async def _answered(house: House, request_id: str) -> bool:
    """Whether a former process got to the end of it: nothing may be asked for again then."""
    request = await house.requests.request(request_id)
    return request is not None and request.state == RequestState.DONE


def remember(asked: Wish, drawn: Wish | None = None) -> str:
    """What the memory keeps of a request, as JSON: the wish as asked for, and with what was used to draw it."""
    plain = [asdict(replace(wish, source=None)) for wish in (asked, drawn or asked)]
    return json.dumps({"asked": plain[0], "drawn": plain[1], "source": asked.source})


async def recall(house: House, request_id: str) -> tuple[Wish, Wish]:
    """The wish of a former request, as asked for and as drawn.

    Raises:
        NotFound: nothing is known of it any more.
    """
    request = await house.requests.request(request_id)
    if request is None:
        raise NotFound("I no longer know how that picture was made. Please write the words again.")
    kept = json.loads(request.wish)
    asked, drawn = (replace(Wish(**kept[which]), source=kept.get("source")) for which in ("asked", "drawn"))
    return asked, drawn


def _as_drawn(ticket: Ticket, outcome: Outcome) -> Wish:
    """The wish with everything that was left open filled in: asking for it draws the same picture."""
    params = ticket.wanted.params
    first = outcome.pictures[0] if outcome.pictures else None
    return replace(
        ticket.wish,
        seed=first.seed if first else params.seed,
        model=first.model if first else ticket.wish.model,
        size=f"{params.width}x{params.height}",
        steps=params.steps,
        guidance=params.cfg_scale,
        sampler=params.sampler_name.value,
    )


@dataclass(frozen=True)
class _Notes:
    """Writes a ticket into the chat's memory; implements `core.generation.Notebook`."""

    chat: Chat[House]
    request_id: str

    async def keep(self, ticket: Ticket) -> None:
        await self.chat.hold(RESUME, ticket.to_json())

    async def taken_back(self) -> bool:
        request = await self.chat.house.requests.request(self.request_id)
        return request is not None and request.state == RequestState.TAKEN_BACK
