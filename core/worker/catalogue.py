"""The models a worker may offer: reads `config/models.toml` and makes an entry's files ready.

`pool` asks for the entries that its settings name; the entries travel to the renderer in its device process, which
finds every file under `entry.path`, verified.
"""

from __future__ import annotations

import asyncio
import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core import log
from core.errors import ConfigError, ModelUnusable
from core.worker import fetch, hub, origins
from core.worker.renderer import Family, Form, ModelEntry

__all__ = ["Family", "Form", "ModelEntry", "chosen", "load", "prepare"]

_SHORTEST_NAME, _LONGEST_NAME = 3, 255
"""Characters of a model's name that a horde takes in a pop."""
_logger = log.get(__name__)
_Sha = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]


class _Table(BaseModel):
    """One table of the file, as people write it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: Family
    source: str = Field(min_length=1)
    native_size: int = Field(ge=8, le=4096, multiple_of=8)
    revision: str = ""
    sha256: _Sha | dict[str, _Sha] = Field(default_factory=dict[str, _Sha])
    baseline: str = ""
    licence: str = ""
    size: int = Field(default=0, ge=0)
    variant: str = ""


def load(file: Path, *, downloads: Path) -> dict[str, ModelEntry]:
    """Read the catalogue.

    Args:
        file: `config/models.toml` or the operator's own.
        downloads: folder for models that come from elsewhere.

    Raises:
        ConfigError: the file is missing or wrong; names the file, the key, what was found and what is allowed.
    """
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: the catalogue of models cannot be read ({error}).") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: this is not TOML: {error}.") from None
    return {name: _entry(name, table, file, downloads) for name, table in tables.items()}


def chosen(entries: Mapping[str, ModelEntry], names: Sequence[str], *, file: Path) -> list[ModelEntry]:
    """The entries with these names, in this order.

    Raises:
        ConfigError: a name is not in the catalogue.
    """
    for name in names:
        if name not in entries:
            near = difflib.get_close_matches(name, entries, n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ConfigError(
                f"worker.models: found {name!r}, which is not in {file}; allowed: {', '.join(sorted(entries))}.{hint}"
            )
    return [entries[name] for name in dict.fromkeys(names)]


async def prepare(entry: ModelEntry) -> None:
    """Make the entry's files lie under its path: fetch what is missing, verify what has a sha256.

    Raises:
        ModelUnusable: they are missing, damaged, or cannot be fetched; says what to do.
        StorageFull: there is no room for a download.
    """
    if not entry.path.exists():
        await _fetch(entry)
    main = entry.path / "model_index.json" if entry.form is Form.FOLDER else entry.path
    if not main.is_file():
        raise ModelUnusable(f"The model {entry.name!r} is incomplete: {main} is missing.")
    await asyncio.to_thread(_verify, entry)


async def _fetch(entry: ModelEntry) -> None:
    folder = entry.path if entry.form is Form.FOLDER else entry.path.parent
    if source := entry.hub or entry.url:
        _logger.info("model_download_started", model=entry.name, source=source, bytes=entry.size)
    if entry.hub and entry.form is Form.FOLDER:
        await hub.fetch_hub(entry.hub, folder, revision=entry.revision, variant=entry.variant, size=entry.size)
    elif entry.hub:
        await hub.fetch_hub(entry.hub, folder, revision=entry.revision, file=entry.path.name, size=entry.size)
    elif entry.url:
        await fetch.fetch_file(entry.url, entry.path, sha256=entry.sha256.get("", ""), name=entry.name)
    else:
        raise ModelUnusable(
            f"The model {entry.name!r} is not there: {entry.path} does not exist. Put it there, or change its source "
            "in the catalogue of models."
        )


def _verify(entry: ModelEntry) -> None:
    for name, sha256 in entry.sha256.items():
        file = entry.path / name if name else entry.path
        if not file.is_file():
            raise ModelUnusable(f"The model {entry.name!r} is incomplete: {file} is missing.")
        fetch.check_sum(file, sha256, name=entry.name)


def _entry(name: str, table: object, file: Path, downloads: Path) -> ModelEntry:
    if not _SHORTEST_NAME <= len(name) <= _LONGEST_NAME:
        raise ConfigError(
            f"{file}: found {name!r} as the name of a model; allowed: {_SHORTEST_NAME} to {_LONGEST_NAME} characters."
        )
    try:
        read = _Table.model_validate(table)
    except ValidationError as error:
        raise ConfigError("\n".join(_sentence(dict(detail), name, file) for detail in error.errors())) from None
    try:
        place = _place(name, read, downloads)
    except ValueError as error:
        raise ConfigError(f"{file}: {name}.source: found {read.source!r}; allowed: {error}.") from None
    if isinstance(read.sha256, str) and place["form"] is Form.FOLDER:
        raise ConfigError(f"{file}: {name}.sha256: found one sum; allowed: for a folder, a table of file = sum.")
    return ModelEntry(
        name=name,
        family=read.family,
        native_size=read.native_size,
        revision=read.revision,
        sha256={"": read.sha256} if isinstance(read.sha256, str) else read.sha256,
        baseline=read.baseline,
        licence=read.licence,
        size=read.size,
        variant=read.variant,
        **place,
    )


def _place(name: str, table: _Table, downloads: Path) -> dict[str, Any]:
    """Form, path, hub and url of a source."""
    origin = origins.read(
        table.source, name=name, revision=table.revision, downloads=downloads, endings=(".safetensors",)
    )
    form = Form.FILE if origin.file else Form.FOLDER
    return {"form": form, "path": origin.path, "hub": origin.hub, "url": origin.url}


def _sentence(detail: dict[str, Any], name: str, file: Path) -> str:
    path = [name, *(str(part) for part in detail["loc"])]
    key = ".".join(path)
    if detail["type"] == "extra_forbidden":
        return f"{file}: {key}: there is no such key; allowed here: {', '.join(sorted(_Table.model_fields))}."
    if detail["type"] == "missing":
        return f"{file}: {key}: it is missing."
    return f"{file}: {key}: found {detail['input']!r}; allowed: {detail['msg']}."
