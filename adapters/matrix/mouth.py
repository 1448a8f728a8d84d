"""What the bot says and does in rooms: messages, edits, emoji, typing, redactions; each encrypted where the room is.

Everything that must not happen twice carries a transaction id that follows from its key, so that a second try, also
after a crash, is the same event.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from adapters.matrix import media, show
from adapters.matrix.engine import Engine
from adapters.matrix.homeserver import Homeserver, Refused, path
from adapters.matrix.notebook import Notebook
from adapters.matrix.read import NAME, ref
from adapters.matrix.rooms import Rooms
from core import log
from core.chat.port import SendFailed, SendRefused
from core.chat.types import MessageRef, Place, Post, Sent

WORKING, DONE = "⏳", "✅"
TYPING = 30_000
"""Milliseconds after which others stop seeing us type."""
_GONE = {"M_NOT_FOUND", "M_UNKNOWN"}
_THERE = "M_DUPLICATE_ANNOTATION"
_UNFINISHED = ("/error", "/unkept")
"""Ends of the keys of sentences that say why something was not done."""

logger = log.get(__name__)


class Mouth:
    """Speaks in the rooms of one device."""

    def __init__(self, engine: Engine, server: Homeserver, notebook: Notebook, rooms: Rooms) -> None:
        self._engine, self._server, self._notebook, self._rooms = engine, server, notebook, rooms

    async def send(self, place: Place, post: Post, key: str) -> Sent:
        """Say something, with an emoji under it for each button that has one. Raises as the port's verbs."""
        transaction = show.txn(key)
        if said := await self._notebook.do(self._notebook.said, transaction):
            return Sent(ref(*said))
        self._rooms.check(place.id, self._engine.user_id, "m.room.message")
        thread = await self._thread(place, post)
        content = show.message(post, thread, await self._uploaded(place.id, post))
        event = await self.put(place.id, "m.room.message", content, transaction)
        for button in post.buttons:
            if button.emoji:
                await self._offer(place.id, event, button.emoji)
        await self._notebook.do(self._notebook.say, transaction, place.id, event, thread.root)
        if post.reply_to and not post.progress:
            await self.settle(post.reply_to, good=not key.endswith(_UNFINISHED))
        return Sent(ref(place.id, event))

    async def said(self, place: Place, key: str) -> Sent | None:
        """What stands under this key."""
        del place
        said = await self._notebook.do(self._notebook.said, show.txn(key))
        return Sent(ref(*said)) if said else None

    async def edit(self, message: MessageRef, post: Post) -> None:
        """Replace what a message says."""
        self._rooms.check(message.place, self._engine.user_id, "m.room.message")
        content = show.message(post, show.Thread(), await self._uploaded(message.place, post))
        await self.put(message.place, "m.room.message", show.edit(message.message, content), _new())

    async def react(self, message: MessageRef, emoji: str) -> str | None:
        """Put an emoji; its event's id, or None where the same stands there already."""
        content = show.reaction(message.message, emoji)
        transaction = show.txn(f"{message.message}/{emoji}")
        try:
            return await self.put(message.place, "m.reaction", content, transaction)
        except Refused as error:
            if error.errcode == _THERE:
                return None
            raise

    async def redact(self, room: str, event: str) -> None:
        """Take something of ours away; what is gone already is fine."""
        try:
            endpoint = path("rooms", room, "redact", event, show.txn(f"{event}/redact"))
            await self._server.ask("PUT", endpoint, {})
        except Refused as error:
            if error.errcode not in _GONE:
                raise

    async def type(self, room: str, *, on: bool) -> None:
        """Show, or no longer show, that we are at it; nothing depends on it."""
        endpoint = path("rooms", room, "typing", self._engine.user_id)
        body = {"typing": True, "timeout": TYPING} if on else {"typing": False}
        await self._tolerate("PUT", endpoint, body)

    async def attend(self, message: MessageRef) -> None:
        """Show on a message that it is being worked on."""
        try:
            if sign := await self.react(message, WORKING):
                await self._notebook.do(self._notebook.sign, message.message, sign)
        except (SendFailed, SendRefused) as error:
            logger.info("sign_not_put", room=message.place, reason=str(error))

    async def settle(self, message: MessageRef, *, good: bool) -> None:
        """Take the sign of work away and, where it went well, say so; doing it twice is the same as once."""
        asked = await self._notebook.do(self._notebook.asked, message.message)
        if asked is None or asked.sign is None:
            return
        try:
            await self.redact(message.place, asked.sign)
            if good:
                await self.react(message, DONE)
        except (SendFailed, SendRefused) as error:
            logger.info("sign_stayed", room=message.place, reason=str(error))
            return
        await self._notebook.do(self._notebook.sign, message.message, None)
        await self.type(message.place, on=False)

    async def put(self, room: str, kind: str, content: dict[str, Any], transaction: str) -> str:
        """Send one event; its id. The only way into a room: nothing passes `seal` unencrypted that should not."""
        if kind != "m.reaction":  # these are never encrypted
            kind, content = await self._engine.seal(room, kind, content)
        answer = await self._server.ask("PUT", path("rooms", room, "send", kind, transaction), content)
        return str(answer["event_id"])

    async def _offer(self, room: str, event: str, emoji: str) -> None:
        """An emoji to press; a server that wants us slower gets along without."""
        try:
            await self.react(ref(room, event), emoji)
        except (SendFailed, SendRefused) as error:
            logger.info("choice_not_put", room=room, reason=str(error))

    async def _uploaded(self, room: str, post: Post) -> show.Uploaded | None:
        if not post.pictures or post.pictures[0].data is None:
            return None
        encrypted = self._engine.rooms[room].encrypted
        return await media.upload(self._server, post.pictures[0], encrypt=encrypted)

    async def _thread(self, place: Place, post: Post) -> show.Thread:
        if post.reply_to is None or post.reply_to.platform != NAME:
            return show.Thread(root=place.thread)
        asked = await self._notebook.do(self._notebook.asked, post.reply_to.message)
        mention = asked.person if asked and not post.progress else None
        return show.Thread(reply_to=post.reply_to.message, root=place.thread, mention=mention)

    async def _tolerate(self, method: str, endpoint: str, body: Mapping[str, Any]) -> None:
        try:
            await self._server.ask(method, endpoint, body)
        except (SendFailed, SendRefused) as error:
            logger.debug("nicety_failed", endpoint=endpoint, reason=str(error))


def _new() -> str:
    return f"largesse-{uuid.uuid4().hex}"
