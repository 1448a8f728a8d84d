"""Who may come in, and everything that is HTTP: the page's files, names in signed cookies, pictures, sockets.

`platform` runs it and gets each open socket with the person behind it. Every answer carries the security headers.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import ipaddress
import os
import secrets
import socket
import unicodedata
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from itsdangerous import BadSignature, URLSafeSerializer
from pydantic import TypeAdapter, ValidationError

from adapters.web.site import BOT, NAME
from adapters.web.site.album import SUFFIXES, Album, cleaned
from core.chat.cooldown import Cooldown
from core.chat.types import Person
from core.errors import ConfigError, InvalidRequest, LargesseError, NotAllowed, NotFound, StorageFull, TooMany

COOKIE = "largesse_web"
YEAR = 365 * 86_400
MOST_ASK = 65_536
"""Bytes of one message on a socket."""
ENTRIES, UPLOADS = 30, 20
"""A minute: names taken and secrets tried from one address, pictures uploaded by one person."""
STATIC = Path(__file__).with_name("static")
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_PICTURE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, max-age=31536000, immutable",
}
_STATUS: dict[type[LargesseError], int] = {NotAllowed: 403, NotFound: 404, TooMany: 429, StorageFull: 507}
_FIELDS = TypeAdapter(dict[str, str])

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
OnPage = Callable[[web.WebSocketResponse, Person, str, int], Awaitable[None]]
"""`await on_page(socket, person, room, last number seen)` for as long as the page is open."""


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        ConfigError: the port is taken, or the address is none of this machine's.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        raise ConfigError(
            f"web.port: cannot listen on {host}:{port} ({error.strerror}); choose another one."
        ) from error


def signing_key(file: Path) -> bytes:
    """The key that signs names, made once.

    Raises:
        OSError: it can be neither read nor made.
    """
    if not file.exists():
        unfinished = file.with_suffix(".part")
        with open(unfinished, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as made:
            made.write(secrets.token_bytes(32))
        unfinished.replace(file)
    return file.read_bytes()


class Door:
    """The HTTP side of the page.

    Args:
        key: signs the names.
        secret: the word that people must know to come in; empty = none.
        local: the page is for this machine only.
        rooms: their names, the first one is where people arrive.
        album: the pictures.
        max_upload_bytes: of one picture.
        on_page: gets the open sockets.
    """

    def __init__(
        self,
        *,
        key: bytes,
        secret: str,
        local: bool,
        rooms: Sequence[str],
        album: Album,
        max_upload_bytes: int,
        on_page: OnPage,
    ) -> None:
        self._secret, self._local, self._rooms, self._album, self._on_page = secret, local, rooms, album, on_page
        # Another secret makes all names invalid: everybody has to come in again.
        self._signer = URLSafeSerializer(key, salt=hashlib.sha256(b"web" + secret.encode()).digest())
        self._most = max_upload_bytes
        self._entries, self._uploads = Cooldown(ENTRIES), Cooldown(UPLOADS)
        self._one_upload = asyncio.Semaphore(1)
        self._files = {each.name: each.read_bytes() for each in STATIC.iterdir()}
        self._sockets: set[web.WebSocketResponse] = set()

    def app(self) -> web.Application:
        """The application; closing it closes every open page."""
        made = web.Application(middlewares=[self._guard], client_max_size=self._most)
        made.on_response_prepare.append(self._add_headers)
        made.on_shutdown.append(self._close_all)
        made.add_routes(
            [
                web.get("/", self._arrive),
                web.get("/room/{room}", self._page),
                web.get("/static/{name}", self._static),
                web.get("/me", self._me),
                web.post("/enter", self._enter),
                web.post("/upload", self._upload),
                web.get("/pictures/{name}", self._picture),
                web.get("/live", self._live),
            ]
        )
        return made

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            self._check_host(request)
            if request.method not in {"GET", "HEAD"} or request.path == "/live":
                _check_origin(request)
            return await handler(request)
        except web.HTTPRequestEntityTooLarge:
            return _sorry(413, f"A picture may have at most {self._most // 1000:,} kilobytes.")
        except LargesseError as error:
            return _sorry(_STATUS.get(type(error), 400), str(error))

    def _check_host(self, request: web.Request) -> None:
        """A page that is for this machine answers to this machine's names only, whatever a name server says."""
        if self._local and not is_loopback(urlsplit(f"//{request.host}").hostname or ""):
            raise NotAllowed("This page is for this machine only.")

    async def _add_headers(self, _request: web.Request, response: web.StreamResponse) -> None:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)

    async def _arrive(self, _request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(f"/room/{self._rooms[0]}")

    async def _page(self, request: web.Request) -> web.StreamResponse:
        self._room(request.match_info["room"])
        return self._file("index.html")

    def _room(self, name: str) -> str:
        if name != "direct" and name not in self._rooms:
            raise NotFound("There is no such room.")
        return name

    async def _static(self, request: web.Request) -> web.StreamResponse:
        return self._file(request.match_info["name"])

    def _file(self, name: str) -> web.Response:
        if name not in self._files:
            raise NotFound
        kind = _TYPES[Path(name).suffix]
        headers = {"Cache-Control": "no-cache"}
        return web.Response(body=self._files[name], content_type=kind, charset="utf-8", headers=headers)

    async def _me(self, request: web.Request) -> web.StreamResponse:
        person = self._known(request)
        return web.json_response({"name": person.name if person else None, "secret": bool(self._secret)})

    async def _enter(self, request: web.Request) -> web.StreamResponse:
        address = request.remote or ""
        if not self._entries.allows(address):
            raise TooMany("Too many people from there at once; please try again in a minute.")
        asked = await _fields(request)
        if self._secret and not hmac.compare_digest(asked.get("secret", "").encode(), self._secret.encode()):
            raise NotAllowed("That is not the word that opens this page.")
        known = self._known(request)
        who = {"id": known.id if known else secrets.token_hex(8), "name": called(asked.get("name", ""))}
        response = web.json_response({"name": who["name"]})
        response.set_cookie(
            COOKIE, str(self._signer.dumps(who)), max_age=YEAR, httponly=True, samesite="Strict", secure=request.secure
        )
        return response

    def _known(self, request: web.Request) -> Person | None:
        try:
            who: Any = self._signer.loads(request.cookies.get(COOKIE, ""))
            return Person(NAME, who["id"], who["name"])
        except (BadSignature, KeyError, TypeError):
            return None

    def _person(self, request: web.Request) -> Person:
        person = self._known(request)
        if person is None:
            raise NotAllowed("Please tell your name first.")
        return person

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        if not self._uploads.allows(self._person(request).id):
            raise TooMany("That are many pictures at once; please try again in a minute.")
        data = await request.read()
        async with self._one_upload:
            picture = await asyncio.to_thread(cleaned, data, request.query.get("name", ""))
            file = await asyncio.to_thread(self._album.upload, picture)
        return web.json_response({"file": file, "name": picture.name, "width": picture.width, "height": picture.height})

    async def _picture(self, request: web.Request) -> web.StreamResponse:
        if self._secret:
            self._person(request)
        name = request.match_info["name"]
        kind = next((mime for mime, suffix in SUFFIXES.items() if name.endswith(suffix)), None)
        if kind is None or not name[:40].isalnum() or "." in name[:40]:
            raise NotFound
        data = await asyncio.to_thread(self._album.read, name)
        return web.Response(body=data, content_type=kind, headers=_PICTURE_HEADERS)

    async def _live(self, request: web.Request) -> web.StreamResponse:
        person, room = self._person(request), self._room(request.query.get("room", ""))
        seen = request.query.get("seen", "0")
        live = web.WebSocketResponse(heartbeat=20.0, max_msg_size=MOST_ASK, compress=False)
        await live.prepare(request)
        self._sockets.add(live)
        try:
            await self._on_page(live, person, room, int(seen) if seen.isdecimal() and len(seen) < 16 else 0)
        except LargesseError as error:  # too late for an answer of HTTP
            await live.close(code=1013, message=str(error).encode()[:120])
        finally:
            self._sockets.discard(live)
        return live

    async def _close_all(self, _app: web.Application) -> None:
        for each in list(self._sockets):
            with contextlib.suppress(ConnectionError):
                await each.close(code=1001)


def called(name: str) -> str:
    """A name somebody gives themselves, tidied.

    Raises:
        InvalidRequest: it is none that others could read, or the bot's.
    """
    tidy = " ".join(unicodedata.normalize("NFKC", name).split())
    if not 1 <= len(tidy) <= 40 or not tidy.isprintable():
        raise InvalidRequest("A name has 1 to 40 letters, numbers or signs.")
    if tidy.casefold() == BOT:
        raise InvalidRequest("That is the bot's name; please take another one.")
    return tidy


def _check_origin(request: web.Request) -> None:
    """Only our own page may speak to us: browsers say truthfully which page asks."""
    if urlsplit(request.headers.get("Origin", "")).netloc != request.host:
        raise NotAllowed("Only the page itself may ask for that.")


async def _fields(request: web.Request) -> dict[str, str]:
    try:
        return _FIELDS.validate_json(await request.read())
    except ValidationError:
        raise InvalidRequest("That cannot be read.") from None


def _sorry(status: int, sentence: str) -> web.Response:
    return web.json_response({"error": sentence}, status=status)
