"""What a picture costs: a closed formula of our own.

With P = width·height / 512² and S = sampling steps, a picture costs

    head(P) + S · pace(P) · sampler · source · control · hires  +  mask + post-processors + LoRAs + embeddings

    head(P) = 2.207 + 0.580 · P^1.727        what a picture costs before its first step
    pace(P) = 0.0668 + 0.0846 · P^0.989      what a step costs

in kudos. The four coefficients and two exponents are a robust least-squares fit of the logarithm to a table of measured
prices of the public horde (sizes 512² to 2048², 1 to 100 steps); the factors follow from single measured prices. On
that table the median error is 4 %, the largest 19 %. It grows with every step, pixel and addition, which a trained
network does not promise. `tests/coordinator/rules/test_pricing.py` holds it to the table.
"""

from __future__ import annotations

import re

from core.contract.generate import GenerateRequest, GenerationParams
from core.contract.names import UPSCALERS, ControlType, PostProcessor, Sampler, SourceProcessing, Workflow

TAX = 300
TAX_SHARED = 100
TAX_EXTRA_SOURCE = 500
"""Hundredths of a kudos for each extra source picture."""

_SAMPLERS: dict[Sampler, float] = {
    Sampler.K_DPM_FAST: 0.95,
    Sampler.K_DPMPP_2M: 0.98,
    Sampler.K_LMS: 0.99,
    Sampler.K_EULER_A: 1.0,
    Sampler.K_DPMPP_2S_A: 1.98,
    Sampler.K_DPM_2: 2.01,
    Sampler.K_HEUN: 2.17,
    Sampler.K_DPMPP_SDE: 2.17,
    Sampler.K_DPM_2_A: 2.17,
    Sampler.K_DPM_ADAPTIVE: 2.25,
}
_OTHER_SAMPLER = 1.05

_CONTROLS: dict[ControlType, float] = {
    ControlType.SCRIBBLE: 0.53,
    ControlType.SEG: 2.84,
    ControlType.HOUGH: 3.2,
    ControlType.FAKESCRIBBLES: 3.39,
    ControlType.OPENPOSE: 3.48,
    ControlType.CANNY: 3.5,
    ControlType.DEPTH: 3.93,
    ControlType.HED: 4.0,
    ControlType.NORMAL: 4.54,
}

_POST_PROCESSORS: dict[PostProcessor, float] = {
    PostProcessor.CODEFORMERS: 0.0,
    PostProcessor.STRIP_BACKGROUND: 1.21,
    PostProcessor.REALESRGAN_X4PLUS_ANIME_6B: 1.24,
    PostProcessor.GFPGAN: 1.6,
    PostProcessor.NMKD_SIAX: 1.67,
    PostProcessor.REALESRGAN_X4PLUS: 2.67,
    PostProcessor.REALESRGAN_X2PLUS: 2.98,
    PostProcessor.ANIME_SHARP_4X: 3.7,
}
_OTHER_POST_PROCESSOR = 2.0

_MASK = 1.57
_HIRES = 1.33
_LORA = 3.0
_EMBEDDINGS = 1.0

_DOUBLE_SAMPLERS = frozenset(
    {Sampler.K_HEUN, Sampler.K_DPM_2, Sampler.K_DPM_2_A, Sampler.K_DPMPP_2S_A, Sampler.K_DPMPP_SDE}
)
_ADAPTIVE_STEPS = 40
_BASELINES: tuple[tuple[re.Pattern[str], float], ...] = (
    (re.compile(r"qwen", re.IGNORECASE), 12.0),
    (re.compile(r"flux|z[-_ ]?image|\[zmodel\]", re.IGNORECASE), 8.0),
    (re.compile(r"cascade", re.IGNORECASE), 4.0),
    (re.compile(r"sdxl", re.IGNORECASE), 2.0),
)


def accurate_steps(params: GenerationParams) -> int:
    """Passes through the model that the sampler really makes."""
    if params.sampler_name == Sampler.K_DPM_ADAPTIVE:
        return _ADAPTIVE_STEPS
    return params.steps * (2 if params.sampler_name in _DOUBLE_SAMPLERS else 1)


def pixelsteps(params: GenerationParams) -> int:
    """The work in one picture: pixels times passes."""
    return params.width * params.height * accurate_steps(params)


def picture_price(request: GenerateRequest, *, has_source: bool, has_mask: bool) -> int:
    """What one picture earns a worker on a model of baseline 1, hundredths of a kudos."""
    params = request.params
    pixels = params.width * params.height / 262144
    head = 2.2072 + 0.5803 * pixels**1.7273
    pace = 0.0668 + 0.0846 * pixels**0.9888
    extras = sum(_POST_PROCESSORS.get(name, _OTHER_POST_PROCESSOR) for name in params.post_processing)
    extras += _LORA * len(params.loras) + (_EMBEDDINGS if params.tis else 0.0) + (_MASK if has_mask else 0.0)
    return round(100 * (head + params.steps * pace * _pace_factor(params, has_source=has_source) + extras))


def _pace_factor(params: GenerationParams, *, has_source: bool) -> float:
    factor = _SAMPLERS.get(params.sampler_name, _OTHER_SAMPLER)
    if has_source:
        strength = 0.75 if params.denoising_strength is None else params.denoising_strength
        factor *= 0.63 + 0.5 * strength
    if params.control_type is not None and not params.return_control_map:
        factor *= _CONTROLS[params.control_type]
    return factor * (_HIRES if params.hires_fix else 1.0)


def picture_charge(request: GenerateRequest, price: int, *, has_source: bool) -> int:
    """What one picture costs the requester, given what it earns the worker; hundredths, baseline 1."""
    factor = 1.3 if has_source else 1.0
    factor *= 1.05 ** sum(name in UPSCALERS for name in request.params.post_processing)
    factor *= 1.0 if request.slow_workers else 1.2
    factor *= 1.1 if request.workers and request.worker_blacklist else 1.0
    return round(price * factor)


def baseline(model: str, *, workflow: Workflow | None = None, hires: bool = False) -> float:
    """How many times the work of a plain model this one is, told by its name or by a tag such as [SDXL] in it."""
    for pattern, factor in _BASELINES:
        if pattern.search(model):
            if factor == 2.0 and workflow == Workflow.QR_CODE:  # SDXL
                return 4.0
            return 7.0 if "cascade" in model.lower() and hires else factor
    return 1.0


def may_be_shared(request: GenerateRequest, *, has_source: bool) -> bool:
    """Pictures drawn from somebody's own picture are never shared."""
    return not has_source and request.source_processing == SourceProcessing.IMG2IMG


def tax(*, shared: bool, extra_sources: int) -> int:
    """What a request costs at acceptance, once, whatever becomes of it; hundredths."""
    return (TAX_SHARED if shared else TAX) + TAX_EXTRA_SOURCE * extra_sources
