"""What a request needs and what a worker can: the vocabulary by which both find each other.

Everything that both sides know beforehand is part of a lane, so that a pop compares with lanes instead of requests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from core.contract.generate import GenerateRequest
from core.contract.names import Capability, Sampler, SourceProcessing
from core.contract.work import PopRequest
from core.coordinator.rules.values import StoredSources
from core.coordinator.store.lanes import LaneKey

SIZE_STEP = 32768
"""Pixels from one size class to the next: the step in which the usual workers set their limit."""
MANY_STEPS = 30
"""A worker that limits steps takes up to this many."""
FAST_ENOUGH = 500_000
"""Pixelsteps per second that a request asks for when it refuses slow workers."""

NSFW = "nsfw"
TRUSTED = "trusted"
FAST = "fast"
LONG = "many_steps"
SDXL_CONTROLNET = "sdxl_controlnet"
LCM = "lcm"

MOST_REMEMBERED = 4096
"""Workers whose lanes are remembered at once."""

_REASONS: dict[str, str] = {
    NSFW: "nsfw",
    TRUSTED: "untrusted",
    FAST: "performance",
    LONG: "step_count",
    SDXL_CONTROLNET: "controlnet",
    Capability.SOURCE_IMAGE: "img2img",
    Capability.PAINTING: "painting",
    Capability.POST_PROCESSING: "post-processing",
    Capability.LORA: "lora",
    Capability.CONTROLNET: "controlnet",
}
"""Need → key of `skipped`; every other need is a matter of the worker's software, `bridge_version`."""

_REGEN_SINCE: tuple[tuple[int, frozenset[str]], ...] = (
    (
        1,
        frozenset(
            {
                Capability.SOURCE_IMAGE,
                Capability.PAINTING,
                Capability.CONTROLNET,
                Capability.IMAGE_IS_CONTROL,
                Capability.RETURN_CONTROL_MAP,
                Capability.POST_PROCESSING,
                Capability.HIRES_FIX,
                Capability.TILING,
                Capability.CLIP_SKIP,
            }
        ),
    ),
    (2, frozenset({Capability.TEXTUAL_INVERSION, Capability.LORA})),
    (3, frozenset({Capability.LORA_VERSIONS, LCM})),
    (5, frozenset({Capability.EXTRA_SOURCE_IMAGES})),
    (7, frozenset({Capability.WORKFLOW, Capability.EXTRA_TEXTS})),
    (8, frozenset({Capability.LAYER_DIFFUSE})),
)
_AGENTS = frozenset({"AI Horde Worker reGen", "AI Horde Worker"})


@dataclass(frozen=True, slots=True)
class Traits:
    """What a worker can and wants, as its last pop said."""

    worker_id: str
    models: frozenset[str]
    max_pixels: int
    abilities: frozenset[str]
    extra_slow: bool


@dataclass(frozen=True, slots=True)
class Declared:
    """The part of a pop that is kept with the worker."""

    models: tuple[str, ...]
    max_pixels: int
    abilities: tuple[str, ...]
    extra_slow: bool
    blacklist: tuple[str, ...]
    upfront: bool
    amount: int

    def text(self) -> str:
        """The stored form; the same declaration always gives the same text."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__})


@lru_cache(maxsize=4096)
def parse_declared(text: str) -> Declared:
    """Read the stored form; what is missing counts as nothing."""
    stored: dict[str, Any] = json.loads(text)
    return Declared(
        models=tuple(stored.get("models", ())),
        max_pixels=stored.get("max_pixels", 0),
        abilities=tuple(stored.get("abilities", ())),
        extra_slow=stored.get("extra_slow", False),
        blacklist=tuple(stored.get("blacklist", ())),
        upfront=stored.get("upfront", False),
        amount=stored.get("amount", 1),
    )


def declare(pop: PopRequest, *, most_models: int) -> Declared:
    """What a worker said about itself in a pop, in its stored form."""
    return Declared(
        models=tuple(sorted(set(pop.models[:most_models]))),
        max_pixels=pop.max_pixels,
        abilities=tuple(sorted(_abilities(pop))),
        extra_slow=pop.extra_slow_worker,
        blacklist=tuple(word[:15].lower() for word in pop.blacklist[:200] if word),
        upfront=pop.require_upfront_kudos,
        amount=pop.amount,
    )


def _abilities(pop: PopRequest) -> set[str]:
    able = set(pop.capabilities) if pop.capabilities is not None else set(_by_agent(pop.bridge_agent))
    forbidden = {
        Capability.SOURCE_IMAGE: not pop.allow_img2img,
        Capability.PAINTING: not pop.allow_painting,
        Capability.POST_PROCESSING: not pop.allow_post_processing,
        Capability.CONTROLNET: not pop.allow_controlnet,
        Capability.LORA: not pop.allow_lora,
    }
    able -= {name for name, off in forbidden.items() if off} | {NSFW, TRUSTED, FAST, LONG, SDXL_CONTROLNET}
    own = {NSFW: pop.nsfw, LONG: not pop.limit_max_steps, SDXL_CONTROLNET: pop.allow_sdxl_controlnet}
    return {str(name) for name in able} | {name for name, on in own.items() if on}


def _by_agent(agent: str) -> Iterator[str]:
    """What the known worker programs can, by version; any other program draws plain text-to-image."""
    name, _, rest = agent.partition(":")
    major = re.match(r"\d+", rest)
    if name in _AGENTS and major:
        for since, abilities in _REGEN_SINCE:
            if int(major.group()) >= since:
                yield from abilities


def traits(worker_id: str, declared: Declared, *, trusted: bool, speed: float) -> Traits:
    """A worker as lanes see it.

    Args:
        worker_id: its id.
        declared: what it said.
        trusted: whether its owner is.
        speed: pixelsteps per second.
    """
    more = {TRUSTED} if trusted else set[str]()
    if speed >= FAST_ENOUGH:
        more.add(FAST)
    return Traits(
        worker_id,
        frozenset(declared.models),
        declared.max_pixels,
        frozenset(declared.abilities) | more,
        declared.extra_slow,
    )


def needs(request: GenerateRequest, sources: StoredSources) -> frozenset[str]:
    """What a worker must be able and willing to do for this request."""
    params = request.params
    has_source = sources.picture is not None
    wanted: dict[str, bool] = {
        NSFW: request.nsfw,
        TRUSTED: request.trusted_workers,
        FAST: not request.slow_workers,
        LONG: params.steps > MANY_STEPS,
        LCM: params.sampler_name == Sampler.LCM,
        Capability.SOURCE_IMAGE: has_source and request.source_processing == SourceProcessing.IMG2IMG,
        Capability.PAINTING: has_source
        and request.source_processing in {SourceProcessing.INPAINTING, SourceProcessing.OUTPAINTING},
        Capability.EXTRA_SOURCE_IMAGES: bool(sources.extra) or request.source_processing == SourceProcessing.REMIX,
        Capability.CONTROLNET: params.control_type is not None,
        Capability.IMAGE_IS_CONTROL: params.image_is_control,
        Capability.RETURN_CONTROL_MAP: params.return_control_map,
        Capability.POST_PROCESSING: bool(params.post_processing),
        Capability.LORA: bool(params.loras),
        Capability.LORA_VERSIONS: any(lora.is_version for lora in params.loras),
        Capability.TEXTUAL_INVERSION: bool(params.tis),
        Capability.HIRES_FIX: params.hires_fix,
        Capability.TILING: params.tiling,
        Capability.CLIP_SKIP: (params.clip_skip or 1) > 1,
        Capability.EXTRA_TEXTS: bool(params.extra_texts),
        Capability.WORKFLOW: params.workflow is not None,
        Capability.LAYER_DIFFUSE: params.transparent,
        SDXL_CONTROLNET: params.transparent or params.workflow is not None,
    }
    return frozenset(str(name) for name, on in wanted.items() if on)


def lane_keys(request: GenerateRequest, sources: StoredSources) -> list[LaneKey]:
    """The lanes in which a request waits: one for each model it names, and for each worker it insists on."""
    area = request.params.width * request.params.height
    pixels = -(-area // SIZE_STEP) * SIZE_STEP
    targets = [""] if request.worker_blacklist or not request.workers else sorted(set(request.workers))
    needed = needs(request, sources)
    return [
        LaneKey(model, pixels, needed, worker, request.extra_slow_workers)
        for model in sorted(set(request.models)) or [""]
        for worker in targets
    ]


def obstacle(lane: LaneKey, worker: Traits) -> str | None:
    """Why this worker cannot serve this lane, as a key of `skipped`; None = it can.

    Of the size class that its limit falls into it may still be too small for some requests.
    """
    if lane.worker and lane.worker != worker.worker_id:
        return "worker_id"
    if lane.model and lane.model not in worker.models:
        return "models"
    if lane.pixels - SIZE_STEP >= worker.max_pixels:
        return "max_pixels"
    if not lane.needs <= worker.abilities:
        return _REASONS.get(min(lane.needs - worker.abilities), "bridge_version")
    if worker.extra_slow and not lane.patient:
        return "performance"
    return None


def blocked_word(prompt: str, words: Collection[str]) -> bool:
    """Does the prompt, in lower case, contain one of the worker's words?"""
    return any(word in prompt for word in words)


class Matches:
    """Which lanes each worker serves, remembered: lanes are only ever added, so only new ones are looked at."""

    def __init__(self) -> None:
        self._known: dict[Traits, _Verdicts] = {}

    def served(self, worker: Traits, lanes: Mapping[int, LaneKey]) -> set[int]:
        """The lanes that it serves; not to be changed."""
        return self._of(worker, lanes).served

    def obstacles(self, worker: Traits, lanes: Mapping[int, LaneKey]) -> dict[int, str]:
        """Lane → why it is not served, for every other lane; not to be changed."""
        return self._of(worker, lanes).obstacles

    def _of(self, worker: Traits, lanes: Mapping[int, LaneKey]) -> _Verdicts:
        known = self._known.get(worker)
        if known is None:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            known = self._known[worker] = _Verdicts()
        if known.judged < len(lanes):
            known.judge(worker, lanes)
        return known


class _Verdicts:
    def __init__(self) -> None:
        self.judged = 0
        self.served: set[int] = set()
        self.obstacles: dict[int, str] = {}

    def judge(self, worker: Traits, lanes: Mapping[int, LaneKey]) -> None:
        known = list(lanes.items())
        fresh = known[self.judged :]
        for lane, key in fresh:
            reason = obstacle(key, worker)
            if reason is None:
                self.served.add(lane)
            else:
                self.obstacles[lane] = reason
        self.judged = len(known)  # threads that judge at once judge the same
