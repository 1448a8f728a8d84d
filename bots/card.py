"""How finished pictures are shown: text, descriptions for those who can't see them, and what to press next.

Last step of a picture's way before the chat makes the post fit its platform; used by `drawing`.
"""

from __future__ import annotations

import re
from dataclasses import replace

from core.chat.types import Button, ButtonStyle, Picture, Post
from core.generation import Drawn, Outcome, Ticket, duration

_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


def running_buttons(request_id: str) -> tuple[Button, ...]:
    """What can be pressed while the request is on its way."""
    return (Button("Cancel", "cancel", request_id, emoji="🛑"),)


def finished_buttons(request_id: str) -> tuple[Button, ...]:
    """What can be pressed under finished pictures, also a month later."""
    return (
        Button("Again", "again", request_id, emoji="🔁", style=ButtonStyle.PRIMARY),
        Button("Variation", "variation", request_id, emoji="🎨"),
        Button("Edit", "edit", request_id, emoji="✏️"),
        Button("Delete", "delete", request_id, emoji="🗑️", style=ButtonStyle.DANGER),
    )


def finished_post(ticket: Ticket, outcome: Outcome, *, hidden: bool = False) -> Post:
    """The pictures of a request with everything needed to get them again; `hidden`: until somebody clicks."""
    pictures = tuple(replace(_picture(drawn, ticket), spoiler=hidden) for drawn in outcome.pictures)
    lines = [ticket.wish.prompt.strip(), _facts(ticket, outcome), *_shortfalls(outcome), *ticket.notes]
    return Post("\n".join(lines), pictures, finished_buttons(ticket.id), about=ticket.id)


def _picture(drawn: Drawn, ticket: Ticket) -> Picture:
    name = _in_name(ticket.wish.prompt, 40) or "picture"
    return Picture(
        data=drawn.picture,
        alt=_alt(drawn, ticket),
        width=ticket.size.width,
        height=ticket.size.height,
        mime=drawn.mime,
        name=f"{name}_{_in_name(drawn.seed, 20)}.{drawn.mime.removeprefix('image/')}",
    )


def _in_name(text: str, most: int) -> str:
    """As much of a person's or a horde's text as is safe in the name of a file."""
    return _NOT_IN_NAMES.sub("-", text.lower()).strip("-")[:most].strip("-")


def _alt(drawn: Drawn, ticket: Ticket) -> str:
    if drawn.censored:
        return "A placeholder: the worker hid this picture because it may not be suitable here."
    style = f" in the style {ticket.style}" if ticket.style else ""
    return f"A picture drawn by the model {drawn.model}{style} from the words: {ticket.wish.prompt.strip()}"


def _facts(ticket: Ticket, outcome: Outcome) -> str:
    """One line: the seeds to draw the same again, who drew, how large, how long, at what price."""
    seeds = ", ".join(drawn.seed for drawn in outcome.pictures)
    models = ", ".join(dict.fromkeys(drawn.model for drawn in outcome.pictures))
    facts = [f"{'seed' if len(outcome.pictures) == 1 else 'seeds'} {seeds}", models]
    facts += [f"style {ticket.style}"] if ticket.style else []
    facts += [str(ticket.size), f"{ticket.wanted.params.steps} steps"]
    facts += [_took(outcome.seconds), f"{round(outcome.kudos, 2):g} kudos"]
    return " · ".join(facts)


def _took(seconds: float) -> str:
    """Tenths matter to whoever draws on their own machine."""
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def _shortfalls(outcome: Outcome) -> list[str]:
    """What is missing, in words."""
    there, said = len(outcome.pictures), list[str]()
    if outcome.taken_back:
        said.append(f"You stopped it: {there} of {outcome.asked} were finished.")
    elif there < outcome.asked:
        said.append(f"Only {there} of {outcome.asked} could be drawn; say “again” for more.")
    if hidden := sum(drawn.censored for drawn in outcome.pictures):
        which = "it" if there == 1 else f"{hidden} of them"
        said.append(f"The worker hid {which}, because not everybody may want to see what it shows.")
    return said
