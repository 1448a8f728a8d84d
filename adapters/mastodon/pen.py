"""Writes the bot's statuses, each once: uploads, posts and edits them, and recognises those that it wrote unknowingly.

Used by `platform`, which says what and for whom. Every step is in `notes` before the instance is asked for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import cast

from mastodon import Mastodon
from mastodon.return_types import MediaAttachment
from mastodon.types_base import IdType

from adapters.mastodon import read, show, words
from adapters.mastodon.budget import Kind
from adapters.mastodon.notes import Notes, Written
from adapters.mastodon.server import Entity, Gone, NoSuchCall, Server
from core.chat.port import SendRefused
from core.chat.types import Picture

NEWEST = 40
"""Own statuses that are looked at for one whose fate is unknown."""
Media = Sequence[IdType | MediaAttachment]


class Pen:
    """Writes for one bot; `first_look` in seconds is when an upload is looked at."""

    def __init__(self, server: Server, notes: Notes, terms: show.Terms, *, first_look: float) -> None:
        self._server, self._notes, self._terms = server, notes, terms
        self._first_look = first_look
        self.can_edit = True
        """As long as the instance has not said that it knows no editing."""

    async def write(self, key: str, thread: str, draft: show.Draft, *, into: str | None) -> str:
        """Write an answer, with its pictures; its id.

        Args:
            key: the outbox's.
            thread: the status that it answers.
            draft: what to write.
            into: key of the progress message that it takes the place of, where that was written.
        """
        known = await self._notes.begin(key, thread=thread, print=draft.print, visibility=draft.visibility)
        media = await self._media(key, draft.pictures, known.media)
        progress = await self._notes.written(into) if into else None
        if progress is not None and progress.status:
            try:
                await self.change(progress.status, draft, media)
            except (Gone, NoSuchCall) as error:
                self.can_edit = self.can_edit and isinstance(error, Gone)
            else:
                await self._notes.move(progress.key, key)
                return progress.status
        status = await self._post(key, thread, draft, media)
        await self._notes.end(key, status)
        return status

    async def progress(self, key: str, thread: str, draft: show.Draft) -> None:
        """Write how far something is, or write it anew."""
        former = await self._notes.written(key)
        status = former.status or await self.met(former) if former else None
        await self._notes.begin(key, thread=thread, print=draft.print, visibility=draft.visibility)
        try:
            if status:
                await self.change(status, draft, ())
            else:
                await self._notes.end(key, await self._post(key, thread, draft, ()))
        except NoSuchCall:
            self.can_edit = False

    async def change(self, status: str, draft: show.Draft, media: Media) -> None:
        """Let a status say something else; who sees it stays as it was."""

        def work(api: Mastodon) -> object:
            return api.status_update(
                status, draft.text, spoiler_text=draft.warning, sensitive=draft.sensitive, media_ids=list(media) or None
            )

        await self._server.call(Kind.POST, work)

    async def upload(self, picture: Picture) -> str:
        """Upload a picture and wait until it can be shown; its id."""
        media, ready = await self._server.upload(picture)
        if not ready:
            await self._server.processed(media, first_look=self._first_look)
        return media

    async def met(self, written: Written) -> str | None:
        """The status of a try whose answer was lost, where it stands after all; noted then."""
        for look in (self._below, self._newest):
            for status in await look(written.thread):
                if _print(status) == written.print and not await self._notes.is_ours(read.id_of(status)):
                    await self._notes.end(written.key, read.id_of(status))
                    return read.id_of(status)
        return None

    async def _post(self, key: str, thread: str, draft: show.Draft, media: Media) -> str:
        terms = self._terms

        def work(api: Mastodon) -> object:
            return api.status_post(
                draft.text,
                in_reply_to_id=thread,
                media_ids=list(media) or None,
                sensitive=draft.sensitive,
                visibility=draft.visibility,
                spoiler_text=draft.warning or None,
                language=terms.language or None,
                idempotency_key=sha256(key.encode()).hexdigest(),
                quote_approval_policy=terms.quotes,
            )

        return read.id_of(cast("Entity", await self._server.call(Kind.POST, work)))

    async def _media(self, key: str, pictures: Sequence[Picture], kept: Mapping[str, str]) -> list[str]:
        """Upload what a former try has not uploaded already; ids in the order of the pictures."""
        media = dict(kept)
        found: list[str] = []
        for picture in pictures:
            name = sha256((picture.data or b"") + picture.alt.encode()).hexdigest()
            if name in media and not await self._is_there(media[name]):
                del media[name]
            if name not in media:
                media[name], ready = await self._server.upload(picture)
                await self._notes.keep_media(key, media)
                if not ready:
                    await self._server.processed(media[name], first_look=self._first_look)
            found.append(media[name])
        return found

    async def _is_there(self, media: str) -> bool:
        """Whether an upload of a former try can still be used: instances forget them after a day."""
        try:
            await self._server.processed(media, first_look=self._first_look)
        except SendRefused:
            return False
        return True

    async def _below(self, thread: str) -> list[Entity]:
        """The bot's own answers to a status, as its thread shows them."""
        try:
            around: Entity = await self._server.call(Kind.CALL, lambda api: api.status_context(thread))
        except SendRefused:  # the request is gone, or the instance has no such call
            return []
        return self._own(cast("list[Entity]", around.get("descendants") or []), thread)

    async def _newest(self, thread: str) -> list[Entity]:
        """The same among the bot's newest statuses, for not every instance keeps threads together."""
        me = str(self._server.me.get("id"))
        found = await self._server.call(Kind.CALL, lambda api: api.account_statuses(me, limit=NEWEST))
        return self._own(cast("list[Entity]", found), thread)

    def _own(self, found: Sequence[Entity], thread: str) -> list[Entity]:
        me = self._server.me.get("id")
        ours = [each for each in found if cast("Entity", each.get("account") or {}).get("id") == me]
        return [each for each in ours if str(each.get("in_reply_to_id")) == thread]


def _print(status: Entity) -> str:
    media = cast("list[Entity]", status.get("media_attachments") or [])
    return show.print_of(words.plain(str(status.get("content") or "")), len(media))
