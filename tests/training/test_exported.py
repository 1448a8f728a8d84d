"""The bundled models load the ordinary way, fit the repository, and draw."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import torch
from diffusers import DiffusionPipeline, StableDiffusionPipeline
from PIL import Image
from transformers import CLIPModel, CLIPProcessor

from training.evaluate import border_colour
from training.palette import nearest_background

# diffusers' own schedulers hand torch tensors to numpy in a way that numpy 2 calls outdated.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

_MODELS = Path(__file__).parents[2] / "models"
_LITTLE = _MODELS / "little"


@pytest.fixture(scope="module")
def pipe() -> StableDiffusionPipeline:
    """The bundled pipeline, loaded as anybody would load it."""
    loaded = DiffusionPipeline.from_pretrained(_LITTLE, dtype=torch.float32, local_files_only=True)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def _draw(pipe: StableDiffusionPipeline, prompt: str, seed: int) -> Image.Image:
    defaults = json.loads((_LITTLE / "vocabulary.json").read_text())["defaults"]
    return pipe(
        prompt,
        num_inference_steps=defaults["steps"],
        guidance_scale=defaults["guidance"],
        generator=torch.Generator().manual_seed(seed),
    ).images[0]


def test_plain_loading_gives_an_ordinary_pipeline(pipe: StableDiffusionPipeline) -> None:
    """`DiffusionPipeline.from_pretrained` needs no custom code and finds the native size."""
    vocabulary = json.loads((_LITTLE / "vocabulary.json").read_text())
    assert type(pipe) is StableDiffusionPipeline
    assert pipe.unet.config.sample_size * pipe.vae_scale_factor == vocabulary["native_side"]


def test_it_draws_on_the_background_that_was_asked_for(pipe: StableDiffusionPipeline) -> None:
    """Real prompts give their background's colour along the border."""
    for prompt, background in (
        ("a red apple on a blue background", "blue"),
        ("a green frog on a yellow background", "yellow"),
        ("a cat on a pink background", "pink"),
    ):
        assert nearest_background(border_colour(_draw(pipe, prompt, 3))) == background


def test_a_seed_gives_the_same_picture_again(pipe: StableDiffusionPipeline) -> None:
    """The same seed twice: equal pixels; another seed: others."""
    first, again, other = (_draw(pipe, "two green frogs", seed) for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes() != other.tobytes()


def test_unknown_words_draw_something(pipe: StableDiffusionPipeline) -> None:
    """Words the model has never met neither crash nor come out as one flat colour."""
    drawn = _draw(pipe, "zorblax of the Überwald 🐸, trending", 1)
    assert drawn.size == (64, 64)
    assert len(set(drawn.get_flattened_data())) > 50


def test_all_weights_fit_the_repository() -> None:
    """Everything under models/ stays within 40 MB, in float16 safetensors."""
    files = [path for path in _MODELS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 40_000_000
    assert {path.suffix for path in files} <= {".json", ".safetensors"}


def test_the_clip_pair_tells_things_apart() -> None:
    """The bundled CLIP names painted pictures."""
    glyphs = pytest.importorskip("training.glyphs")
    if not glyphs.FONT.exists():
        pytest.skip(f"the emoji font is not installed: {glyphs.FONT}")
    from training.pictures import paint
    from training.scene import Scene

    names = ["apple", "frog", "car", "moon", "penguin", "guitar"]
    clip = CLIPModel.from_pretrained(_MODELS / "little-clip", dtype=torch.float32, local_files_only=True)
    processor = CLIPProcessor.from_pretrained(_MODELS / "little-clip", local_files_only=True)
    pictures = [paint(Scene(name, background="light blue"), 64) for name in names]
    batch = processor(text=[f"a {name}" for name in names], images=pictures, padding=True, return_tensors="pt")
    with torch.no_grad():
        best = clip(**batch).logits_per_image.argmax(1).tolist()
    assert best == list(range(len(names)))
