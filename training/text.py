"""Trains the pipeline's text encoder ahead of the UNet: it must say everything about the scene that a caption words.

Heads that are thrown away afterwards name thing, colour, place, size, count and setting, from the end mark's state
and from the mean of all states. `unet` then starts with words that already mean something.
"""

import random

import torch
from torch import nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from training.captions import caption
from training.loop import Training, Workplace, learning_rate, save_atomically
from training.palette import BACKGROUNDS, THING_COLOURS
from training.presets import Preset
from training.scene import PLACES, SCENERIES, SIZES, Scene, random_scene
from training.things import THINGS
from training.tokens import MAX_TOKENS, encode, new_tokenizer

_HEADS = 4
_BATCH = 64
_PEAK_RATE = 1e-3
_COLOURS = (None, *THING_COLOURS)
_PLACES = (None, *PLACES)
_SIZES = (None, *SIZES)
_SETTINGS = (*BACKGROUNDS, *SCENERIES)


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


class Reader(nn.Module):
    """The text encoder with one throw-away head for each question about the scene."""

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self._things = [thing.name for thing in THINGS[: preset.things]]
        self.encoder = CLIPTextModel(text_config(preset, new_tokenizer(preset.things)))
        sizes = (len(self._things), len(_COLOURS), len(_PLACES), len(_SIZES), 3, len(_SETTINGS))
        self.heads = nn.ModuleList(nn.Linear(preset.clip_width, size) for size in sizes)

    def forward(self, tokens: torch.Tensor) -> list[torch.Tensor]:
        """Give every question's scores twice: read from the end mark, and from the mean of all states."""
        read = self.encoder(input_ids=tokens)
        views = (read.pooler_output, read.last_hidden_state.mean(1))
        return [head(view) for view in views for head in self.heads]

    def answers(self, scenes: list[Scene]) -> torch.Tensor:
        """Give the right answers as numbers: (6, scenes)."""
        rows = [
            (
                self._things.index(s.thing),
                _COLOURS.index(s.colour),
                _PLACES.index(s.place),
                _SIZES.index(s.size),
                s.count - 1,
                _SETTINGS.index(s.background or s.scenery or ""),
            )
            for s in scenes
        ]
        return torch.tensor(rows).T


def _batch(rng: random.Random, preset: Preset) -> tuple[list[Scene], list[str]]:
    scenes = [random_scene(rng, THINGS[: preset.things]) for _ in range(_BATCH)]
    return scenes, [caption(scene, rng) for scene in scenes]


def train_text(preset: Preset, workplace: Workplace) -> None:
    """Train the text encoder and leave `text-final` in the workplace; done once."""
    done = workplace.file("text-final.pt")
    if done.exists():
        return
    torch.manual_seed(preset.seed)
    tokenizer, reader = new_tokenizer(preset.things), Reader(preset).to(workplace.device)
    optimizer = torch.optim.AdamW(reader.parameters(), _PEAK_RATE, weight_decay=0.01, betas=(0.9, 0.98), fused=True)
    training = Training("text", workplace, preset.text_steps, preset.seed, {"reader": reader, "optimizer": optimizer})
    for step, rng in training.steps():
        scenes, texts = _batch(rng, preset)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, preset.text_steps, _PEAK_RATE, decay=0.5)
        with torch.autocast(workplace.device.type, torch.bfloat16):
            scores = reader(encode(tokenizer, texts).to(workplace.device))
        answers = reader.answers(scenes).to(workplace.device).repeat(2, 1)
        losses = [functional.cross_entropy(s.float(), right) for s, right in zip(scores, answers, strict=True)]
        loss = torch.stack(losses).sum() / 2
        loss.backward()
        torch.nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        training.note(loss)
    save_atomically(reader.encoder.state_dict(), done)


def load_text(preset: Preset, workplace: Workplace) -> CLIPTextModel:
    """Load the trained text encoder, on the CPU.

    Raises:
        FileNotFoundError: none has been trained in this workplace.
    """
    encoder = CLIPTextModel(text_config(preset, new_tokenizer(preset.things)))
    encoder.load_state_dict(torch.load(workplace.file("text-final.pt"), map_location="cpu", weights_only=True))
    return encoder
