"""What is refused before a request costs anything: every rule that the shape of the message alone cannot tell.

Rules are a table of (does it hold?, code, sentence) in the order in which they are looked at; the first that holds is
the answer.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from core.contract.generate import GenerateRequest, GenerationParams
from core.contract.names import UPSCALERS, ControlType, PostProcessor, SourceProcessing, Workflow
from core.coordinator.rules.values import StoredSources, User
from core.errors import InvalidRequest, NotAllowed
from core.settings import Limits

Verdict = tuple[bool, str, str]

_MODEL_LENGTH = 255
_SMALL_FAMILIES = re.compile(r"flux|qwen|z[-_ ]?image", re.IGNORECASE)
_NO_CONTROLNET = re.compile(r"sdxl|cascade|flux|qwen|z[-_ ]?image", re.IGNORECASE)
_NO_CONTROLNET_AT_ALL = re.compile(r"stable[ _]diffusion[ _]2", re.IGNORECASE)
_NO_LAYERS = re.compile(r"cascade|flux|qwen|z[-_ ]?image|stable[ _]diffusion[ _]2", re.IGNORECASE)
_NO_QR_CODE = re.compile(r"cascade|flux|qwen|z[-_ ]?image", re.IGNORECASE)
_SPECIAL = "horde_special"
_RESERVED_MODELS = frozenset(map(str, PostProcessor)) | frozenset(map(str, ControlType))
_PAINTING = frozenset({SourceProcessing.INPAINTING, SourceProcessing.OUTPAINTING})


def check(request: GenerateRequest, *, user: User, sources: StoredSources, limits: Limits) -> None:
    """Refuse what cannot be asked for.

    Raises:
        NotAllowed: the account may not ask for anything (any more).
        InvalidRequest: with the code of the first reason.
    """
    if user.deleted:
        raise NotAllowed("This account was deleted.", code="DeletedUser")
    rules = (*_account_rules(request, user, limits), *_param_rules(request, limits), *_source_rules(request, sources))
    for against, code, sentence in rules:
        if against:
            raise InvalidRequest(sentence, code=code)


def _account_rules(request: GenerateRequest, user: User, limits: Limits) -> Iterator[Verdict]:
    privileged = user.trusted or user.moderator
    extra = len(request.extra_source_images)
    yield (
        request.webhook is not None and not _may_be_called(request.webhook, loopback=limits.loopback_webhooks),
        "BadRequest",
        "A webhook has to be an https:// address on the open internet.",
    )
    yield (
        request.proxied_account is not None and not user.service,
        "OnlyServiceAccountProxy",
        "Only service accounts may name a proxied account.",
    )
    yield extra > 5, "TooManyExtraSourceImages", "A request takes at most 5 extra source pictures."
    yield (
        extra > 1 and not privileged,
        "MoreThanMinExtraSourceImage",
        "More than one extra source picture is for trusted accounts.",
    )
    yield (
        request.disable_batching and request.params.n > 1 and not privileged,
        "RequiresTrust",
        "Only trusted accounts may keep several pictures from being drawn together.",
    )
    yield from _special_rules(request, user)


def _special_rules(request: GenerateRequest, user: User) -> Iterator[Verdict]:
    """Special models are named `horde_special::alias#1`, after the account that serves them."""
    payload = request.params.special
    named = [name for name in request.models if name.startswith(_SPECIAL)]
    owners = {name.partition("::")[2] for name in named}
    yield (
        payload is not None and not user.special,
        "SpecialFieldNeedsSpecialUser",
        "The field special needs a special account.",
    )
    yield bool(named) and not user.special, "SpecialModelNeedsSpecialUser", "This model needs a special account."
    yield "" in owners, "SpecialMissingUsername", f"A special model is named {_SPECIAL}::alias#1."
    yield bool(named) and payload is None, "SpecialMissingPayload", "A special model needs the field special."
    yield (
        any(owner.rpartition("#")[2] != str(user.id) for owner in owners),
        "SpecialForbidden",
        "This special model belongs to another account.",
    )


def _param_rules(request: GenerateRequest, limits: Limits) -> Iterator[Verdict]:
    params = request.params
    models = request.models
    yield (
        len(request.prompt.split()) > limits.max_prompt_words,
        "InvalidPromptSize",
        f"A prompt has at most {limits.max_prompt_words} words.",
    )
    yield positive(request.prompt) == "", "MissingPrompt", "The prompt is empty: say what to draw."
    yield (
        any(not name or len(name) > _MODEL_LENGTH for name in models),
        "UnexpectedModelName",
        f"The name of a model has 1 to {_MODEL_LENGTH} characters.",
    )
    yield (
        any(name in _RESERVED_MODELS for name in models),
        "UnexpectedModelName",
        "The name of a post-processor or ControlNet is not the name of a model.",
    )
    yield (
        params.hires_fix and any(map(_SMALL_FAMILIES.search, models)),
        "HiResMismatch",
        "This model does not take hires_fix.",
    )
    yield (
        len(params.loras) > limits.max_loras,
        "TooManyLoras",
        f"A request takes at most {limits.max_loras} LoRAs.",
    )
    yield (
        any(lora.is_version and not lora.name.isdigit() for lora in params.loras),
        "BadLoraVersion",
        "A LoRA version is a number.",
    )
    yield (
        len(params.tis) > limits.max_textual_inversions,
        "TooManyTIs",
        f"A request takes at most {limits.max_textual_inversions} textual inversions.",
    )
    yield (
        sum(name in UPSCALERS for name in params.post_processing) > 1,
        "TooManyUpscalers",
        "A picture is made larger once: name one upscaler.",
    )
    yield _too_fine(params.cfg_scale), "BadCFGDecimals", "cfg_scale has at most two decimals."
    yield (
        params.transparent and any(map(_NO_LAYERS.search, models)),
        "InvalidTransparencyModel",
        "This model does not draw transparent pictures.",
    )
    yield (
        params.workflow == Workflow.QR_CODE and any(map(_NO_QR_CODE.search, models)),
        "ControlNetMismatch",
        "This model does not draw QR codes.",
    )
    yield from _workflow_rules(params)


def _workflow_rules(params: GenerationParams) -> Iterator[Verdict]:
    references = {text.reference for text in params.extra_texts}
    is_qr = params.workflow == Workflow.QR_CODE
    yield (
        bool(params.extra_texts) and params.workflow is None,
        "InvalidExtraTexts",
        "Extra texts belong to a workflow.",
    )
    yield (
        is_qr and "qr_code" not in references,
        "MissingExtraTexts",
        "The workflow qr_code needs an extra text with the reference qr_code.",
    )


def _source_rules(request: GenerateRequest, sources: StoredSources) -> Iterator[Verdict]:
    params, processing = request.params, request.source_processing
    has_source = sources.picture is not None
    has_mask = sources.mask is not None
    controlled = params.control_type is not None
    yield (
        has_mask and processing not in _PAINTING,
        "SourceMaskUnnecessary",
        "A mask belongs to inpainting or outpainting.",
    )
    yield (
        controlled and any(map(_NO_CONTROLNET_AT_ALL.search, request.models)),
        "ControlNetUnsupported",
        "There is no ControlNet for this model.",
    )
    yield (
        params.transparent and controlled,
        "InvalidTransparencyCN",
        "A transparent picture cannot be drawn with a ControlNet.",
    )
    yield (
        controlled and any(map(_NO_CONTROLNET.search, request.models)),
        "ControlNetMismatch",
        "This model does not take a ControlNet.",
    )
    yield controlled and not has_source, "ControlNetSourceMissing", "A ControlNet needs a source picture."
    yield (
        controlled and processing in _PAINTING,
        "ControlNetInpaintingMismatch",
        "A ControlNet does not go together with inpainting.",
    )
    yield (
        params.transparent and has_source,
        "InvalidTransparencyImg2Img",
        "A transparent picture cannot be drawn over a source picture.",
    )
    yield (
        (params.return_control_map or params.image_is_control) and not controlled,
        "ControlNetInvalidPayload",
        "image_is_control and return_control_map need a control_type.",
    )
    yield (
        processing == SourceProcessing.REMIX and not has_source,
        "InvalidRemix",
        "A remix needs a source picture.",
    )
    yield (
        bool(request.extra_source_images) and processing != SourceProcessing.REMIX,
        "InvalidExtraSourceImages",
        "Extra source pictures belong to a remix.",
    )
    yield (
        processing in _PAINTING and not has_source,
        "SourceImageRequiredForModel",
        "Inpainting and outpainting need a source picture.",
    )
    yield (
        processing in _PAINTING and not (has_mask or sources.has_alpha),
        "InpaintingMissingMask",
        "Inpainting needs a mask, or a source picture with transparent parts.",
    )


def _may_be_called(address: str, *, loopback: bool) -> bool:
    """May the courier go there, as far as the address itself tells? What a name leads to is judged when it goes."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    here = host == "localhost" or (_literal(host) is not None and ipaddress.ip_address(host).is_loopback)
    if not host or parts.username is not None or (here and not loopback):
        return False
    outside = _literal(host)
    public = here or outside is None or outside.is_global
    return public and (parts.scheme == "https" or (parts.scheme == "http" and here))


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def positive(prompt: str) -> str:
    """The part of the prompt that says what to draw: everything before ###."""
    return prompt.split("###", 1)[0].strip()


def _too_fine(value: float) -> bool:
    return abs(value * 100 - round(value * 100)) > 1e-6
