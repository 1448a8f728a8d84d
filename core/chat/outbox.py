"""Sends each message exactly once: written ahead in the memory, sent under its key, marked when it stands.

Between the conversation (`talk`) and the port. A crash before the mark is healed by the platform's dedupe key or,
where it has none, by looking for the message on the platform before it is sent again.
"""

from __future__ import annotations

import asyncio
import json
import random

from core import log
from core.chat.memory import Memory
from core.chat.port import Port, SendFailed, SendRefused
from core.chat.types import MessageRef, Person, Place, Post, Sent

PATIENCE = 3600.0
"""Seconds for which a message is tried again: as long as the strictest platform remembers a dedupe key."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0

logger = log.get(__name__)


class Outbox:
    """The only way out."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    async def send(
        self,
        port: Port,
        place: Place,
        post: Post,
        *,
        key: str,
        person: Person,
        whisper: bool = False,
        patience: float = PATIENCE,
    ) -> Sent:
        """Send a post that fits, or do nothing where it stands already.

        Args:
            port: the platform.
            place: where to say it.
            post: what to say, made to fit.
            key: names the message for ever.
            person: whom it answers.
            whisper: only this person may see it.
            patience: seconds for which a platform that is away is tried again.

        Raises:
            SendRefused: the platform will not have it, now or in an earlier try.
            SendFailed: it was away longer than `patience`.
        """
        known = await self.memory.begin_sending(key, platform=place.platform, place=place.id)
        if known.message == "":
            raise SendRefused
        if known.message is not None:
            return Sent(MessageRef(place.platform, known.place, known.message))
        try:
            sent = await self._insist(port, place, post, key, person, whisper, patience, look=not known.fresh)
        except SendRefused:
            await self.memory.end_sending(key, place=place.id, message="")
            raise
        await self.memory.end_sending(
            key,
            place=sent.ref.place,
            message=sent.ref.message,
            person=person.id,
            about=post.about,
            first_picture=post.first_picture,
            buttons=_buttons(post),
        )
        return sent

    async def standing(self, port: Port, place: Place, *, key: str) -> MessageRef | None:
        """The message that an earlier process sent under this key, if it did."""
        known = await self.memory.begin_sending(key, platform=place.platform, place=place.id)
        if known.message:
            return MessageRef(place.platform, known.place, known.message)
        found = None if known.fresh else await port.find(place, key)
        return found.ref if found else None

    async def _insist(
        self,
        port: Port,
        place: Place,
        post: Post,
        key: str,
        person: Person,
        whisper: bool,
        patience: float,
        *,
        look: bool,
    ) -> Sent:
        clock = asyncio.get_running_loop().time
        deadline, pause = clock() + patience, FIRST_PAUSE
        while True:
            try:
                if look and not port.limits.dedupe and (found := await port.find(place, key)):
                    return found
                if whisper:
                    return await port.whisper(person, place, post, key=key)
                return await port.send(place, post, key=key)
            except SendFailed as error:
                wait = max(error.retry_after or 0.0, pause * random.uniform(0.5, 1.0))  # noqa: S311  # jitter
                if clock() + wait > deadline:
                    raise
                logger.info("message_delayed", platform=port.name, seconds=round(wait, 1), reason=str(error))
            look = True
            await asyncio.sleep(wait)
            pause = min(pause * 2, LONGEST_PAUSE)


def _buttons(post: Post) -> str:
    return json.dumps([{"action": each.action, "arg": each.arg, "emoji": each.emoji} for each in post.buttons])
