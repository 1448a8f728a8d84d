"""What a picture will look like, guessed in the middle of the drawing: the network's present idea of it, decoded small.

Every sampler hands its network's answer to `scheduler.step`; from that answer, the noisy picture and the noise level
follows the clean picture that the network has in mind. `painting` has each pass followed; `sketches` says when.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import torch
from PIL import Image

from core.worker.diffusion.libraries import Foreign
from core.worker.renderer import DrawJob, Wanted
from core.worker.sketches import SIDE, Sketches

_LEAST_SIGNAL = 1e-4


def follow(pipe: Foreign, jobs: Sequence[DrawJob], sketches: Sketches, *, guarded: bool, wanted: Wanted) -> None:
    """Have one pass of a pipeline, with a scheduler of its own, make sketches as it goes; it draws the same as without.

    A picture that its requester wants covered where it is NSFW is not shown before the model's checker (`guarded`) has
    seen it.
    """
    shown = [(at, job.id) for at, job in enumerate(jobs) if not (guarded and job.censor_nsfw)]
    scheduler, step = pipe.scheduler, pipe.scheduler.step

    @functools.wraps(step)
    def look_and_step(
        answer: torch.Tensor, time: Foreign, noisy: torch.Tensor, *more: object, **named: object
    ) -> object:
        if sketches.due() and (now := [(at, name) for at, name in shown if wanted(name)]):
            rows = [at for at, _ in now]
            clean = _clean(scheduler, answer[rows], time, noisy[rows])
            for (_, name), image in zip(now, _decoded(pipe, clean), strict=True):
                sketches.show(name, image)
        return step(answer, time, noisy, *more, **named)

    scheduler.step = look_and_step


def _clean(scheduler: Foreign, answer: torch.Tensor, time: Foreign, noisy: torch.Tensor) -> torch.Tensor:
    """The clean latents that the network's answer means, (pictures, channels, height, width)."""
    signals = scheduler.alphas_cumprod
    signal = max(_LEAST_SIGNAL, float(signals[min(max(round(float(time)), 0), len(signals) - 1)]))
    if float(scheduler.init_noise_sigma) > 1.0:  # this sampler adds noise to the picture instead of mixing the two
        noisy = noisy * math.sqrt(signal)
    match scheduler.config.prediction_type:
        case "v_prediction":
            return math.sqrt(signal) * noisy - math.sqrt(1 - signal) * answer
        case "sample":
            return answer
        case _:
            return (noisy - math.sqrt(1 - signal) * answer) / math.sqrt(signal)


def _decoded(pipe: Foreign, latents: torch.Tensor) -> list[Image.Image]:
    """Pictures of at most about `SIDE` pixels: the latents are made smaller first, so that decoding costs little."""
    vae = pipe.vae
    factor = math.ceil(max(latents.shape[-2:]) * pipe.vae_scale_factor / SIDE)
    small = torch.nn.functional.avg_pool2d(latents, min(factor, *latents.shape[-2:]))
    # The autoencoder of SDXL overflows in half precision; its pipeline converts it for the finished picture likewise.
    widened = vae.dtype == torch.float16 and getattr(vae.config, "force_upcast", False)
    if widened:
        vae.to(dtype=torch.float32)
    pixels = vae.decode((small / vae.config.scaling_factor).to(vae.dtype), return_dict=False)[0]
    if widened:
        vae.to(dtype=torch.float16)
    seen = torch.nan_to_num(pixels.float() / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
    return [Image.fromarray(each) for each in (seen * 255).round().to(torch.uint8).cpu().numpy()]
