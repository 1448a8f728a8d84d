"""The house: everything a conversation may use besides the chat itself, made in one place (`open_house`).

Stands between the rooms that do one thing (client, store, styles) and those that use them together (`core.generation`,
`bots/`). `run_bot.py` opens it, the dispatcher hands it to every conversation as `chat.house`.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from core.client.horde import HordeClient
from core.client.transport import Patience
from core.errors import ConfigError, NotFound
from core.house.community import Community
from core.house.gifts import GiftBook, load_emoji
from core.house.offer import Offer
from core.house.people import People
from core.house.places import Book, Places
from core.house.requests import Remembered, Requests, RequestState
from core.house.seal import Seal
from core.house.styles import Styles, load_styles
from core.house.words import Vocabulary
from core.settings import Bots

__all__ = ["Community", "House", "Remembered", "RequestState", "Requests", "open_house", "seal_of"]

CLIENT_NAME, CLIENT_VERSION = "Largesse", "0.1.0"
_PATIENCE = Patience(attempts=3, first_wait=0.3, longest_wait=5.0)
"""Short: whoever follows a request tries on by itself, and people want to be told soon that the horde is away."""


@dataclass(frozen=True)
class House:
    """What conversations stand on."""

    horde: HordeClient
    """The horde that draws, wherever it is."""
    offer: Offer
    """The models it offers right now."""
    requests: Requests
    """What was asked for, for as long as its buttons may be pressed."""
    places: Places
    """The rules that communities make."""
    styles: Styles
    """The named looks."""
    settings: Bots
    """Limits and defaults of the conversations."""
    clock: Callable[[], float]
    """Seconds since 1970."""
    community: Community
    """The people, whatever platform they are on."""

    @property
    def words(self) -> Vocabulary | None:
        """What the bundled model can draw, where that is known."""
        return self.styles.words


class Memory(Requests, People, GiftBook, Book, Protocol):
    """What the house remembers over restarts."""


@asynccontextmanager
async def open_house(
    settings: Bots,
    memory: Memory,
    *,
    horde_url: str,
    api_key: SecretStr,
    data_dir: Path,
    also_trusted: tuple[str, ...] = (),
    clock: Callable[[], float] = time.time,
) -> AsyncGenerator[House]:
    """Make the house and close what it opened.

    Args:
        settings: the section `[bots]`.
        memory: the bots' memory, opened by the caller.
        horde_url: the coordinator, found out by the caller (the setting may say "the bundled one").
        api_key: the key of the bots' account there, likewise.
        data_dir: where the keys lie that seal people's own keys.
        also_trusted: other addresses of the same coordinator, where its pictures may lie.
        clock: seconds since 1970.

    Raises:
        ConfigError: the file of styles or of emoji cannot be used, or the default style is not in it.
    """
    styles = load_styles(settings.styles_file)
    if settings.default_style:
        _check_default(styles, settings)
    agent = f"{CLIENT_NAME}:{CLIENT_VERSION}:{settings.contact or 'unknown'}"
    async with HordeClient(horde_url, api_key, agent, patience=_PATIENCE, also_trusted=also_trusted) as horde:
        community = Community(memory, seal_of(settings, data_dir), memory, load_emoji(settings.emoji_file))
        yield House(horde, Offer(horde, clock=clock), memory, Places(memory), styles, settings, clock, community)


def seal_of(settings: Bots, data_dir: Path) -> Seal:
    """What seals people's API keys, as the settings say."""
    return Seal(data_dir / "sealing.keys", settings.sealing_keys)


def _check_default(styles: Styles, settings: Bots) -> None:
    try:
        styles.find(settings.default_style)
    except NotFound as error:
        raise ConfigError(f"bots.default_style: {error}") from None
