"""The held-out combinations: stable, never trained on, a tenth of what they could be."""

import random

from training.scene import PLACES, Scene, held_out, held_out_scenes, random_scene
from training.things import THINGS


def test_the_split_never_moves() -> None:
    """The same combinations are held out on every machine and in every release."""
    held = [place for place in PLACES if held_out(Scene("apple", "blue", place=place, background="white"))]
    assert held == ["top", "bottom"]


def test_the_ordinary_case_is_never_held_out() -> None:
    """Combinations that name neither colour nor place are always trained on."""
    assert not any(held_out(Scene(thing.name, background="blue")) for thing in THINGS)


def test_training_never_sees_a_held_out_combination() -> None:
    """Random scenes avoid the held-out ones."""
    rng = random.Random(5)
    assert not any(held_out(random_scene(rng, THINGS[:56])) for _ in range(2000))


def test_held_out_scenes_are_all_held_out_and_cover_the_things() -> None:
    """The evaluation's scenes are different ones, from the held-out part, four for each thing."""
    scenes = held_out_scenes(THINGS[:56], 224, seed=1)
    assert all(held_out(scene) for scene in scenes)
    assert len(set(scenes)) == 224
    assert {scene.thing for scene in scenes} == {thing.name for thing in THINGS[:56]}


def test_about_a_tenth_is_held_out() -> None:
    """The hash spreads evenly."""
    scenes = [Scene(t.name, "red", place=p, background="white") for t in THINGS for p in PLACES]
    assert 0.07 < sum(map(held_out, scenes)) / len(scenes) < 0.13
