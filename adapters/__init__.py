"""The mouths and ears: one folder for each platform, found here by name and imported only when it is used.

`run_bot.py` asks for the platforms that the settings enable. A platform outside this repository announces itself
as an entry point of the group `largesse.platforms`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, cast

from core.chat.port import Port
from core.errors import ConfigError
from core.findings import Finding, Health

PLATFORMS = {
    "console": "adapters.console.platform:Console",
    "discord": "adapters.discord.platform:Discord",
    "matrix": "adapters.matrix.platform:Matrix",
    "reddit": "adapters.reddit.platform:Reddit",
    "mastodon": "adapters.mastodon.platform:Mastodon",
    "web": "adapters.web.platform:Web",
}
"""Name of a platform → `module:class`; the class takes that platform's settings as keyword arguments."""

GROUP = "largesse.platforms"


def platforms() -> dict[str, str]:
    """All platforms: ours and those that installed packages announce.

    Raises:
        ConfigError: two of them have the same name.
    """
    found = dict(PLATFORMS)
    for entry in entry_points(group=GROUP):
        if entry.name in found:
            raise ConfigError(f"The platform {entry.name!r} exists twice: {found[entry.name]} and {entry.value}.")
        found[entry.name] = entry.value
    return found


def platform(name: str) -> Callable[..., Port]:
    """The class of a platform, imported now.

    Raises:
        ConfigError: there is no such platform, or the libraries of its extra are not installed.
    """
    known = platforms()
    if name not in known:
        raise ConfigError(f"There is no platform {name!r}; there are: {', '.join(sorted(known))}.")
    module, _, attribute = known[name].partition(":")
    try:
        return cast("Callable[..., Port]", getattr(import_module(module), attribute))
    except ModuleNotFoundError as error:
        hint = f"install it with: pip install '.[{name}]'"
        raise ConfigError(f"The platform {name!r} needs the module {error.name!r}; {hint}.") from None


async def examined(wanted: Mapping[str, Mapping[str, Any]], *, data_dir: Path) -> AsyncIterator[Finding]:
    """What the platforms that are wanted say about themselves, for the doctor.

    A platform that can look (its account, its rights, its limits) has a static `examine(**settings, data_dir=...)`
    that yields findings.
    """
    for name, arguments in wanted.items():
        try:
            look = getattr(platform(name), "examine", None)
        except ConfigError as error:
            yield Finding(Health.BAD, f"platform {name}", str(error))
            continue
        if look is None:
            yield Finding(Health.GOOD, f"platform {name}", "is installed.")
            continue
        async for finding in cast("AsyncIterator[Finding]", look(**arguments, data_dir=data_dir)):
            yield finding


def opened(wanted: Mapping[str, Mapping[str, Any]], *, data_dir: Path) -> list[Port]:
    """A port for each platform that is wanted.

    Args:
        wanted: name of a platform → its settings, the keyword arguments of its class.
        data_dir: folder where a platform may keep what must survive a restart.

    Raises:
        ConfigError: no platform is wanted, or one cannot be used.
    """
    if not wanted:
        raise ConfigError(f"No platform is enabled: set enabled = true in one of {', '.join(sorted(platforms()))}.")
    return [platform(name)(**arguments, data_dir=data_dir) for name, arguments in wanted.items()]
