"""What one training picture shows, drawn at random or asked for; and which combinations are kept back for measuring.

A `Scene` is pure data: `captions` words it, `pictures` paints it, `bank` stores it beside its latents.
"""

import hashlib
import random
from dataclasses import dataclass, replace

from training.palette import BACKGROUNDS, THING_COLOURS, distance
from training.things import THINGS, Thing

PLACES = ("left", "right", "top", "bottom", "top left", "top right", "bottom left", "bottom right")
SIZES = ("small", "large")
COUNTS = ("one", "two", "three")
SCENERIES = ("grass", "beach", "night", "sunset", "snow", "sea")

_HELD_OUT_ONE_IN = 10
_MIN_CONTRAST = 120.0


@dataclass(frozen=True)
class Scene:
    """One picture in words.

    `colour`, `place`, `size` are None where the picture shows the ordinary case (natural colour, centre, medium), and
    captions then don't mention them. Exactly one of `background` (a plain colour) and `scenery` is set.
    """

    thing: str
    colour: str | None = None
    count: int = 1
    place: str | None = None
    size: str | None = None
    background: str | None = "white"
    scenery: str | None = None
    seed: int = 0


def held_out(scene: Scene) -> bool:
    """Say whether the scene's combination of thing, colour, place and background is kept out of training.

    Only combinations that name a colour or a place besides a plain background are ever kept back, one in ten of
    them, chosen by a hash, so the split is the same on every machine.
    """
    if scene.background is None or (scene.colour is None and scene.place is None):
        return False
    key = f"{scene.thing}|{scene.colour}|{scene.place}|{scene.background}".encode()
    return hashlib.sha256(key).digest()[0] % _HELD_OUT_ONE_IN == 0


def _shown_colour(thing: Thing, colour: str | None) -> str | None:
    return colour or thing.natural


def readable(thing: Thing, colour: str | None, background: str) -> bool:
    """Say whether a thing of that colour stands out from that background."""
    shown = _shown_colour(thing, colour)
    return shown is None or distance(THING_COLOURS[shown], BACKGROUNDS[background]) >= _MIN_CONTRAST


def _pick_colour(rng: random.Random, thing: Thing) -> str | None:
    if not thing.paintable or rng.random() < 0.5:
        return None
    return rng.choice([name for name in THING_COLOURS if name != thing.natural])


def _layout(rng: random.Random, count: int) -> tuple[str | None, str | None]:
    """Draw place and size: groups fill the picture, single things are central and medium more often than not."""
    if count > 1:
        return None, None
    place = rng.choice(PLACES) if rng.random() < 0.4 else None
    size = rng.choice(SIZES) if rng.random() < (0.06 if place else 0.15) else None
    return place, size


def random_scene(rng: random.Random, things: tuple[Thing, ...] = THINGS) -> Scene:
    """Draw a scene from the training distribution: never a held-out one, never a thing that can't be seen."""
    while True:
        thing = rng.choice(things)
        colour = _pick_colour(rng, thing)
        count = rng.choices((1, 2, 3), weights=(80, 12, 8))[0]
        place, size = _layout(rng, count)
        scene = Scene(thing.name, colour, count, place, size, rng.choice(tuple(BACKGROUNDS)), seed=rng.getrandbits(32))
        if rng.random() < 0.1:
            return replace(scene, background=None, scenery=rng.choice(SCENERIES))
        if scene.background and readable(thing, colour, scene.background) and not held_out(scene):
            return scene


def held_out_scenes(things: tuple[Thing, ...], count: int, *, seed: int) -> list[Scene]:
    """Draw `count` different held-out scenes: single things, medium size, spread evenly over the things."""
    rng = random.Random(seed)
    found: dict[Scene, None] = {}
    while len(found) < count:
        thing = things[len(found) % len(things)]
        colour = _pick_colour(rng, thing)
        place = rng.choice(PLACES) if rng.random() < 0.5 else None
        background = rng.choice(tuple(BACKGROUNDS))
        scene = Scene(thing.name, colour, place=place, background=background)
        if readable(thing, colour, background) and held_out(scene):
            found[scene] = None
    return list(found)
