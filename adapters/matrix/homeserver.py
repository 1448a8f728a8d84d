"""The homeserver over HTTP: one request, its answer as JSON, and its refusals as the port's two errors.

Nothing is tried again here: the outbox and the sync loop know when to, and a 429 of one room must not hold up another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote

import aiohttp
from yarl import URL

from core.chat.port import SendFailed, SendRefused

Body = dict[str, Any]
CLIENT = "/_matrix/client/v3"
MEDIA = "/_matrix/client/v1/media"
PATIENCE = 40.0
"""Seconds for an ordinary answer."""
TRANSFER = 300.0
"""Seconds for a picture up or down."""
_PASSING = {"M_LIMIT_EXCEEDED", "M_UNKNOWN_TOKEN", "M_RESOURCE_LIMIT_EXCEEDED"}
"""Refusals that end when somebody mends something; until then it is worth trying again."""


class Refused(SendRefused):
    """The homeserver refused it."""

    code = "MatrixRefused"

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status, self.body = status, body
        self.errcode = str(body.get("errcode", ""))
        """As in the Matrix specification, "M_FORBIDDEN" for one."""
        super().__init__(f"The homeserver refused it: {body.get('error') or self.errcode or status}.")


class Away(SendFailed):
    """The homeserver cannot be reached or is busy."""

    code = "MatrixAway"

    def __init__(self, message: str, *, errcode: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.errcode = errcode


class TooLarge(SendRefused):
    """The file is larger than is wanted here."""


def path(*parts: str, base: str = CLIENT) -> str:
    """An endpoint; each part may hold any character."""
    return "/".join([base, *(quote(part, safe="") for part in parts)])


class Homeserver:
    """One homeserver, as one account.

    Args:
        url: its address, without a slash at the end.
        session: the connections.
        token: access token; empty before the login.
    """

    def __init__(self, url: str, session: aiohttp.ClientSession, *, token: str = "") -> None:
        self.url = url.rstrip("/")
        self._session, self._token = session, token

    async def ask(
        self,
        method: str,
        endpoint: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        patience: float = PATIENCE,
    ) -> Body:
        """One request with JSON.

        Raises:
            Refused: trying again is useless; carries the homeserver's code.
            Away: no answer, busy, or the access token is not valid (any more).
        """
        data = None if body is None else json.dumps(body).encode()
        _, answer = await self._request(method, endpoint, data, "application/json", query, patience, most=None)
        return cast("Body", json.loads(answer or b"{}"))

    async def upload(self, data: bytes, mime: str, *, name: str = "") -> str:
        """Keep a file there; its mxc address. Raises as `ask`."""
        query = {"filename": name} if name else None
        endpoint = "/_matrix/media/v3/upload"
        _, answer = await self._request("POST", endpoint, data, mime, query, TRANSFER, most=None)
        return str(json.loads(answer)["content_uri"])

    async def download(self, mxc: str, *, most: int) -> bytes:
        """The file at an mxc address.

        Raises:
            TooLarge: it has more than `most` bytes.
            Refused, Away: as `ask`.
        """
        server, _, media = mxc.removeprefix("mxc://").partition("/")
        endpoint = path("download", server, media, base=MEDIA)
        _, answer = await self._request("GET", endpoint, None, None, None, TRANSFER, most=most)
        return answer

    async def _request(
        self,
        method: str,
        endpoint: str,
        data: bytes | None,
        mime: str | None,
        query: Mapping[str, str] | None,
        patience: float,
        *,
        most: int | None,
    ) -> tuple[int, bytes]:
        url = URL(self.url + endpoint, encoded=True).with_query(query)
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        headers |= {"Content-Type": mime} if mime and data is not None else {}
        timeout = aiohttp.ClientTimeout(total=patience)
        try:
            async with self._session.request(method, url, data=data, headers=headers, timeout=timeout) as answer:
                if answer.status < 300:
                    return answer.status, await _read(answer, most)
                refusal = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Away(f"The homeserver {self.url} cannot be reached ({type(error).__name__}).") from error
        raise _refusal(answer.status, answer.headers, refusal)


async def _read(answer: aiohttp.ClientResponse, most: int | None) -> bytes:
    if most is None:
        return await answer.read()
    data = await answer.content.read(most + 1)
    while len(data) <= most and (more := await answer.content.read(most + 1 - len(data))):
        data += more
    if len(data) > most:
        raise TooLarge
    return data


def _refusal(status: int, headers: Mapping[str, str], body: bytes) -> Refused | Away:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    answer = cast("Body", found) if isinstance(found, dict) else {}
    errcode = str(answer.get("errcode", ""))
    if status == 429 or status >= 500 or errcode in _PASSING:
        wait = _seconds(headers.get("Retry-After"), answer.get("retry_after_ms"))
        revoked = errcode == "M_UNKNOWN_TOKEN"
        words = (
            "The access token is not valid any more." if revoked else f"The homeserver is busy ({errcode or status})."
        )
        return Away(words, errcode=errcode, retry_after=wait)
    return Refused(status, answer)


def _seconds(header: str | None, milliseconds: object) -> float | None:
    """How long to wait, by the header, else by the older field."""
    if header and header.isdecimal():
        return float(header)
    return milliseconds / 1000 if isinstance(milliseconds, int) else None
