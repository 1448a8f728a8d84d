"""`run_bot.py doctor`: looks at this machine and these settings, and says in plain words what is missing.

Changes nothing but one file that it writes and deletes again. Stands above all rooms of core: it looks into each.
"""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from pydantic import SecretStr

from core.client import HordeClient
from core.errors import ConfigError, HordeError, LargesseError
from core.findings import Finding, Health
from core.house.styles import load_styles
from core.settings import Settings
from core.worker import catalogue

LITTLE_ROOM = 2_000_000_000
"""Bytes of free disk below which the doctor worries."""


async def examine(settings: Settings, *, horde_url: str, key: SecretStr) -> AsyncIterator[Finding]:
    """All findings, as they come.

    Args:
        settings: the settings in force.
        horde_url: where the bots look for their horde.
        key: the bots' key there.
    """
    for finding in (*_disk(settings.general.data_dir), *_libraries(settings), *_models(settings), *_styles(settings)):
        yield finding
    async for finding in _horde(settings, horde_url, key):
        yield finding


def _disk(folder: Path) -> Iterator[Finding]:
    about = f"data folder {folder}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"x")
    except OSError as error:
        yield Finding(Health.BAD, about, f"cannot be written: {error.strerror}. Choose another general.data_dir.")
        return
    free = shutil.disk_usage(folder).free
    health = Health.GOOD if free > LITTLE_ROOM else Health.NOTE
    yield Finding(health, about, f"writable, {free / 1e9:.1f} GB free.")


def _libraries(settings: Settings) -> Iterator[Finding]:
    wanted = {"limits": ("coordinator", settings.coordinator.enabled)}
    if settings.worker.renderer == "diffusion":
        wanted |= dict.fromkeys(("torch", "diffusers"), ("worker", settings.worker.enabled))
    for name, (extra, enabled) in wanted.items():
        if enabled and importlib.util.find_spec(name) is None:
            yield Finding(
                Health.BAD, f"library {name}", f"is not installed: pip install -c constraints.txt '.[{extra}]'."
            )


def _models(settings: Settings) -> Iterator[Finding]:
    if not settings.worker.enabled:
        return
    try:
        entries = catalogue.load(settings.worker.models_file, downloads=settings.general.data_dir / "models")
        chosen = catalogue.chosen(entries, settings.worker.models, file=settings.worker.models_file)
    except ConfigError as error:
        yield Finding(Health.BAD, "models", str(error))
        return
    for entry in chosen:
        about = f"model {entry.name}"
        if entry.path.exists():
            yield Finding(Health.GOOD, about, f"is there, draws at {entry.native_size} pixels.")
        elif entry.hub or entry.url:
            yield Finding(Health.NOTE, about, f"will be downloaded at the next start ({entry.size / 1e9:.1f} GB).")
        else:
            yield Finding(
                Health.BAD, about, f"is not at {entry.path}; correct its entry in {settings.worker.models_file}."
            )


def _styles(settings: Settings) -> Iterator[Finding]:
    try:
        found = load_styles(settings.bots.styles_file)
    except ConfigError as error:
        yield Finding(Health.BAD, "styles", str(error))
    else:
        yield Finding(Health.GOOD, "styles", f"{len(found.styles)} in {settings.bots.styles_file}.")


async def _horde(settings: Settings, url: str, key: SecretStr) -> AsyncIterator[Finding]:
    about = f"coordinator {url}"
    async with HordeClient(url, key, "Largesse doctor:0.1.0:unknown") as horde:
        try:
            async with asyncio.timeout(10):
                beat = await horde.heartbeat()
        except (HordeError, TimeoutError):
            ours = settings.coordinator.enabled and not settings.bots.horde_url
            words = (
                "is not running; `run_bot.py up` or `run_bot.py coordinator` starts it." if ours else "does not answer."
            )
            yield Finding(Health.NOTE if ours else Health.BAD, about, words)
            return
        yield Finding(Health.GOOD, about, f"answers, version {beat.version}.")
        yield await _account(horde)


async def _account(horde: HordeClient) -> Finding:
    try:
        async with asyncio.timeout(10):
            user = await horde.find_user()
    except (LargesseError, TimeoutError) as error:
        return Finding(Health.BAD, "account of the bots", str(error) or "could not be asked for.")
    return Finding(Health.GOOD, "account of the bots", f"{user.username}, {user.kudos:g} kudos.")


async def report(
    settings: Settings,
    horde_url: str,
    key: SecretStr,
    *,
    also: Callable[..., AsyncIterator[Finding]],
    tell: Callable[[str], None],
) -> int:
    """Tell all findings, a line each; the exit status: 1 where something is bad.

    `also(platforms, data_dir=...)` yields what the platforms say of themselves.
    """
    worst = 0
    platforms = also(settings.platforms(), data_dir=settings.general.data_dir)
    for findings in (examine(settings, horde_url=horde_url, key=key), platforms):
        async for finding in findings:
            tell(f"{_SIGNS[finding.health]} {finding.about}: {finding.words}")
            worst |= finding.health is Health.BAD
    return int(worst)


_SIGNS = {Health.GOOD: "ok  ", Health.NOTE: "note", Health.BAD: "BAD "}
