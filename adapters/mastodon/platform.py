"""The port of the fediverse: one account on one instance, its answers, and what keeps them from being said twice.

Each status is written down in `notes` before it is sent and again when it stands, and carries an Idempotency-Key made
of its outbox key. Instances forget such keys after an hour or ignore them: `find` looks at the bot's own statuses too.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from pydantic import SecretStr

from adapters.mastodon import manners, read, show
from adapters.mastodon.budget import Kind
from adapters.mastodon.ear import FORBIDDEN, Ear, Pace
from adapters.mastodon.fetch import fetch
from adapters.mastodon.notes import Notes
from adapters.mastodon.pen import Pen
from adapters.mastodon.read import NAME, Thread
from adapters.mastodon.server import Entity, Gone, Server
from adapters.mastodon.stream import Stream
from core import log
from core.chat.port import Dispatching, Limits, SendFailed, SendRefused
from core.chat.types import MessageRef, Person, Picture, Place, Post, Sent
from core.errors import ConfigError, NotAllowed, NotFound, StorageFull
from core.findings import Finding

PROGRESS, PROGRESS_EVERY = "progress|", 30.0
"""A progress message is written only when somebody has waited this many seconds, and edited no faster."""
KEPT_POSTS = 100
"""Statuses of a window that are left for answers: progress is not shown when there are fewer."""
KEPT_UPLOADS = 10
"""Likewise of uploads: several pictures become one grid when there are fewer."""
HOUR = 3600.0

logger = log.get(__name__)


class Mastodon:
    """A bot account as a platform.

    Args:
        instance: address of its instance, as in https://example.social.
        access_token: of the account, with the rights read and write.
        visibility: the widest that an answer gets.
        public_posts_per_hour: answers beyond that many are unlisted.
        quotes: who may quote its statuses.
        language: of what it says, as in en.
        content_warning: put before every picture; empty = none.
        operator: how people reach whoever runs it; shown in its profile.
        source: address of its source code; likewise.
        privacy: address of what is kept of people; shown in its profile.
        data_dir: the folder `mastodon` in it keeps what must survive a restart.
        pace: how often it looks; the tests' is faster.
    """

    def __init__(
        self,
        *,
        instance: str,
        access_token: SecretStr,
        visibility: str,
        public_posts_per_hour: int,
        quotes: str,
        language: str,
        content_warning: str,
        operator: str,
        source: str,
        privacy: str,
        data_dir: Path,
        pace: Pace | None = None,
    ) -> None:
        token = access_token.get_secret_value()
        if not instance.startswith(("https://", "http://")) or not token:
            raise ConfigError("mastodon.instance and mastodon.access_token: both are needed (see docs/mastodon.md).")
        self._terms = show.Terms(visibility, content_warning, language, quotes)
        self._public_posts = public_posts_per_hour
        self._profile = (("Operator", operator), ("Source", source), ("Privacy", privacy))
        self._pace = pace or Pace()
        try:
            self._notes = Notes(data_dir / NAME / "notes.db")
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"{data_dir / NAME} cannot be used: {error}.") from error
        self._server = Server(instance.rstrip("/"), token)
        self._stream = Stream(token, first_pause=self._pace.reconnect)
        self._ear = Ear(self, self._server, self._notes, self._stream, self._pace)
        self._connecting = asyncio.Lock()
        self._pen = Pen(self._server, self._notes, self._terms, first_look=self._pace.media)

    @staticmethod
    async def examine(*, instance: str, access_token: SecretStr, **_: object) -> AsyncGenerator[Finding]:
        """What the doctor says of these settings."""
        server = Server(instance.rstrip("/"), access_token.get_secret_value())
        try:
            async for finding in manners.examine(server):
                yield finding
        finally:
            server.rest()

    @property
    def name(self) -> str:
        """The platform's name."""
        return NAME

    @property
    def limits(self) -> Limits:
        """What the instance says of itself; Mastodon's own until it is connected."""
        there = self._server.instance
        return Limits(
            max_text=max(there.max_text // 2, there.max_text - show.ROOM),
            max_pictures=there.max_pictures,
            max_alt=there.max_alt,
            max_bytes=there.max_bytes,
            mimes=there.mimes,
            can_whisper=True,
            has_threads=True,
            edit_interval=PROGRESS_EVERY,
        )

    async def run(self, dispatch: Dispatching) -> None:
        """Listen until cancelled.

        Raises:
            Revoked: the token is not accepted (any more).
            SendFailed: the instance cannot be reached at the start.
        """
        await self._server.connect()
        logger.info("connected", platform=NAME, account=self._server.acct)
        await manners.keep_profile(self._server, self._profile)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._stream.run(self._addresses, self._ear.heard))
                group.create_task(self._tidy())
                group.create_task(self._ear.listen(dispatch))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            self._server.rest()

    async def send(self, place: Place, post: Post, *, key: str) -> Sent:
        """Write a status that answers the place's thread; a progress message only takes a note, see `edit`."""
        thread = Thread.of(place, post.reply_to)
        if post.progress:
            return Sent(MessageRef(NAME, place.id, f"{PROGRESS}{thread}|{key}"))
        return await self._say(place.id, thread, post, key, whisper=False)

    async def whisper(self, person: Person, place: Place, post: Post, *, key: str) -> Sent:
        """Answer with a status that only the person sees."""
        thread = Thread.of(place, post.reply_to)
        return await self._say(place.id, Thread(thread.status, person.name or thread.acct), post, key, whisper=True)

    async def find(self, place: Place, key: str) -> Sent | None:
        """Look into the notes, and where they know only of a try, at the thread and the bot's newest statuses."""
        await self._ready()
        written = await self._notes.written(key)
        if written is None or written.status == "":
            return None
        status = written.status or await self._pen.met(written)
        return _sent(place.id, status) if status else None

    async def fetch(self, picture: Picture) -> Picture:
        """The picture with its bytes.

        Raises:
            NotAllowed: whoever posted it wants no bots.
            NotFound: it cannot be had.
        """
        if picture.data is not None or picture.url is None:
            return picture
        if picture.url == FORBIDDEN:
            raise NotAllowed("Whoever posted that picture does not want bots to use it.")
        data = await fetch(picture.url, trusted=urlsplit(self._server.address).hostname or "")
        if data is None:
            raise NotFound("I could not load that picture; please attach it to your message.")
        return replace(picture, data=data)

    async def edit(self, ref: MessageRef, post: Post) -> None:
        """Replace what a status says; a progress message is written now, where there is room for it."""
        await self._ready()
        if ref.message.startswith(PROGRESS):
            await self._progress(ref, post)
            return
        status = await self._server.status(ref.message)
        mentions = cast("list[Entity]", status.get("mentions") or [])
        acct = str(mentions[0].get("acct")) if mentions else ""
        draft = self._draft(post, status, acct, whisper=False)
        await self._pen.change(ref.message, draft, [await self._pen.upload(each) for each in draft.pictures])

    async def react(self, ref: MessageRef, emoji: str) -> None:
        """The API has no emoji for statuses; see `limits`."""
        raise SendRefused(f"There is no way to put {emoji} to {ref.message}.")

    async def delete(self, ref: MessageRef) -> None:
        """Delete a status of the bot's; a progress message that became the answer stays."""
        status = ref.message
        if status.startswith(PROGRESS):
            written = await self._notes.written(status.rpartition("|")[2])
            if written is None or not written.status:
                return
            status = written.status
        with suppress(Gone):
            await self._server.call(Kind.DELETE, lambda api: api.status_delete(status))
        await self._notes.drop(status)

    async def _say(self, home: str, thread: Thread, post: Post, key: str, *, whisper: bool) -> Sent:
        """Write a status once.

        Raises:
            SendRefused: what it answers is gone or asks for something else by now.
        """
        await self._ready()
        event = key.partition("/")[0]
        known = await self._notes.written(key)
        if known is not None and known.status is not None:
            if not known.status:
                raise SendRefused("That was said, and deleted.")
            return _sent(home, known.status)
        request = await self._request(thread.status, event)
        draft = self._draft(post, request, thread.acct or str(read.author(request).get("acct")), whisper=whisper)
        if draft.visibility == "public" and await self._notes.public_since(time.time() - HOUR) >= self._public_posts:
            draft = show.unlisted(draft)
        if len(draft.pictures) > 1 and self._server.budget.left(Kind.MEDIA) < len(draft.pictures) + KEPT_UPLOADS:
            draft = await asyncio.to_thread(show.in_grid, draft, self._server.instance)
        status = await self._pen.write(key, thread.status, draft, into=None if whisper else f"{event}/progress")
        if await self._notes.stale(thread.status, event):
            await self._notes.doom(event)
            self._ear.doomed.set()
        return _sent(home, status)

    def _draft(self, post: Post, request: Entity, acct: str, *, whisper: bool) -> show.Draft:
        return show.draft(post, request, acct, terms=self._terms, instance=self._server.instance, whisper=whisper)

    async def _request(self, status: str, event: str) -> Entity:
        """What is answered, as it is now: people delete and edit while the bot draws.

        Raises:
            SendRefused: it is gone, or asks for something else.
        """
        try:
            request = self._ear.fresh(status) or await self._server.status(status)
        except Gone:
            await self._ear.withdrawn(status)
            raise
        await self._ear.edited(request)
        if await self._notes.stale(status, event):
            raise SendRefused("The request was taken away or changed.")
        return request

    async def _progress(self, ref: MessageRef, post: Post) -> None:
        named, _, key = ref.message.removeprefix(PROGRESS).partition("|")
        if not self._pen.can_edit or self._server.budget.left(Kind.POST) < KEPT_POSTS:
            return
        thread = Thread.of(Place(NAME, ref.place, private=False, thread=named), None)
        request = await self._request(thread.status, key.partition("/")[0])
        await self._pen.progress(key, thread.status, self._draft(post, request, thread.acct, whisper=False))

    async def _tidy(self) -> None:
        """Delete what shall be deleted, as fast as the instance allows."""
        while True:
            self._ear.doomed.clear()
            for status in await self._notes.doomed():
                await self._delete_patiently(status)
            await self._ear.doomed.wait()

    async def _delete_patiently(self, status: str) -> None:
        while True:
            try:
                await self.delete(MessageRef(NAME, self._server.acct, status))
            except SendRefused as error:
                logger.warning("status_not_deleted", status=status, reason=str(error))
            except (SendFailed, StorageFull) as error:
                await asyncio.sleep(max(self._pace.poll, getattr(error, "retry_after", None) or 0.0))
                continue
            return

    async def _ready(self) -> None:
        """Connected once; answers of a former process may be said before `run` has begun."""
        async with self._connecting:
            if not self._server.me:
                await self._server.connect()

    def _addresses(self) -> tuple[str, str]:
        return self._server.address, self._server.instance.streaming


def _sent(home: str, status: str) -> Sent:
    return Sent(MessageRef(NAME, home, status))
