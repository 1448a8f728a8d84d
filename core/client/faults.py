"""From a horde's refusal to one of our errors, each in a sentence for a person.

The one table of what every code means to us; what is not in it is judged by its HTTP status and keeps the horde's own
words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from core.contract.codes import Rc
from core.errors import (
    HordeRefused,
    HordeUnavailable,
    InvalidRequest,
    LargesseError,
    NotAllowed,
    NotEnoughKudos,
    NotFound,
    TooMany,
)

_LONGEST = 300
_FRAMEWORK_TAIL = re.compile(r"\s*You have requested this URI .*$", re.DOTALL)

_WORDS: Mapping[Rc, tuple[type[LargesseError], str]] = {
    Rc.MISSING_PROMPT: (InvalidRequest, "Say what to draw."),
    Rc.CORRUPT_PROMPT: (NotAllowed, "This horde does not draw that."),
    Rc.INVALID_PROMPT_SIZE: (InvalidRequest, "The description is too long."),
    Rc.BAD_CFG_DECIMALS: (InvalidRequest, "Guidance may have at most two decimals."),
    Rc.BAD_CFG_NUMBER: (InvalidRequest, "Guidance has to be a number between 0 and 100."),
    Rc.TOO_MANY_LORAS: (InvalidRequest, "Too many LoRAs: five at most."),
    Rc.TOO_MANY_TIS: (InvalidRequest, "Too many textual inversions: twenty at most."),
    Rc.BAD_LORA_VERSION: (InvalidRequest, "A LoRA given by version needs the version's number."),
    Rc.TOO_MANY_UPSCALERS: (InvalidRequest, "Only one upscaler at a time."),
    Rc.HIRES_MISMATCH: (InvalidRequest, "This model does not work with hires fix."),
    Rc.UNEXPECTED_MODEL_NAME: (InvalidRequest, "There is no such model to draw with."),
    Rc.SOURCE_IMAGE_REQUIRED_FOR_MODEL: (InvalidRequest, "This model needs a picture to start from."),
    Rc.SOURCE_IMAGE_RESOLUTION_EXCEEDED: (InvalidRequest, "The source picture is too large: 3072x3072 pixels at most."),
    Rc.SOURCE_IMAGE_SIZE_EXCEEDED: (InvalidRequest, "The source picture's file is too large: 5 MB at most."),
    Rc.SOURCE_IMAGE_UNREADABLE: (InvalidRequest, "The source picture cannot be read."),
    Rc.SOURCE_IMAGE_URL_INVALID: (InvalidRequest, "The source picture cannot be fetched from its address."),
    Rc.IMAGE_VALIDATION_FAILED: (InvalidRequest, "The source picture cannot be used."),
    Rc.INPAINTING_MISSING_MASK: (InvalidRequest, "Inpainting needs a mask or a picture with transparent parts."),
    Rc.SOURCE_MASK_UNNECESSARY: (InvalidRequest, "A mask is only of use for inpainting and outpainting."),
    Rc.CONTROLNET_SOURCE_MISSING: (InvalidRequest, "ControlNet needs a source picture."),
    Rc.CONTROLNET_MISMATCH: (InvalidRequest, "This model does not work with ControlNet."),
    Rc.CONTROLNET_UNSUPPORTED: (InvalidRequest, "This model does not work with ControlNet."),
    Rc.REQUIRES_TRUST: (NotAllowed, "That is for trusted accounts only."),
    Rc.INVALID_API_KEY: (NotAllowed, "The horde does not know this API key."),
    Rc.WRONG_CREDENTIALS: (NotAllowed, "That belongs to another account."),
    Rc.DELETED_USER: (NotAllowed, "This account was deleted."),
    Rc.ANON_FORBIDDEN: (NotAllowed, "That needs an account; the anonymous key may not do it."),
    Rc.ANON_FORBIDDEN_WORKER: (NotAllowed, "A worker needs an account; the anonymous key may not run one."),
    Rc.TIMEOUT_IP: (NotAllowed, "The horde refuses this address for a while."),
    Rc.WORKER_FLAGGED_MAINTENANCE: (NotAllowed, "The worker's owner was flagged; the horde gives it no work."),
    Rc.WORKER_INVITE_ONLY: (NotAllowed, "This horde takes new workers by invitation only."),
    Rc.SHARED_KEY_EMPTY: (NotEnoughKudos, "The shared key has no kudos left."),
    Rc.SHARED_KEY_EXPIRED: (NotAllowed, "The shared key has expired."),
    Rc.SHARED_KEY_INSUFFICIENT_KUDOS: (NotEnoughKudos, "The shared key has too few kudos for that."),
    Rc.KUDOS_UPFRONT: (
        NotEnoughKudos,
        "That picture needs more kudos than the account has; ask for fewer steps or less size.",
    ),
    Rc.KUDOS_TRANSFER_NOT_ENOUGH: (NotEnoughKudos, "There are not enough kudos for that."),
    Rc.KUDOS_TRANSFER_FROM_ANON: (NotAllowed, "The anonymous account cannot give kudos."),
    Rc.KUDOS_TRANSFER_TO_ANON: (InvalidRequest, "The anonymous account cannot be given kudos."),
    Rc.KUDOS_TRANSFER_TO_SELF: (InvalidRequest, "Kudos cannot be given to oneself."),
    Rc.NEGATIVE_KUDOS_TRANSFER: (InvalidRequest, "Only more than 0 kudos can be given."),
    Rc.INVALID_KUDOS_TRANSFER_AMOUNT: (InvalidRequest, "Only more than 0 kudos can be given."),
    Rc.INVALID_TARGET_USERNAME: (NotFound, "There is no account of that name."),
    Rc.TOO_FAST_KUDOS_TRANSFERS: (TooMany, "Kudos went between these two accounts a moment ago; wait a minute."),
    Rc.IDEMPOTENCY_KEY_CONFLICT: (InvalidRequest, "The same key was used for another request."),
    Rc.TOO_MANY_PROMPTS: (TooMany, "Too many pictures are waiting already; wait until some are finished."),
    Rc.NO_VALID_WORKERS: (InvalidRequest, "No worker can draw that now."),
    Rc.MAINTENANCE_MODE: (HordeUnavailable, "The horde is in maintenance; try again later."),
    Rc.REQUEST_NOT_FOUND: (NotFound, "The request is not there any more."),
    Rc.REQUEST_EXPIRED: (NotFound, "The request took too long and was given up."),
    Rc.INVALID_JOB_ID: (NotFound, "The job is not there any more."),
    Rc.WORKER_NOT_FOUND: (NotFound, "There is no such worker."),
    Rc.USER_NOT_FOUND: (NotFound, "There is no such account."),
    Rc.STYLE_NOT_FOUND: (NotFound, "The horde has no such style."),
    Rc.DUPLICATE_GEN: (HordeRefused, "The picture was already submitted."),
    Rc.ABORTED_GEN: (HordeRefused, "The job was given to somebody else meanwhile."),
}


def fault(status: int, body: object, *, retry_after: float | None = None) -> LargesseError:
    """The error that an answer means.

    Args:
        status: its HTTP status, 300 or above.
        body: its decoded JSON, or anything else where it had none.
        retry_after: seconds, where the answer said so.
    """
    fields: Mapping[str, Any] = cast("Mapping[str, Any]", body) if isinstance(body, Mapping) else {}
    if isinstance(fields.get("errors"), Mapping):
        return InvalidRequest(_invalid_fields(cast("Mapping[str, object]", fields["errors"])))
    rc = fields.get("rc")
    known = Rc.read(rc)
    if known is not None and known in _WORDS:
        cls, words = _WORDS[known]
        return _make(cls, words, code=known.value, status=status, retry_after=retry_after)
    code = str(rc)[:_LONGEST] if rc else None
    return _make(_by_status(status), _own_words(fields), code=code, status=status, retry_after=retry_after)


def _make(
    cls: type[LargesseError], words: str | None, *, code: str | None, status: int, retry_after: float | None
) -> LargesseError:
    if issubclass(cls, TooMany | HordeUnavailable):
        return cls(words, code=code, retry_after=retry_after)
    if issubclass(cls, HordeRefused):
        return cls(words, code=code, status=status)
    return cls(words, code=code)


def _by_status(status: int) -> type[LargesseError]:
    match status:
        case 401 | 403:
            return NotAllowed
        case 404 | 410:
            return NotFound
        case 429:
            return TooMany
        case _:
            return HordeUnavailable if status >= 500 else HordeRefused


def _invalid_fields(errors: Mapping[str, object]) -> str:
    found = "; ".join(f"{str(field).removeprefix('params.')}: {words}" for field, words in errors.items())
    return f"The horde did not accept the request: {found or 'no reason given'}"[:_LONGEST]


def _own_words(fields: Mapping[str, Any]) -> str | None:
    words = _FRAMEWORK_TAIL.sub("", str(fields.get("message") or "")).strip()
    return words[:_LONGEST] or None
