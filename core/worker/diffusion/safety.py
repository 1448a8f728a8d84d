"""The NSFW flag, with what the model itself brings: its own safety checker where it has one, otherwise an honest note.

The pipeline would run its checker on every picture and black out what it dislikes; here it runs only where the
requester wants such pictures covered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from core.worker.diffusion.libraries import Foreign
from core.worker.renderer import DrawJob

NOTE = "nsfw_check"
Pixels = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Guard:
    """A model's own checker and the picture processor in front of it."""

    checker: Foreign
    processor: Foreign


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the check of one picture came to: cover it or not, and what to say in its metadata ("" = nothing)."""

    cover: bool
    note: str


def judge(guard: Guard | None, jobs: Sequence[DrawJob], pictures: Sequence[Image.Image]) -> list[Verdict]:
    """One verdict per picture. Pictures whose requester does not mind are not looked at."""
    return [
        _judge(guard, picture) if job.censor_nsfw else _UNASKED for job, picture in zip(jobs, pictures, strict=True)
    ]


def cover(picture: Image.Image) -> Image.Image:
    """A black picture of the same size."""
    return Image.new("RGB", picture.size, "black")


_UNASKED = Verdict(cover=False, note="")
_IMPOSSIBLE = Verdict(cover=False, note="not done: the model has no safety checker")


def _judge(guard: Guard | None, picture: Image.Image) -> Verdict:
    if guard is None:
        return _IMPOSSIBLE
    seen = guard.processor(picture, return_tensors="pt").pixel_values
    seen = seen.to(device=guard.checker.device, dtype=guard.checker.dtype)
    pixels: Pixels = np.asarray(picture, dtype=np.float32)[None] / np.float32(255)
    _, found = guard.checker(images=pixels, clip_input=seen)
    bad = bool(found[0])
    return Verdict(cover=bad, note="found, covered" if bad else "passed")
