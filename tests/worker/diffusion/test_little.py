"""The bundled model itself, as a first visitor meets it."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.worker import provenance
from core.worker.diffusion.render import DiffusionRenderer, worthwhile
from core.worker.renderer import DrawJob, Drawn, EmbeddingUse, Family, Form, LoraUse, ModelEntry

FOLDER = Path(__file__).parents[3] / "models" / "little"
VOCABULARY = json.loads((FOLDER / "vocabulary.json").read_text())
ADDONS = FOLDER.parent / "addons"
SIDE = VOCABULARY["native_side"]
CORNER = 6


@pytest.fixture(scope="module")
def little() -> DiffusionRenderer:
    """A renderer with the bundled model."""
    made = DiffusionRenderer("cpu", 0)
    made.load(ModelEntry(name="little", family=Family.SD1, form=Form.FOLDER, path=FOLDER, native_size=SIDE))
    return made


def drawn_by(
    renderer: DiffusionRenderer, *prompts: str, side: int = SIDE, sampler: str = "k_euler_a", **more: Any
) -> list[Drawn]:
    """A picture for each prompt, seeds from 0."""
    batch = [
        DrawJob(
            id=str(seed),
            model="little",
            prompt=prompt,
            width=side,
            height=side,
            steps=12,
            sampler=sampler,
            cfg_scale=VOCABULARY["defaults"]["guidance"],
            seed=seed,
            **more,
        )
        for seed, prompt in enumerate(prompts)
    ]
    return list(renderer.draw(batch, on_step=lambda _step, _steps: None, wanted=lambda _id: True))


def corners(drawn: Drawn) -> np.ndarray:
    """The mean colour (red, green, blue) of the four corners, where the background shows."""
    colours = np.asarray(Image.open(io.BytesIO(drawn.picture)).convert("RGB")).astype(float)
    parts = [colours[rows, columns] for rows in _ends() for columns in _ends()]
    return np.median(np.concatenate([part.reshape(-1, 3) for part in parts]), axis=0)


def _ends() -> tuple[slice, slice]:
    return slice(0, CORNER), slice(-CORNER, None)


def test_background_has_the_colour_that_was_asked_for(little: DiffusionRenderer) -> None:
    """Blue is blue, yellow is yellow, whatever stands in front of it."""
    blue, yellow = drawn_by(little, "a red apple on a blue background", "a cat on a yellow background")
    assert corners(blue).argmax() == 2
    assert corners(yellow).argmin() == 2
    assert corners(yellow)[0] > 150


@pytest.mark.parametrize("sampler", ["k_heun", "k_dpmpp_2m", "DDIM", "k_dpm_fast", "k_dpm_adaptive", "k_dpmpp_sde"])
def test_samplers_agree_on_the_background(little: DiffusionRenderer, sampler: str) -> None:
    """Each sampler comes to a picture of what was asked, not to noise."""
    (drawn,) = drawn_by(little, "a red apple on a blue background", sampler=sampler)
    assert corners(drawn).argmax() == 2


def middle(drawn: Drawn) -> np.ndarray:
    """The mean colour (red, green, blue) of the picture's inner part."""
    colours = np.asarray(Image.open(io.BytesIO(drawn.picture)).convert("RGB")).astype(float)
    third = SIDE // 3
    return colours[third:-third, third:-third].reshape(-1, 3).mean(0)


def test_the_proof_lora_puts_everything_into_its_colours(little: DiffusionRenderer) -> None:
    """A blue background turns to the scheme's rose, and is blue again without it."""
    wish = "a green frog on a blue background"
    lora = LoraUse("duotone", ADDONS / "duotone.safetensors")
    (plain,) = drawn_by(little, wish)
    (toned,) = drawn_by(little, f"duotone, {wish}", loras=(lora,))
    (again,) = drawn_by(little, wish)
    assert toned.unused == ()
    assert corners(plain).argmax() == corners(again).argmax() == 2
    assert corners(toned).argmax() == 0
    assert plain.picture == again.picture


def test_the_proof_inversion_draws_what_the_model_was_never_shown(little: DiffusionRenderer) -> None:
    """Its word gives an orange ball on the background that was asked for; the plain word does not."""
    use = EmbeddingUse("basketball", ADDONS / "basketball.safetensors", "<basketball>")
    (ball,) = drawn_by(little, "a <basketball> on a green background", embeddings=(use,))
    (unknown,) = drawn_by(little, "a basketball on a green background")
    orange = np.array([235, 120, 40])
    assert ball.unused == ()
    assert corners(ball).argmax() == 1
    assert np.abs(middle(ball) - orange).max() < 90
    assert np.abs(middle(ball) - orange).sum() + 60 < np.abs(middle(unknown) - orange).sum()


def test_large_picture_is_drawn_small_and_says_so(little: DiffusionRenderer) -> None:
    """512 pixels are asked for by every client: they get them, with the truth in the metadata."""
    (drawn,) = drawn_by(little, "a house", side=512)
    assert (drawn.width, drawn.height) == (512, 512)
    assert drawn.metadata["drawn_at"] == provenance.read(drawn.picture)["drawn_at"] == f"{SIDE}x{SIDE}"


def test_small_work_takes_one_thread() -> None:
    """One little picture is not shared out; a full-sized one is."""
    assert worthwhile(64 * 64) == 1
    assert worthwhile(512 * 512) >= worthwhile(4 * 64 * 64) >= 1
