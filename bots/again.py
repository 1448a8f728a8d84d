"""More of the same: buttons under finished pictures, open to everybody who can see them.

"Again" draws the same words from a new seed. "Variation" keeps the seed of the picture, and with it the composition,
and follows the words more closely or more loosely than before.
"""

from __future__ import annotations

import random
from dataclasses import replace

from bots.drawing import draw, recall
from core.chat.command import button
from core.chat.forms import Field, Form
from core.chat.talk import Chat
from core.chat.types import Press
from core.errors import InvalidRequest
from core.generation import MOST_GUIDANCE, Wish
from core.house import House

_FACTORS = (0.6, 0.75, 1.3, 1.6)


@button("again", words=("again", "more", "once more"), menu="Draw again")
async def again(chat: Chat[House], press: Press) -> None:
    """Draw the same words from a new seed."""
    asked, _ = await recall(chat.house, press.arg)
    await draw(chat, replace(asked, seed=None))


async def words_of(house: House, request_id: str) -> Form:
    """The words of a picture, to be changed."""
    asked, _ = await recall(house, request_id)
    return Form(
        "Draw it differently",
        (
            Field("prompt", "What to draw", asked.prompt, long=True),
            Field("negative", "What not to draw", asked.negative or "", required=False),
            Field("style", "Style", asked.style or "", required=False),
        ),
    )


@button("edit", words=("edit", "change"), form=words_of, rest="prompt")
async def edit(chat: Chat[House], press: Press) -> None:
    """Draw other words with everything else as it was asked for."""
    asked, _ = await recall(chat.house, press.arg)
    prompt = press.fields.get("prompt", "").strip()
    if not prompt:
        raise InvalidRequest("Write what to draw instead, for example: edit a blue apple on a table")
    negative, style = (press.fields.get(name, kept or "").strip() for name, kept in _kept(asked))
    await draw(chat, replace(asked, prompt=prompt, negative=negative or None, style=style or None, seed=None))


def _kept(asked: Wish) -> tuple[tuple[str, str | None], ...]:
    return ("negative", asked.negative), ("style", asked.style)


@button("variation", words=("variation", "vary"))
async def variation(chat: Chat[House], press: Press) -> None:
    """Draw the same composition with another guidance."""
    _, drawn = await recall(chat.house, press.arg)
    guidance = max(1.0, drawn.guidance or 0.0) * random.choice(_FACTORS)  # noqa: S311  # taste, not a secret
    await draw(chat, replace(drawn, guidance=round(min(guidance, MOST_GUIDANCE), 2)))
