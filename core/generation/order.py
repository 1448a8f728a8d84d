"""From what a person asks for to the request the horde gets: style, size, model and limits become a `GenerateRequest`.

First half of step 4 of a picture's way: `bots/imagine.py` hands a `Wish` in, `track` sends the `Order` off.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from core.chat.grammar import nearest, quoted
from core.contract.generate import GenerateRequest, GenerationParams
from core.contract.names import Sampler
from core.errors import InvalidRequest, NotFound
from core.generation.sizes import Size, read_size, rounded, shaped, typed_size
from core.house import House
from core.house.offer import Offered, only_little
from core.house.styles import Family, Look, Style

MOST_STEPS, MOST_GUIDANCE = 500, 100.0
DEFAULT_STRENGTH = 0.6
"""How much of a source picture is redrawn when nobody says: its shapes stay, its look changes."""
SAMPLERS = [sampler.value for sampler in Sampler]


@dataclass(frozen=True)
class Wish:
    """What a person asks for, in their words; None means "whatever looks best". Kept with the request for "again"."""

    prompt: str
    negative: str | None = None
    style: str | None = None
    size: str | None = None
    seed: str | None = None
    steps: int | None = None
    guidance: float | None = None
    sampler: str | None = None
    n: int = 1
    model: str | None = None
    source: str | None = field(default=None, repr=False)
    """The picture to start from, as base64 (see `sources`)."""
    shape: float | None = None
    """Its width divided by its height."""
    strength: float | None = None
    """How much of it is redrawn, above 0 to 1."""


@dataclass(frozen=True)
class Order:
    """A request ready to go, and what the person should know about it."""

    request: GenerateRequest
    size: Size
    style: str | None
    notes: tuple[str, ...]


async def take_order(house: House, wish: Wish, *, nsfw: bool = False, models: Sequence[str] = ()) -> Order:
    """Work out the request for a wish.

    Args:
        house: styles, limits and what the horde offers.
        wish: what the person asked for.
        nsfw: whether the place allows pictures for adults.
        models: those that the place allows; empty = all.

    Raises:
        InvalidRequest: a value is out of its range or not understood.
        NotFound: there is no such style, model or sampler; the sentence names the nearest ones.
    """
    _check_ranges(house, wish)
    allowed = {each.lower() for each in models}
    offered = await house.offer.models()
    fitting = tuple(each for each in offered if not allowed or each.name.lower() in allowed)
    if offered and not fitting:
        raise NotFound("Nobody offers any of the models that may draw here right now.")
    return compose(house, wish, fitting, nsfw=nsfw)


def compose(house: House, wish: Wish, offered: tuple[Offered, ...], *, nsfw: bool) -> Order:
    """The same, knowing what the horde offers."""
    models = _models(house, wish, offered)
    family_name, family = house.styles.family(models[0]) if models else house.styles.assumed_family()
    style = _style(house, wish)
    fitting = style if style and style[1].fits(family_name) else None
    look = fitting[1].look(family_name) if fitting else Look()
    size = _size(house, wish, look, family)
    notes = _unfitting(style, fitting, models) + _hint_of_words(house, wish, offered) + _changed(wish, size)
    return Order(
        request=_request(wish, look, family, size, models, nsfw=nsfw, anyone=bool(offered)),
        size=size,
        style=fitting[0] if fitting else None,
        notes=notes,
    )


def _check_ranges(house: House, wish: Wish) -> None:
    if not wish.prompt.strip():
        raise InvalidRequest("Tell me what to draw, for example: draw a red apple on a blue background")
    most = house.settings.max_pictures
    if not 1 <= wish.n <= most:
        raise InvalidRequest(f"I draw 1 to {most} pictures at once here; you asked for {wish.n}.")
    if wish.steps is not None and not 1 <= wish.steps <= MOST_STEPS:
        raise InvalidRequest(f"Steps can be 1 to {MOST_STEPS}; you asked for {wish.steps}.")
    if wish.guidance is not None and not 0 <= wish.guidance <= MOST_GUIDANCE:
        raise InvalidRequest(f"Guidance can be 0 to {MOST_GUIDANCE:g}; you asked for {wish.guidance:g}.")


def _models(house: House, wish: Wish, offered: tuple[Offered, ...]) -> list[str]:
    """The models to ask for: the named one, else those of the family that most workers serve; empty = any."""
    if name := wish.model or house.settings.default_model:
        return [_known_model(name, offered)]
    served = [model for model in offered if model.workers > 0]
    if not served:
        return []
    favourite = house.styles.family(max(served, key=lambda model: model.workers).name)[0]
    return [model.name for model in served if house.styles.family(model.name)[0] == favourite]


def _known_model(name: str, offered: tuple[Offered, ...]) -> str:
    """The model's exact name; while nobody offers anything the name is taken as it is."""
    names = [model.name for model in offered]
    for known in names:
        if known.lower() == name.lower():
            return known
    if not names:
        return name
    raise NotFound(f"Nobody offers a model called {quoted(name)} right now. {nearest(name, names)}")


def _style(house: House, wish: Wish) -> tuple[str, Style] | None:
    name = wish.style or house.settings.default_style
    if not name or name.lower() == "none":
        return None
    return house.styles.find(name)


def _size(house: House, wish: Wish, look: Look, family: Family) -> Size:
    native = house.settings.default_size or family.size
    if wish.size:
        return read_size(wish.size, native=native)
    if wish.shape:
        return shaped(wish.shape, native=native)
    return rounded(look.width or family.width or native, look.height or family.height or native)


def read_sampler(name: str) -> Sampler:
    """A sampler by its name on the wire or as people write it: "k_euler_a", "Euler a", "DPM++ 2M".

    Raises:
        NotFound: there is none of that name; the sentence names the nearest ones.
    """
    wanted = _plain_sampler(name)
    for sampler in Sampler:
        if _plain_sampler(sampler.value) == wanted:
            return sampler
    raise NotFound(f"There is no sampler called {quoted(name)}. {nearest(name, SAMPLERS)}")


def _plain_sampler(name: str) -> str:
    letters = "".join(letter for letter in name.lower().replace("++", "pp") if letter.isalnum())
    return letters.removeprefix("k").replace("ancestral", "a").removesuffix("karras")


def _request(
    wish: Wish, look: Look, family: Family, size: Size, models: list[str], *, nsfw: bool, anyone: bool
) -> GenerateRequest:
    """The wire request: what the person chose before the style, the style before the family."""
    try:
        params = GenerationParams(
            n=wish.n,
            steps=wish.steps or look.steps or family.steps or 25,
            cfg_scale=round(_first(wish.guidance, look.cfg_scale, family.cfg_scale, 5.0), 2),
            sampler_name=read_sampler(wish.sampler)
            if wish.sampler
            else look.sampler or family.sampler or Sampler.K_EULER_A,
            width=size.width,
            height=size.height,
            seed=wish.seed or new_seed(),
            denoising_strength=_strength(wish) if wish.source else None,
        )
        return GenerateRequest(
            prompt=_worded(wish, look),
            params=params,
            models=models,
            source_image=wish.source,
            nsfw=nsfw,
            censor_nsfw=not nsfw,
            r2=True,
            slow_workers=True,
            refuse_impossible=anyone,
        )
    except ValidationError as error:
        raise InvalidRequest(_sentence(error)) from None


def _strength(wish: Wish) -> float:
    return DEFAULT_STRENGTH if wish.strength is None else max(0.01, wish.strength)


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)


def new_seed() -> str:
    """A fresh seed, chosen here and not by the worker so that a request sent twice draws the same picture."""
    return str(random.getrandbits(32))


def _worded(wish: Wish, look: Look) -> str:
    """Prompt and negative prompt in the style's template, joined with the contract's separator."""
    prompt = (look.prompt or "{p}").replace("{p}", wish.prompt.strip())
    negative = (look.negative or "{np}").replace("{np}", (wish.negative or "").strip()).strip(" ,")
    return f"{prompt} ### {negative}" if negative else prompt


def _sentence(error: ValidationError) -> str:
    """What the contract's own bounds say, in words: its field names are close enough to ours."""
    details = [(".".join(str(part) for part in each["loc"][-1:]), each["msg"]) for each in error.errors()]
    return " ".join(f"{field.replace('_', ' ').capitalize()}: {message}." for field, message in details)


def _unfitting(
    style: tuple[str, Style] | None, fitting: tuple[str, Style] | None, models: list[str]
) -> tuple[str, ...]:
    if style is None or fitting is not None:
        return ()
    return (f"The style “{style[0]}” is not made for {' or '.join(models[:2]) or 'this model'}, so I left it out.",)


def _hint_of_words(house: House, wish: Wish, offered: tuple[Offered, ...]) -> tuple[str, ...]:
    words = house.words
    if words is None or not only_little(offered) or words.knows(wish.prompt):
        return ()
    return (f"The little model knows {len(words.things)} things, for example {words.examples()}.",)


def _changed(wish: Wish, size: Size) -> tuple[str, ...]:
    """Say so where the numbers somebody typed became others."""
    typed = typed_size(wish.size or "")
    if typed is None or typed == (size.width, size.height):
        return ()
    return (f"Sizes go in steps of 64 pixels, so it became {size}.",)
