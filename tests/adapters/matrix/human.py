"""A person on Matrix: an independent nio client with its own keys, which reads and writes as an app does."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from nio import AsyncClient, AsyncClientConfig, Event, MegolmEvent, RoomSendResponse, SyncResponse, UploadResponse
from nio.crypto.attachments import decrypt_attachment

from tests.doubles.synapse_server import Account, SynapseServer

Body = dict[str, Any]
PATIENCE = 45.0
ENCRYPTED = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}


class Human:
    """Somebody with one device. `events` holds all that was seen, decrypted where possible."""

    def __init__(self, server: SynapseServer, account: Account, folder: Path) -> None:
        self.server, self.account = server, account
        folder.mkdir(parents=True, exist_ok=True)
        config = AsyncClientConfig(pickle_key="human", store_sync_tokens=False)
        self.client = AsyncClient(server.url, account.user_id, account.device_id, str(folder), config)
        self.client.restore_login(account.user_id, account.device_id, account.access_token)
        self.id = account.user_id
        self.events: list[tuple[str, Body]] = []
        self.unread: list[tuple[str, MegolmEvent]] = []
        self._changed = asyncio.Condition()

    async def begin(self) -> None:
        """Publish keys and look who is there."""
        await self._sync(0)
        await self._chores()

    async def run(self) -> None:
        """Keep reading."""
        while True:
            await self._sync(5000)
            await self._chores()

    async def _sync(self, wait: int) -> None:
        answer = await self.client.sync(timeout=wait, full_state=not self.client.next_batch)
        if not isinstance(answer, SyncResponse):
            await asyncio.sleep(0.2)
            return
        for room, info in answer.rooms.join.items():
            for event in info.timeline.events:
                if isinstance(event, MegolmEvent):
                    self.unread.append((room, event))
                elif isinstance(event, Event):
                    self.events.append((room, event.source))
        for room, event in list(self.unread):
            with suppress(Exception):
                opened = self.client.decrypt_event(event)
                self.events.append((room, cast("Event", opened).source))
                self.unread.remove((room, event))
        async with self._changed:
            self._changed.notify_all()

    async def _chores(self) -> None:
        if self.client.should_upload_keys:
            await self.client.keys_upload()
        if self.client.should_query_keys:
            await self.client.keys_query()
        if self.client.should_claim_keys:
            await self.client.keys_claim(self.client.get_users_for_key_claiming())
        await self.client.send_to_device_messages()

    async def room(self, *others: str, encrypted: bool, **options: Any) -> str:
        """Make a room and invite others; they come when they want."""
        state = [ENCRYPTED] if encrypted else []
        body = {"preset": "private_chat", "invite": list(others), "initial_state": state, **options}
        room = str(self.server.ask(self.account, "POST", "/v3/createRoom", body)["room_id"])
        await self.until(lambda: room in self.client.rooms)
        return room

    async def there(self, room: str, *others: str) -> None:
        """Wait until others have come in."""

        def present() -> bool:
            users = self.client.rooms[room].users
            return all(other in users and not users[other].invited for other in others)

        await self.until(present)

    async def send(self, room: str, content: Body, kind: str = "m.room.message") -> str:
        """Send an event; its id."""
        sent = await self.client.room_send(room, kind, content, ignore_unverified_devices=True)
        assert isinstance(sent, RoomSendResponse), sent
        return sent.event_id

    async def say(self, room: str, text: str, **more: Any) -> str:
        """Write something."""
        return await self.send(room, {"msgtype": "m.text", "body": text, **more})

    async def answer(self, room: str, event: str, text: str, **more: Any) -> str:
        """Reply to a message."""
        return await self.say(room, text, **{"m.relates_to": {"m.in_reply_to": {"event_id": event}}}, **more)

    async def change(self, room: str, event: str, text: str) -> str:
        """Edit a message."""
        new = {"msgtype": "m.text", "body": text}
        relation = {"rel_type": "m.replace", "event_id": event}
        return await self.say(room, f"* {text}", **{"m.new_content": new, "m.relates_to": relation})

    async def show(self, room: str, data: bytes, *, caption: str = "", **more: Any) -> str:
        """Send a picture."""
        encrypted = self.client.rooms[room].encrypted
        up, keys = await self.client.upload(
            io.BytesIO(data), "image/webp", "source.webp", encrypt=encrypted, filesize=len(data)
        )
        assert isinstance(up, UploadResponse), up
        where: Body = {"file": {"url": up.content_uri, **(keys or {})}} if encrypted else {"url": up.content_uri}
        body: Body = {
            "msgtype": "m.image",
            "body": caption or "source.webp",
            "info": {"mimetype": "image/webp", "size": len(data)},
        }
        return await self.send(room, body | where | ({"filename": "source.webp"} if caption else {}) | more)

    async def react(self, room: str, event: str, emoji: str, **more: Any) -> str:
        """Put an emoji."""
        relation = {"rel_type": "m.annotation", "event_id": event, "key": emoji}
        return await self.send(room, {"m.relates_to": relation, **more}, "m.reaction")

    async def redact(self, room: str, event: str) -> None:
        """Take something away."""
        await self.client.room_redact(room, event)

    async def picture(self, content: Body) -> bytes:
        """The bytes of a picture in a message, decrypted where need be."""
        sealed = content.get("file")
        answer: Any = await self.client.download((sealed or content)["url"])
        if not sealed:
            return answer.body
        return decrypt_attachment(answer.body, sealed["key"]["k"], sealed["hashes"]["sha256"], sealed["iv"])

    async def until_slowly(self, true: Callable[[], object]) -> None:
        """The same, for what may take a few minutes."""
        await self.until(true, patience=150.0)

    async def until(self, true: Callable[[], object], *, patience: float = PATIENCE) -> None:
        """Wait until something holds; looked at after each sync."""
        try:
            async with asyncio.timeout(patience), self._changed:
                await self._changed.wait_for(true)
        except TimeoutError:
            raise AssertionError(json.dumps(self.events[-8:], indent=1)[:6000]) from None

    async def heard(self, room: str, sender: str, *, count: int = 1) -> list[Body]:
        """What somebody has said there that stands, at least so many messages."""
        await self.until(lambda: len(self.standing(room, sender)) >= count)
        return self.standing(room, sender)

    def standing(self, room: str, sender: str) -> list[Body]:
        """The messages of somebody that stand there, as they were last changed: events with the newest content."""
        return _standing([event for where, event in self.events if where == room], sender)

    def look(self, room: str, sender: str) -> list[Body]:
        """The same, asked of the homeserver now; for rooms that are not encrypted."""
        page = self.server.ask(self.account, "GET", f"/v3/rooms/{quote(room)}/messages?dir=b&limit=500")
        return _standing(page["chunk"][::-1], sender)

    def emoji(self, room: str, event: str, sender: str) -> set[str]:
        """The emoji of somebody that stand on a message."""
        gone = _gone(each for _, each in self.events)
        there = [each for where, each in self.events if where == room and each["event_id"] not in gone]
        theirs = [each for each in there if each["type"] == "m.reaction" and each["sender"] == sender]
        put = [each["content"].get("m.relates_to", {}) for each in theirs]
        return {each["key"] for each in put if each.get("event_id") == event}


def _gone(events: Iterable[Body]) -> set[str]:
    redactions = [event for event in events if event["type"] == "m.room.redaction"]
    return {event.get("redacts") or event["content"].get("redacts") for event in redactions}


def _standing(events: list[Body], sender: str) -> list[Body]:
    gone, found = _gone(events), dict[str, Body]()
    said = [
        each for each in events if each["type"] == "m.room.message" and each["sender"] == sender and each["content"]
    ]
    for event in said:
        relation = event["content"].get("m.relates_to", {})
        if relation.get("rel_type") != "m.replace" and event["event_id"] not in gone:
            found.setdefault(event["event_id"], event)
        elif old := found.get(relation.get("event_id", "")):
            found[old["event_id"]] = {**old, "content": event["content"]["m.new_content"]}
    return list(found.values())


@asynccontextmanager
async def human(server: SynapseServer, folder: Path) -> AsyncIterator[Human]:
    """Somebody new, reading along for a block."""
    person = Human(server, server.account(), folder)
    await person.begin()
    reading = asyncio.create_task(person.run())
    try:
        yield person
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        await person.client.close()
