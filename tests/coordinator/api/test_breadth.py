"""Everything that can be asked for reaches the worker as it was asked, at the price that a dry run said."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import Any

import pytest

ASYNC = "/api/v2/generate/async"
CAPABLE = [
    "img2img", "painting", "controlnet", "post_processing", "lora", "lora_versions", "textual_inversion", "hires_fix",
    "tiling", "clip_skip", "extra_source_images", "extra_texts", "workflow", "layer_diffuse", "image_is_control",
    "return_control_map", "lcm",
]  # fmt: skip
WILLING = {
    "capabilities": CAPABLE,
    "allow_lora": True,
    "allow_controlnet": True,
    "allow_sdxl_controlnet": True,
}
SMALL = {"width": 64, "height": 64, "steps": 4}


def png() -> str:
    from PIL import Image

    out = BytesIO()
    Image.new("RGB", (64, 64), "blue").save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


PARAMS: list[dict[str, Any]] = [
    {"loras": [{"name": "123", "model": 0.5, "clip": -1.0, "inject_trigger": "any", "is_version": True}]},
    {"tis": [{"name": "x", "inject_ti": "negprompt", "strength": 0.7}]},
    {"post_processing": ["RealESRGAN_x4plus", "GFPGAN"], "facefixer_strength": 0.4},
    {"hires_fix": True, "hires_fix_denoising_strength": 0.6},
    {"tiling": True, "clip_skip": 3},
    {"transparent": True},
    {"workflow": "qr_code", "extra_texts": [{"text": "https://example.org", "reference": "qr_code"}]},
    {"sampler_name": "lcm", "cfg_scale": 1.25, "karras": False},
    {"seed": "42", "seed_variation": 7},
]


@pytest.mark.parametrize("fields", PARAMS, ids="+".join)
async def test_parameters_reach_the_worker(horde: Any, fields: dict[str, Any]) -> None:
    """A worker that can do it gets it word for word; one that declares nothing is not given it."""
    await horde.ask(params={**SMALL, **fields})
    if fields.keys() - {"seed", "seed_variation", "cfg_scale", "karras", "facefixer_strength"}:
        assert (await horde.pop(name="Plain", bridge_agent="unknown:0:x"))["model"] is None
    job = await horde.pop(**WILLING)
    payload = {name: value for name, value in job["payload"].items() if name in fields}
    assert payload == {name: value for name, value in fields.items() if name in payload}
    assert set(fields) - set(payload) <= {"seed_variation"}


@pytest.mark.parametrize(
    ("fields", "params"),
    [
        ({"source_processing": "img2img"}, {"denoising_strength": 0.5}),
        ({"source_processing": "inpainting", "source_mask": png()}, {}),
        ({"source_processing": "outpainting", "source_mask": png()}, {}),
        ({"source_processing": "remix", "extra_source_images": [{"image": png(), "strength": 0.5}]}, {}),
        ({}, {"control_type": "canny", "return_control_map": True}),
    ],
)
async def test_source_pictures_reach_the_worker(horde: Any, fields: dict[str, Any], params: dict[str, Any]) -> None:
    """Each as an address that gives a webp, with its processing and strength."""
    await horde.ask(source_image=png(), **fields, params={**SMALL, **params})
    job = await horde.pop(**WILLING)
    assert job["source_processing"] == fields.get("source_processing", "img2img")
    extra = job["extra_source_images"] or []
    assert [each["strength"] for each in extra] == [each["strength"] for each in fields.get("extra_source_images", [])]
    addresses = [job["source_image"], *([job["source_mask"]] if "source_mask" in fields else [])]
    for address in (*addresses, *(each["image"] for each in extra)):
        assert (await horde.get(address)).raw[8:12] == b"WEBP"


async def price(horde: Any, **fields: Any) -> float:
    params = {**SMALL, **fields.pop("params", {})}
    body = {"prompt": "x", "models": ["little"], "dry_run": True, "params": params, **fields}
    answer = await horde.post(ASYNC, body, horde.bots_key)
    assert answer.status == 200, answer.raw
    return answer.json["kudos"]


async def test_prices_have_their_factors_and_adders(horde: Any) -> None:
    """The tax is 3, or 1 when shared; refusing slow workers costs a fifth, naming unwanted ones a tenth; LoRAs add."""
    await horde.pop()
    worker = (await horde.get("/api/v2/workers")).json[0]["id"]
    plain = await price(horde) - 3
    assert await price(horde, shared=True) == pytest.approx(plain + 1)
    assert await price(horde, slow_workers=False) == pytest.approx(plain * 1.2 + 3, abs=0.02)
    assert await price(horde, workers=[worker], worker_blacklist=True) == pytest.approx(plain * 1.1 + 3, abs=0.02)
    assert await price(horde, workers=[worker]) == pytest.approx(plain + 3)
    assert await price(horde, params={"loras": [{"name": "a"}, {"name": "b"}]}) == pytest.approx(plain + 6 + 3)
    assert await price(horde, params={"tis": [{"name": "a"}, {"name": "b"}]}) == pytest.approx(plain + 1 + 3)
    assert await price(horde, models=["SDXL 1.0"]) == pytest.approx(plain * 2 + 3, abs=0.02)
    assert await price(horde, params={"n": 3}) == pytest.approx(plain * 3 + 3, abs=0.02)
    extra = {"source_image": png(), "source_processing": "remix"}
    one = await price(horde, **extra, extra_source_images=[{"image": png()}])
    assert one == pytest.approx(await price(horde, **extra) + 5)
    body = {"prompt": "x", "models": ["little"], "params": SMALL}
    assert (await horde.post(ASYNC, body, horde.bots_key)).json["kudos"] == pytest.approx(plain + 3)


async def test_workers_are_chosen_and_avoided(horde: Any) -> None:
    """A list of workers is for them alone; as a list of unwanted ones, for all others."""
    await horde.pop(name="First")
    await horde.pop(name="Second")
    first = (await horde.get("/api/v2/workers/name/First")).json["id"]
    await horde.ask(workers=[first])
    assert (await horde.pop(name="Second"))["model"] is None
    assert (await horde.pop(name="First"))["model"] == "little"
    await horde.ask(workers=[first], worker_blacklist=True)
    assert (await horde.pop(name="First"))["model"] is None
    assert (await horde.pop(name="Second"))["model"] == "little"


async def test_what_nobody_can_do_is_said_at_once(horde: Any) -> None:
    """The 202 carries a warning with the reason, and the message that old clients show."""
    await horde.pop()
    body = {"prompt": "x", "models": ["little"], "params": {**SMALL, "loras": [{"name": "a"}]}}
    answer = (await horde.post(ASYNC, body)).json
    assert answer["is_possible"] is False
    assert answer["warnings"] == [{"code": "NoAvailableWorker", "message": answer["message"]}]
    assert "LoRA" in answer["message"]


async def test_a_downgrade_shrinks_what_cannot_be_paid(horde: Any) -> None:
    """Without kudos a large request is refused, unless it may be made smaller."""
    large = {"prompt": "x", "models": ["little"], "params": {"width": 2048, "height": 2048, "steps": 100}}
    refused = await horde.post(ASYNC, large)
    assert (refused.status, refused.json["rc"]) == (403, "KudosUpfront")
    assert (await horde.post(ASYNC, {**large, "allow_downgrade": True})).status == 202
    payload = (await horde.pop(**WILLING, max_pixels=1 << 24))["payload"]
    assert payload["width"] * payload["height"] <= 1024 * 1024
    assert payload["ddim_steps"] <= 40
