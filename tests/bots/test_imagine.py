"""A person asks for a picture: every option, every refusal, and what is seen on the way."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.errors import ConfigError
from core.generation import Size
from tests.bots.scripted import Room, ScriptedHorde, model, open_room, until, webp

APPLE = "draw a red apple on a blue background"


async def test_a_sentence_becomes_a_picture(room: Room, horde: ScriptedHorde) -> None:
    """The words go to the horde as they are; the picture comes back with its description and everything about it."""
    (post,) = await room.say(APPLE)
    assert horde.last.body["prompt"] == "a red apple on a blue background"
    (picture,) = post.pictures
    seed = horde.last.params["seed"]
    assert picture.data == webp(f"a red apple on a blue background {seed}")
    assert picture.alt == "A picture drawn by the model little from the words: a red apple on a blue background"
    assert picture.name == f"a-red-apple-on-a-blue-background_{seed}.webp"
    assert (picture.width, picture.height) == (128, 128)
    words, facts = post.text.splitlines()[:2]
    assert words == "a red apple on a blue background"
    assert facts.startswith(f"seed {seed} · little · {Size(128, 128)} · 16 steps · ")
    assert facts.endswith(" · 1.25 kudos")
    assert [button.action for button in post.buttons] == ["again", "variation", "edit", "delete"]


@pytest.mark.parametrize(
    "sentence",
    [
        "a red apple",
        "imagine a red apple",
        "/imagine a red apple",
        "please draw a red apple",
        "Draw for me a red apple",
        "draw me a red apple",
        "draw for us: a red apple",
    ],
)
async def test_people_ask_in_many_ways(room: Room, horde: ScriptedHorde, sentence: str) -> None:
    """Politeness and the spellings that other bots taught leave only the wish itself."""
    await room.say(sentence)
    assert horde.last.body["prompt"] == "a red apple"


async def test_every_option_reaches_the_horde(room: Room, horde: ScriptedHorde) -> None:
    """What a person chooses is what is asked for."""
    await room.say(
        "draw two frogs ### water, lilies --size 192x256 --seed 7 --steps 12 --guidance 3.25 "
        "--sampler k_heun --n 2 --model Little"
    )
    body = horde.last.body
    assert body["prompt"] == "two frogs ### water, lilies"
    assert body["models"] == ["little"]
    assert body["params"] == {
        "n": 2,
        "steps": 12,
        "cfg_scale": 3.25,
        "sampler_name": "k_heun",
        "width": 192,
        "height": 256,
        "seed": "7",
    }
    assert (body["nsfw"], body["censor_nsfw"], body["r2"]) == (False, True, True)


async def test_each_picture_of_several_says_its_seed(room: Room) -> None:
    """Any one of them can be drawn again alone."""
    (post,) = await room.say("draw a frog --n 3 --seed 40")
    assert "seeds 40, 41, 42" in post.text
    assert len(post.pictures) == 3


async def test_the_same_seed_draws_the_same_picture(room: Room) -> None:
    """Byte for byte, whenever it is asked for."""
    (first,) = await room.say("draw a frog --seed 40")
    (second,) = await room.say("draw a frog --seed 40")
    assert first.pictures[0].data == second.pictures[0].data


async def test_without_a_seed_each_picture_is_new(room: Room, horde: ScriptedHorde) -> None:
    """Nobody has to invent numbers."""
    await room.say("draw a frog")
    first = horde.last.params["seed"]
    await room.say("draw a frog")
    assert horde.last.params["seed"] != first


async def test_a_style_dresses_the_words(room: Room, horde: ScriptedHorde) -> None:
    """The style's template for this family of models stands around the words, and the picture says so."""
    (post,) = await room.say("draw a frog style: watercolour")
    assert horde.last.body["prompt"] == "a frog on a white background, watercolour, soft"
    assert " · style watercolour · " in post.text
    assert "in the style watercolour" in post.pictures[0].alt


async def test_what_a_person_says_wins_over_the_style(room: Room, horde: ScriptedHorde) -> None:
    """A style only fills what was left open."""
    horde.models = [model("SDXL 1.0")]
    await room.say("draw a queen style: portrait ### hats --steps 9")
    body = horde.last.body
    assert body["params"]["steps"] == 9
    assert (body["params"]["width"], body["params"]["height"]) == (832, 1216)
    assert body["prompt"].startswith("portrait of a queen, soft window light")
    assert "### hats, cropped head" in body["prompt"]


async def test_a_style_that_does_not_fit_is_left_out_politely(room: Room, horde: ScriptedHorde) -> None:
    """The picture is drawn all the same, and the person knows why it looks plain."""
    (post,) = await room.say("draw a queen style: portrait")
    assert horde.last.body["prompt"] == "a queen"
    assert "The style “portrait” is not made for little, so I left it out." in post.text


@pytest.mark.parametrize(
    ("models", "size"),
    [
        ([model("little")], (128, 128)),
        ([model("stable_diffusion")], (512, 512)),
        ([model("SDXL 1.0"), model("stable_diffusion", count=9)], (512, 512)),
        ([model("SDXL 1.0", count=9), model("stable_diffusion")], (1024, 1024)),
    ],
)
async def test_the_size_is_the_models_own(
    room: Room, horde: ScriptedHorde, models: list[dict[str, Any]], size: tuple[int, int]
) -> None:
    """Without a size it is what the models that most workers serve are best at; only their family is asked."""
    horde.models = models
    await room.say("draw a frog")
    assert (horde.last.params["width"], horde.last.params["height"]) == size
    assert len(horde.last.body["models"]) == 1


async def test_an_odd_size_is_rounded_and_said(room: Room, horde: ScriptedHorde) -> None:
    """Nothing is corrected in silence."""
    (post,) = await room.say("draw a frog --size 200x100")
    assert (horde.last.params["width"], horde.last.params["height"]) == (192, 128)
    assert f"Sizes go in steps of 64 pixels, so it became {Size(192, 128)}." in post.text


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("draw a frog --size 9000x9000", "9000x9000 is not possible: width and height can be 64 to 3072 pixels each."),
        ("draw a frog --size huge", "I don't understand the size “huge”. Write it like 512x768, or say square"),
        ("draw a frog --n 9", "I draw 1 to 4 pictures at once here; you asked for 9."),
        ("draw a frog --steps 900", "500"),
        ("draw a frog --guidance 300", "100"),
        ("draw a frog --sampler eular", "There is no sampler called “eular”. Did you mean k_euler"),
        ("draw a frog --model litle", "Nobody offers a model called “litle” right now. Did you mean little?"),
        ("draw a frog --style watercolr", "There is no style called “watercolr”. Did you mean watercolour?"),
        ("draw a frog --stepps 3", "steps"),
        ("draw", "draw"),
    ],
)
async def test_what_cannot_be_is_refused_with_a_way_out(
    room: Room, horde: ScriptedHorde, sentence: str, said: str
) -> None:
    """A mistake costs nothing, and its sentence says what to write instead."""
    (post,) = await room.say(sentence)
    assert said in post.text
    assert post.pictures == ()
    assert not horde.requests


async def test_the_hordes_own_refusal_is_told(room: Room, horde: ScriptedHorde) -> None:
    """What only the horde knows arrives in words, too."""
    horde.refusal = (403, {"message": "Due to heavy demand…", "rc": "KudosUpfront"})
    (post,) = await room.say("draw a frog --steps 100")
    assert "more kudos than the account has" in post.text


async def test_the_way_is_shown_in_one_message(room: Room, horde: ScriptedHorde) -> None:
    """Queue, waiting time, and steps follow each other in a message that is gone when the picture is there."""
    horde.patient = True
    task = await room.start(APPLE)
    asked = await horde.asked()
    asked.waits(position=3, wait=12)
    await until(lambda: "Number 3 in the queue, about 12 s …" in room.progress)
    asked.runs(step=7, steps=12, wait=4)
    await until(lambda: "Drawing: step 7 of 12, about 4 s left …" in room.progress)
    asked.finishes()
    await task
    assert len(room.platform.deleted) == 1
    assert len(room.platform.posts) == 1


async def test_nobody_online_is_said_at_once(room: Room, horde: ScriptedHorde) -> None:
    """The request waits for a worker, and the person knows; when one comes the picture is drawn."""
    horde.models, horde.patient = [], True
    task = await room.start("draw a frog")
    asked = await horde.asked()
    assert asked.body["refuse_impossible"] is False
    asked.progress = {"waiting": 1, "is_possible": False}
    await until(lambda: any(text.startswith("Nobody who could draw this is online") for text in room.progress))
    asked.finishes()
    await task
    assert len(room.platform.posts[-1].pictures) == 1


async def test_what_nobody_online_can_draw_is_refused_by_the_horde(room: Room, horde: ScriptedHorde) -> None:
    """While there are workers, a request that none of them can do is not left waiting."""
    horde.refusal = (400, {"message": "No worker can draw 3072x3072.", "rc": "NoValidWorkers"})
    (post,) = await room.say("draw a frog --size 3072")
    assert "Nobody who is online can draw" in post.text
    assert "Ask for a smaller size, fewer steps or another model." in post.text


@pytest.fixture
def known_words(tmp_path: Path) -> Path:
    """A styles file beside which the bundled model's words are listed."""
    words = tmp_path / "vocabulary.json"
    words.write_text(json.dumps({"things": ["apple", "boat", "cat"], "synonyms": {"kitten": "cat"}}), encoding="utf-8")
    text = Path("config/styles.toml").read_text(encoding="utf-8")
    styles = tmp_path / "styles.toml"
    styles.write_text(text.replace("models/little/vocabulary.json", words.as_posix()), encoding="utf-8")
    return styles


@pytest.mark.parametrize(
    ("prompt", "models", "hinted"),
    [
        ("a zeppelin", [model("little")], True),
        ("two apples", [model("little")], False),
        ("a kitten", [model("little")], False),
        ("a zeppelin", [model("little"), model("stable_diffusion")], False),
    ],
)
async def test_words_that_the_little_model_does_not_know_get_a_hint(
    tmp_path: Path, horde: ScriptedHorde, known_words: Path, prompt: str, models: list[dict[str, Any]], hinted: bool
) -> None:
    """One polite line, only where the little model is all there is and knows nothing of what was asked for."""
    horde.models = models
    async with open_room(tmp_path, horde, styles_file=known_words) as room:
        (post,) = await room.say(f"draw {prompt}")
    assert ("The little model knows 3 things, for example apple, boat and cat." in post.text) is hinted


async def test_pictures_hidden_by_the_worker_are_explained(room: Room, horde: ScriptedHorde) -> None:
    """A placeholder is never passed off as the picture."""
    horde.patient = True
    task = await room.start("draw a frog")
    asked = await horde.asked()
    asked.censored = True
    asked.finishes()
    await task
    post = room.platform.posts[-1]
    assert "The worker hid it" in post.text
    assert post.pictures[0].alt.startswith("A placeholder")


async def test_a_file_is_called_what_it_is(room: Room, horde: ScriptedHorde) -> None:
    """A horde may send another kind of picture than it says, and a seed that is a path: neither reaches the name."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    horde.file, horde.seed = out.getvalue(), "../../etc/passwd"
    (post,) = await room.say("draw ../a frog")
    assert [(each.name, each.mime) for each in post.pictures] == [("a-frog_etc-passwd.png", "image/png")]


async def test_a_default_style_that_is_not_there_is_found_at_the_start(tmp_path: Path, horde: ScriptedHorde) -> None:
    """Its operator reads it, not everybody who asks for a picture."""
    with pytest.raises(ConfigError, match=r"bots\.default_style: There is no style called “watrcolour”. Did you mean"):
        async with open_room(tmp_path, horde, default_style="watrcolour"):
            pass
