"""The latent bank: scenes already painted and encoded, in shards on disk, so that `unet` trains on latents only.

Captions are worded anew at every view; only the pictures are kept. A missing shard is made when it is first needed.
"""

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from diffusers import AutoencoderTiny
from PIL import Image

from training.loop import Workplace, save_atomically
from training.pictures import as_array, cover, paint
from training.presets import Preset
from training.scene import Scene, random_scene
from training.things import THINGS
from training.vae import FACTOR, load_vae

_ENCODE_BATCH = 64


@dataclass(frozen=True)
class Views:
    """Some scenes with their latents, scaled to spread 1, and how far each latent lies on the thing.

    `latents` is (scenes, channels, side/4, side/4), `cover` (scenes, side/4, side/4), 0 background to 1 thing; both
    float16 in a shard, float32 in a batch.
    """

    scenes: list[Scene]
    latents: torch.Tensor
    cover: torch.Tensor

    def pick(self, rows: list[int]) -> "Views":
        """Some of the views, as float32."""
        return Views([self.scenes[row] for row in rows], self.latents[rows].float(), self.cover[rows].float())

    def to(self, device: torch.device) -> "Views":
        """Move to the device, in the layout that convolutions like."""
        latents = self.latents.to(device, memory_format=torch.channels_last)
        return Views(self.scenes, latents, self.cover.to(device))


@torch.no_grad()
def encoded(
    vae: AutoencoderTiny, scenes: list[Scene], side: int, painter: Callable[[Scene, int], Image.Image] = paint
) -> Views:
    """Paint the scenes in `side` x `side` pixels and encode them."""
    covers = [torch.from_numpy(cover(scene, side, side // FACTOR)).half() for scene in scenes]
    latents: list[torch.Tensor] = []
    for first in range(0, len(scenes), _ENCODE_BATCH):
        part = scenes[first : first + _ENCODE_BATCH]
        painted = [torch.from_numpy(as_array(painter(scene, side))) for scene in part]
        pictures = torch.stack(painted).to(vae.device, memory_format=torch.channels_last)
        with torch.autocast(vae.device.type, torch.bfloat16):
            found = vae.encode(pictures).latents
        latents.append((found.float() * vae.config["scaling_factor"]).half().cpu())
    return Views(scenes, torch.cat(latents), torch.stack(covers))


def _make(preset: Preset, workplace: Workplace, number: int) -> Views:
    rng = random.Random(f"bank-{preset.seed}-{number}")
    things = THINGS[: preset.things]
    scenes = [random_scene(rng, things) for _ in range(preset.shard_size)]
    return encoded(load_vae(preset, workplace), scenes, preset.side)


def shard(preset: Preset, workplace: Workplace, number: int) -> Views:
    """Load shard `number`, or make and keep it."""
    path = workplace.file(f"bank-{number:03}.pt")
    if path.exists():
        saved = torch.load(path, map_location="cpu", weights_only=True)
        return Views([Scene(**fields) for fields in saved["scenes"]], saved["latents"], saved["cover"])
    made = _make(preset, workplace, number)
    scenes = [asdict(scene) for scene in made.scenes]
    save_atomically({"scenes": scenes, "latents": made.latents, "cover": made.cover}, path)
    return made


class Bank:
    """All shards opened so far; grows by one whenever asked for more views than it has given out."""

    def __init__(self, preset: Preset, workplace: Workplace) -> None:
        self._preset, self._workplace = preset, workplace
        self._shards: list[Views] = []

    def _open(self, step: int) -> None:
        views = step * self._preset.unet_batch
        wanted = min(self._preset.bank_shards, 1 + views // (2 * self._preset.shard_size))
        while len(self._shards) < wanted:
            self._shards.append(shard(self._preset, self._workplace, len(self._shards)))

    def batch(self, step: int, rng: random.Random) -> Views:
        """Draw a step's views (float32) from the shards that this step may see."""
        self._open(step)
        picks = [
            (rng.choice(self._shards), rng.randrange(self._preset.shard_size)) for _ in range(self._preset.unet_batch)
        ]
        return Views(
            [each.scenes[row] for each, row in picks],
            torch.stack([each.latents[row] for each, row in picks]).float(),
            torch.stack([each.cover[row] for each, row in picks]).float(),
        )
