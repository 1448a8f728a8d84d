"""Sends one call to a horde and brings back its JSON: time limits, repeats where that is safe, the endpoint's budget.

What may be repeated: a call that surely did nothing (the connection was never made, or the rate limit refused it),
always; a call whose outcome is unknown (cut, timed out, a 5xx, an unreadable answer), only if doing it twice is the
same as doing it once (`Call.repeatable`). Anything else is an answer, and raised as the error it means.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from typing import Any

import aiohttp
from pydantic import SecretStr
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)
from yarl import URL

from core import log
from core.client.budget import Budget, retry_after
from core.client.faults import fault
from core.contract.limits import ANONYMOUS_KEY
from core.errors import ConfigError, HordeUnavailable, LargesseError, TooMany

_log = log.get(__name__)
_LONGEST_ANSWER = 128 * 1024 * 1024
_SAYS_WHEN = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
"""Answers whose Retry-After is meant; the public API puts one on every answer."""
_LONGEST_SILENCE = 45.0
"""Seconds without a word after which a stream counts as broken; a coordinator says something every 15."""
PERHAPS_DONE = "PerhapsDone"
"""Code of the HordeUnavailable of a call that may have had its effect and must not be sent again."""
_UNKNOWN_OUTCOME = (aiohttp.ClientError, TimeoutError, OSError)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often a call is tried."""

    attempts: int = 5
    first_wait: float = 0.5
    """Seconds before the first repeat; doubled each time, with jitter."""
    longest_wait: float = 20.0
    """Seconds; a horde that asks for more is not waited for."""
    timeout: float = 30.0
    """Seconds that one attempt may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: `path` begins with "/api/" or "/.well-known/" and is already filled in."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    repeatable: bool
    attempts: int | None = None
    extra_time: float = 0.0
    """Seconds on top of the usual time limit (long poll)."""


class Outcome(Enum):
    """What is known about a call that brought no result."""

    NOT_DONE = auto()
    """It surely had no effect."""
    UNKNOWN = auto()
    """It may have had its effect."""
    FINAL = auto()
    """It was answered; asking again gives the same."""


class Failed(Exception):
    """One attempt failed (never leaves this room)."""

    def __init__(self, error: LargesseError, outcome: Outcome) -> None:
        super().__init__(str(error))
        self.error = error
        self.outcome = outcome


def base_of(address: str) -> URL:
    """The address of a horde: "https://host/api/v2", "https://host/api/" and "https://host" all become the last.

    Raises:
        ConfigError: it is no http(s) address.
    """
    try:
        url = URL(address.strip())
    except ValueError:
        url = URL()
    if url.scheme not in {"http", "https"} or not url.host:
        raise ConfigError(f"{address!r} is not the address of a horde; it looks like https://aihorde.net/api/")
    path = url.path.rstrip("/").removesuffix("/v2").removesuffix("/api")
    return url.with_path(path.rstrip("/")).with_query(None).with_fragment(None)


class Transport:
    """The way to one horde with one key. The session belongs to the caller."""

    def __init__(
        self,
        base: URL,
        session: aiohttp.ClientSession,
        *,
        api_key: SecretStr,
        client_agent: str,
        patience: Patience,
    ) -> None:
        self._base = base
        self._session = session
        self._api_key = api_key
        self._client_agent = client_agent
        self._patience = patience
        self._budget = Budget()

    def signed(self, api_key: SecretStr) -> Transport:
        """The same way with another key, whose budget of calls is its own."""
        return Transport(
            self._base, self._session, api_key=api_key, client_agent=self._client_agent, patience=self._patience
        )

    async def send(self, call: Call) -> Any:  # noqa: ANN401 decoded JSON
        """Send it, repeating where that is safe; the decoded answer.

        Raises:
            HordeUnavailable: no answer, after every attempt; with the code PERHAPS_DONE where sending it again may do
                it twice.
            LargesseError: what the horde's refusal means (see `faults`).
        """
        try:
            async for attempt in repeating(self._patience, repeatable=call.repeatable, attempts=call.attempts):
                with attempt:
                    await self._wait_for_budget(call.path)
                    return await self._once(call)
        except Failed as failed:
            if failed.outcome is Outcome.UNKNOWN and not call.repeatable and failed.error.code == HordeUnavailable.code:
                failed.error.code = PERHAPS_DONE
            raise failed.error from failed.__cause__
        raise AssertionError("tenacity either returns or raises")

    async def _wait_for_budget(self, path: str) -> None:
        while wait := self._budget.take(path):
            if wait > self._patience.longest_wait:
                raise Failed(TooMany(retry_after=wait), Outcome.FINAL)
            await asyncio.sleep(wait)

    async def listen(self, path: str) -> AsyncGenerator[bytes, None]:
        """The lines of a stream as they come, until the other side ends it; tried once.

        Raises:
            HordeUnavailable: no answer, or the stream broke.
            LargesseError: what the horde's refusal means (see `faults`).
        """
        timeout = aiohttp.ClientTimeout(sock_connect=self._patience.timeout, sock_read=_LONGEST_SILENCE)
        headers = self._headers({"Accept": "text/event-stream"})
        try:
            async with self._session.get(
                self._address(path), headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                if response.status != HTTPStatus.OK:
                    self._read(response, await read_bounded(response, _LONGEST_ANSWER))
                    raise HordeUnavailable("The coordinator's answer cannot be read.")
                async for line in response.content:
                    yield line
        except Failed as failed:
            raise failed.error from failed.__cause__
        except ValueError as error:
            raise HordeUnavailable("The coordinator's answer cannot be read.") from error
        except _UNKNOWN_OUTCOME as error:
            raise unreachable(error).error from error

    def _address(self, path: str) -> URL:
        return URL(f"{str(self._base).rstrip('/')}{path}", encoded=True)

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        return {"apikey": self._api_key.get_secret_value(), "Client-Agent": self._client_agent, **more}

    async def _once(self, call: Call) -> Any:  # noqa: ANN401 decoded JSON
        try:
            async with self._session.request(
                call.method,
                self._address(call.path).update_query(call.query),
                json=call.body,
                headers=self._headers(call.headers),
                timeout=aiohttp.ClientTimeout(total=self._patience.timeout + call.extra_time),
                allow_redirects=False,
            ) as response:
                self._budget.note(call.path, response.headers)
                return self._read(response, await read_bounded(response, _LONGEST_ANSWER))
        except _UNKNOWN_OUTCOME as error:
            raise unreachable(error) from error

    def _read(self, response: aiohttp.ClientResponse, data: bytes) -> Any:  # noqa: ANN401 decoded JSON
        if response.status < HTTPStatus.MULTIPLE_CHOICES:
            return _decoded(data)
        wait = retry_after(response.headers) if response.status in _SAYS_WHEN else None
        error = fault(response.status, self._refusal(data), retry_after=wait)
        raise Failed(error, outcome_of(response.status, error))

    def _refusal(self, data: bytes) -> object:
        """The body of a refusal, with our key masked should the other side have quoted it; None where it is no JSON."""
        key = self._api_key.get_secret_value()
        masked = data if key == ANONYMOUS_KEY else data.replace(key.encode(), log.MASK.encode())
        try:
            return json.loads(masked)
        except ValueError:
            return None


def outcome_of(status: int, error: LargesseError) -> Outcome:
    """What a refusal says about the call's effect."""
    if status == HTTPStatus.TOO_MANY_REQUESTS and error.code == TooMany.code:
        return Outcome.NOT_DONE
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Outcome.UNKNOWN
    return Outcome.FINAL


def unreachable(error: Exception) -> Failed:
    """What a failed connection means: never made, or cut on the way."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return Failed(HordeUnavailable(), Outcome.NOT_DONE)
    if isinstance(error, TimeoutError):
        return Failed(HordeUnavailable("The coordinator took too long to answer."), Outcome.UNKNOWN)
    return Failed(HordeUnavailable("The connection to the coordinator broke."), Outcome.UNKNOWN)


async def read_bounded(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The whole body.

    Raises:
        Failed: it is longer than `most` bytes.
    """
    data = bytearray()
    async for chunk in response.content.iter_chunked(65536):
        data += chunk
        if len(data) > most:
            raise Failed(HordeUnavailable("The coordinator's answer is far too long."), Outcome.FINAL)
    return bytes(data)


def _decoded(data: bytes) -> Any:  # noqa: ANN401 decoded JSON
    try:
        return json.loads(data)
    except ValueError as error:
        raise Failed(HordeUnavailable("The coordinator's answer cannot be read."), Outcome.UNKNOWN) from error


def repeating(patience: Patience, *, repeatable: bool, attempts: int | None = None) -> AsyncRetrying:
    """The attempts of one call: exponential waits with jitter, or what the horde asked for."""
    backoff = wait_exponential(multiplier=patience.first_wait, max=patience.longest_wait)
    backoff_with_jitter = backoff + wait_random(0, patience.first_wait)

    def worth_it(error: BaseException) -> bool:
        if not isinstance(error, Failed) or (_asked_wait(error) or 0.0) > patience.longest_wait:
            return False
        return error.outcome is Outcome.NOT_DONE or (repeatable and error.outcome is Outcome.UNKNOWN)

    def wait(state: RetryCallState) -> float:
        failed = state.outcome.exception() if state.outcome else None
        asked = _asked_wait(failed) if isinstance(failed, Failed) else None
        return backoff_with_jitter(state) if asked is None else asked + patience.first_wait * 0.1

    def tell(state: RetryCallState) -> None:
        failed = state.outcome.exception() if state.outcome else None
        _log.debug("horde_call_repeated", attempt=state.attempt_number, reason=str(failed), wait=state.upcoming_sleep)

    return AsyncRetrying(
        retry=retry_if_exception(worth_it),
        stop=stop_after_attempt(attempts or patience.attempts),
        wait=wait,
        before_sleep=tell,
        reraise=True,
    )


def _asked_wait(failed: Failed) -> float | None:
    error = failed.error
    return error.retry_after if isinstance(error, TooMany | HordeUnavailable) else None
