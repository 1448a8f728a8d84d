"""Writes what training has reached: `models/little` (a diffusers folder) and `models/little-clip` (transformers).

Weights are float16 safetensors; `vocabulary.json` beside them says what the model can draw and how to ask it.
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline, EulerAncestralDiscreteScheduler, StableDiffusionPipeline
from transformers import CLIPProcessor
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from training.clip import load_clip
from training.loop import Workplace
from training.palette import BACKGROUNDS, THING_COLOURS
from training.presets import Preset
from training.scene import COUNTS, PLACES, SCENERIES, SIZES
from training.things import THINGS, Thing, by_name
from training.tokens import new_tokenizer
from training.unet import SCHEDULE, load_averages
from training.vae import load_vae

MODELS = Path(__file__).resolve().parent.parent / "models"
DEFAULTS: dict[str, Any] = {"steps": 16, "guidance": 4.0, "sampler": "k_euler_a"}


def vocabulary(preset: Preset) -> dict[str, Any]:
    """List what the model can draw, for hints to people and for tests."""
    things = THINGS[: preset.things]
    return {
        "things": [thing.name for thing in things],
        "synonyms": {word: thing.name for thing in things for word in (*thing.synonyms, thing.plural)},
        "colours": list(THING_COLOURS),
        "backgrounds": list(BACKGROUNDS),
        "places": [*PLACES, "middle"],
        "sizes": list(SIZES),
        "counts": list(COUNTS),
        "scenes": list(SCENERIES),
        "native_side": preset.side,
        "defaults": DEFAULTS,
    }


def pipeline(preset: Preset, workplace: Workplace) -> StableDiffusionPipeline:
    """Assemble the ordinary pipeline from what the workplace holds, float32, on the CPU."""
    unet, text_encoder = load_averages(preset, workplace)
    unet.set_default_attn_processor()
    return StableDiffusionPipeline(
        vae=load_vae(preset, workplace).cpu(),
        text_encoder=text_encoder,
        tokenizer=new_tokenizer(preset.things),
        unet=unet,
        scheduler=EulerAncestralDiscreteScheduler(**SCHEDULE, timestep_spacing="trailing", steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _replace(folder: Path) -> Path:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder


def export_pipeline(preset: Preset, workplace: Workplace, folder: Path) -> None:
    """Write the pipeline and its vocabulary, float16, replacing what the folder held."""
    pipeline(preset, workplace).to(torch.float16).save_pretrained(_replace(folder), safe_serialization=True)
    _tidy(folder)
    (folder / "vocabulary.json").write_text(json.dumps(vocabulary(preset), indent=1) + "\n")


def _tidy(folder: Path) -> None:
    """Let everybody read the weights, and drop the one derived key that loading would grumble about."""
    for path in folder.rglob("*.safetensors"):
        path.chmod(0o644)
    config = folder / "vae" / "config.json"
    if config.exists():
        kept = {key: value for key, value in json.loads(config.read_text()).items() if key != "block_out_channels"}
        config.write_text(json.dumps(kept, indent=2) + "\n")


def export_clip(preset: Preset, workplace: Workplace, folder: Path) -> None:
    """Write the CLIP pair with its processor, float16, replacing what the folder held."""
    side = {"height": preset.side, "width": preset.side}
    images = CLIPImageProcessorPil(
        size={"shortest_edge": preset.side}, crop_size=side, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    load_clip(preset, workplace).cpu().half().save_pretrained(_replace(folder), safe_serialization=True)
    CLIPProcessor(image_processor=images, tokenizer=new_tokenizer(preset.things)).save_pretrained(folder)
    _tidy(folder)


def load_exported(folder: Path) -> StableDiffusionPipeline:
    """Load an exported pipeline exactly as anybody would."""
    pipe = DiffusionPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def drawable(folder: Path) -> tuple[Thing, ...]:
    """List what an exported pipeline draws, by its vocabulary."""
    return tuple(by_name(name) for name in json.loads((folder / "vocabulary.json").read_text())["things"])


def fingerprint(folder: Path) -> str:
    """Tell one exported UNet from another: 12 hex digits."""
    with (folder / "unet" / "diffusion_pytorch_model.safetensors").open("rb") as weights:
        return hashlib.file_digest(weights, "sha256").hexdigest()[:12]


def size_of(folder: Path) -> int:
    """Count the bytes in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def export(preset: Preset, workplace: Workplace, models: Path = MODELS) -> None:
    """Write both folders and say how large they are."""
    export_pipeline(preset, workplace, models / "little")
    export_clip(preset, workplace, models / "little-clip")
    for name in ("little", "little-clip"):
        print(f"{models / name}: {size_of(models / name) / 1e6:.1f} MB")
