"""What an interaction still lets us say: its first response within three seconds, then its message, for 15 minutes.

Used by `platform`. An interaction is acknowledged at the latest after `PATIENCE`, by the words themselves where they
come sooner. After a restart only what `Way` carries is known, and that is enough to go on.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import discord

from adapters.discord import faults, read
from adapters.discord.read import Way
from adapters.discord.show import NOBODY, Shown
from core import log

PATIENCE = 0.7
"""Seconds until an interaction is acknowledged without words."""
MOST_OPEN = 10_000
"""Interactions that are known at once; the oldest are forgotten and answered as after a restart."""

logger = log.get(__name__)


@dataclass
class Slot:
    """An interaction that this process received."""

    interaction: discord.Interaction[Any]
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    acknowledged: bool = False
    blank: bool = False
    """Acknowledged without words: people see that the bot is thinking."""


class Answers:
    """The interactions of a client."""

    def __init__(self, client: discord.Client, application: int) -> None:
        self._client = client
        self._application = application
        self._slots: OrderedDict[int, Slot] = OrderedDict()
        self._final: OrderedDict[int, int] = OrderedDict()
        """Interaction → the message that shows its answer."""
        self._lock = asyncio.Lock()
        """For interactions of a former process."""
        self._waiting: set[asyncio.Task[None]] = set()

    def open(self, interaction: discord.Interaction[Any]) -> Slot:
        """An interaction came in; from now on it will be acknowledged in time."""
        slot = Slot(interaction)
        self._slots[interaction.id] = slot
        if len(self._slots) > MOST_OPEN:
            self._slots.popitem(last=False)
        waiting = asyncio.create_task(self._acknowledge(slot))
        self._waiting.add(waiting)
        waiting.add_done_callback(self._waiting.discard)
        return slot

    async def close(self) -> None:
        """Nothing more is acknowledged."""
        for each in self._waiting:
            each.cancel()
        await asyncio.gather(*self._waiting, return_exceptions=True)

    async def form(self, slot: Slot, modal: discord.ui.Modal) -> None:
        """Answer with a form."""
        async with slot.lock:
            if not slot.acknowledged:
                await slot.interaction.response.send_modal(modal)
                slot.acknowledged = True

    async def say(self, way: Way, shown: Shown, *, progress: bool) -> int | None:
        """Say it as the interaction's own message, in place of what that said before; None: it can say nothing more.

        Progress that comes late says nothing: it must not take the place of an answer.
        """
        slot = self._slots.get(way.id)
        async with slot.lock if slot else self._lock:
            if progress and way.id in self._final:
                return self._final[way.id]
            said = await self._first_or_instead(slot, way, shown)
            if said and not progress:
                self._final[way.id] = said
                if len(self._final) > MOST_OPEN:
                    self._final.popitem(last=False)
            return said

    async def _first_or_instead(self, slot: Slot | None, way: Way, shown: Shown) -> int | None:
        if slot and not slot.acknowledged:
            said = await self._respond(slot, shown, ephemeral=False)
            if said:
                return said
        if slot:
            slot.blank = False
        return await self._replace(way, shown)

    async def whisper(self, way: Way, shown: Shown) -> int | None:
        """Say it to the person alone; None: it can say nothing more."""
        slot = self._slots.get(way.id)
        if slot is None:
            return await self.follow(way, shown, ephemeral=True)
        async with slot.lock:
            if not slot.acknowledged:
                said = await self._respond(slot, shown, ephemeral=True)
                if said:
                    return said
            if slot.blank and way.kind == "c":
                # The first words after an empty acknowledgement take its place, for all to read: remove it before.
                slot.blank = False
                await self._gone_is_none(self._webhook(way).delete_message("@original"))  # pyright: ignore[reportArgumentType]  # Discord's name for it
        return await self.follow(way, shown, ephemeral=True)

    async def follow(self, way: Way, shown: Shown, *, ephemeral: bool) -> int | None:
        """Say one thing more; None: it can say nothing more."""
        said = self._webhook(way).send(
            shown.text,
            files=shown.files,
            embeds=shown.embeds,
            view=shown.view or discord.utils.MISSING,
            ephemeral=ephemeral,
            allowed_mentions=NOBODY,
            wait=True,
        )
        message = await self._gone_is_none(said)
        return message.id if message else None

    async def change(self, way: Way, message_id: int, shown: Shown) -> bool:
        """Change a message of the interaction; False: it can say nothing more."""
        return await self._edit(way, message_id, shown) is not None

    async def remove(self, way: Way, message_id: int) -> bool:
        """Remove a message of the interaction; False: it can do nothing more."""
        try:
            await self._webhook(way).delete_message(message_id)
        except discord.HTTPException as error:
            if error.code in faults.GONE or error.status == 401:
                return False
            raise
        return True

    async def _replace(self, way: Way, shown: Shown) -> int | None:
        message = await self._edit(way, "@original", shown)
        return message.id if message else None

    async def _edit(self, way: Way, which: int | str, shown: Shown) -> discord.WebhookMessage | None:
        edited = self._webhook(way).edit_message(
            which,  # pyright: ignore[reportArgumentType]  # Discord's name for the first one is @original
            content=shown.text,
            attachments=shown.files,
            embeds=shown.embeds,
            view=shown.view,
            allowed_mentions=NOBODY,
        )
        return await self._gone_is_none(edited)

    async def _gone_is_none(self, asked: Any) -> Any:  # noqa: ANN401  # whatever Discord answers
        try:
            return await asked
        except discord.HTTPException as error:
            if error.code in faults.GONE or error.status == 401:
                return None
            raise

    async def _respond(self, slot: Slot, shown: Shown, *, ephemeral: bool) -> int | None:
        """The first response; None where it turns out that there was one, or that three seconds are over."""
        try:
            said = await slot.interaction.response.send_message(
                shown.text,
                files=shown.files,
                embeds=shown.embeds,
                view=shown.view or discord.utils.MISSING,
                ephemeral=ephemeral,
                allowed_mentions=NOBODY,
            )
        except discord.HTTPException as error:
            if error.code != faults.ANSWERED and error.code not in faults.GONE:
                raise
            slot.acknowledged = True
            for each in shown.files:
                each.reset()
            return None
        slot.acknowledged = True
        return said.message_id

    async def _acknowledge(self, slot: Slot) -> None:
        await asyncio.sleep(PATIENCE)
        async with slot.lock:
            if slot.acknowledged:
                return
            try:
                await slot.interaction.response.defer()
            except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
                logger.info("interaction_not_acknowledged", reason=str(error))
            slot.acknowledged = slot.blank = True

    def _webhook(self, way: Way) -> discord.Webhook:
        return discord.Webhook.partial(self._application, way.token, client=self._client)


def alive(way: Way | None) -> Way | None:
    """The way, where it still leads anywhere."""
    return way if way and way.alive(time.time()) else None


def way_of(via: str | None) -> Way | None:
    """The way that a place carries, where it still leads anywhere."""
    return alive(read.Way.read(via))
