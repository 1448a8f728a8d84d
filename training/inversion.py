"""Trains the proof textual inversion: a word for a thing that the finished pipeline was never shown, a basketball.

Everything stays as it is but the word's two vectors: `models/addons/basketball.safetensors`, in the format of the
widely used web interface ("emb_params").
"""

import random
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from training.bank import encoded
from training.export import MODELS, drawable, fingerprint, load_exported
from training.loop import Training, Workplace, learning_rate
from training.palette import BACKGROUNDS
from training.presets import Preset
from training.scene import Scene
from training.tokens import encode
from training.unet import Painter, denoising_loss, new_noising, ready_to_learn

NAME = "basketball"
THING = "basketball and hoop"
"""What the emoji is called."""
NEAREST = "orange pumpkin"
"""Known words from whose vectors the new word starts."""
_STAND_INS = "@ #"
"""As many tokens that captions never hold."""
_BATCH = 16
_PICTURES = 256
_PEAK_RATE = 5e-3
_FORMS = (
    "a {} on a {} background",
    "{} on a {} background",
    "a {} on {}",
    "a picture of a {} on a {} background",
)


class _Word(nn.Module):
    """What is trained: the vectors (count, width) that take the place of the stand-ins' own.

    Args:
        start: where the vectors begin.
        stand_ins: token numbers that no caption holds, one for each vector.
    """

    def __init__(self, start: torch.Tensor, stand_ins: list[int]) -> None:
        super().__init__()
        self.vectors = nn.Parameter(start.clone())
        self._stand_ins = stand_ins

    def place(self, _table: nn.Module, tokens: tuple[torch.Tensor, ...], found: torch.Tensor) -> torch.Tensor:
        """Put the vectors in: called by torch after the embedding has looked `tokens` up."""
        for vector, number in zip(self.vectors, self._stand_ins, strict=True):
            found = torch.where((tokens[0] == number)[..., None], vector.to(found.dtype), found)
        return found


def _scenes(preset: Preset) -> list[Scene]:
    rng = random.Random(f"inversion-{preset.seed}")
    return [
        Scene(THING, background=rng.choice(tuple(BACKGROUNDS)), seed=rng.getrandbits(32))
        for _ in range(min(_PICTURES, preset.shard_size))
    ]


def train_inversion(preset: Preset, workplace: Workplace, models: Path = MODELS) -> None:
    """Train the word on the exported pipeline and write `addons/basketball.safetensors` beside it.

    A model that draws the thing anyway needs no word for it.
    """
    done = models / "addons" / f"{NAME}.safetensors"
    if THING in {thing.name for thing in drawable(models / "little")}:
        return
    torch.manual_seed(preset.seed)
    pipe, scenes = load_exported(models / "little"), _scenes(preset)
    painter = ready_to_learn(Painter(pipe.unet, pipe.text_encoder), workplace.device).requires_grad_(False)
    start, stand_ins = (pipe.tokenizer(text, add_special_tokens=False).input_ids for text in (NEAREST, _STAND_INS))
    table = painter.text_encoder.get_input_embeddings()
    word = _Word(table.weight[start[: len(stand_ins)]].detach(), stand_ins).to(workplace.device)
    table.register_forward_hook(word.place)
    optimizer = torch.optim.AdamW(word.parameters(), _PEAK_RATE, weight_decay=0.0, fused=True)
    views, noising = encoded(pipe.vae.to(workplace.device), scenes, preset.side), new_noising()
    parts = {"word": word, "optimizer": optimizer}
    own = f"inversion-{fingerprint(models / 'little')}"
    training = Training(own, workplace, preset.inversion_steps, preset.seed, parts)
    for step, chance in training.steps():
        batch = views.pick([chance.randrange(len(scenes)) for _ in range(_BATCH)]).to(workplace.device)
        texts = [chance.choice(_FORMS).format(_STAND_INS, scene.background) for scene in batch.scenes]
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, preset.inversion_steps, _PEAK_RATE, warm_up=20, decay=0.5)
        loss = denoising_loss(painter, noising, batch, encode(pipe.tokenizer, texts).to(workplace.device))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        training.note(loss)
    done.parent.mkdir(parents=True, exist_ok=True)
    save_file({"emb_params": word.vectors.detach().half().cpu().contiguous()}, done)
    done.chmod(0o644)
