"""Fetches pictures that people attached, without letting their addresses reach into this network.

The addresses come from the instance, but some instances pass on what a stranger's server told them. Whatever is not
the instance itself must be a public address.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from core.addresses import is_public

LIMIT = 16_777_216
"""Bytes of a picture."""
SECONDS = 20.0
_PIECE = 1 << 16
_HOPS = 4
_REDIRECTS = {301, 302, 303, 307, 308}


class _Guarded(AbstractResolver):
    """Resolves a name once and refuses it as a whole where one of its addresses is private."""

    def __init__(self, trusted: str) -> None:
        self._trusted = trusted

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        if host != self._trusted and not all(_public(str(each[4][0])) for each in found):
            raise OSError(f"{host} is not on the open internet.")
        return [
            ResolveResult(
                hostname=host,
                host=str(each[4][0]),
                port=port,
                family=each[0],
                proto=each[2],
                flags=socket.AI_NUMERICHOST,
            )
            for each in found
        ]

    async def close(self) -> None:
        """Nothing is kept open."""


async def fetch(url: str, *, trusted: str) -> bytes | None:
    """The bytes behind an address; None where they cannot be had.

    Args:
        url: an http(s) address.
        trusted: the instance's own host, which may be a private one.
    """
    connector = aiohttp.TCPConnector(resolver=_Guarded(trusted), use_dns_cache=False, limit=1)
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    cookies = aiohttp.DummyCookieJar()
    try:
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=cookies) as session:
            return await _follow(session, url, trusted)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None


async def _follow(session: aiohttp.ClientSession, url: str, trusted: str) -> bytes | None:
    """Instances redirect from their proxy to where they keep the copy; each hop is judged by itself."""
    for _ in range(_HOPS):
        there = urlsplit(url)
        host = there.hostname or ""
        if there.scheme not in {"http", "https"} or (_is_literal(host) and host != trusted and not _public(host)):
            return None
        async with session.get(url, allow_redirects=False, headers={"Accept": "image/*"}) as response:
            if response.status == 200:
                return await _read(response)
            url = urljoin(url, response.headers.get("Location", ""))
            if response.status not in _REDIRECTS:
                return None
    return None


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    data = bytearray()
    async for piece in response.content.iter_chunked(_PIECE):
        data += piece
        if len(data) > LIMIT:
            return None
    return bytes(data)


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _public(address: str) -> bool:
    return is_public(ipaddress.ip_address(address.partition("%")[0]))
