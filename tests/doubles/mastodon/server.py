"""A server of the fediverse on loopback, with one bot account: the real client library talks to it over real HTTP.

A test is everybody else: it mentions the bot, favourites, edits, deletes, and makes the server slow, limited or broken.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from aiohttp import WSMsgType, web

from tests.doubles.mastodon import bodies
from tests.doubles.mastodon.bodies import Account, Body, Status
from tests.doubles.mastodon.variants import MASTODON, Variant

TOKEN = "token-of-the-bot"
LIMITS = {"text": 500, "pictures": 4, "alt": 1500, "bytes": 16_777_216, "fields": 4}
Picture = tuple[bytes, str]
"""Its bytes and its description."""


class Fault(StrEnum):
    """What goes wrong with a call."""

    ERROR = "error"
    """500, nothing done."""
    CUT = "cut"
    """The connection is cut before anything is done."""
    LOST = "lost"
    """The work is done and the answer never comes."""
    NONSENSE = "nonsense"
    """Something that is no JSON."""


class Streaming(StrEnum):
    """How its streams behave."""

    GOOD = "good"
    REFUSED = "refused"
    MUTE = "mute"
    """A connection comes and nothing else ever does, not even the answer to the handshake."""


class Server:
    """The server and everybody on it. `faults` is asked for every call: (method, path) → what goes wrong, if any."""

    def __init__(self, variant: Variant = MASTODON, **limits: int) -> None:
        self.variant = variant
        self.limits = {**LIMITS, **limits}
        self.streaming = Streaming.GOOD
        self.faults: Callable[[str, str], Fault | None] = lambda _method, _path: None
        self.windows: dict[str, tuple[int, float]] = {}
        """Kind → so many calls in so many seconds; others are not limited."""
        self.revoked = False
        self.slow_uploads = 0
        """So often is an upload looked at before it is ready; 0 = at once."""
        self.statuses: dict[str, Status] = {}
        self.notifications: list[Body] = []
        self.media: dict[str, Picture] = {}
        self.silenced: list[Account] = []
        self.calls = Counter[str]()
        self.refused = Counter[str]()
        """Calls refused with 429, by kind."""
        self.posted = Counter[str]()
        """How often each text was written as a new status."""
        self.streams = 0
        """Streams that are open."""
        self.base = ""
        self._people: dict[str, Account] = {}
        self._number = 0
        self._keys: dict[str, str] = {}
        self._looks = Counter[str]()
        self._used: dict[str, tuple[float, int]] = {}
        self._listeners: list[asyncio.Queue[tuple[str, str] | None]] = []
        self._transports: list[asyncio.Transport] = []
        self.bot = self.person("largesse")

    # What people do.

    def person(self, name: str, *, note: str = "", bot: bool = False) -> Account:
        """Somebody by their name, made where nobody has it."""
        found = self._people.get(name)
        if found is None:
            found = self._people[name] = Account(self._new_id(), name, note, bot)
        return found

    def say(
        self, name: str, text: str, *, to: Status | None = None, pictures: tuple[Picture, ...] = (), **about: Any
    ) -> Status:
        """Somebody writes a status; whoever it mentions is told, where that is the bot."""
        who = self.person(name)
        media = [self._keep(*each) for each in pictures]
        status = Status(
            self._new_id(), who, text, reply_to=to.id if to else None,
            reply_to_account=to.account.id if to else None, media=media,
            mentions=bodies.named(text, self._people.get), **about,
        )  # fmt: skip
        self.statuses[status.id] = status
        if self.bot in status.mentions:
            self.tell("mention", who, status)
        return status

    def tell(self, kind: str, who: Account, about: Status, **more: Any) -> None:
        """A notification for the bot."""
        self._number += 1
        number = self.variant.notification_id(self._number)
        body = bodies.notification(number, kind, who, about, self.base, **more)
        self.notifications.append(body)
        self.ring("notification", json.dumps(body))

    def edit(self, status: Status, text: str) -> None:
        """Its author changes it."""
        status.versions.append(status.text)
        status.text, status.edited_at = text, f"2026-11-01T13:00:00.{len(status.versions):03}Z"
        status.mentions = bodies.named(text, self._people.get)
        self.ring("status.update", json.dumps(bodies.status(status, self.base)))

    def remove(self, status: Status) -> None:
        """Its author deletes it."""
        self.statuses.pop(status.id, None)
        self.notifications = [each for each in self.notifications if each["status"]["id"] != status.id]
        self.ring("delete", status.id)

    def ring(self, event: str, payload: str) -> None:
        """Send an event to whoever listens, whatever it is."""
        for listener in self._listeners:
            listener.put_nowait((event, payload))

    def close_streams(self) -> None:
        """End all streams as a server does that restarts."""
        for listener in self._listeners:
            listener.put_nowait(None)

    def cut_streams(self) -> None:
        """Cut their connections."""
        for transport in self._transports:
            transport.abort()

    @property
    def said(self) -> list[Status]:
        """What the bot has said and not deleted, oldest first."""
        return [each for each in self.statuses.values() if each.account is self.bot]

    def answers(self, status: Status) -> list[Status]:
        """What the bot has answered to a status."""
        return [each for each in self.said if each.reply_to == status.id]

    # The server.

    @asynccontextmanager
    async def listening(self, port: int = 0) -> AsyncIterator[Self]:
        """Serve until the block ends."""
        app = web.Application(middlewares=[self._front], client_max_size=1 << 26)
        self.routes(app.router)
        runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        self.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            self.close_streams()
            self.cut_streams()
            await runner.cleanup()

    def routes(self, router: web.UrlDispatcher) -> None:
        """Everything it answers."""
        for slash in ("", "/"):  # Mastodon.py asks with one
            router.add_get(f"/api/v2/instance{slash}", self._instance)
            router.add_get(f"/api/v1/instance{slash}", self._old_instance)
        router.add_get("/api/v1/accounts/verify_credentials", self._verify)
        router.add_patch("/api/v1/accounts/update_credentials", self._update_account)
        router.add_get("/api/v1/accounts/{id}/statuses", self._account_statuses)
        router.add_get("/api/v1/notifications", self._notifications)
        router.add_get("/api/v1/mutes", self._mutes)
        router.add_get("/api/v1/blocks", self._blocks)
        router.add_post("/api/v1/statuses", self._post)
        router.add_get("/api/v1/statuses/{id}", self._status)
        router.add_put("/api/v1/statuses/{id}", self._put)
        router.add_delete("/api/v1/statuses/{id}", self._delete)
        router.add_get("/api/v1/statuses/{id}/context", self._context)
        router.add_post("/api/v{version}/media", self._upload)
        router.add_get("/api/v1/media/{id}", self._look)
        router.add_get("/files/{id}", self._file)
        router.add_get("/api/v1/streaming", self._websocket)
        router.add_get("/api/v1/streaming/user", self._sse)

    @web.middleware
    async def _front(self, request: web.Request, handler: Any) -> web.StreamResponse:
        method, path = request.method, request.path
        self.calls[f"{method} {path}"] += 1
        if not path.startswith("/api/") or "/streaming" in path:
            return await handler(request)
        fault = self.faults(method, path)
        if fault is Fault.CUT:
            _cut(request)
        if fault is Fault.ERROR:
            return _error(500, "Something went wrong on our end")
        if fault is Fault.NONSENSE:
            return web.Response(text="<html>It works!</html>", content_type="text/html")
        if self.revoked or request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _error(401, "The access token is invalid")
        headers, free = self._count(_kind(method, path))
        if not free:
            response: web.StreamResponse = _error(429, "Too many requests")
        else:
            try:
                response = await handler(request)
            except web.HTTPException as error:
                response = _error(error.status, error.text or "")
        response.headers.update(headers)
        if fault is Fault.LOST:
            _cut(request)
        return response

    def _count(self, kind: str) -> tuple[dict[str, str], bool]:
        """The rate-limit headers of an answer, and whether the call may go on."""
        most, seconds = self.windows.get(kind, (10_000, 300.0))
        begun, used = self._used.get(kind, (0.0, 0))
        now = time.time()
        if now >= begun + seconds:
            begun, used = now, 0
        used += 1
        self._used[kind] = (begun, used)
        if used > most:
            self.refused[kind] += 1
        if not self.variant.rate_headers:
            return {}, used <= most
        reset = datetime.now(UTC) + timedelta(seconds=begun + seconds - now)
        left = str(max(0, most - used))
        headers = {"X-RateLimit-Limit": str(most), "X-RateLimit-Remaining": left, "X-RateLimit-Reset": _iso(reset)}
        return headers, used <= most

    async def _instance(self, _request: web.Request) -> web.Response:
        if not self.variant.second_instance:
            return self._missing()
        return web.json_response(
            bodies.instance(self.base, self.variant.version, self.base.replace("http", "ws", 1), self.limits)
        )

    async def _old_instance(self, _request: web.Request) -> web.Response:
        return web.json_response(
            bodies.old_instance(self.base, self.variant.version, self.base.replace("http", "ws", 1), self.limits)
        )

    async def _verify(self, _request: web.Request) -> web.Response:
        return web.json_response(bodies.own_account(self.bot, self.base))

    async def _update_account(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.bot.bot = str(form.get("bot", "")).lower() in {"1", "true"}
        names = [form.get(f"fields_attributes[{number}][name]") for number in range(self.limits["fields"])]
        values = [form.get(f"fields_attributes[{number}][value]") for number in range(self.limits["fields"])]
        self.bot.fields = [
            {"name": str(name), "value": str(value)} for name, value in zip(names, values, strict=True) if name
        ]
        return web.json_response(bodies.own_account(self.bot, self.base))

    async def _mutes(self, _request: web.Request) -> web.Response:
        return web.json_response([bodies.account(each, self.base) for each in self.silenced])

    async def _blocks(self, _request: web.Request) -> web.Response:
        return web.json_response([])

    async def _notifications(self, request: web.Request) -> web.Response:
        most = int(request.query.get("limit", "40"))
        found = self.notifications
        if after := request.query.get("min_id"):
            found = [each for each in found if _order(each["id"]) > _order(after)][:most]
        return web.json_response(found[::-1][:most])

    async def _account_statuses(self, request: web.Request) -> web.Response:
        who = request.match_info["id"]
        found = [each for each in self.statuses.values() if each.account.id == who][::-1]
        return web.json_response([bodies.status(each, self.base) for each in found[: int(request.query["limit"])]])

    async def _status(self, request: web.Request) -> web.Response:
        return web.json_response(bodies.status(self._find(request), self.base))

    async def _context(self, request: web.Request) -> web.Response:
        below = [each for each in self.statuses.values() if each.reply_to == self._find(request).id]
        return web.json_response({"ancestors": [], "descendants": [bodies.status(each, self.base) for each in below]})

    async def _post(self, request: web.Request) -> web.Response:
        form = await request.post()
        key = request.headers.get("Idempotency-Key", "")
        if self.variant.keeps_keys and key and (before := self.statuses.get(self._keys.get(key, ""))):
            return web.json_response(bodies.status(before, self.base))
        answered = self.statuses.get(str(form.get("in_reply_to_id", "")))
        if "in_reply_to_id" in form and answered is None:
            return _error(404, "The post you are trying to reply to does not appear to exist.")
        status = Status(
            self._new_id(), self.bot, "", visibility=str(form.get("visibility", "public")),
            reply_to=answered.id if answered else None, reply_to_account=answered.account.id if answered else None,
            language=str(form.get("language", "en")), quotes=str(form.get("quote_approval_policy", "public")),
        )  # fmt: skip
        if problem := self._fill(status, form):
            return problem
        self.statuses[status.id] = status
        self.posted[status.text] += 1
        if key:
            self._keys[key] = status.id
        return web.json_response(bodies.status(status, self.base))

    async def _put(self, request: web.Request) -> web.Response:
        if not self.variant.edits:
            return self._missing()
        status = self._find(request)
        before = status.text
        if problem := self._fill(status, await request.post()):
            return problem
        status.versions.append(before)
        status.edited_at = bodies.NOW
        return web.json_response(bodies.status(status, self.base))

    def _fill(self, status: Status, form: Any) -> web.Response | None:
        text, spoiler = str(form.get("status", "")), str(form.get("spoiler_text", ""))
        media = [str(each) for each in form.getall("media_ids[]", [])]
        if any(each not in self.media or self._looks[each] < self.slow_uploads for each in media):
            return _error(422, "Cannot attach files that have not finished processing. Try again in a moment!")
        if len(text) + len(spoiler) > self.limits["text"] or len(media) > self.limits["pictures"]:
            return _error(422, f"Validation failed: Text character limit of {self.limits['text']} exceeded")
        if not text and not media:
            return _error(422, "Validation failed: Text can't be blank")
        status.text, status.spoiler = text, spoiler
        status.sensitive = str(form.get("sensitive", "")).lower() in {"1", "true"}
        status.media = [bodies.media(each, self.base, self.media[each][1], ready=True) for each in media]
        status.mentions = bodies.named(text, self._people.get)
        return None

    async def _delete(self, request: web.Request) -> web.Response:
        status = self._find(request)
        del self.statuses[status.id]
        return web.json_response(bodies.status(status, self.base))

    async def _upload(self, request: web.Request) -> web.Response:
        if request.match_info["version"] == "2" and not self.variant.second_media:
            return self._missing()
        form = await request.post()
        data, alt = form["file"], str(form.get("description", ""))
        assert isinstance(data, web.FileField)
        if len(alt) > self.limits["alt"]:
            return _error(422, "Validation failed: Description is too long")
        number = self._new_id()
        self.media[number] = (data.file.read(), alt)
        ready = not self.slow_uploads
        return web.json_response(bodies.media(number, self.base, alt, ready=ready), status=200 if ready else 202)

    async def _look(self, request: web.Request) -> web.Response:
        number = request.match_info["id"]
        if number not in self.media:
            return _error(404, "Record not found")
        self._looks[number] += 1
        ready = self._looks[number] >= self.slow_uploads
        body = bodies.media(number, self.base, self.media[number][1], ready=ready)
        return web.json_response(body, status=200 if ready else 206)

    async def _file(self, request: web.Request) -> web.Response:
        data, _ = self.media[request.match_info["id"]]
        return web.Response(body=data, content_type="image/webp")

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        if self.streaming is Streaming.MUTE:
            await asyncio.sleep(60)
        if self.streaming is Streaming.REFUSED or not self.variant.websocket or self._stranger(request):
            return self._missing()
        socket = web.WebSocketResponse(protocols=(TOKEN,))
        await socket.prepare(request)
        with self._listening(request) as events:
            reading = asyncio.create_task(_drain(socket))
            while (event := await events.get()) is not None:
                frame = {"stream": ["user"], "event": event[0], "payload": event[1]}
                await socket.send_str(json.dumps(frame) if event[0] else event[1])
            reading.cancel()
            await socket.close()
        return socket

    async def _sse(self, request: web.Request) -> web.StreamResponse:
        if self.streaming is Streaming.MUTE:
            await asyncio.sleep(60)
        if self.streaming is Streaming.REFUSED or not self.variant.sse or self._stranger(request):
            return self._missing()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b":)\n")
        with self._listening(request) as events:
            while (event := await events.get()) is not None:
                text = f"event: {event[0]}\ndata: {event[1]}\n\n" if event[0] else event[1]
                await response.write(f":thump\n{text}".encode())
        return response

    def _listening(self, request: web.Request) -> Any:
        return _Listening(self, request)

    def _stranger(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") != f"Bearer {TOKEN}"

    def _find(self, request: web.Request) -> Status:
        status = self.statuses.get(request.match_info["id"])
        if status is None:
            raise web.HTTPNotFound(text="Record not found")
        return status

    def _keep(self, data: bytes, alt: str) -> Body:
        number = self._new_id()
        self.media[number] = (data, alt)
        return bodies.media(number, self.base, alt, ready=True)

    def _new_id(self) -> str:
        self._number += 1
        return self.variant.status_id(self._number)

    def _missing(self) -> web.Response:
        return web.Response(status=self.variant.missing, text="There is nothing here.")


class _Listening:
    """One open stream."""

    def __init__(self, server: Server, request: web.Request) -> None:
        self._server, self._transport = server, request.transport
        self._events: asyncio.Queue[tuple[str, str] | None] = asyncio.Queue()

    def __enter__(self) -> asyncio.Queue[tuple[str, str] | None]:
        self._server.streams += 1
        self._server._listeners.append(self._events)
        self._server._transports.append(self._transport)  # type: ignore[arg-type]
        return self._events

    def __exit__(self, *_: object) -> None:
        self._server.streams -= 1
        self._server._listeners.remove(self._events)
        self._server._transports.remove(self._transport)  # type: ignore[arg-type]


async def _drain(socket: web.WebSocketResponse) -> None:
    """Answer pings; nothing that a client sends matters."""
    with suppress(Exception):
        while (await socket.receive()).type not in {WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR}:
            pass


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()  # type: ignore[attr-defined]
    raise web.HTTPInternalServerError


def _kind(method: str, path: str) -> str:
    if method == "POST" and path.endswith("/media"):
        return "media"
    if method == "DELETE" and path.startswith("/api/v1/statuses/"):
        return "delete"
    return "post" if method in {"POST", "PUT"} and path.startswith("/api/v1/statuses") else "call"


def _order(number: str) -> tuple[int, str]:
    return len(number), number


def _error(status: int, words: str) -> web.Response:
    return web.json_response({"error": words}, status=status)


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
