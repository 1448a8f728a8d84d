"""Visits addresses that strangers name, without letting them reach into this network: the only way out for those.

Every name is resolved once and the connection goes to exactly the addresses that were judged; redirects are judged
again; size, time and number of hops are bounded. Used by `sources` for `source_image` given as a URL, and by the
courier for webhooks.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Mapping

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from core.addresses import Address, is_public
from core.errors import InvalidRequest

_REDIRECTS = {301, 302, 303, 307, 308}
_HOPS = 3
_SECONDS = 15.0
_PIECE = 1 << 16


class _Refused(OSError):
    """A name leads to an address that may not be visited."""


class _JudgingResolver(AbstractResolver):
    """Resolves a name and refuses it as a whole if one of its addresses is not allowed."""

    def __init__(self, allowed: Callable[[Address], bool]) -> None:
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        results: list[ResolveResult] = []
        for kind, _type, protocol, _name, address in found:
            literal = str(address[0])
            _judge(literal, self._allowed)
            results.append(
                ResolveResult(
                    hostname=host, host=literal, port=port, family=kind, proto=protocol, flags=socket.AI_NUMERICHOST
                )
            )
        return results

    async def close(self) -> None:
        """Nothing is kept open."""


def _judge(literal: str, allowed: Callable[[Address], bool]) -> None:
    if not allowed(ipaddress.ip_address(literal.partition("%")[0])):
        raise _Refused(literal)


def _opened(allowed: Callable[[Address], bool]) -> aiohttp.ClientSession:
    """A session for one visit: a new connection each time, nothing is shared between two strangers."""
    connector = aiohttp.TCPConnector(resolver=_JudgingResolver(allowed), use_dns_cache=False, limit=1)
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    return aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())


class Poster:
    """Posts small messages to addresses that strangers name; follows no redirect and reads no answer."""

    def __init__(self, *, loopback: bool = False) -> None:
        """loopback: this very machine may be visited too, and over plain http."""
        self._loopback = loopback

    async def post(self, address: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Post it; the HTTP status of the answer.

        Raises:
            InvalidRequest: the address cannot be used, leads into a private network, or does not answer.
        """
        url = _usable(address)
        allowed = self._open if url.scheme == "https" else self._near
        try:
            if _is_literal(url.host or ""):
                _judge(url.host or "", allowed)
            async with (
                _opened(allowed) as session,
                session.post(url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                return response.status
        except (aiohttp.ClientError, TimeoutError, OSError, UnicodeError) as error:
            raise _unreachable() from error

    def _near(self, address: Address) -> bool:
        return self._loopback and address.is_loopback

    def _open(self, address: Address) -> bool:
        return is_public(address) or self._near(address)


class Fetcher:
    """Fetches one picture at a time."""

    def __init__(self, *, limit: int, allowed: Callable[[Address], bool] = is_public) -> None:
        """limit: most bytes of a picture. allowed: which addresses may be visited."""
        self._limit = limit
        self._allowed = allowed

    async def fetch(self, address: str) -> bytes:
        """The bytes behind an http(s) address.

        Raises:
            InvalidRequest: the address cannot be used, leads into a private network, or gives nothing (code
                SourceImageUrlInvalid), or there is too much behind it (SourceImageSizeExceeded).
        """
        url = _usable(address)
        try:
            async with _opened(self._allowed) as session:
                return await self._follow(session, url)
        except (aiohttp.ClientError, TimeoutError, OSError, UnicodeError) as error:
            raise _unreachable() from error

    async def _follow(self, session: aiohttp.ClientSession, url: URL) -> bytes:
        for _ in range(_HOPS + 1):
            if _is_literal(url.host or ""):
                _judge(url.host or "", self._allowed)
            async with session.get(url, allow_redirects=False, headers={"Accept": "image/*"}) as response:
                if response.status in _REDIRECTS:
                    url = _usable(str(url.join(URL(response.headers.get("Location", "")))))
                    continue
                if response.status != 200:
                    raise _unreachable()
                return await self._read(response)
        raise InvalidRequest("The address of the source picture redirects too often.", code="SourceImageUrlInvalid")

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        data = bytearray()
        async for chunk in response.content.iter_chunked(_PIECE):
            data += chunk
            if len(data) > self._limit:
                raise InvalidRequest(
                    f"The source picture is larger than {self._limit} bytes.", code="SourceImageSizeExceeded"
                )
        return bytes(data)


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _usable(address: str) -> URL:
    try:
        url = URL(address)
        usable = url.scheme in {"http", "https"} and bool(url.host) and url.user is None and bool(url.port)
    except ValueError:
        usable, url = False, URL()
    if not usable:
        raise InvalidRequest("The address of the source picture is not an http(s) one.", code="SourceImageUrlInvalid")
    return url


def _unreachable() -> InvalidRequest:
    return InvalidRequest("The source picture could not be fetched from its address.", code="SourceImageUrlInvalid")
