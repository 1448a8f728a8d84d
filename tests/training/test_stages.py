"""The whole training in small: every stage after the other, from nothing to files that load."""

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")

import torch
from safetensors.torch import load_file

from training import glyphs
from training.__main__ import STAGES
from training.export import export, load_exported
from training.inversion import train_inversion
from training.loop import Workplace
from training.lora import train_lora
from training.presets import PRESETS

pytestmark = [
    pytest.mark.skipif(not glyphs.FONT.exists(), reason=f"the emoji font is not installed: {glyphs.FONT}"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def test_every_stage_runs_and_what_comes_out_loads(tmp_path: Path) -> None:
    """From pictures to a pipeline that draws, with a LoRA and a textual inversion that it takes."""
    preset, workplace, models = PRESETS["tiny"], Workplace(tmp_path / "work", torch.device("cpu")), tmp_path / "models"
    for name in ("vae", "text", "clip", "bank", "unet", "decoder", "judge"):
        STAGES[name](preset, workplace)
    export(preset, workplace, models)
    train_lora(preset, workplace, models)
    train_inversion(preset, workplace, models)
    pipe = load_exported(models / "little")
    pipe.load_lora_weights(str(models / "addons" / "duotone.safetensors"))
    pipe.load_textual_inversion(str(models / "addons" / "basketball.safetensors"), token="<basketball>")
    (picture,) = pipe("a <basketball>", num_inference_steps=2).images
    assert picture.size == (preset.side, preset.side)
    assert load_file(models / "addons" / "basketball.safetensors")["emb_params"].shape == (2, preset.clip_width)
