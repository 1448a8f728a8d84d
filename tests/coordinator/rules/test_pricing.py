"""The price formula against measured prices of the public horde."""

from __future__ import annotations

import statistics

import pytest

from core.contract.generate import GenerateRequest
from core.coordinator.rules import pricing

STEPS = (1, 10, 20, 25, 30, 40, 50, 100)
MEASURED = {
    (512, 512): (3.46, 4.26, 5.76, 6.62, 7.61, 9.40, 10.98, 19.92),
    (512, 768): (3.58, 4.91, 6.60, 7.49, 8.44, 10.68, 12.30, 23.35),
    (768, 768): (5.08, 6.51, 9.11, 10.54, 11.75, 14.24, 16.44, 29.91),
    (832, 1216): (9.09, 12.28, 15.64, 18.13, 20.58, 25.91, 29.32, 48.06),
    (1024, 1024): (9.77, 12.53, 15.98, 18.28, 20.99, 26.45, 29.59, 48.54),
    (1536, 1024): (14.27, 17.91, 24.18, 28.43, 32.86, 44.61, 51.95, 74.41),
    (2048, 2048): (74.87, 86.87, 100.2, 106.9, 113.6, 125.6, 134.4, 175.9),
}
SAMPLERS = {
    "k_dpm_fast": 7.40,
    "k_dpmpp_2m": 7.52,
    "k_lms": 7.57,
    "k_euler_a": 7.61,
    "k_euler": 7.84,
    "lcm": 7.84,
    "dpmsolver": 7.84,
    "DDIM": 7.84,
    "k_dpmpp_2s_a": 12.07,
    "k_dpm_2": 12.18,
    "k_heun": 12.91,
    "k_dpmpp_sde": 12.93,
    "k_dpm_2_a": 12.94,
    "k_dpm_adaptive": 13.29,
}
POST_PROCESSING = {
    ("CodeFormers",): 6.77,
    ("strip_background",): 8.82,
    ("RealESRGAN_x4plus_anime_6B",): 8.85,
    ("GFPGAN",): 9.21,
    ("NMKD_Siax",): 9.28,
    ("RealESRGAN_x4plus",): 10.28,
    ("RealESRGAN_x2plus",): 10.59,
    ("4x_AnimeSharp",): 11.31,
    ("GFPGAN", "RealESRGAN_x4plus"): 11.85,
}
CONTROL = {
    "scribble": 4.40,
    "seg": 11.39,
    "hough": 12.48,
    "fakescribbles": 13.06,
    "openpose": 13.35,
    "canny": 13.40,
    "depth": 14.70,
    "hed": 14.92,
    "normal": 16.56,
}


def _price(*, source: bool = False, mask: bool = False, **params: object) -> float:
    given = {"width": 512, "height": 512, "steps": 30, **params}
    request = GenerateRequest.model_validate({"prompt": "x", "params": given})
    return pricing.picture_price(request, has_source=source, has_mask=mask) / 100


def _errors() -> dict[str, float]:
    found: dict[str, tuple[float, float]] = {}
    for (width, height), row in MEASURED.items():
        for steps, measured in zip(STEPS, row, strict=True):
            found[f"{width}x{height}x{steps}"] = _price(width=width, height=height, steps=steps), measured
    for sampler, measured in SAMPLERS.items():
        found[sampler] = _price(sampler_name=sampler), measured
    for names, measured in POST_PROCESSING.items():
        found["+".join(names)] = _price(post_processing=list(names)), measured
    for control, measured in CONTROL.items():
        price = _price(steps=20, source=True, control_type=control, denoising_strength=0.75)
        found[control] = price, measured
    found["img2img .25"] = _price(source=True, denoising_strength=0.25), 6.21
    found["img2img 1"] = _price(source=True, denoising_strength=1.0), 7.90
    found["inpainting"] = _price(source=True, mask=True, denoising_strength=1.0), 9.47
    found["hires"] = _price(width=1024, height=1024, hires_fix=True), 24.61
    return {name: abs(ours / measured - 1) for name, (ours, measured) in found.items()}


def test_the_formula_keeps_to_the_measured_prices() -> None:
    """The median error over all measured prices is at most 10 %, and no single one is off by more than 30 %."""
    errors = _errors()
    assert statistics.median(errors.values()) <= 0.10
    assert {name: error for name, error in errors.items() if error > 0.30} == {}


def test_more_work_never_costs_less() -> None:
    """The price grows with steps and with pixels."""
    prices = [_price(width=side, height=side, steps=steps) for side in range(64, 3073, 64) for steps in (1, 30, 500)]
    assert all(price > 0 for price in prices)
    for sides in zip(*[iter(prices)] * 3, strict=True):
        assert list(sides) == sorted(sides)
    assert prices[1::3] == sorted(prices[1::3])


def test_additions_cost_what_they_say() -> None:
    """3 for each LoRA, 1 for any textual inversions."""
    plain = _price()
    assert _price(loras=[{"name": "a"}, {"name": "b"}]) == pytest.approx(plain + 6)
    assert _price(tis=[{"name": "a"}, {"name": "b"}]) == pytest.approx(plain + 1)


@pytest.mark.parametrize(
    ("model", "factor"),
    [("little", 1), ("stable_diffusion", 1), ("Some [SDXL]", 2), ("Flux.1-Schnell fp8", 8), ("Qwen-Image_fp8", 12)],
)
def test_larger_families_cost_more(model: str, factor: float) -> None:
    """A model's family multiplies the price."""
    assert pricing.baseline(model) == factor


def test_wishes_that_narrow_the_choice_cost_more() -> None:
    """Refusing slow workers, naming unwanted ones, a source picture and upscaling raise what the requester pays."""
    plain = GenerateRequest(prompt="x")
    assert pricing.picture_charge(plain, 1000, has_source=False) == 1000
    assert pricing.picture_charge(plain, 1000, has_source=True) == 1300
    assert pricing.picture_charge(plain.model_copy(update={"slow_workers": False}), 1000, has_source=False) == 1200
    picky = plain.model_copy(update={"workers": ["a"], "worker_blacklist": True})
    assert pricing.picture_charge(picky, 1000, has_source=False) == 1100
