"""The port of the chat page: open pages, what they ask for, and what the bot says to them.

A message stands when its row is in the history, on disk; a second send with the same key finds it there. Pages get
every change in the order of its writing.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import sqlite3
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, assert_never

from aiohttp import WSMsgType, web
from pydantic import SecretStr

from adapters.web import read, show
from adapters.web.pages import Page, Pages
from adapters.web.site import BOT, NAME
from adapters.web.site.album import Album, file_name
from adapters.web.site.door import Door, is_loopback, listen, signing_key
from adapters.web.site.history import Body, History, Message, Stretch
from adapters.web.words import address, complete
from core import log
from core.chat.cooldown import Cooldown
from core.chat.port import Dispatching, Limits, SendFailed, SendRefused
from core.chat.types import MessageRef, Person, Picture, Place, Post, Sent
from core.errors import ConfigError, InvalidRequest, LargesseError, NotAllowed, NotFound, StorageFull, TooMany

LIMITS = Limits(
    max_text=20_000,
    max_pictures=20,
    max_alt=10_000,
    max_bytes=50_000_000,
    can_react=True,
    can_whisper=True,
    has_buttons=True,
    has_threads=True,
    previews=True,
    dedupe=True,
    edit_interval=0.2,
)
ASKS, FRAMES = 120, 900
"""A minute, of one person: what is kept, and everything that is sent at all (offers while writing are most of it)."""
_PROGRESS = "progress:"

P = ParamSpec("P")
T = TypeVar("T")
logger = log.get(__name__)


class Web:
    """The page as a platform.

    Args:
        host: address to listen on.
        port: port to listen on; 0 = any.
        secret: the word people need to come in; must be set where `host` is reached from other machines.
        rooms: names of the rooms.
        max_upload_bytes: of one picture.
        data_dir: the folder `web` in it keeps everything.
    """

    def __init__(
        self, *, host: str, port: int, secret: SecretStr, rooms: Sequence[str], max_upload_bytes: int, data_dir: Path
    ) -> None:
        local = is_loopback(host)
        if not local and not secret.get_secret_value():
            raise ConfigError(
                f"web.host: {host} opens the page to the network: set web.secret to a word that people must know."
            )
        if "direct" in rooms or len(set(rooms)) != len(rooms):
            raise ConfigError("web.rooms: names each room once, and none is called direct: that is everybody's own.")
        folder = data_dir / NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            key = signing_key(folder / "key")
            self._album = Album(folder / "pictures", key)
            self._album.open()
            self._history = History(folder / "history.db", self._tell)
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"{folder} cannot be used: {error}.") from error
        self._door = Door(
            key=key,
            secret=secret.get_secret_value(),
            local=local,
            rooms=rooms,
            album=self._album,
            max_upload_bytes=max_upload_bytes,
            on_page=self._serve,
        )
        self._host, self._rooms, self._local, self._most = host, tuple(rooms), local, max_upload_bytes
        self._socket = listen(host, port)
        self._port = int(self._socket.getsockname()[1])
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="web-history")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._dispatch: Dispatching | None = None
        self._pages = Pages()
        self._asks, self._frames = Cooldown(ASKS), Cooldown(FRAMES)

    @property
    def name(self) -> str:
        """The platform's name."""
        return NAME

    @property
    def limits(self) -> Limits:
        """A browser takes nearly everything."""
        return LIMITS

    @property
    def url(self) -> str:
        """Where the page is."""
        host = "127.0.0.1" if self._host in {"0.0.0.0", "::"} else self._host  # noqa: S104  # a comparison
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}/"

    async def run(self, dispatch: Dispatching) -> None:
        """Serve the page until cancelled; first hand in what a crash kept from the bot."""
        self._dispatch = dispatch
        for message in await self._do(self._history.waiting):
            await self._hand_in(message, dispatch)
        if self._socket.fileno() < 0:
            self._socket = listen(self._host, self._port)
        runner = web.AppRunner(self._door.app(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.SockSite(runner, self._socket).start()
            self._announce()
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()
            self._socket.close()

    async def send(self, place: Place, post: Post, *, key: str) -> Sent:
        """Write it into the history; what stands there already is left alone."""
        return await self._send(place, post, key, only_for=None)

    async def whisper(self, person: Person, place: Place, post: Post, *, key: str) -> Sent:
        """The same, for one person's pages."""
        return await self._send(place, post, key, only_for=None if place.private else person.id)

    async def fetch(self, picture: Picture) -> Picture:
        """Nothing to do: events bring the bytes along."""
        return picture

    async def find(self, place: Place, key: str) -> Sent | None:
        """Look into the history."""
        found = await self._do(self._history.find, key)
        return Sent(MessageRef(NAME, place.id, str(found.id))) if found and not found.gone else None

    async def edit(self, ref: MessageRef, post: Post) -> None:
        """Move the progress, or say what a message says now."""
        if ref.message.startswith(_PROGRESS):
            self._pages.move(ref.place, ref.message, post)
            return
        old = await self._do(self._history.get, int(ref.message))
        if old is None:
            raise SendRefused("That message is gone.")
        pictures = await self._do(self._album.keep, f"{old.key}/{old.changed}", post.pictures)
        body = {"edited": True, **show.body(post, pictures, thread=old.body["thread"])}
        kept = {name: old.body[name] for name in ("at", "reactions") if name in old.body}
        await self._do(self._history.change, old.id, lambda _: body | kept)
        await self._do(self._album.drop, old.body)

    async def react(self, ref: MessageRef, emoji: str) -> None:
        """Put the bot's emoji to a message."""
        if number := show.number(ref):
            alter = functools.partial(show.reacted, emoji=emoji, person=BOT, name=BOT, added=True)
            await self._do(self._history.change, number, alter)

    async def delete(self, ref: MessageRef) -> None:
        """Take the progress away, or a message and its pictures."""
        if ref.message.startswith(_PROGRESS):
            self._pages.move(ref.place, ref.message, None)
        elif old := await self._do(self._history.get, int(ref.message)):
            await self._remove(old)

    async def _remove(self, message: Message) -> None:
        await self._do(self._history.change, message.id, lambda _: {}, gone=True)
        await self._do(self._album.drop, message.body)

    async def _send(self, place: Place, post: Post, key: str, *, only_for: str | None) -> Sent:
        if post.progress:
            self._pages.move(place.id, _PROGRESS + key, post)
            return Sent(MessageRef(NAME, place.id, _PROGRESS + key))
        message = await self._do(self._history.find, key)
        if message is None:
            thread = await self._thread_of(show.number(post.reply_to))
            pictures = await self._do(self._album.keep, key, post.pictures)
            body = show.body(post, pictures, thread=thread)
            message = await self._do(self._history.add, key, place.id, body, only_for=only_for)
        return Sent(MessageRef(NAME, place.id, str(message.id)))

    async def _thread_of(self, reply_to: int | None) -> int | None:
        """A thread is named by its first message."""
        answered = await self._do(self._history.get, reply_to) if reply_to else None
        return (answered.body["thread"] or answered.id) if answered else None

    async def _do(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do it on the history's thread, one after another.

        Raises:
            StorageFull: the disk is.
            SendFailed: the history cannot be used right now.
        """
        self._loop = asyncio.get_running_loop()
        try:
            return await self._loop.run_in_executor(self._thread, functools.partial(work, *args, **kwargs))
        except sqlite3.Error as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise StorageFull("The disk has no room left for what is said here.") from error
            raise SendFailed(f"The history cannot be used: {error}.") from error
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise StorageFull("The disk has no room left for pictures.") from error
            raise SendFailed(f"Pictures cannot be kept: {error.strerror}.") from error

    def _tell(self, message: Message) -> None:
        """From the history's thread: what was written goes to the pages, also where nobody waits for the writing."""
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._pages.publish, message)

    async def _serve(self, live: web.WebSocketResponse, person: Person, room: str, seen: int) -> None:
        """One page, as long as it is open."""
        page = Page(live, person, read.place(room, person.id))
        self._pages.enter(page)
        loop = asyncio.get_running_loop()

        def look() -> None:
            # Welcomed from the history's thread, so that what is written next is published after it, never before.
            stretch = self._history.since(page.place.id, person.id, seen)
            loop.call_soon_threadsafe(self._pages.welcome, page, self._hello(page, room, stretch))

        delivering = asyncio.create_task(page.deliver())
        try:
            await self._do(look)
            async for each in live:
                if each.type == WSMsgType.TEXT:
                    await self._hear(page, each.data)
        finally:
            delivering.cancel()
            self._pages.leave(page)

    def _hello(self, page: Page, room: str, stretch: Stretch) -> Body:
        return {
            "t": "hello",
            "me": {"id": page.person.id, "name": page.person.name},
            "bot": BOT,
            "room": room,
            "rooms": [*self._rooms, "direct"],
            "most": self._most,
            **_stretch(stretch),
        }

    async def _hear(self, page: Page, text: str) -> None:
        """One ask of a page: done or refused in words; the page asks again what was neither."""
        try:
            self._slow_down(self._frames, page)
            ask = read.asked(text)
            if not isinstance(ask, read.Complete):
                self._slow_down(self._asks, page)
            answer = await self._act(page, ask)
        except (SendFailed, StorageFull) as error:
            logger.warning("ask_not_kept", reason=str(error))
            page.tell({"t": "refused", "key": read.key_of(text), "error": str(error)})
        except LargesseError as error:
            page.tell({"t": "refused", "key": read.key_of(text), "error": str(error)})
        else:
            page.tell({"t": "done", "key": ask.key, **answer})

    def _slow_down(self, pace: Cooldown, page: Page) -> None:
        if not pace.allows(page.person.id):
            raise TooMany("That is a lot at once; please wait a moment.")

    async def _act(self, page: Page, ask: read.Asked) -> Body:
        dispatch = self._dispatch
        assert dispatch is not None  # noqa: S101  # pages are served by `run` only
        match ask:
            case read.Say():
                await self._say(page, ask, dispatch)
            case read.PressAsk():
                button = await self._button(page, ask)
                await dispatch.press(self, read.press(ask, button, page.person, page.place))
            case read.ReactAsk():
                message = await self._seen(page, ask.message)
                person = page.person
                await self._do(
                    self._history.change,
                    message.id,
                    functools.partial(
                        show.reacted, emoji=ask.emoji, person=person.id, name=person.name, added=ask.added
                    ),
                )
                await dispatch.react(self, read.reaction(ask, message, person, page.place))
            case read.Edit():
                message = await self._own(page, ask.message)
                changed = {"text": ask.text, "edited": True}
                await self._do(self._history.change, message.id, lambda old: {**old, **changed})
            case read.Delete():
                await self._remove(await self._own(page, ask.message))
            case read.Earlier():
                return _stretch(await self._do(self._history.before, page.place.id, page.person.id, ask.before))
            case read.Complete():
                offers = await complete(ask.text, dispatch.repertoire, dispatch.suggest)
                return {"start": offers.start, "offers": [vars(each) for each in offers.offers]}
            case _:
                assert_never(ask)
        return {}

    async def _say(self, page: Page, ask: read.Say, dispatch: Dispatching) -> None:
        key = read.event_key(page.person, ask)
        answered = await self._seen(page, ask.reply_to) if ask.reply_to else None
        to_bot = answered is not None and "person" not in answered.body
        for_bot = address(ask.text, dispatch.repertoire, private=page.place.private, to_bot=to_bot)
        if not ask.text.strip() and not ask.pictures:
            raise InvalidRequest("There is nothing in that message.")
        message = await self._do(self._history.find, key)
        if message is None:
            attached = [
                Picture(await self._do(self._album.read, each.file), name=file_name(each.name)) for each in ask.pictures
            ]
            kept = await self._do(self._album.keep, key, attached)
            thread = await self._thread_of(ask.reply_to)
            body = show.said(page.person, ask.text, kept, reply_to=ask.reply_to, thread=thread)
            message = await self._do(self._history.add, key, page.place.id, body, waiting=for_bot)
        if message.waiting is not None:
            await self._hand_in(message, dispatch)

    async def _hand_in(self, message: Message, dispatch: Dispatching) -> None:
        """Give a message to the bot; from then on the bot remembers it."""
        pictures = [
            Picture(
                await self._do(self._album.read, each["file"]), mime=each["mime"], name=each["name"], alt=each["alt"]
            )
            for each in message.body["pictures"]
        ]
        answered = await self._do(self._history.get, message.body["reply_to"]) if message.body["reply_to"] else None
        await dispatch.call(self, read.call(message, message.waiting or "", pictures, answered))
        await self._do(self._history.heard, message.id)

    async def _seen(self, page: Page, number: int) -> Message:
        """A message that this page's person can see here."""
        message = await self._do(self._history.get, number)
        if message is None or message.place != page.place.id or message.only_for not in {None, page.person.id}:
            raise NotFound("That message is gone.")
        return message

    async def _own(self, page: Page, number: int) -> Message:
        message = await self._seen(page, number)
        if message.body.get("person") != page.person.id:
            raise NotAllowed("That is somebody else's message.")
        return message

    async def _button(self, page: Page, ask: read.PressAsk) -> dict[str, Any]:
        if isinstance(ask.message, int):
            offered = (await self._seen(page, ask.message)).body.get("buttons", [])
        else:
            moving = self._pages.moving(page.place.id, ask.message)
            offered = show.buttons(moving) if moving else []
        if ask.button >= len(offered):
            raise NotFound("That button is gone.")
        return offered[ask.button]

    def _announce(self) -> None:
        logger.info("page_opened", url=self.url)
        if not self._local:
            logger.warning("page_open_to_network", host=self._host, hint="unencrypted: put HTTPS in front of it")
        sys.stderr.write(f"The chat page is at {self.url}\n")


def _stretch(stretch: Stretch) -> Body:
    return {
        "messages": [show.message(each) for each in stretch.messages],
        "seen": stretch.seen,
        "fresh": stretch.fresh,
        "more": stretch.more,
    }
