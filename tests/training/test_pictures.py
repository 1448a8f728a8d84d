"""Captions and pictures tell the same story."""

import random

import pytest

from training import glyphs
from training.captions import caption, plain_caption
from training.palette import BACKGROUNDS, COLOUR_WORDS, THING_COLOURS, distance, nearest_background
from training.pictures import paint
from training.scene import PLACES, Scene, random_scene
from training.things import THINGS, by_name

needs_font = pytest.mark.skipif(not glyphs.FONT.exists(), reason=f"the emoji font is not installed: {glyphs.FONT}")

_PROMISED = """
apple frog cat dog fish heart star tree house car sun moon flower rose cake pizza banana strawberry mushroom butterfly
bird owl fox penguin whale octopus bee turtle ghost robot rocket boat bicycle umbrella book gift balloon bell key lemon
cherry carrot cactus snowman rainbow cloud guitar crown
"""


def _mean_colour(scene: Scene, box: tuple[int, int, int, int]) -> tuple[int, int, int]:
    red, green, blue = paint(scene, 64).crop(box).resize((1, 1)).getpixel((0, 0))
    return int(red), int(green), int(blue)


@needs_font
@pytest.mark.parametrize("background", BACKGROUNDS)
def test_the_corners_have_the_background_that_the_caption_names(background: str) -> None:
    """Every plain background looks most like the colour that names it."""
    scene = Scene("heart", background=background, seed=4)
    corner = _mean_colour(scene, (0, 0, 3, 3))
    assert nearest_background(corner) == background
    assert background in plain_caption(scene)


@needs_font
@pytest.mark.parametrize("colour", THING_COLOURS)
def test_a_painted_heart_has_the_colour_that_the_caption_names(colour: str) -> None:
    """The middle of a painted heart looks most like its own colour among all thing colours."""
    seen = _mean_colour(Scene("heart", colour, background="gray"), (26, 26, 38, 38))
    assert min(THING_COLOURS, key=lambda name: distance(THING_COLOURS[name], seen)) == colour


@needs_font
@pytest.mark.parametrize("place", PLACES)
def test_a_placed_thing_lies_where_the_caption_says(place: str) -> None:
    """The painted pixels' centre of gravity lies on the named side, and on no other."""
    picture = (
        paint(Scene("balloon", "black", place=place, background="white"), 64).convert("L").point(lambda v: v < 128)
    )
    left, top, right, bottom = picture.getbbox() or (0, 0, 64, 64)
    across, down = (left + right) / 2 - 32, (top + bottom) / 2 - 32
    assert ("left" in place, "right" in place) == (across < -6, across > 6)
    assert ("top" in place, "bottom" in place) == (down < -6, down > 6)


@needs_font
@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_thing_is_painted_as_often_as_counted(count: int) -> None:
    """One, two or three separate islands of dark pixels."""
    picture = paint(Scene("heart", "black", count=count, background="white"), 64).convert("L")
    dark = {(x, y) for x in range(64) for y in range(64) if picture.getpixel((x, y)) < 128}
    islands = 0
    while dark:
        islands, edge = islands + 1, [dark.pop()]
        while edge:
            x, y = edge.pop()
            near = {(x + dx, y + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)} & dark
            dark -= near
            edge += near
    assert islands == count


@needs_font
def test_a_scene_always_gives_the_same_pixels() -> None:
    """A picture depends on its scene alone."""
    scene = random_scene(random.Random(3))
    assert paint(scene, 64).tobytes() == paint(scene, 64).tobytes()


@needs_font
def test_the_font_draws_every_thing() -> None:
    """No thing of the list comes out empty."""
    assert [thing.name for thing in THINGS if not glyphs.available(thing.name)] == []


def test_captions_name_what_the_scene_shows() -> None:
    """Whatever the wording: the thing and its unnatural colour are always said, others never."""
    rng = random.Random(11)
    for _ in range(400):
        scene = random_scene(rng, THINGS[:56])
        text, thing = caption(scene, rng), by_name(scene.thing)
        assert any(word in text for word in (thing.name, thing.plural, *thing.synonyms))
        if scene.colour:
            assert any(word in text for word in (scene.colour, *COLOUR_WORDS.get(scene.colour, ())))
        named = {colour for colour in THING_COLOURS if f" {colour} " in f" {text} "}
        assert named <= {
            scene.colour,
            thing.natural,
            scene.background,
            "blue" if scene.background == "light blue" else None,
        }


def test_the_first_things_are_those_the_project_promised() -> None:
    """The curated things are in every preset, and no two share a name."""
    names = [thing.name for thing in THINGS]
    assert set(_PROMISED.split()) <= set(names[:56])
    assert len(names) == len(set(names)) >= 300
