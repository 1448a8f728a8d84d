"""A small horde that is not ours: AI-Horde-shaped answers over loopback HTTP, and faults that can be ordered.

It stands in for hordes in the field when the client is tested: it remembers every call it got, answers each path with
what a test put there, and does the next ordered fault first. `ours=True` adds the endpoints that only Largesse has.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

from aiohttp import web

WEBP = b"RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00"
USER = {"username": "someone#7", "id": 7, "kudos": 12.5}
ACCEPTED = {"id": "11111111-2222-3333-4444-555555555555", "kudos": 8.0}
CHECKED = {
    "finished": 0, "processing": 1, "restarted": 0, "waiting": 0, "done": False, "faulted": False, "wait_time": 3,
    "queue_position": 0, "kudos": 0.0, "is_possible": True,
}  # fmt: skip
ANSWERS: Mapping[str, tuple[int, Any]] = {
    "POST /api/v2/generate/async": (202, ACCEPTED),
    "GET /api/v2/generate/check/{id}": (200, CHECKED),
    "GET /api/v2/generate/status/{id}": (200, {**CHECKED, "generations": [], "shared": False}),
    "DELETE /api/v2/generate/status/{id}": (200, {**CHECKED, "generations": [], "shared": False}),
    "POST /api/v2/generate/pop": (200, {"id": None, "ids": [], "payload": {"ddim_steps": 30}, "skipped": {}}),
    "POST /api/v2/generate/submit": (200, {"reward": 10.0}),
    "GET /api/v2/find_user": (200, USER),
    "POST /api/v2/kudos/transfer": (200, {"transferred": 5}),
    "GET /api/v2/status/models": (200, [{"name": "stable_diffusion", "count": 2, "eta": 4, "type": "image"}]),
    "GET /api/v2/status/performance": (200, {"queued_requests": 3, "worker_count": 2, "queued_megapixelsteps": 1.5}),
    "GET /api/v2/status/heartbeat": (200, {"message": "OK", "version": "5.1.5"}),
}
OURS: Mapping[str, tuple[int, Any]] = {
    "GET /api/largesse/v1/health": (200, {"status": "ok"}),
    "POST /api/largesse/v1/generate/progress": (200, {"wanted": True}),
}


class Fault(StrEnum):
    """What can go wrong between a client and a horde."""

    RATE_LIMITED = "429 without rc, as the framework sends it"
    TOO_MANY_PROMPTS = "429 with rc"
    OVERLOADED = "503 with JSON"
    PROXY_PAGE = "502 with a page of HTML"
    CUT = "the connection is cut after the request was taken"
    SLOW = "no answer until `FakeHorde.go_on` is set"
    HALF = "half an answer, then the connection is cut"
    MALFORMED = "200 with something that is no JSON"
    SENSELESS = "200 with JSON of another shape"


@dataclass(frozen=True, slots=True)
class Seen:
    """A call that arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


@dataclass
class FakeHorde:
    """The server; `async with FakeHorde() as horde: ... horde.url`."""

    ours: bool = False
    seen: list[Seen] = field(default_factory=list)
    faults: deque[Fault] = field(default_factory=deque)
    headers: dict[str, str] = field(default_factory=dict)
    retry_after: str = "0"
    told: list[bytes] = field(default_factory=list)
    """The stream of events of every request, piece by piece; it ends there."""
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        self.answers = {**ANSWERS, **(OURS if self.ours else {})}
        self.app = web.Application()
        for route in (*ANSWERS, *OURS):
            method, path = route.split()
            self.app.router.add_route(method, path, self._answer(route))
        self.app.router.add_get("/api/largesse/v1/generate/events/{id}", self._events)
        self.app.router.add_route("*", "/pictures/{rest:.*}", self._picture)
        self.pictures: dict[str, tuple[bytes, int, dict[str, str]]] = {}
        self.runner = web.AppRunner(self.app, shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.port: int = self.runner.addresses[0][1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.go_on.set()
        await self.runner.cleanup()

    @property
    def url(self) -> str:
        """Its address, as an operator writes it."""
        return f"http://127.0.0.1:{self.port}/api/"

    def picture(self, name: str, body: bytes = WEBP, *, status: int = 200, **headers: str) -> str:
        """Lay something at an address below /pictures/; the address."""
        self.pictures[name] = (body, status, headers)
        return f"http://127.0.0.1:{self.port}/pictures/{name}"

    def paths(self) -> list[str]:
        """What was called, in order."""
        return [call.path for call in self.seen]

    def _answer(self, route: str) -> Any:
        async def handler(request: web.Request) -> web.StreamResponse:
            await self._note(request)
            if self.faults:
                return await self._fail(self.faults.popleft(), request)
            if route not in self.answers:
                return web.json_response({"message": "The requested URL was not found on the server."}, status=404)
            status, body = self.answers[route]
            return web.json_response(body, status=status, headers=self.headers)

        return handler

    async def _events(self, request: web.Request) -> web.StreamResponse:
        await self._note(request)
        if self.faults:
            return await self._fail(self.faults.popleft(), request)
        if not self.told:
            return web.json_response({"message": "The requested URL was not found on the server."}, status=404)
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        for piece in self.told:
            await answer.write(piece)
        return answer

    async def _picture(self, request: web.Request) -> web.StreamResponse:
        await self._note(request)
        if self.faults:
            return await self._fail(self.faults.popleft(), request)
        if request.method == "PUT":
            return web.Response()
        body, status, headers = self.pictures.get(request.match_info["rest"], (b"", 404, {}))
        return web.Response(body=body, status=status, headers=headers)

    async def _note(self, request: web.Request) -> None:
        self.seen.append(Seen(request.method, request.raw_path, dict(request.headers), await request.read()))

    async def _fail(self, fault: Fault, request: web.Request) -> web.StreamResponse:
        match fault:
            case Fault.RATE_LIMITED:
                headers = {"Retry-After": self.retry_after}
                return web.json_response({"message": "2 per 1 second"}, status=429, headers=headers)
            case Fault.TOO_MANY_PROMPTS:
                return web.json_response({"message": "too many", "rc": "TooManyPrompts"}, status=429)
            case Fault.OVERLOADED:
                return web.json_response({"message": "later"}, status=503, headers={"Retry-After": self.retry_after})
            case Fault.PROXY_PAGE:
                return web.Response(text="<html>Bad gateway</html>", status=502, content_type="text/html")
            case Fault.MALFORMED:
                return web.Response(text='{"id": "1111', content_type="application/json")
            case Fault.SENSELESS:
                return web.json_response([1, 2])
            case Fault.SLOW:
                await self.go_on.wait()
                return web.json_response({}, status=503)
            case Fault.HALF:
                answer = web.StreamResponse(headers={"Content-Length": "1000"})
                await answer.prepare(request)
                await answer.write(b'{"id"')
                _cut(request)
                return answer
            case Fault.CUT:
                _cut(request)
                return web.Response()


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
