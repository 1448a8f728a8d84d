"""A worker's calls: pop a job, report its steps, hand in the picture."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from core.contract.base import Answer, Ask, Sparse, Text, Whole
from core.contract.generate import ExtraSourceImage, ExtraText, Lora, TextualInversion
from core.contract.limits import LIMITS
from core.contract.names import JobState, MetadataType, MetadataValue

ModelName = Annotated[str, Field(min_length=3, max_length=255)]


def _is_webp(text: str) -> str:
    try:
        head = base64.b64decode(text, validate=True)[:12]
    except ValueError:
        head = b""
    if head[:4] + head[8:] != b"RIFFWEBP":
        raise ValueError("a webp file as base64 is needed here")
    return text


Preview = Annotated[str, Field(max_length=LIMITS.max_preview), AfterValidator(_is_webp)]


class PopRequest(Ask):
    """A worker says what it can do and asks for a job."""

    name: str
    models: list[ModelName] = Field(default_factory=list[ModelName])
    bridge_agent: str = Field(default="unknown:0:unknown", max_length=1000)
    """`name:version:address` of the worker's software."""
    priority_usernames: list[str] = Field(default_factory=list[str])
    nsfw: bool = True
    max_pixels: int = 262144
    blacklist: list[str] = Field(default_factory=list[str])
    threads: int = Field(default=1, ge=1, le=50)
    amount: int = Field(default=1, ge=1, le=20)
    """Most pictures of one job."""
    require_upfront_kudos: bool = False
    allow_img2img: bool = True
    allow_painting: bool = True
    allow_unsafe_ipaddr: bool = True
    allow_post_processing: bool = True
    allow_controlnet: bool = False
    allow_sdxl_controlnet: bool = False
    allow_lora: bool = False
    limit_max_steps: bool = False
    extra_slow_worker: bool = False
    capabilities: list[str] | None = None
    """Ours: what this worker can do (`names.Capability`); None = by the table of known agents."""
    wait: float = Field(default=0.0, ge=0.0, le=LIMITS.max_pop_wait)
    """Ours: seconds that the answer may wait for a job."""
    session: str | None = Field(default=None, max_length=64)
    """Ours: names one run of the worker's process; a new one gives back what the former run held."""


class JobPayload(Sparse):
    """What to draw. Without a job it holds the defaults."""

    prompt: str | None = None
    ddim_steps: Whole = 30
    n_iter: Whole = 1
    seed: Text | None = None
    seed_variation: Whole | None = None
    sampler_name: str = "k_euler_a"
    cfg_scale: float = 5.0
    karras: bool = True
    width: Whole = 512
    height: Whole = 512
    denoising_strength: float | None = None
    hires_fix_denoising_strength: float | None = None
    post_processing: list[str] = Field(default_factory=list[str])
    facefixer_strength: float | None = None
    tiling: bool = False
    hires_fix: bool = False
    transparent: bool = False
    image_is_control: bool = False
    return_control_map: bool = False
    clip_skip: Whole | None = None
    control_type: str | None = None
    loras: list[Lora] | None = None
    tis: list[TextualInversion] | None = None
    workflow: str | None = None
    extra_texts: list[ExtraText] | None = None
    use_nsfw_censor: bool = False
    special: dict[str, Any] | None = None


class Skipped(Answer):
    """How many waiting requests this worker was not given, by reason."""

    worker_id: Whole = 0
    performance: Whole = 0
    nsfw: Whole = 0
    blacklist: Whole = 0
    untrusted: Whole = 0
    models: Whole = 0
    bridge_version: Whole = 0
    kudos: Whole = 0
    max_pixels: Whole = 0
    step_count: Whole = 0
    unsafe_ip: Whole = 0
    img2img: Whole = 0
    painting: Whole = 0
    post_processing: Whole = Field(default=0, alias="post-processing")
    lora: Whole = 0
    controlnet: Whole = 0


class PopMessage(Sparse):
    """A message to the worker's owner. `expiry` is a date."""

    id: str
    message: str
    origin: str | None = None
    expiry: str = ""


class PopResponse(Answer):
    """A job, or none (`model` and `id` null, `ids` empty)."""

    id: str | None = None
    ids: list[str] = Field(default_factory=list[str])
    model: str | None = None
    ttl: Whole | None = None
    """Seconds until the job counts as lost."""
    payload: JobPayload = Field(default_factory=JobPayload)
    source_image: str | None = None
    source_processing: str = "img2img"
    source_mask: str | None = None
    extra_source_images: list[ExtraSourceImage] | None = None
    r2_upload: str | None = None
    r2_uploads: list[str] | None = None
    """Where to PUT each picture, in the order of `ids`; all share one beginning, followed by the id."""
    messages: list[PopMessage] = Field(default_factory=list[PopMessage])
    skipped: Skipped = Field(default_factory=Skipped)
    seeds: list[Text] | None = None
    """Ours: the seed of each picture, in the order of `ids`."""


class SubmittedMetadata(Ask):
    """A note about the picture that is handed in."""

    type: MetadataType
    value: MetadataValue
    ref: str | None = Field(default=None, max_length=255)


class SubmitRequest(Ask):
    """The picture of one job: "R2" after an upload, else base64."""

    id: str
    generation: str
    seed: int
    state: JobState = JobState.OK
    censored: bool = False
    gen_metadata: list[SubmittedMetadata] = Field(default_factory=list[SubmittedMetadata])


class SubmitResponse(Answer):
    """What the picture earned, kudos."""

    reward: float = 0.0


class ProgressRequest(Ask):
    """Ours: `step` of `steps` are done, and how the picture looks by now."""

    id: str
    step: int = Field(ge=0)
    steps: int = Field(ge=1)
    preview: Preview | None = None
    """A small webp file as base64."""


class ProgressResponse(Answer):
    """Ours: whether the picture is still wanted; if not, the worker stops."""

    wanted: bool = True
