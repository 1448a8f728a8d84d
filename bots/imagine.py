"""Draw a picture: the conversation that everything else is there for.

The person's options become a `Wish`; `drawing` orders it and shows what comes of it, also after a restart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from bots.drawing import RESUME, deliver, draw
from core.chat.command import Opt, command, resume, suggestions
from core.chat.forms import Menu
from core.chat.talk import Chat
from core.chat.types import Picture
from core.errors import InvalidRequest
from core.generation import SAMPLERS, SHAPE_WORDS, Ticket, Wish, read_source
from core.house import House


@command("imagine", default=True, aliases=("draw",), menus=(Menu("Use as source picture"),))
async def imagine(
    chat: Chat[House],
    prompt: Annotated[str, Opt("What to draw", example="a red apple on a blue background")],
    *,
    negative: Annotated[str | None, Opt("What not to draw", aliases=("no",), example="people, text")] = None,
    style: Annotated[str | None, Opt("A named look", suggest="styles", example="watercolour")] = None,
    size: Annotated[
        str | None, Opt("Width x height, or a shape such as portrait", suggest="sizes", example="512x768")
    ] = None,
    seed: Annotated[str | None, Opt("Draws the same picture again", example="1234")] = None,
    steps: Annotated[int | None, Opt("How long to work on it", ge=1, le=500, example="30")] = None,
    guidance: Annotated[
        float | None, Opt("How closely to follow the words", ge=0, le=100, aliases=("cfg", "scale"), example="7")
    ] = None,
    sampler: Annotated[str | None, Opt("How noise becomes a picture", suggest="samplers", example="k_euler")] = None,
    n: Annotated[int, Opt("How many pictures", ge=1, aliases=("amount", "count"), example="2")] = 1,
    model: Annotated[str | None, Opt("Which model draws", suggest="models")] = None,
    picture: Annotated[Picture | None, Opt("Start from this picture")] = None,
    strength: Annotated[
        float | None, Opt("How much of that picture to redraw", ge=0.01, le=1, aliases=("denoise",), example="0.6")
    ] = None,
) -> None:
    """Draw a picture."""
    source = await read_source(picture) if picture else None
    if strength is not None and source is None:
        raise InvalidRequest("“strength” is about a picture to start from: attach one to your message.")
    wish = Wish(
        prompt=prompt,
        negative=negative,
        style=style,
        size=size,
        seed=seed,
        steps=steps,
        guidance=guidance,
        sampler=sampler,
        n=n,
        model=model,
        source=source.data if source else None,
        shape=source.shape if source else None,
        strength=strength,
    )
    await draw(chat, wish)


@resume(RESUME)
async def go_on(chat: Chat[House], state: Mapping[str, Any]) -> None:
    """After a restart: the request is with the horde already, or is sent again under the same key."""
    await deliver(chat, Ticket.from_json(state))


@suggestions("styles")
async def style_names(house: House) -> Sequence[str]:
    """The named looks."""
    return list(house.styles.styles)


@suggestions("models")
async def model_names(house: House) -> Sequence[str]:
    """The models that the horde offered when last asked."""
    return house.offer.names()


@suggestions("samplers")
async def sampler_names(house: House) -> Sequence[str]:
    """All samplers of the contract, whatever the house."""
    del house
    return SAMPLERS


@suggestions("sizes")
async def size_words(house: House) -> Sequence[str]:
    """Shapes, measured by what the model is at its best with."""
    del house
    return SHAPE_WORDS
