"""Asking for pictures: POST generate/async, and what check and status answer.

Defaults are the ones in effect on the public API, which its own documentation states differently in places.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from core.contract.base import Answer, Ask, Sparse, Text, Whole
from core.contract.limits import PUBLIC, at_most
from core.contract.names import ControlType, InjectTi, PostProcessor, Sampler, SourceProcessing, Workflow


def _unique(values: list[PostProcessor]) -> list[PostProcessor]:
    if len(set(values)) != len(values):
        raise PydanticCustomError("unique_items", "has non-unique elements")
    return values


Side = Annotated[int, Field(ge=64, multiple_of=64, json_schema_extra={"maximum": PUBLIC.max_side}), at_most("max_side")]
"""Width or height in pixels, a multiple of 64."""
Steps = Annotated[int, Field(ge=1, json_schema_extra={"maximum": PUBLIC.max_steps}), at_most("max_steps")]
Amount = Annotated[int, Field(ge=1, json_schema_extra={"maximum": PUBLIC.max_batch}), at_most("max_batch")]
Denoising = Annotated[float, Field(ge=0.01, le=1.0)]
Weight = Annotated[float, Field(ge=-5.0, le=5.0)]
DEFAULT_MODEL = "stable_diffusion"


class Lora(Sparse):
    """A LoRA and how strongly it acts on the model and on the text encoder."""

    name: str = Field(min_length=1, max_length=255)
    model: Weight = 1.0
    clip: Weight = 1.0
    inject_trigger: str | None = Field(default=None, min_length=1, max_length=30)
    is_version: bool = False


class TextualInversion(Sparse):
    """A textual inversion and where it is put."""

    name: str = Field(min_length=1, max_length=255)
    inject_ti: InjectTi | None = None
    strength: Weight = 1.0


class ExtraText(Sparse):
    """A text for a workflow, and what it is for."""

    text: str = Field(min_length=1)
    reference: str = Field(min_length=3)


class ExtraSourceImage(Sparse):
    """A further source picture (base64 or address)."""

    image: str = Field(min_length=1)
    strength: float = 1.0


class GenerationParams(Ask):
    """How the picture is drawn."""

    control_type: ControlType | None = None
    n: Amount = 1
    steps: Steps = Field(default_factory=lambda data: 20 if data.get("control_type") else 30)
    sampler_name: Sampler = Sampler.K_EULER_A
    cfg_scale: float = Field(default=5.0, ge=0, le=100)
    karras: bool = True
    width: Side = 512
    height: Side = 512
    denoising_strength: Denoising | None = None
    hires_fix_denoising_strength: Denoising | None = None
    seed: Text | None = None
    seed_variation: int | None = Field(default=None, ge=1, le=1000)
    post_processing: Annotated[list[PostProcessor], AfterValidator(_unique)] = Field(
        default_factory=list[PostProcessor], json_schema_extra={"uniqueItems": True}
    )
    facefixer_strength: float | None = Field(default=None, ge=0, le=1.0)
    tiling: bool = False
    hires_fix: bool = False
    transparent: bool = False
    image_is_control: bool = False
    return_control_map: bool = False
    clip_skip: int | None = Field(default=None, ge=1, le=12)
    loras: list[Lora] = Field(default_factory=list[Lora])
    tis: list[TextualInversion] = Field(default_factory=list[TextualInversion])
    workflow: Workflow | None = None
    extra_texts: list[ExtraText] = Field(default_factory=list[ExtraText])
    special: dict[str, Any] | None = None


class GenerateRequest(Ask):
    """A request for pictures. `###` in the prompt begins what must not be seen."""

    prompt: str = Field(min_length=1)
    params: GenerationParams = Field(default_factory=GenerationParams)
    nsfw: bool = True
    trusted_workers: bool = False
    validated_backends: bool = False
    slow_workers: bool = True
    extra_slow_workers: bool = False
    censor_nsfw: bool = True
    workers: list[str] = Field(default_factory=list[str])
    worker_blacklist: bool = False
    models: list[str] = Field(default_factory=lambda: [DEFAULT_MODEL])
    """Names, any of which will do; an empty list means any model at all."""
    source_image: str | None = None
    source_processing: SourceProcessing = SourceProcessing.IMG2IMG
    source_mask: str | None = None
    extra_source_images: list[ExtraSourceImage] = Field(default_factory=list[ExtraSourceImage])
    r2: bool = True
    """The result is given as an address; otherwise as base64."""
    shared: bool = False
    replacement_filter: bool = True
    dry_run: bool = False
    proxied_account: str | None = None
    disable_batching: bool = False
    allow_downgrade: bool = False
    webhook: str | None = Field(default=None, min_length=10, max_length=1024)
    style: str | None = Field(default=None, min_length=3, max_length=1024)
    refuse_impossible: bool = False
    """Ours: refuse at once what no worker can do now, instead of letting it wait."""


class RequestWarning(Sparse):
    """Something doubtful about a request that was accepted; `code` is a `WarningCode` or one of another horde."""

    code: str
    message: str = ""


class AsyncResponse(Sparse):
    """The request was accepted (202)."""

    id: str
    kudos: float = 0.0
    message: str | None = None
    warnings: list[RequestWarning] | None = None
    is_possible: bool | None = None
    """Ours: whether any worker can serve it now."""


class DryRunResponse(Answer):
    """What the request would cost, kudos (200)."""

    kudos: float


class Running(Sparse):
    """Ours: a job that is being drawn; `step` of `steps` are done. `preview` is how it looks by now: webp as base64."""

    id: str
    step: int = 0
    steps: int = 0
    model: str = ""
    worker_name: str = ""
    preview: str | None = None


class CheckResponse(Answer):
    """How far a request is. Counts are pictures; `wait_time` is seconds; `kudos` what was consumed so far."""

    finished: Whole = 0
    processing: Whole = 0
    restarted: Whole = 0
    waiting: Whole = 0
    done: bool
    faulted: bool = False
    wait_time: Whole = 0
    queue_position: Whole = 0
    kudos: float = 0.0
    is_possible: bool = True
    running: list[Running] = Field(default_factory=list[Running])
    """Ours: the jobs being drawn now."""


class Metadata(Sparse):
    """A note about a picture: a `MetadataType` and `MetadataValue`, or those of another horde."""

    type: str
    value: str
    ref: str | None = None


class Generation(Answer):
    """A finished picture. `img` is an address, base64, or "N/A"."""

    img: str
    seed: Text = ""
    id: str
    worker_id: str = ""
    worker_name: str = ""
    model: str = ""
    state: str = "ok"
    """A `JobState`, or one of another horde."""
    censored: bool = False
    gen_metadata: list[Metadata] = Field(default_factory=list[Metadata])


class StatusResponse(CheckResponse):
    """How far a request is, with the pictures that are finished."""

    generations: list[Generation] = Field(default_factory=list[Generation])
    shared: bool = False
