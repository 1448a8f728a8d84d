"""The models that this horde knows, and what each wants of a request: read from a file, asked when a request comes in.

What a model wants is advice, never a refusal: a request that goes against it is accepted with a warning.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.contract.generate import GenerateRequest
from core.contract.names import Sampler, WarningCode
from core.coordinator.rules.values import Notice
from core.errors import ConfigError

KARRAS, PLAIN = "karras", "normal"
"""The two schedules of noise that a request can ask for."""


class Requirements(BaseModel):
    """What a model wants; what is not set may be anything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_steps: int | None = Field(default=None, ge=1)
    max_steps: int | None = Field(default=None, ge=1)
    cfg_scale: float | None = Field(default=None, ge=0)
    min_cfg_scale: float | None = Field(default=None, ge=0)
    max_cfg_scale: float | None = Field(default=None, ge=0)
    clip_skip: int | None = Field(default=None, ge=1, le=12)
    samplers: frozenset[Sampler] | None = None
    schedulers: frozenset[str] | None = None


class Reference:
    """The known models by name."""

    def __init__(self, models: Mapping[str, Requirements]) -> None:
        self._models = dict(models)

    def knows(self, name: str) -> bool:
        """Is it one of them?"""
        return name in self._models

    def warnings(self, request: GenerateRequest) -> list[Notice]:
        """What of a request its models do not want, each code once, for the first model that minds."""
        found: dict[str, Notice] = {}
        for name in request.models:
            for code, sentence in _against(request, self._models.get(name)):
                found.setdefault(code, Notice(code, f"{name}: {sentence}"))
        return list(found.values())


def _against(request: GenerateRequest, wants: Requirements | None) -> Iterator[tuple[WarningCode, str]]:
    if wants is None:
        return
    params = request.params
    clip_skip = params.clip_skip or 1
    schedule = KARRAS if params.karras else PLAIN
    if wants.clip_skip not in (None, clip_skip):
        yield WarningCode.CLIP_SKIP_MISMATCH, f"made for clip_skip {wants.clip_skip}, asked for {clip_skip}."
    if wants.min_steps is not None and params.steps < wants.min_steps:
        yield WarningCode.STEPS_TOO_FEW, f"wants at least {wants.min_steps} steps, asked for {params.steps}."
    if wants.max_steps is not None and params.steps > wants.max_steps:
        yield WarningCode.STEPS_TOO_MANY, f"wants at most {wants.max_steps} steps, asked for {params.steps}."
    yield from _against_scale(params.cfg_scale, wants)
    if wants.samplers is not None and params.sampler_name not in wants.samplers:
        yield WarningCode.SAMPLER_MISMATCH, f"made for {', '.join(sorted(wants.samplers))}, not {params.sampler_name}."
    if wants.schedulers is not None and schedule not in wants.schedulers:
        yield WarningCode.SCHEDULER_MISMATCH, f"made for {', '.join(sorted(wants.schedulers))}, not {schedule}."


def _against_scale(scale: float, wants: Requirements) -> Iterator[tuple[WarningCode, str]]:
    if wants.cfg_scale not in (None, scale):
        yield WarningCode.CFG_SCALE_MISMATCH, f"made for cfg_scale {wants.cfg_scale:g}, asked for {scale:g}."
    if wants.min_cfg_scale is not None and scale < wants.min_cfg_scale:
        yield WarningCode.CFG_SCALE_TOO_SMALL, f"wants cfg_scale {wants.min_cfg_scale:g} or more, asked for {scale:g}."
    if wants.max_cfg_scale is not None and scale > wants.max_cfg_scale:
        yield WarningCode.CFG_SCALE_TOO_LARGE, f"wants cfg_scale {wants.max_cfg_scale:g} or less, asked for {scale:g}."


def load(file: Path) -> Reference:
    """Read the file; one that is missing knows no models.

    Raises:
        ConfigError: it is wrong; names the file, the key, what was found and what is allowed.
    """
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Reference({})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: the reference of models cannot be read ({error}).") from None
    try:
        return Reference({name: Requirements.model_validate(table) for name, table in tables.items()})
    except ValidationError as error:
        details = error.errors(include_url=False)[0]
        key = ".".join(map(str, details["loc"])) or "a model"
        raise ConfigError(f"{file}: {key}: found {details['input']!r}; allowed: {details['msg']}.") from None
