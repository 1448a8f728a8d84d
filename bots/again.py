"""More of the same: buttons under finished pictures, open to everybody who can see them.

"Again" draws the same words from a new seed. "Variation" keeps the seed of the picture, and with it the composition,
and follows the words more closely or more loosely than before.
"""

from __future__ import annotations

import random
from dataclasses import replace

from bots.drawing import draw, recall
from core.chat.command import button
from core.chat.talk import Chat
from core.chat.types import Press
from core.generation import MOST_GUIDANCE
from core.house import House

_FACTORS = (0.6, 0.75, 1.3, 1.6)


@button("again", words=("again", "more", "once more"))
async def again(chat: Chat[House], press: Press) -> None:
    """Draw the same words from a new seed."""
    asked, _ = await recall(chat.house, press.arg)
    await draw(chat, replace(asked, seed=None))


@button("variation", words=("variation", "vary"))
async def variation(chat: Chat[House], press: Press) -> None:
    """Draw the same composition with another guidance."""
    _, drawn = await recall(chat.house, press.arg)
    guidance = max(1.0, drawn.guidance or 0.0) * random.choice(_FACTORS)  # noqa: S311  # taste, not a secret
    await draw(chat, replace(drawn, guidance=round(min(guidance, MOST_GUIDANCE), 2)))
