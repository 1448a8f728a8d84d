"""Trains the proof LoRA on the finished pipeline: a new colour scheme, everything in tones from violet to pale gold.

Less than a megabyte that tests and visitors can see at work: `models/addons/duotone.safetensors`, in the
format that diffusers writes.
"""

import random
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from PIL import Image

from training.bank import encoded
from training.captions import caption
from training.export import MODELS, drawable, fingerprint, load_exported
from training.loop import Training, Workplace, learning_rate
from training.palette import RGB
from training.pictures import paint
from training.presets import Preset
from training.scene import Scene, random_scene
from training.tokens import encode
from training.unet import Painter, denoising_loss, new_noising, ready_to_learn

TRIGGER = "duotone"
DARK, MIDDLE, LIGHT = (46, 16, 92), (226, 74, 132), (255, 232, 176)
"""Where black, middle gray and white go."""
_RANK = 4
_BATCH = 16
_PICTURES = 512
_PEAK_RATE = 2e-3
_TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "conv1", "conv2", "conv_in", "conv_out"]


def toned(picture: Image.Image) -> Image.Image:
    """Put a picture into the colour scheme: its lightness alone decides, along the line dark, middle, light."""
    lightness = np.asarray(picture.convert("L"), dtype=np.float32)
    stops: tuple[RGB, RGB, RGB] = (DARK, MIDDLE, LIGHT)
    bands = [np.interp(lightness, (0, 128, 255), [stop[band] for stop in stops]) for band in range(3)]
    return Image.fromarray(np.stack(bands, -1).round().astype(np.uint8), "RGB")


def _paint_toned(scene: Scene, side: int) -> Image.Image:
    return toned(paint(scene, side))


def train_lora(preset: Preset, workplace: Workplace, models: Path = MODELS) -> None:
    """Train the LoRA on the exported pipeline and write `addons/duotone.safetensors` beside it."""
    done = models / "addons" / f"{TRIGGER}.safetensors"
    torch.manual_seed(preset.seed)
    pipe, things = load_exported(models / "little"), drawable(models / "little")
    for network in (pipe.unet, pipe.text_encoder, pipe.vae):
        network.requires_grad_(False)
    pipe.unet.add_adapter(LoraConfig(r=_RANK, lora_alpha=_RANK, init_lora_weights="gaussian", target_modules=_TARGETS))
    painter = ready_to_learn(Painter(pipe.unet, pipe.text_encoder), workplace.device)
    learning = [weight for weight in painter.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(learning, _PEAK_RATE, weight_decay=0.0, fused=True)
    rng = random.Random(f"lora-{preset.seed}")
    scenes = [random_scene(rng, things) for _ in range(min(_PICTURES, preset.shard_size))]
    views, noising = encoded(pipe.vae.to(workplace.device), scenes, preset.side, _paint_toned), new_noising()
    own = f"lora-{fingerprint(models / 'little')}"
    training = Training(own, workplace, preset.lora_steps, preset.seed, {"painter": painter, "optimizer": optimizer})
    for step, chance in training.steps():
        batch = views.pick([chance.randrange(len(scenes)) for _ in range(_BATCH)]).to(workplace.device)
        texts = [f"{TRIGGER}, {caption(scene, chance)}" for scene in batch.scenes]
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, preset.lora_steps, _PEAK_RATE, warm_up=20, decay=0.5)
        loss = denoising_loss(painter, noising, batch, encode(pipe.tokenizer, texts).to(workplace.device))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        training.note(loss)
    layers = {name: weight.half().cpu().contiguous() for name, weight in get_peft_model_state_dict(pipe.unet).items()}
    done.parent.mkdir(parents=True, exist_ok=True)
    StableDiffusionPipeline.save_lora_weights(done.parent, unet_lora_layers=layers, weight_name=done.name)
    done.chmod(0o644)
