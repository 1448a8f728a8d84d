"""The judge: a small picture classifier trained apart from everything exported, to measure what the pipeline draws.

It names thing, colour, place and count; the background needs no judge, `evaluate` reads it off the border.
"""

import random
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from training.clip import roughened
from training.loop import Training, Workplace, learning_rate, save_atomically
from training.palette import THING_COLOURS
from training.pictures import as_array, paint
from training.presets import Preset
from training.scene import PLACES, Scene, random_scene
from training.things import THINGS

_BATCH = 64
_PEAK_RATE = 2e-3
_COLOURS = (None, *THING_COLOURS)
_PLACES = (None, *PLACES)


@dataclass(frozen=True)
class Verdict:
    """What the judge sees in a picture; None means natural colour, or the middle."""

    thing: str
    colour: str | None
    place: str | None
    count: int


def _block(into: int, out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(into, out, 3, stride=2, padding=1),
        nn.BatchNorm2d(out),
        nn.ReLU(),
        nn.Conv2d(out, out, 3, padding=1),
        nn.BatchNorm2d(out),
        nn.ReLU(),
    )


class Judge(nn.Module):
    """Strided convolutions down to 4 x 4, then one linear layer for each question."""

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self._things = [thing.name for thing in THINGS[: preset.things]]
        depth = (preset.side // 4).bit_length() - 1
        widths = [3, *(min(192, 24 * 2**level) for level in range(depth))]
        self.body = nn.Sequential(*(_block(a, b) for a, b in pairwise(widths)), nn.Flatten())
        sizes = (len(self._things), len(_COLOURS), len(_PLACES), 3)
        self.heads = nn.ModuleList(nn.Linear(widths[-1] * 16, size) for size in sizes)

    def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        """Give the scores for thing, colour, place and count."""
        seen = self.body(pictures)
        return [head(seen) for head in self.heads]

    def answers(self, scenes: list[Scene]) -> torch.Tensor:
        """Give the right answers as numbers: (4, scenes)."""
        rows = [
            (self._things.index(s.thing), _COLOURS.index(s.colour), _PLACES.index(s.place), s.count - 1) for s in scenes
        ]
        return torch.tensor(rows).T

    @torch.no_grad()
    def look(self, pictures: torch.Tensor) -> list[Verdict]:
        """Judge pictures: float, (n, 3, side, side), -1..1."""
        best = [scores.argmax(1).tolist() for scores in self(pictures)]
        return [
            Verdict(self._things[thing], _COLOURS[colour], _PLACES[place], count + 1)
            for thing, colour, place, count in zip(*best, strict=True)
        ]


def _batch(rng: random.Random, preset: Preset) -> tuple[list[Scene], torch.Tensor]:
    scenes = [random_scene(rng, THINGS[: preset.things]) for _ in range(_BATCH)]
    return scenes, torch.stack([torch.from_numpy(as_array(paint(scene, preset.side))) for scene in scenes])


def train_judge(preset: Preset, workplace: Workplace) -> None:
    """Train the judge and leave `judge-final` in the workplace; done once."""
    done = workplace.file("judge-final.pt")
    if done.exists():
        return
    torch.manual_seed(preset.seed)
    judge = Judge(preset).to(workplace.device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(judge.parameters(), _PEAK_RATE, weight_decay=0.01, fused=True)
    training = Training("judge", workplace, preset.judge_steps, preset.seed, {"judge": judge, "optimizer": optimizer})
    for step, rng in training.steps():
        scenes, pictures = _batch(rng, preset)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, preset.judge_steps, _PEAK_RATE, decay=0.6)
        pictures = roughened(pictures).to(workplace.device, memory_format=torch.channels_last)
        with torch.autocast(workplace.device.type, torch.bfloat16):
            scores = judge(pictures)
        answers = judge.answers(scenes).to(workplace.device)
        losses = [functional.cross_entropy(s.float(), right) for s, right in zip(scores, answers, strict=True)]
        loss = torch.stack(losses).sum()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        training.note(loss)
    save_atomically(judge.state_dict(), done)


def load_judge(preset: Preset, workplace: Workplace) -> Judge:
    """Load the trained judge, on the CPU.

    Raises:
        FileNotFoundError: none has been trained in this workplace.
    """
    judge = Judge(preset)
    judge.load_state_dict(torch.load(workplace.file("judge-final.pt"), map_location="cpu", weights_only=True))
    return judge.eval()
