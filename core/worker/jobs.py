"""What a pop gives, as jobs in the worker's hands: one for each picture, with where it is to go.

`agent` makes them, `waiting` keeps them until a device is free, `easel` has them drawn, `delivery` hands them in.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from core.contract.names import Capability
from core.contract.work import JobPayload, PopResponse
from core.worker.renderer import DrawJob

CAPABILITIES = (
    Capability.R2,
    Capability.SOURCE_IMAGE,
    Capability.PAINTING,
    Capability.HIRES_FIX,
    Capability.TILING,
    Capability.CLIP_SKIP,
    Capability.PROGRESS,
    Capability.SEEDS,
)
"""What a DrawJob can carry to a renderer; more is not asked for."""

MAX_CRASHES = 2
_SEEDS = 2**32
_MOST_DIGITS = 18
"""Digits of a seed that certainly fit; longer ones are hashed like words."""


@dataclass(slots=True, kw_only=True)
class Held:
    """One picture this worker has promised.

    Attributes:
        job: what to draw; its sources are there once `agent` has fetched them.
        upload: address to PUT the picture to; empty = hand it in as base64.
        source: address or base64 of the source picture; empty = none.
        mask: the same of the mask.
        crashes: device processes that died or hung over it so far.
        alone: not to be drawn together with others any more, because one of its batch fails.
    """

    job: DrawJob
    upload: str = ""
    source: str = ""
    mask: str = ""
    crashes: int = 0
    alone: bool = False


def held(offer: PopResponse, dress: Callable[[DrawJob, JobPayload], DrawJob] | None = None) -> list[Held]:
    """The jobs of a pop; empty when it brought none.

    Args:
        offer: the coordinator's answer.
        dress: puts on what the payload asks for besides; None = nothing is.
    """
    if not offer.model or not offer.ids:
        return []
    uploads = offer.r2_uploads or ([offer.r2_upload] if offer.r2_upload else [])
    return [
        Held(
            job=_job(offer, index) if dress is None else dress(_job(offer, index), offer.payload),
            upload=uploads[index] if index < len(uploads) else "",
            source=offer.source_image or "",
            mask=offer.source_mask or "",
        )
        for index in range(len(offer.ids))
    ]


def _job(offer: PopResponse, index: int) -> DrawJob:
    payload = offer.payload
    prompt, _, negative = (payload.prompt or "").partition("###")
    return DrawJob(
        id=offer.ids[index],
        model=offer.model or "",
        prompt=prompt.strip(),
        negative_prompt=negative.strip(),
        width=payload.width,
        height=payload.height,
        steps=max(1, payload.ddim_steps),
        sampler=payload.sampler_name,
        karras=payload.karras,
        cfg_scale=payload.cfg_scale,
        seed=_seed(offer, index),
        clip_skip=payload.clip_skip or 1,
        tiling=payload.tiling,
        denoising_strength=payload.denoising_strength,
        hires_fix=payload.hires_fix,
        hires_denoising_strength=payload.hires_fix_denoising_strength,
        source_processing=offer.source_processing,
        censor_nsfw=payload.use_nsfw_censor,
    )


def _seed(offer: PopResponse, index: int) -> int:
    """Our coordinator names each picture's seed; another one names the first, and the others follow it."""
    if offer.seeds and index < len(offer.seeds):
        return _number(offer.seeds[index])
    if offer.payload.seed is None:
        return secrets.randbelow(_SEEDS)
    return (_number(offer.payload.seed) + index * (offer.payload.seed_variation or 1)) % 2**63


def _number(seed: str) -> int:
    if seed.isascii() and seed.isdigit() and len(seed) <= _MOST_DIGITS:
        return int(seed)
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4], "little")
