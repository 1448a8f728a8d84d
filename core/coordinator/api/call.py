"""One call as its handler sees it: who asks, from where, with which body; and the answer it gives back."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from aiohttp import web

from core.contract.base import Answer, Ask
from core.contract.limits import Bounds
from core.contract.names import KeyScope
from core.contract.problems import missing_header
from core.coordinator.api import masks
from core.coordinator.api.bodies import read_body, refuse_nul
from core.coordinator.middleware import ADDRESS, InvalidPayload
from core.coordinator.rooms import ROOMS, Rooms
from core.coordinator.rules.values import User
from core.errors import NotAllowed

B = TypeVar("B", bound=Ask)

UNKNOWN_AGENT = "unknown:0:unknown"
_HOST = re.compile(r"[A-Za-z0-9.\-:\[\]]{1,255}", re.ASCII)
_PRINTABLE = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Call:
    """A request of HTTP, with the words of the contract for what is in it."""

    request: web.Request
    rooms: Rooms
    scopes: frozenset[KeyScope]
    """Of keys with which this may be called."""

    @property
    def address(self) -> str:
        """The asker's IP address, that of the end user where a service speaks for one."""
        return self.request[ADDRESS]

    @property
    def agent(self) -> str:
        """The asker's program, `name:version:contact`."""
        headers = self.request.headers
        return refuse_nul(headers.get("Client-Agent") or headers.get("client_agent") or UNKNOWN_AGENT)[:1000]

    @property
    def origin(self) -> str:
        """Scheme, host and port under which the asker reaches this coordinator; the start of picture addresses."""
        if self.rooms.terms.public_url:
            return self.rooms.terms.public_url.rstrip("/")
        host = self.request.host
        if not _HOST.fullmatch(host):
            host = f"{self.rooms.terms.host}:{self.rooms.terms.port}"
        return f"{self.request.scheme}://{host}"

    @property
    def idempotency_key(self) -> str | None:
        """The client's own name for this call, where it gives one.

        Raises:
            InvalidPayload: it is longer than 128 characters, or not printable ASCII.
        """
        key = self.request.headers.get("Idempotency-Key")
        if key is not None and not _PRINTABLE.fullmatch(key):
            raise InvalidPayload({"Idempotency-Key": "Up to 128 printable ASCII characters are allowed here."})
        return key

    def part(self, name: str) -> str:
        """A part of the path."""
        return refuse_nul(self.request.match_info[name])

    def query(self, name: str, default: str = "") -> str:
        """A value of the query, the default where it is missing."""
        return refuse_nul(self.request.query.get(name, default))

    def number(self, name: str, default: int, *, low: int, high: int) -> int:
        """A whole number of the query, raises InvalidPayload for anything else."""
        text = self.query(name, str(default)).strip()
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 19 and low <= int(text) <= high):
            raise InvalidPayload({name: f"A whole number from {low} to {high} is needed here."})
        return int(text)

    def choice(self, name: str, default: str, *, among: Sequence[str]) -> str:
        """One of a few words of the query, raises InvalidPayload for any other."""
        text = self.query(name, default)
        if text not in among:
            raise InvalidPayload({name: f"Allowed here: {', '.join(among)}."})
        return text

    def key(self) -> str:
        """The API key that was sent; raises InvalidPayload where none was, as clients of the public API expect."""
        key = self.request.headers.get("apikey")
        if key is None:
            raise InvalidPayload(missing_header("apikey").errors)
        return key.strip()

    async def user(self, *, also_deleted: bool = False) -> User:
        """The account behind the key, which may be a deleted one where that is said.

        Raises:
            InvalidPayload: without a key.
            NotAllowed: for a wrong key, one of a deleted account, or one that is for something else.
        """
        user = await self.rooms.accounts.find(self.key(), also_deleted=also_deleted)
        if user.scope not in self.scopes:
            raise NotAllowed(f"This key is only for {_SCOPES[user.scope]}; use another one for this.", code="Forbidden")
        if user.trusted or user.service or user.education:
            self.rooms.rates.befriend(self.address)
        return user

    async def known_user(self) -> User | None:
        """The account behind the key, None where no key was sent."""
        return await self.user() if "apikey" in self.request.headers else None

    async def body(self, model: type[B]) -> B:
        """The JSON body; raises InvalidPayload where it is not what `model` allows."""
        limits = self.rooms.terms.limits
        bounds = Bounds(max_side=limits.max_side, max_steps=limits.max_steps, max_batch=limits.max_batch)
        return await read_body(self.request, model, bounds, seconds=limits.body_seconds)

    def reply(self, answer: Answer | Sequence[Answer], status: int = 200) -> web.Response:
        """The answer as JSON, cut down to what `X-Fields` asks for."""
        if "X-Fields" in self.request.headers:
            data = answer.wire() if isinstance(answer, Answer) else [one.wire() for one in answer]
            return self.reply_raw(data, status)
        text = answer.wire_bytes() if isinstance(answer, Answer) else _list(answer)
        return web.Response(body=text, status=status, content_type="application/json", charset="utf-8")

    def reply_raw(self, data: object, status: int = 200) -> web.Response:
        """JSON that is no model of the contract."""
        wanted = self.request.headers.get("X-Fields")
        shown: Any = masks.apply(masks.parse(wanted), data) if wanted else data
        return web.json_response(shown, status=status)


_SCOPES = {
    KeyScope.ALL: "everything",
    KeyScope.GENERATE: "asking for pictures",
    KeyScope.WORKER: "running workers",
    KeyScope.READ: "reading",
}


def _list(answers: Sequence[Answer]) -> bytes:
    return b"[%b]" % b",".join([answer.wire_bytes() for answer in answers])


Handle: TypeAlias = Callable[[Call], Awaitable[web.StreamResponse]]


def adapt(handle: Handle, scopes: frozenset[KeyScope]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A handler of ours as aiohttp wants it, for keys of these scopes."""

    async def handler(request: web.Request) -> web.StreamResponse:
        return await handle(Call(request, request.app[ROOMS], scopes))

    return handler
