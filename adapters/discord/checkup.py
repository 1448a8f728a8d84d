"""What the doctor tells of Discord: the token, the account, the servers and the bot's rights there, the commands.

Asks over HTTP only and changes nothing; a running bot never notices.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import discord
from pydantic import SecretStr

from adapters.discord import faults
from adapters.discord.client import noted
from core.findings import Finding, Health

SECONDS = 20
RIGHTS = {
    "view_channel": "View Channels",
    "send_messages": "Send Messages",
    "send_messages_in_threads": "Send Messages in Threads",
    "attach_files": "Attach Files",
    "embed_links": "Embed Links",
    "add_reactions": "Add Reactions",
    "read_message_history": "Read Message History",
}
"""What the bot needs in a channel, as discord.py and as Discord's pages call it."""
MOST_SERVERS = 10
"""Servers whose channels are looked at."""


async def examine(token: SecretStr, *, note: Path, connector: aiohttp.BaseConnector) -> AsyncIterator[Finding]:
    """Findings, as they come."""
    client = discord.Client(intents=discord.Intents.none(), connector=connector)
    try:
        async with asyncio.timeout(SECONDS), client:
            await client.login(token.get_secret_value())
            async for finding in _account(client, note):
                yield finding
    except discord.LoginFailure:
        yield Finding(Health.BAD, "Discord", faults.LOGIN_REFUSED)
    except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
        yield Finding(Health.BAD, "Discord", f"cannot be reached: {error or type(error).__name__}.")


async def _account(client: discord.Client, note: Path) -> AsyncIterator[Finding]:
    yield Finding(Health.GOOD, "Discord token", f"is accepted; the bot is called {client.user}.")
    yield await _commands(client, note)
    guilds = [each async for each in client.fetch_guilds(limit=200)]
    if not guilds:
        words = "is in no server yet; docs/discord.md says how to invite it."
        yield Finding(Health.NOTE, "Discord servers", words)
    for guild in guilds[:MOST_SERVERS]:
        yield await _rights(client, guild)


async def _commands(client: discord.Client, note: Path) -> Finding:
    """Whether Discord has as many commands as the last start told it, and that there was one."""
    standing = await client.http.get_global_commands(client.application_id or 0)
    told = noted(note)
    if told is None:
        return Finding(Health.NOTE, "Discord commands", "are made known at the first start of the bot.")
    known = told.get("number")
    if known != len(standing):
        words = f"differ: Discord has {len(standing)}, the bot made {known} known. Remove {note} and start it again."
        return Finding(Health.BAD, "Discord commands", words)
    return Finding(Health.GOOD, "Discord commands", f"are known there, {known} of them.")


async def _rights(client: discord.Client, guild: discord.Guild) -> Finding:
    """The channels of a server in which the bot lacks something."""
    about = f"Discord server {guild.name}"
    try:
        whole = await client.fetch_guild(guild.id, with_counts=False)
        me = await whole.fetch_member(client.user.id if client.user else 0)
        channels = await whole.fetch_channels()
    except discord.HTTPException as error:
        return Finding(Health.NOTE, about, f"cannot be looked at: {error.text or error.status}.")
    lacking = [words for each in channels if isinstance(each, discord.TextChannel) and (words := _lacks(each, me))]
    if lacking:
        return Finding(Health.NOTE, about, f"lacks rights in {len(lacking)} channels: {'; '.join(lacking[:5])}.")
    return Finding(Health.GOOD, about, "gives every right that is needed in all its text channels.")


def _lacks(channel: discord.TextChannel, me: discord.Member) -> str:
    rights = channel.permissions_for(me)
    missing = [words for name, words in RIGHTS.items() if not getattr(rights, name)]
    return f"#{channel.name} ({', '.join(missing)})" if missing else ""
