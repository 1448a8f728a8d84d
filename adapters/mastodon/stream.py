"""Who rings when something happened: the instance's event stream, over WebSocket or server-sent events.

Only a bell: what happened is read over REST by its order (`platform`), so that nothing depends on a stream that lies,
breaks or never comes. Mastodon.py's own streams are not used: they try a refused connection for ever without a word,
take a broken event for a reason to reconnect in a hot loop, and cannot read ids that are not numbers.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from core import log
from core.chat.port import SendFailed
from core.errors import StorageFull

HANDSHAKE, SILENCE = 15.0, 90.0
"""Seconds for a connection to come, and without any sign of life until it counts as dead."""
LONGEST_EVENT = 1 << 20
"""Bytes of a line."""
STEADY = 60.0
"""Seconds after which a stream that breaks is a new trouble."""

Heard = Callable[[str, str], Awaitable[None]]
"""`await heard(event, payload)`; the event "open" says that a stream has begun."""
Event = tuple[str, str]
logger = log.get(__name__)


class Stream:
    """The bot's own event stream. `run` never ends by itself."""

    def __init__(self, token: str, *, first_pause: float = 1.0, longest_pause: float = 300.0) -> None:
        self._token = token
        self._first, self._longest = first_pause, longest_pause
        self._said = False
        self.live = False
        """Events come in; nobody needs to look by themselves."""

    async def run(self, addresses: Callable[[], tuple[str, str]], heard: Heard) -> None:
        """Listen, and again after a pause where it breaks.

        Args:
            addresses: of the instance, and of its streaming where it says another one.
            heard: gets every event.
        """
        clock, pause = asyncio.get_running_loop().time, self._first
        while True:
            begun = clock()
            try:
                await self._listen(*addresses(), heard)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError, SendFailed, StorageFull) as error:
                if not self._said:
                    self._said = True
                    logger.info("stream_broke", reason=str(error) or type(error).__name__, instead="polling")
            finally:
                self.live = False
            pause = self._first if clock() - begun > STEADY else min(2 * pause, self._longest)
            await asyncio.sleep(pause)

    async def _listen(self, instance: str, streaming: str, heard: Heard) -> None:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=HANDSHAKE, sock_read=SILENCE)
        headers = {"Authorization": f"Bearer {self._token}"}
        async with aiohttp.ClientSession(timeout=timeout, headers=headers, read_bufsize=LONGEST_EVENT) as session:
            try:
                await self._pass_on(self._socket(session, _address(instance, streaming, "ws")), heard)
            except (aiohttp.WSServerHandshakeError, TimeoutError):
                await self._pass_on(self._sent(session, _address(instance, streaming, "http")), heard)

    async def _pass_on(self, events: AsyncGenerator[Event], heard: Heard) -> None:
        async with aclosing(events):
            async for event, payload in events:
                self.live, self._said = True, False
                await heard(event, payload)

    async def _socket(self, session: aiohttp.ClientSession, base: str) -> AsyncGenerator[Event]:
        # Some want the token as the subprotocol, since browsers cannot send a header; none wants it in the address.
        async with asyncio.timeout(HANDSHAKE):
            socket = await session.ws_connect(
                f"{base}/api/v1/streaming?stream=user", protocols=(self._token,), heartbeat=SILENCE / 3
            )
        async with socket:
            yield "open", ""
            async for message in socket:
                if message.type == aiohttp.WSMsgType.TEXT and (event := _framed(message.data)):
                    yield event

    async def _sent(self, session: aiohttp.ClientSession, base: str) -> AsyncGenerator[Event]:
        headers = {"Accept": "text/event-stream"}
        async with asyncio.timeout(HANDSHAKE):
            response = await session.get(f"{base}/api/v1/streaming/user", headers=headers)
        async with response:
            response.raise_for_status()
            if response.content_type != "text/event-stream":
                raise ValueError("That is no event stream.")
            yield "open", ""
            event, data = "", list[str]()
            async for line in response.content:
                name, _, value = line.decode(errors="replace").rstrip("\r\n").partition(":")
                if name == "event":
                    event = value.strip()
                elif name == "data":
                    data.append(value.removeprefix(" "))
                elif not name and not value and event:
                    yield event, "\n".join(data)
                    event, data = "", []


def _framed(text: str) -> Event | None:
    """The event of a frame; None where it is none."""
    try:
        frame = json.loads(text)
    except ValueError:
        frame = None
    if not isinstance(frame, dict):
        return None
    frame = cast("dict[str, Any]", frame)
    return str(frame.get("event", "")), str(frame.get("payload", ""))


def _address(instance: str, streaming: str, scheme: str) -> str:
    """Where the stream is, with a scheme that is as safe as the instance's own."""
    there = urlsplit(streaming) if streaming else urlsplit(instance)
    safe = there.scheme in {"https", "wss"}
    return urlunsplit((f"{scheme}{'s' if safe else ''}", there.netloc, "", "", ""))
