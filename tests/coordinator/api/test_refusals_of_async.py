"""Every code of generate/async, and the request that provokes it; codes of what other parts bring name their part."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import Any

import pytest

from core.contract.codes import Rc

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANONYMOUS = "0000000000"


def png(side: int = 64, mode: str = "RGB") -> str:
    """A picture as clients send it."""
    from PIL import Image

    out = BytesIO()
    Image.new(mode, (side, side), "red").save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def params(**fields: Any) -> dict[str, Any]:
    return {"params": {"width": 64, "height": 64, "steps": 4, **fields}}


IMAGE = {"source_image": png()}
MASK = {"source_mask": png()}
PAINT = {"source_processing": "inpainting"}
REMIX = {"source_processing": "remix"}
LORA = {"name": "x"}
QR = {"workflow": "qr_code"}
QR_TEXT = {"extra_texts": [{"text": "hello", "reference": "qr_code"}]}
EXTRA = {"image": png()}

PROVOKED: list[tuple[Rc, dict[str, Any]]] = [
    (Rc.BAD_REQUEST, {"webhook": "http://example.org/hook"}),
    (Rc.ONLY_SERVICE_ACCOUNT_PROXY, {"proxied_account": "someone"}),
    (Rc.TOO_MANY_EXTRA_SOURCE_IMAGES, {**IMAGE, **REMIX, "extra_source_images": [EXTRA] * 6}),
    (Rc.MORE_THAN_MIN_EXTRA_SOURCE_IMAGE, {**IMAGE, **REMIX, "extra_source_images": [EXTRA] * 2}),
    (Rc.WORKER_NOT_FOUND, {"workers": ["00000000-0000-0000-0000-000000000001"]}),
    (Rc.REQUIRES_TRUST, {"disable_batching": True, **params(n=2)}),
    (Rc.HIRES_MISMATCH, {"models": ["Flux.1-Schnell"], **params(hires_fix=True)}),
    (Rc.MISSING_PROMPT, {"prompt": " ### nothing but what must not be seen"}),
    (Rc.TOO_MANY_LORAS, params(loras=[LORA] * 6)),
    (Rc.BAD_LORA_VERSION, params(loras=[{**LORA, "is_version": True}])),
    (Rc.TOO_MANY_TIS, params(tis=[{"name": "x"}] * 21)),
    (Rc.INVALID_TRANSPARENCY_MODEL, {"models": ["Stable Cascade 1.0"], **params(transparent=True)}),
    (Rc.CONTROLNET_MISMATCH, {"models": ["Flux.1-Schnell"], **params(**QR, **QR_TEXT)}),
    (Rc.INVALID_PROMPT_SIZE, {"prompt": "word " * 7501}),
    (Rc.UNEXPECTED_MODEL_NAME, {"models": ["GFPGAN"]}),
    (Rc.UNEXPECTED_MODEL_NAME, {"models": ["canny"]}),
    (Rc.TOO_MANY_UPSCALERS, params(post_processing=["RealESRGAN_x4plus", "NMKD_Siax"])),
    (Rc.BAD_CFG_DECIMALS, params(cfg_scale=7.123)),
    (Rc.SPECIAL_FIELD_NEEDS_SPECIAL_USER, params(special={"a": 1})),
    (Rc.SPECIAL_MODEL_NEEDS_SPECIAL_USER, {"models": ["horde_special::someone#1"]}),
    (Rc.SOURCE_MASK_UNNECESSARY, {**IMAGE, **MASK}),
    (Rc.CONTROLNET_UNSUPPORTED, {"models": ["stable_diffusion_2.1"], **IMAGE, **params(control_type="canny")}),
    (Rc.CONTROLNET_SOURCE_MISSING, params(control_type="canny")),
    (Rc.CONTROLNET_INPAINTING_MISMATCH, {**IMAGE, **MASK, **PAINT, **params(control_type="canny")}),
    (Rc.CONTROLNET_MISMATCH, {"models": ["SDXL 1.0"], **IMAGE, **params(control_type="canny")}),
    (Rc.INVALID_TRANSPARENCY_IMG2IMG, {**IMAGE, **params(transparent=True)}),
    (Rc.INVALID_TRANSPARENCY_CN, {**IMAGE, **params(transparent=True, control_type="canny")}),
    (Rc.INVALID_REMIX, REMIX),
    (Rc.INVALID_EXTRA_SOURCE_IMAGES, {**IMAGE, "extra_source_images": [EXTRA]}),
    (Rc.INVALID_EXTRA_TEXTS, params(**QR_TEXT)),
    (Rc.MISSING_EXTRA_TEXTS, params(**QR)),
    (Rc.CONTROLNET_INVALID_PAYLOAD, {**IMAGE, **params(return_control_map=True)}),
    (Rc.SOURCE_IMAGE_REQUIRED_FOR_MODEL, PAINT),
    (Rc.KUDOS_UPFRONT, params(steps=400, width=2048, height=2048)),
    (Rc.SOURCE_IMAGE_RESOLUTION_EXCEEDED, {"source_image": png(3136)}),
    (Rc.SOURCE_IMAGE_URL_INVALID, {"source_image": "http://127.0.0.1:1/picture.png"}),
    (Rc.SOURCE_IMAGE_UNREADABLE, {"source_image": "bm90aGluZw=="}),
    (Rc.INPAINTING_MISSING_MASK, {**IMAGE, **PAINT}),
    (Rc.NO_VALID_WORKERS, {"refuse_impossible": True, "models": ["nobody has this"]}),
    (Rc.NUL_BYTE_IN_PAYLOAD, {"prompt": "a\0b"}),
]

ELSEWHERE: dict[Rc, str] = {
    Rc.SOURCE_IMAGE_SIZE_EXCEEDED: "blobs/test_sources",
    Rc.INVALID_API_KEY: "test_refusals",
    Rc.DELETED_USER: "test_people: the account is gone before any rule",
    Rc.MAINTENANCE_MODE: "test_modes",
    Rc.TOO_MANY_PROMPTS: "rules/test_life",
    Rc.SPECIAL_MISSING_USERNAME: "below, with a special account",
    Rc.SPECIAL_MISSING_PAYLOAD: "below, with a special account",
    Rc.SPECIAL_FORBIDDEN: "below, with a special account",
    Rc.BAD_CFG_NUMBER: "the schema answers first, without a code: test_refusals",
    Rc.IMAGE_VALIDATION_FAILED: "said more exactly: SourceImageUnreadable",
    Rc.STYLE_NOT_FOUND: "styles: the public coordinator, issue 11",
    Rc.SHARED_KEY_EMPTY: "shared keys: issue 11",
    Rc.SHARED_KEY_EXPIRED: "shared keys: issue 11",
    Rc.SHARED_KEY_ASSIGNED_STYLES: "shared keys: issue 11",
    Rc.SHARED_KEY_INSUFFICIENT_KUDOS: "shared keys: issue 11",
    Rc.TIMEOUT_IP: "countermeasures: issue 11",
    Rc.CORRUPT_PROMPT: "prompt filter: issue 11",
    Rc.UNTRUSTED_UNSAFE_IP: "countermeasures: issue 11",
    Rc.BANNED_CLIENT_AGENT: "countermeasures: issue 11",
    Rc.BETA_ANON_FORBIDDEN: "there is no beta model here",
}


@pytest.mark.parametrize(("rc", "fields"), PROVOKED, ids=[f"{rc}-{index}" for index, (rc, _) in enumerate(PROVOKED)])
async def test_each_code_has_its_request(shared: Any, rc: Rc, fields: dict[str, Any]) -> None:
    """The request is refused with the code, its status and a sentence, and nothing of it is kept."""
    body = {"prompt": "a red apple", "models": ["little"], **params(), **fields}
    answer = await shared.post("/api/v2/generate/async", body)
    assert (answer.json.get("rc"), answer.status) == (rc, rc.status)
    assert len(answer.json["message"]) > 10
    blobs = shared.data_dir / "blobs"
    assert not [path for path in blobs.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("rc", "fields"),
    [
        (Rc.SPECIAL_MISSING_USERNAME, {"models": ["horde_special"], **params(special={"a": 1})}),
        (Rc.SPECIAL_MISSING_PAYLOAD, {"models": ["horde_special::me#{me}"]}),
        (Rc.SPECIAL_FORBIDDEN, {"models": ["horde_special::other#0"], **params(special={"a": 1})}),
        (None, {"models": ["horde_special::me#{me}"], **params(special={"a": 1})}),
    ],
)
async def test_special_accounts_have_special_models(shared: Any, rc: Rc | None, fields: dict[str, Any]) -> None:
    """Only its owner may ask for a special model, by its whole name and with something to tell it."""
    await shared.change("UPDATE users SET special = true WHERE name = 'largesse worker'")
    me = await shared.value("SELECT id FROM users WHERE name = 'largesse worker'")
    models = [name.format(me=me) for name in fields["models"]]
    body = {"prompt": "x", **params(), **fields, "models": models}
    answer = await shared.post("/api/v2/generate/async", body, shared.worker_key)
    assert answer.json.get("rc") == rc
    assert answer.status == (202 if rc is None else rc.status)


async def test_no_code_is_in_two_places() -> None:
    """A code is provoked here, or the table says which part provokes it."""
    assert {rc for rc, _ in PROVOKED}.isdisjoint(ELSEWHERE)
