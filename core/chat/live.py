"""The progress message of a conversation: one message, edited no faster than the platform allows, never out of order.

One task per conversation sends and edits, so that two edits are never under way at once; only the newest text counts.
Used by `talk`; a progress message that cannot be sent, or that somebody deletes, is given up without harm to the
answer.
"""

from __future__ import annotations

import asyncio

from core import log
from core.chat.outbox import Outbox
from core.chat.port import Port, SendFailed
from core.chat.types import MessageRef, Person, Place, Post
from core.errors import LargesseError

WORKING = "⏳"
"""Put to the request where messages cannot be edited."""

logger = log.get(__name__)


class Live:
    """What a conversation shows while it works."""

    def __init__(self, port: Port, outbox: Outbox, *, place: Place, person: Person, key: str) -> None:
        self._port, self._outbox = port, outbox
        self._place, self._person, self._key = place, person, key
        self._latest = Post()
        self._changed = asyncio.Event()
        self._ending = asyncio.Event()
        self._ref: MessageRef | None = None
        self._pump: asyncio.Task[None] | None = None

    def show(self, post: Post) -> None:
        """Show this from now on, as soon as the platform allows."""
        self._latest = post
        self._changed.set()
        if self._pump is None:
            self._pump = asyncio.create_task(self._run())

    async def end(self, *, look: bool) -> None:
        """Take the message away. `look`: also one that was sent before a restart."""
        self._ending.set()
        self._changed.set()
        try:
            if self._pump:
                await self._pump
            elif look:
                self._ref = await self._outbox.standing(self._port, self._place, key=self._key)
            if self._ref:
                await self._port.delete(self._ref)
                await self._outbox.memory.drop_post(self._ref.platform, self._ref.place, self._ref.message)
        except LargesseError as error:
            logger.info("progress_stayed", platform=self._port.name, reason=str(error))

    def abandon(self) -> None:
        """Stop at once; the message stays and is taken up again after a restart."""
        if self._pump:
            self._pump.cancel()

    async def _run(self) -> None:
        try:
            if self._port.limits.can_edit:
                await self._keep_showing()
            elif self._port.limits.can_react and self._latest.reply_to:
                await self._port.react(self._latest.reply_to, WORKING)
        except LargesseError as error:
            logger.info("progress_given_up", platform=self._port.name, reason=str(error))

    async def _keep_showing(self) -> None:
        shown = self._latest
        sent = await self._outbox.send(self._port, self._place, shown, key=self._key, person=self._person, patience=0.0)
        self._ref = sent.ref
        while not self._ending.is_set():
            await self._rest(self._port.limits.edit_interval)
            await self._changed.wait()
            self._changed.clear()
            if self._latest != shown and not self._ending.is_set():
                shown = self._latest
                await self._edit(sent.ref, shown)

    async def _edit(self, ref: MessageRef, post: Post) -> None:
        try:
            await self._port.edit(ref, post)
        except SendFailed as error:
            await self._rest(error.retry_after or 0.0)

    async def _rest(self, seconds: float) -> None:
        """Wait, but no longer than until the end."""
        try:
            async with asyncio.timeout(seconds):
                await self._ending.wait()
        except TimeoutError:
            return
