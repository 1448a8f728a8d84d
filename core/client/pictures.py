"""Fetches finished pictures and delivers them to the addresses that a horde gives out.

The addresses come from the horde, so they are met with care: only http(s), only public network addresses (or the
horde's own), few redirects, no key in the headers, bounded size, and nothing that is not a picture.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import socket
from collections.abc import Iterable
from http import HTTPStatus

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from core.addresses import is_public
from core.client.faults import fault
from core.client.transport import Failed, Outcome, Patience, outcome_of, read_bounded, repeating, unreachable
from core.errors import HordeRefused, NotFound

MAX_PICTURE_BYTES = 50 * 1024 * 1024
_MAX_REDIRECTS = 3
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_TYPES_WITHOUT_A_CLAIM = {"", "application/octet-stream", "binary/octet-stream"}
_UNKNOWN_OUTCOME = (aiohttp.ClientError, TimeoutError, OSError)


_BEGINNINGS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


def kind_of(data: bytes) -> str | None:
    """The media type of bytes that begin like a WebP, PNG, JPEG or GIF file; None for all others."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for beginning, kind in _BEGINNINGS.items() if data.startswith(beginning)), None)


def decode(text: str) -> bytes:
    """A picture that was sent as base64 (with or without a `data:` prefix).

    Raises:
        HordeRefused: it is none, or larger than `MAX_PICTURE_BYTES`.
    """
    if len(text) > MAX_PICTURE_BYTES * 4 // 3 + 100:
        raise HordeRefused("The picture is too large to take.", code="BadPicture")
    payload = text.partition(",")[2] if text.startswith("data:") else text
    try:
        data = base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if kind_of(data) is None:
        raise HordeRefused("The horde sent something that is not a picture.", code="BadPicture")
    return data


class Guard(AbstractResolver):
    """Decides which network addresses may be asked; also the resolver, so that what was checked is what is used."""

    def __init__(self, trusted: Iterable[URL]) -> None:
        self._inner = aiohttp.ThreadedResolver()
        self._trusted = {place for url in trusted for place in _places(url)}

    def allows(self, host: str, port: int) -> bool:
        """Whether this literal address may be asked, or this name be resolved."""
        if (host, port) in self._trusted:
            return True
        try:
            return _is_public(host)
        except ValueError:
            return True

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name that may be asked.

        Raises:
            OSError: there is none.
        """
        found = await self._inner.resolve(host, port, family)
        allowed = [one for one in found if (host, port) in self._trusted or _is_public(one["host"])]
        if not allowed:
            raise OSError(f"{host} is not a public address")
        return allowed

    async def close(self) -> None:
        """Let the resolver go."""
        await self._inner.close()


def _places(url: URL) -> set[tuple[str, int]]:
    host, port = url.host or "", url.port or 0
    hosts = _LOOPBACK if host in _LOOPBACK else (host,)
    return {(one, port) for one in hosts}


def _is_public(address: str) -> bool:
    return is_public(ipaddress.ip_address(address.partition("%")[0]))


class Pictures:
    """Fetching and delivering, on a session of its own that never carries the key."""

    def __init__(self, trusted: Iterable[URL], patience: Patience) -> None:
        self._guard = Guard(trusted)
        self._patience = patience
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=self._guard),
            timeout=aiohttp.ClientTimeout(total=2 * patience.timeout),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()
        await self._guard.close()

    async def fetch(self, address: str) -> bytes:
        """The picture at an address.

        Raises:
            NotFound: it is gone or its address has expired.
            HordeRefused: the address may not be asked, or there is no picture at it, or it is too large.
            HordeUnavailable: it could not be reached, after every attempt.
        """
        try:
            async for attempt in repeating(self._patience, repeatable=True):
                with attempt:
                    return await self._fetch_once(self._checked(address))
        except Failed as failed:
            raise failed.error from failed.__cause__
        raise AssertionError("tenacity either returns or raises")

    async def deliver(self, address: str, data: bytes) -> None:
        """PUT a picture to a signed address, without a Content-Type: the signature covers none.

        Raises:
            NotFound: the address has expired.
            HordeRefused: it may not be asked, or refuses.
            HordeUnavailable: it could not be reached, after every attempt.
        """
        try:
            async for attempt in repeating(self._patience, repeatable=True):
                with attempt:
                    await self._deliver_once(self._checked(address), data)
        except Failed as failed:
            raise failed.error from failed.__cause__

    def _checked(self, address: str) -> URL:
        try:
            url = URL(address, encoded=True)
        except ValueError:
            url = URL()
        if url.scheme not in {"http", "https"} or not url.host or not self._guard.allows(url.host, url.port or 0):
            refused = HordeRefused("The horde gave a picture address that may not be asked.", code="ForbiddenAddress")
            raise Failed(refused, Outcome.FINAL)
        return url

    async def _fetch_once(self, url: URL) -> bytes:
        for _ in range(_MAX_REDIRECTS + 1):
            try:
                async with self._session.get(url, allow_redirects=False) as response:
                    if response.status not in {301, 302, 303, 307, 308}:
                        return await _picture(response)
                    url = self._checked(str(url.join(URL(response.headers.get("Location", ""), encoded=True))))
            except _UNKNOWN_OUTCOME as error:
                raise unreachable(error) from error
        raise Failed(HordeRefused("The picture's address leads nowhere.", code="BadPicture"), Outcome.FINAL)

    async def _deliver_once(self, url: URL, data: bytes) -> None:
        try:
            async with self._session.put(
                url, data=data, skip_auto_headers={"Content-Type"}, allow_redirects=False
            ) as response:
                if response.status >= HTTPStatus.MULTIPLE_CHOICES:
                    raise _refusal(response.status)
        except _UNKNOWN_OUTCOME as error:
            raise unreachable(error) from error


async def _picture(response: aiohttp.ClientResponse) -> bytes:
    if response.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise _refusal(response.status)
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if (response.content_length or 0) > MAX_PICTURE_BYTES:
        raise Failed(HordeRefused("The picture is too large to take.", code="BadPicture"), Outcome.FINAL)
    data = await read_bounded(response, MAX_PICTURE_BYTES)
    if not (kind.startswith("image/") or kind in _TYPES_WITHOUT_A_CLAIM) or kind_of(data) is None:
        raise Failed(HordeRefused("The horde sent something that is not a picture.", code="BadPicture"), Outcome.FINAL)
    return data


def _refusal(status: int) -> Failed:
    if status in {401, 403, 404, 410}:
        gone = NotFound("The picture's address has expired.", code="AddressExpired")
        return Failed(gone, Outcome.FINAL)
    error = fault(status, None)
    return Failed(error, outcome_of(status, error))
