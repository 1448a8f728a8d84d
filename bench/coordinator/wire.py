"""HTTP/1.1 for a load generator: one connection a user, kept open, nothing but what these calls need.

It costs a tenth of what a client library costs, so that two cores are left to what is measured.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit


class Wire(asyncio.Protocol):
    """One connection to a coordinator; one call at a time. Answers carry a Content-Length, as all of ours do."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._transport: asyncio.Transport | None = None
        self._held = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    @classmethod
    async def open(cls, url: str) -> Wire:
        """Connect to the host and port of an address."""
        parts = urlsplit(url)
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(lambda: cls(parts.netloc), parts.hostname, parts.port)
        return wire

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio's protocol."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Part of asyncio's protocol."""
        self._held += data
        head, mark, body = self._held.partition(b"\r\n\r\n")
        if not mark or self._answer is None:
            return
        lower = head.lower()
        at = lower.find(b"content-length:")
        length = int(lower[at + 15 :].partition(b"\r\n")[0]) if at >= 0 else 0
        if len(body) >= length:
            answer, self._answer, self._held = self._answer, None, b""
            answer.set_result((int(head[9:12]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio's protocol."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the coordinator hung up"))

    async def call(self, method: str, path: str, body: bytes = b"", key: str = "0000000000") -> tuple[int, bytes]:
        """Send a call; status and body of the answer."""
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\napikey: {key}\r\nClient-Agent: bench:1:none\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(head.encode() + body)
        return await self._answer

    async def ask(self, method: str, path: str, data: object = None, key: str = "0000000000") -> Any:  # noqa: ANN401  # JSON
        """Send JSON, get JSON; a refusal fails the benchmark."""
        status, body = await self.call(method, path, json.dumps(data).encode() if data is not None else b"", key)
        assert status < 300, (method, path, status, body[:300])
        return json.loads(body)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()
