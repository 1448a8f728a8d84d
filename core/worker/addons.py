"""LoRAs and textual inversions a worker may use: reads `config/addons.toml`, makes files ready, dresses jobs with them.

`pool` prepares them, `agent` says that there are some and lets `jobs` dress what a pop brought; the renderer finds
every file under its path, verified.
"""

from __future__ import annotations

import asyncio
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core import log
from core.contract.generate import Lora, TextualInversion
from core.contract.names import Capability, InjectTi
from core.errors import ConfigError, ModelUnusable, RenderError, StorageFull
from core.worker import fetch, hub, origins
from core.worker.renderer import DrawJob, EmbeddingUse, Family, LoraUse, Unused

_SAFE = (".safetensors",)
_PICKLED = (*_SAFE, ".pt", ".bin")
_ANY_TRIGGER = "any"
_MENTION = r"\(?\s*embedding:{name}(?::\s*[-+]?[\d.]+)?\s*\)?"
_logger = log.get(__name__)


class Kind(StrEnum):
    """What an addon is."""

    LORA = "lora"
    EMBEDDING = "embedding"


class _Table(BaseModel):
    """One table of the file, as people write it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    family: Family
    source: str = Field(min_length=1)
    sha256: Annotated[str, Field(pattern=r"^([0-9a-fA-F]{64})?$")] = ""
    revision: str = ""
    version: Annotated[str, Field(pattern=r"^\d*$")] = ""
    triggers: tuple[str, ...] = ()
    pickled: bool = False
    licence: str = ""
    size: int = Field(default=0, ge=0)


@dataclass(frozen=True, slots=True)
class Addon:
    """One LoRA or textual inversion of the catalogue.

    Attributes:
        name: what requests call it.
        table: what the file says of it.
        origin: where it is from, and where it lies on this disk.
    """

    name: str
    table: _Table
    origin: origins.Origin


@dataclass(frozen=True, slots=True)
class Addons:
    """Everything that is at hand, by lower-case name, LoRAs by the number of their version as well."""

    known: Mapping[str, Addon] = field(default_factory=dict[str, Addon])

    def capabilities(self) -> tuple[Capability, ...]:
        """What a worker that has these can do."""
        kinds = {addon.table.kind for addon in self.known.values()}
        loras = (Capability.LORA, Capability.LORA_VERSIONS) if Kind.LORA in kinds else ()
        return (*loras, Capability.TEXTUAL_INVERSION) if Kind.EMBEDDING in kinds else loras

    def dress(
        self, job: DrawJob, *, family: Family, loras: Sequence[Lora], inversions: Sequence[TextualInversion]
    ) -> DrawJob:
        """The job with what was asked for, its triggers and words put into the prompts.

        What is not at hand, or made for models of another family, is left out and noted in the job.
        """
        for lora in loras:
            job = self._with_lora(job, family, lora)
        for inversion in inversions:
            job = self._with_inversion(job, family, inversion)
        return job

    def _with_lora(self, job: DrawJob, family: Family, asked: Lora) -> DrawJob:
        addon = self._find(Kind.LORA, asked.name, version=asked.is_version)
        if addon is None or addon.table.family is not family:
            return _without(job, "lora", asked.name, found=addon is not None)
        use = LoraUse(asked.name, addon.origin.path, model=asked.model, clip=asked.clip)
        prompt = _triggered(job.prompt, addon.table.triggers, asked.inject_trigger)
        return replace(job, prompt=prompt, loras=(*job.loras, use))

    def _with_inversion(self, job: DrawJob, family: Family, asked: TextualInversion) -> DrawJob:
        addon = self._find(Kind.EMBEDDING, asked.name, version=asked.name.isdigit())
        if addon is None or addon.table.family is not family:
            return _without(job, "ti", asked.name, found=addon is not None)
        token = f"<{re.sub(r'[^a-z0-9]+', '-', addon.name.lower())}>"
        weighted = token if asked.strength == 1 else f"({token}:{asked.strength:g})"
        mention = re.compile(_MENTION.format(name=re.escape(asked.name)), re.IGNORECASE)
        positive, negative = (mention.sub(weighted, text) for text in (job.prompt, job.negative_prompt))
        if asked.inject_ti is InjectTi.PROMPT:
            positive = f"{weighted}, {positive}" if positive else weighted
        elif asked.inject_ti is InjectTi.NEGPROMPT:
            negative = f"{weighted}, {negative}" if negative else weighted
        use = EmbeddingUse(asked.name, addon.origin.path, token)
        return replace(job, prompt=positive, negative_prompt=negative, embeddings=(*job.embeddings, use))

    def _find(self, kind: Kind, name: str, *, version: bool) -> Addon | None:
        found = self.known.get(name.lower())
        if found is None and version:
            found = next((addon for addon in self.known.values() if addon.table.version == name), None)
        return found if found is not None and found.table.kind is kind else None


def load(file: Path, *, downloads: Path) -> list[Addon]:
    """Read the catalogue of addons; a file that is not there holds none.

    Raises:
        ConfigError: it is wrong; names the file, the key and what is allowed.
    """
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: the catalogue of addons cannot be read ({error}).") from None
    return [_addon(name, table, file, downloads) for name, table in tables.items()]


async def prepare(addons: Iterable[Addon]) -> Addons:
    """Those whose files lie ready, fetched where they were missing; the others are said and left out."""
    ready: dict[str, Addon] = {}
    for addon in addons:
        try:
            await _make_ready(addon)
        except (RenderError, StorageFull) as error:
            _logger.error("addon_left_out", addon=addon.name, reason=str(error))  # noqa: TRY400  # the sentence is all
        else:
            ready[addon.name.lower()] = addon
    return Addons(ready)


async def _make_ready(addon: Addon) -> None:
    table, origin = addon.table, addon.origin
    if not origin.path.exists() and origin.hub:
        folder, file = origin.path.parent, origin.path.name
        await hub.fetch_hub(origin.hub, folder, revision=table.revision, file=file, size=table.size)
    elif not origin.path.exists() and origin.url:
        await fetch.fetch_file(origin.url, origin.path, sha256=table.sha256, name=addon.name)
    if not origin.path.is_file():
        raise ModelUnusable(f"{addon.name!r} is not there: {origin.path} does not exist.")
    await asyncio.to_thread(fetch.check_sum, origin.path, table.sha256, name=addon.name)


def _addon(name: str, table: object, file: Path, downloads: Path) -> Addon:
    try:
        read = _Table.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join([name, *(str(part) for part in first["loc"])])
        raise ConfigError(f"{file}: {where}: found {first['input']!r}; allowed: {first['msg']}.") from None
    try:
        endings = _PICKLED if read.pickled and read.kind is Kind.EMBEDDING else _SAFE
        origin = origins.read(
            read.source, name=name, revision=read.revision, downloads=downloads / "addons", endings=endings
        )
    except ValueError as error:
        raise ConfigError(f"{file}: {name}.source: found {read.source!r}; allowed: {error}.") from None
    if not origin.file:
        raise ConfigError(f"{file}: {name}.source: found {read.source!r}; allowed: one file.")
    return Addon(name, read, origin)


def _without(job: DrawJob, kind: Literal["lora", "ti"], name: str, *, found: bool) -> DrawJob:
    left = Unused(kind, name, "baseline_mismatch" if found else "download_failed")
    return replace(job, unused=(*job.unused, left))


def _triggered(prompt: str, triggers: Sequence[str], asked: str | None) -> str:
    """The prompt with the trigger that was asked for: any = the first, else the first that holds the asked words."""
    if not asked:
        return prompt
    anything = asked.lower() == _ANY_TRIGGER
    fitting = (trigger for trigger in triggers if anything or asked.lower() in trigger.lower())
    trigger = next(fitting, None)
    if trigger is None or trigger.lower() in prompt.lower():
        return prompt
    return f"{prompt}, {trigger}" if prompt else trigger
