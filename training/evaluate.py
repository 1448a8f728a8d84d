"""Measures the exported pipeline on held-out combinations and draws the contact sheet for the docs.

Right thing, colour, place, count by the judge; right thing also by the bundled CLIP; right background by the border's
own pixels. Everything at the recommended defaults.
"""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from transformers import CLIPModel, CLIPProcessor

from training.captions import article, plain_caption
from training.export import DEFAULTS, MODELS, load_exported
from training.judge import Judge, load_judge
from training.loop import Workplace
from training.palette import BACKGROUNDS, nearest_background
from training.pictures import as_array
from training.presets import Preset
from training.scene import Scene, held_out_scenes
from training.sheet import Entry, contact_sheet
from training.things import THINGS

_BATCH = 28
_HELD_OUT = 224
SHEET = MODELS.parent / "docs" / "images" / "little-contact-sheet.png"
SHOWPIECES = (
    "a red apple on a blue background",
    "two green frogs",
    "three yellow stars at night",
    "a blue cat on a yellow background",
    "a pink owl in the snow",
    "a boat in the sea",
    "a small purple ghost",
    "a rocket on the left on a black background",
)


def draw(pipe: StableDiffusionPipeline, prompts: list[str], *, first_seed: int = 0) -> list[Image.Image]:
    """Draw prompts at the default settings; picture n has seed `first_seed` + n."""
    pictures: list[Image.Image] = []
    for start in range(0, len(prompts), _BATCH):
        part = prompts[start : start + _BATCH]
        seeds = [torch.Generator().manual_seed(first_seed + start + n) for n in range(len(part))]
        pictures += pipe(
            part, num_inference_steps=DEFAULTS["steps"], guidance_scale=DEFAULTS["guidance"], generator=seeds
        ).images
    return pictures


def border_colour(picture: Image.Image) -> tuple[int, int, int]:
    """Give the median colour of the outermost two pixels all round."""
    pixels = np.asarray(picture)
    rims = (pixels[:2], pixels[-2:], pixels[:, :2], pixels[:, -2:])
    red, green, blue = np.median(np.concatenate([rim.reshape(-1, 3) for rim in rims]), axis=0)
    return int(red), int(green), int(blue)


def _share(hits: list[bool]) -> float:
    return round(100 * sum(hits) / max(1, len(hits)), 1)


@torch.no_grad()
def clip_names(folder: Path, pictures: list[Image.Image], names: list[str]) -> list[str]:
    """Let the bundled CLIP choose the name that fits each picture best."""
    clip, processor = CLIPModel.from_pretrained(folder, dtype=torch.float32), CLIPProcessor.from_pretrained(folder)
    batch = processor(text=[article(name) for name in names], images=pictures, padding=True, return_tensors="pt")
    return [names[best] for best in clip(**batch).logits_per_image.argmax(1).tolist()]


def _judged(judge: Judge, pictures: list[Image.Image], scenes: list[Scene]) -> dict[str, float]:
    verdicts = judge.look(torch.stack([torch.from_numpy(as_array(picture)) for picture in pictures]))
    pairs = list(zip(verdicts, scenes, strict=True))
    return {
        question: _share([getattr(verdict, question) == getattr(scene, question) for verdict, scene in pairs])
        for question in ("thing", "colour", "place", "count")
    }


def _backgrounds(pictures: list[Image.Image], scenes: list[Scene]) -> float:
    pairs = zip(pictures, scenes, strict=True)
    return _share([nearest_background(border_colour(picture)) == scene.background for picture, scene in pairs])


def _groups(preset: Preset) -> list[Scene]:
    things = [thing.name for thing in THINGS[: preset.things]]
    backgrounds = tuple(BACKGROUNDS)
    return [
        Scene(name, count=2 + n % 2, background=backgrounds[(n * 5) % len(backgrounds)])
        for n, name in enumerate(things)
    ]


def _singles(preset: Preset) -> list[str]:
    backgrounds = ("white", "light blue", "pink", "yellow", "green", "purple", "gray", "blue", "orange", "black")
    return [
        f"{article(thing.name)} on {article(backgrounds[n % len(backgrounds)])} background"
        for n, thing in enumerate(THINGS[: preset.things])
    ]


def _speed(pipe: StableDiffusionPipeline) -> float:
    """Time one picture of 12 steps, in seconds, once warm."""
    pipe("an apple", num_inference_steps=2)
    started = time.perf_counter()
    pipe("an apple", num_inference_steps=12, guidance_scale=DEFAULTS["guidance"])
    return round(time.perf_counter() - started, 3)


def write_sheet(pipe: StableDiffusionPipeline, preset: Preset, path: Path) -> None:
    """Draw every thing once and the showpieces, and write the contact sheet."""
    names = [thing.name for thing in THINGS[: preset.things]]
    pictures = draw(pipe, [*_singles(preset), *SHOWPIECES], first_seed=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet = contact_sheet([Entry(*pair) for pair in zip([*names, *SHOWPIECES], pictures, strict=True)])
    sheet.quantize(256).save(path, optimize=True)


def measure(preset: Preset, workplace: Workplace, models: Path) -> dict[str, Any]:
    """Measure the exported models; shares are percentages."""
    pipe = load_exported(models / "little")
    judge = load_judge(preset, workplace)
    scenes = held_out_scenes(THINGS[: preset.things], _HELD_OUT, seed=1)
    pictures = draw(pipe, [plain_caption(scene) for scene in scenes])
    groups = _groups(preset)
    group_pictures = draw(pipe, [plain_caption(scene) for scene in groups], first_seed=5000)
    names = [thing.name for thing in THINGS[: preset.things]]
    named = clip_names(models / "little-clip", pictures, names)
    return {
        "held_out_pictures": len(scenes),
        "held_out": {**_judged(judge, pictures, scenes), "background": _backgrounds(pictures, scenes)},
        "held_out_thing_by_clip": _share([name == scene.thing for name, scene in zip(named, scenes, strict=True)]),
        "groups": _judged(judge, group_pictures, groups),
        "seconds_for_12_steps": _speed(pipe),
        "threads": torch.get_num_threads(),
        "defaults": DEFAULTS,
    }


def evaluate(preset: Preset, workplace: Workplace) -> None:
    """Print the measures as JSON and write the contact sheet."""
    print(json.dumps(measure(preset, workplace, MODELS), indent=1), flush=True)
    write_sheet(load_exported(MODELS / "little"), preset, SHEET)
    print(f"contact sheet: {SHEET}")
