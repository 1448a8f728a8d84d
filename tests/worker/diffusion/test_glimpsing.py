"""Previews: the bundled model's idea of a picture while it is being drawn, with every sampler."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from core.worker.diffusion import glimpsing, loading, painting, samplers
from core.worker.diffusion.libraries import overheard
from core.worker.diffusion.loading import Loaded, Start
from core.worker.renderer import DrawJob, Drawn, Family, Form, ModelEntry
from core.worker.sketches import MOST_BYTES, SIDE, Sketches, small

LITTLE = Path(__file__).parents[3] / "models" / "little"
NATIVE = 64


class Eager(Sketches):
    """Made at every step, whatever the clock says."""

    def due(self) -> bool:
        return super().due() or True


@pytest.fixture(scope="module")
def little() -> Loaded:
    """The bundled model."""
    entry = ModelEntry(name="little", family=Family.SD1, form=Form.FOLDER, path=LITTLE, native_size=NATIVE)
    return loading.load(entry, "cpu")


def asked(name: str, sampler: str, **changes: Any) -> DrawJob:
    values: dict[str, Any] = {
        "prompt": "a red apple on a blue background",
        "width": NATIVE,
        "height": NATIVE,
        "steps": 6,
        "seed": 5,
    }
    return DrawJob(id=name, model="little", sampler=sampler, **(values | changes))


def draw(model: Loaded, jobs: list[DrawJob], *, previews: bool) -> tuple[list[Drawn], list[tuple[str, bytes]]]:
    seen: list[tuple[str, bytes]] = []
    sketches = Eager(lambda job, file: seen.append((job, file))) if previews else Sketches(None)
    torch.set_num_threads(1)  # as the renderer does for pictures of this size
    with torch.inference_mode(), overheard():
        drawn = painting.paint(
            model, jobs, on_step=lambda *_: None, wanted=lambda name: name != "gone", sketches=sketches
        )
    return drawn, seen


def pixels(file: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(file)).convert("RGB").resize((16, 16), Image.Resampling.BOX)
    return np.asarray(image).astype(float)


@pytest.mark.parametrize("sampler", ["k_euler_a", "k_heun", "k_dpmpp_2m", "DDIM", "lcm"])
def test_the_last_previews_look_like_the_picture(little: Loaded, sampler: str) -> None:
    """However the sampler mixes in its noise, the network's idea becomes the picture; and looking disturbs nothing."""
    drawn, seen = draw(little, [asked("a", sampler)], previews=True)
    alone, _ = draw(little, [asked("a", sampler)], previews=False)
    assert drawn[0].picture == alone[0].picture
    first, last = (np.abs(pixels(seen[at][1]) - pixels(drawn[0].picture)).mean() for at in (0, -1))
    assert last < 8 < first


def test_each_picture_of_a_batch_has_its_own(little: Loaded) -> None:
    """Those that nobody wants any more get none, nor those that the checker has to see first."""
    jobs = [asked(name, "k_euler", steps=4, censor_nsfw=name == "b") for name in ("a", "b", "gone")]
    _, seen = draw(little, jobs, previews=True)
    assert [name for name, _ in seen] == ["a", "b"] * 4
    told: list[str] = []
    pipe = little.pipeline(Start.NOISE, samplers.build("k_euler", little.schedule, steps=4))
    glimpsing.follow(pipe, jobs, Eager(lambda job, _: told.append(job)), guarded=True, wanted=lambda _: True)
    latents = torch.zeros(3, little.pipe.unet.config.in_channels, 16, 16)
    with torch.inference_mode(), overheard():
        pipe.scheduler.set_timesteps(4)
        pipe.scheduler.step(latents, pipe.scheduler.timesteps[0], latents)
    assert told == ["a", "gone"]


def test_files_stay_small() -> None:
    """The worst there is to pack, noise of a large size, still becomes a small file of a small picture."""
    noise = np.random.default_rng(1).integers(0, 256, (900, 1200, 3), dtype=np.uint8)
    file = small(Image.fromarray(noise))
    assert 0 < len(file) <= MOST_BYTES
    with Image.open(io.BytesIO(file)) as image:
        assert (image.format, image.size) == ("WEBP", (SIDE, 96))
