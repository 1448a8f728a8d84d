"""The connection to Discord: which events are heard, commands made known when they changed, and what a stop leaves.

`platform` makes one for each time it listens; events go to its `Ears`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import discord

from adapters.discord.words import Payload, digest
from core import log

CACHED_MESSAGES = 1000
"""Messages that discord.py remembers: to tell whose request was deleted."""

logger = log.get(__name__)


class Ears(Protocol):
    """What `platform` wants to hear."""

    async def interaction(self, interaction: discord.Interaction[Any]) -> None:
        """A command, a menu, a button, a form, or an option being typed."""
        ...

    async def message(self, message: discord.Message) -> None:
        """Somebody wrote something."""
        ...

    async def deleted(self, event: discord.RawMessageDeleteEvent) -> None:
        """A message is gone."""
        ...

    async def reacted(self, event: discord.RawReactionActionEvent) -> None:
        """An emoji was put or taken away."""
        ...

    async def cleared(self, event: discord.RawReactionClearEvent | discord.RawReactionClearEmojiEvent) -> None:
        """All emoji of a message, or all of one kind, were taken away."""
        ...


def intents() -> discord.Intents:
    """None of them is privileged: nobody has to be asked for permission."""
    wanted = discord.Intents.none()
    wanted.guilds = wanted.guild_messages = wanted.dm_messages = wanted.guild_reactions = wanted.dm_reactions = True
    return wanted


class Heard:
    """Hands the events of a client on; mixed into discord.py's two kinds of clients."""

    ears: Ears
    ready: Callable[[], Awaitable[None]]

    async def setup_hook(self) -> None:
        """Logged in, not yet connected."""
        await self.ready()

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """See `Ears`."""
        await self.ears.interaction(interaction)

    async def on_message(self, message: discord.Message) -> None:
        """See `Ears`."""
        await self.ears.message(message)

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        """See `Ears`."""
        await self.ears.deleted(event)

    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        """See `Ears`."""
        await self.ears.reacted(event)

    async def on_raw_reaction_remove(self, event: discord.RawReactionActionEvent) -> None:
        """See `Ears`."""
        await self.ears.reacted(event)

    async def on_raw_reaction_clear(self, event: discord.RawReactionClearEvent) -> None:
        """See `Ears`."""
        await self.ears.cleared(event)

    async def on_raw_reaction_clear_emoji(self, event: discord.RawReactionClearEmojiEvent) -> None:
        """See `Ears`."""
        await self.ears.cleared(event)

    async def on_error(self, event: str, *_: object, **__: object) -> None:
        """One event could not be handled; the others go on."""
        # discord.py calls it inside its exception handler
        logger.exception("event_failed", platform="discord", event_name=event)  # noqa: LOG004


class One(Heard, discord.Client):
    """One connection."""


class Several(Heard, discord.AutoShardedClient):
    """One connection for each share of the servers."""


def make(
    ears: Ears,
    ready: Callable[[], Awaitable[None]],
    *,
    shards: int,
    connector: aiohttp.BaseConnector,
    trace: aiohttp.TraceConfig,
) -> One | Several:
    """A client that is not connected yet. `shards`: 1 = one connection, 0 = as many as Discord wants."""
    options: dict[str, Any] = {
        "intents": intents(),
        "connector": connector,
        "max_messages": CACHED_MESSAGES,
        "member_cache_flags": discord.MemberCacheFlags.none(),
        "chunk_guilds_at_startup": False,
        "allowed_mentions": discord.AllowedMentions.none(),
        "http_trace": trace,
    }
    client = One(**options) if shards == 1 else Several(shard_count=shards or None, **options)
    client.ears, client.ready = ears, ready
    return client


async def make_known(client: discord.Client, payloads: list[Payload], *, note: Path) -> bool:
    """Put all commands in place of the former ones, in one call, where they changed since last time; whether it did.

    `note` remembers which set Discord has: it lets a server change commands 200 times a day only.
    """
    application = client.application_id or 0
    wanted = {"application": application, "commands": digest(payloads), "number": len(payloads)}
    if noted(note) == wanted:
        return False
    try:
        await client.http.bulk_upsert_global_commands(application, payloads)
    except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
        logger.warning("commands_not_made_known", reason=str(error))
        return False
    await asyncio.to_thread(_write, note, wanted)
    logger.info("commands_made_known", number=len(payloads))
    return True


def _write(note: Path, what: dict[str, Any]) -> None:
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(what), encoding="utf-8")


def noted(note: Path) -> dict[str, Any] | None:
    """Which set of commands Discord has, as far as is known."""
    try:
        return json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
