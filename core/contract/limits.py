"""The limits of the public API; a coordinator may set its own for the five that its settings name.

`Ask.read(data, bounds)` carries them into validation; without them the public API's hold.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import AfterValidator, ValidationInfo
from pydantic_core import PydanticCustomError


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits that a coordinator may change (pixels, steps, pictures)."""

    max_side: int = 3072
    """Largest width or height, pixels."""
    max_steps: int = 500
    """Most sampling steps."""
    max_batch: int = 20
    """Most pictures of one request."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits that are the same everywhere."""

    side_step: int = 64
    """Width and height are multiples of this many pixels, and at least this."""
    max_loras: int = 5
    max_textual_inversions: int = 20
    max_extra_source_images: int = 5
    max_requested_workers: int = 5
    max_prompt_words: int = 7500
    max_rewritten_prompt: int = 7000
    """Characters of a prompt that may still be rewritten by the prompt filter."""
    max_worker_models: int = 300
    max_blacklist_words: int = 200
    max_blacklist_word: int = 15
    """Characters kept of each word."""
    max_metadata: int = 50
    """Entries of `gen_metadata` in one submit."""
    max_source_pixels: int = 3072 * 3072
    max_source_bytes: int = 5_000_000
    max_preview: int = 5_400
    """Characters of base64 in one report of a step (ours): so it fits into one message between processes, too."""
    max_pop_wait: float = 30.0
    """Seconds that a pop may wait for a job (ours)."""
    max_idempotency_key: int = 128
    """Characters."""


LIMITS = Limits()
PUBLIC = Bounds()
ANONYMOUS_KEY = "0000000000"


def at_most(limit: str) -> AfterValidator:
    """Validator: the value is not above that attribute of the `Bounds` in effect."""
    public: int = getattr(PUBLIC, limit)

    def check(value: int, info: ValidationInfo) -> int:
        maximum: int = getattr(info.context, limit) if isinstance(info.context, Bounds) else public
        if value > maximum:
            raise PydanticCustomError("less_than_equal", "too large", {"le": maximum})
        return value

    return AfterValidator(check)
