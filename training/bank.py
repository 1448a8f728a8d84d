"""The latent bank: scenes already painted and encoded, in shards on disk, so that `unet` trains on latents only.

Captions are worded anew at every view; only the pictures are kept. A missing shard is made when it is first needed.
"""

import random
from dataclasses import asdict, dataclass

import torch

from training.loop import Workplace, save_atomically
from training.pictures import as_array, paint
from training.presets import Preset
from training.scene import Scene, random_scene
from training.things import THINGS
from training.vae import load_vae

_ENCODE_BATCH = 64


@dataclass(frozen=True)
class Shard:
    """Some scenes with their latents: float16, (scenes, channels, side/4, side/4), scaled to spread 1."""

    scenes: list[Scene]
    latents: torch.Tensor


@torch.no_grad()
def _make(preset: Preset, workplace: Workplace, number: int) -> Shard:
    rng = random.Random(f"bank-{preset.seed}-{number}")
    vae = load_vae(preset, workplace)
    things = THINGS[: preset.things]
    scenes = [random_scene(rng, things) for _ in range(preset.shard_size)]
    encoded: list[torch.Tensor] = []
    for first in range(0, len(scenes), _ENCODE_BATCH):
        painted = [
            torch.from_numpy(as_array(paint(scene, preset.side))) for scene in scenes[first : first + _ENCODE_BATCH]
        ]
        pictures = torch.stack(painted).to(workplace.device, memory_format=torch.channels_last)
        with torch.autocast(workplace.device.type, torch.bfloat16):
            latents = vae.encode(pictures).latents
        encoded.append((latents.float() * vae.config["scaling_factor"]).half().cpu())
    return Shard(scenes, torch.cat(encoded))


def shard(preset: Preset, workplace: Workplace, number: int) -> Shard:
    """Load shard `number`, or make and keep it."""
    path = workplace.file(f"bank-{number:03}.pt")
    if path.exists():
        saved = torch.load(path, map_location="cpu", weights_only=True)
        return Shard([Scene(**fields) for fields in saved["scenes"]], saved["latents"])
    made = _make(preset, workplace, number)
    save_atomically({"scenes": [asdict(scene) for scene in made.scenes], "latents": made.latents}, path)
    return made


class Bank:
    """All shards opened so far; grows by one whenever asked for more views than it has given out."""

    def __init__(self, preset: Preset, workplace: Workplace) -> None:
        self._preset, self._workplace = preset, workplace
        self._shards: list[Shard] = []

    def _open(self, step: int) -> None:
        views = step * self._preset.unet_batch
        wanted = min(self._preset.bank_shards, 1 + views // (2 * self._preset.shard_size))
        while len(self._shards) < wanted:
            self._shards.append(shard(self._preset, self._workplace, len(self._shards)))

    def batch(self, step: int, rng: random.Random) -> tuple[list[Scene], torch.Tensor]:
        """Draw a step's scenes and latents (float32) from the shards that this step may see."""
        self._open(step)
        picks = [
            (rng.choice(self._shards), rng.randrange(self._preset.shard_size)) for _ in range(self._preset.unet_batch)
        ]
        return [each.scenes[row] for each, row in picks], torch.stack(
            [each.latents[row] for each, row in picks]
        ).float()
