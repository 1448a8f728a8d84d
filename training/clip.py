"""Trains the CLIP pair: pictures and captions into one space. Its text tower is where `unet` starts from.

The pair is exported by itself (`models/little-clip`): describing pictures and the safety check run on it.
"""

import random

import torch
from torch.nn import functional
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModel, CLIPTokenizer, CLIPVisionConfig

from training.captions import caption
from training.loop import Training, Workplace, learning_rate, save_atomically
from training.pictures import as_array, paint
from training.presets import Preset
from training.scene import random_scene
from training.things import THINGS
from training.tokens import MAX_TOKENS, encode, new_tokenizer

_HEADS = 4
_PEAK_RATE = 1e-3


def text_config(preset: Preset, tokenizer: CLIPTokenizer) -> CLIPTextConfig:
    """Describe the text tower, of the CLIP and of the pipeline alike."""
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=preset.clip_width,
        intermediate_size=preset.clip_width * 4,
        num_hidden_layers=preset.clip_layers,
        num_attention_heads=_HEADS,
        max_position_embeddings=MAX_TOKENS,
        projection_dim=preset.clip_width,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def new_clip(preset: Preset, tokenizer: CLIPTokenizer) -> CLIPModel:
    """Build the pair, untrained."""
    vision = CLIPVisionConfig(
        hidden_size=preset.clip_width,
        intermediate_size=preset.clip_width * 4,
        num_hidden_layers=preset.clip_layers,
        num_attention_heads=_HEADS,
        image_size=preset.side,
        patch_size=8,
        projection_dim=preset.clip_width,
    )
    text = text_config(preset, tokenizer)
    return CLIPModel(
        CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=preset.clip_width)
    )


def _batch(rng: random.Random, preset: Preset) -> tuple[torch.Tensor, list[str]]:
    things = THINGS[: preset.things]
    scenes = [random_scene(rng, things) for _ in range(preset.clip_batch)]
    pictures = torch.stack([torch.from_numpy(as_array(paint(scene, preset.side))) for scene in scenes])
    return pictures, [caption(scene, rng) for scene in scenes]


def roughened(pictures: torch.Tensor) -> torch.Tensor:
    """Add noise and soften some pictures, so that drawn ones look familiar to the vision tower too."""
    half = pictures.shape[0] // 2
    soft = functional.avg_pool2d(functional.pad(pictures[:half], (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    rough = torch.cat([0.5 * pictures[:half] + 0.5 * soft, pictures[half:]])
    return rough + 0.1 * torch.rand(len(rough), 1, 1, 1, device=rough.device) * torch.randn_like(rough)


def train_clip(preset: Preset, workplace: Workplace) -> None:
    """Train the pair and leave `clip-final` in the workplace; done once."""
    done = workplace.file("clip-final.pt")
    if done.exists():
        return
    tokenizer = new_tokenizer(preset.things)
    clip = new_clip(preset, tokenizer).to(workplace.device)
    optimizer = torch.optim.AdamW(clip.parameters(), _PEAK_RATE, weight_decay=0.05, betas=(0.9, 0.98), fused=True)
    training = Training("clip", workplace, preset.clip_steps, preset.seed, {"clip": clip, "optimizer": optimizer})
    for step, rng in training.steps():
        pictures, texts = _batch(rng, preset)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, preset.clip_steps, _PEAK_RATE, decay=0.5)
        with torch.autocast(workplace.device.type, torch.bfloat16):
            tokens = encode(tokenizer, texts).to(workplace.device)
            tokens = tokens[:, : int((tokens != tokenizer.eos_token_id).sum(1).max()) + 1]
            output = clip(input_ids=tokens, pixel_values=roughened(pictures.to(workplace.device)), return_loss=True)
        output.loss.backward()
        torch.nn.utils.clip_grad_norm_(clip.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        clip.logit_scale.data.clamp_(0, 4.0)
        training.note(output.loss)
    save_atomically(clip.state_dict(), done)


def load_clip(preset: Preset, workplace: Workplace) -> CLIPModel:
    """Load the trained pair, or what its training has reached so far.

    Raises:
        FileNotFoundError: none has been trained in this workplace.
    """
    clip = new_clip(preset, new_tokenizer(preset.things))
    final = workplace.file("clip-final.pt")
    if final.exists():
        state = torch.load(final, map_location="cpu", weights_only=True)
    else:
        state = torch.load(workplace.file("clip.pt"), map_location="cpu", weights_only=True)["parts"]["clip"]
    clip.load_state_dict(state)
    return clip.to(workplace.device).eval()


def text_tower(clip: CLIPModel, preset: Preset) -> CLIPTextModel:
    """Copy the pair's text tower as the separate model that a diffusers pipeline holds."""
    tower = CLIPTextModel(text_config(preset, new_tokenizer(preset.things)))
    source = clip.text_model.state_dict()
    tower.load_state_dict({name: source[name.removeprefix("text_model.")] for name in tower.state_dict()})
    return tower
