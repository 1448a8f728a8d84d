"""A model of random weights with every part that a real one has, made once per run in the tests' own folder."""

import copy
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderTiny, EulerAncestralDiscreteScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from tokenizers import pre_tokenizers
from transformers import AddedToken, CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from core.worker.diffusion.render import DiffusionRenderer
from core.worker.renderer import DrawJob, Drawn, Family, Form, ModelEntry

SIDE = 32
START, END = "<|startoftext|>", "<|endoftext|>"
WIDTH = 32


def tokenizer() -> CLIPTokenizer:
    """Every byte is a token; 24 fit."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*letters, *(f"{letter}</w>" for letter in letters), START, END]
    marks = {
        name: AddedToken(text, normalized=False, special=True)
        for name, text in (("bos_token", START), ("eos_token", END))
    }
    vocabulary = {word: number for number, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], **marks, pad_token=END, unk_token=END, model_max_length=24)


def tiny_pipeline() -> StableDiffusionPipeline:
    """A whole v-prediction pipeline of about 0.2 M random parameters, always the same ones."""
    torch.manual_seed(7)
    words = tokenizer()
    text = CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=WIDTH,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=24,
        projection_dim=WIDTH,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    unet = UNet2DConditionModel(
        sample_size=SIDE // 4,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=8,
    )
    vae = AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8),
        decoder_block_out_channels=(8, 8, 8),
        num_encoder_blocks=(1, 1, 1),
        num_decoder_blocks=(1, 1, 1),
    )
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(text),
        tokenizer=words,
        unet=unet,
        scheduler=EulerAncestralDiscreteScheduler(
            beta_start=0.00085,
            beta_end=0.02,
            beta_schedule="scaled_linear",
            prediction_type="v_prediction",
            timestep_spacing="trailing",
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


@pytest.fixture(scope="session")
def pipeline() -> StableDiffusionPipeline:
    """The tiny pipeline itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of how its scheduler is configured
        return tiny_pipeline()


@pytest.fixture(scope="session")
def tiny_folder(pipeline: StableDiffusionPipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model as a diffusers folder of float16 safetensors."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        copy.deepcopy(pipeline).to(torch.float16).save_pretrained(folder, safe_serialization=True)
    return folder


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path) -> ModelEntry:
    """Its entry."""
    return ModelEntry(name="tiny", family=Family.SD1, form=Form.FOLDER, path=tiny_folder, native_size=SIDE)


@pytest.fixture(scope="session")
def renderer(tiny: ModelEntry) -> DiffusionRenderer:
    """A renderer on the CPU with the tiny model loaded."""
    made = DiffusionRenderer("cpu", 1)
    made.load(tiny)
    return made


Jobs = Callable[..., DrawJob]
Draw = Callable[..., list[Drawn]]
Pixels = Callable[[Drawn], np.ndarray]


@pytest.fixture(scope="session")
def job() -> Jobs:
    """Makes small jobs for the tiny model: a number for id and seed, and what is to differ."""

    def make(number: int = 0, **changes: Any) -> DrawJob:
        values: dict[str, Any] = {
            "id": f"job-{number}",
            "model": "tiny",
            "prompt": "a red apple",
            "width": SIDE,
            "height": SIDE,
            "steps": 4,
            "seed": 100 + number,
            "karras": False,
        }
        return DrawJob(**(values | changes))

    return make


@pytest.fixture
def draw(renderer: DiffusionRenderer) -> Draw:
    """Draws jobs on the tiny model, with nobody watching."""

    def run(*jobs: DrawJob) -> list[Drawn]:
        return list(renderer.draw(jobs, on_step=lambda _step, _steps: None, wanted=lambda _id: True))

    return run


@pytest.fixture(scope="session")
def pixels() -> Pixels:
    """Turns a drawn picture into numbers, (height, width, 3), 0 to 255."""

    def decode(drawn: Drawn) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(drawn.picture)).convert("RGB")).astype(int)

    return decode


@pytest.fixture(scope="session")
def encoded() -> Callable[[Image.Image], bytes]:
    """Turns a picture into a PNG file."""

    def encode(image: Image.Image) -> bytes:
        into = io.BytesIO()
        image.save(into, "PNG")
        return into.getvalue()

    return encode
