"""The connection to Reddit: one session, a budget of calls, no POST twice by itself, and its errors in our words.

Everything in this folder speaks to Reddit through `Access`, or inside `speaking`, which turns whatever the libraries
raise into SendFailed (trying again may help) or SendRefused (it will not).
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal, cast

import aiohttp
from pydantic import SecretStr

from core.chat.port import SendFailed, SendRefused

if TYPE_CHECKING:
    import asyncpraw
    from asyncprawcore import Requestor
    from asyncprawcore.exceptions import AsyncPrawcoreException

VERSION = "0.1.0"
MINUTE = 60.0
PAGE = 100
"""Things on one page of a listing, at most."""
MOST_PICTURE = 20_000_000
"""Bytes of a picture that is drawn over."""
TIMEOUT = 60
"""Seconds for one call, the upload of a picture included."""
_WAIT = re.compile(r"(\d+)\s+(millisecond|second|minute|hour)")
_SECONDS = {"millisecond": 0.001, "second": 1.0, "minute": 60.0, "hour": 3600.0}
_UNWELCOME = {"BANNED_FROM_SUBREDDIT", "USER_BANNED_FROM_SUBREDDIT", "SUBREDDIT_NOTALLOWED", "USER_BLOCKED"}
_SENTENCES = {
    "THREAD_LOCKED": "That thread is locked.",
    "DELETED_COMMENT": "What was asked is deleted.",
    "DELETED_LINK": "That post is deleted.",
    "TOO_OLD": "That thread is too old to answer in.",
    "SUBREDDIT_NOEXIST": "There is no such subreddit.",
}


class Unwelcome(SendRefused):
    """The bot may not write in this subreddit."""


class KeyRefused(SendFailed):
    """Reddit no longer takes the bot's key: it was revoked, or the password was changed."""

    code = "KeyRefused"


@dataclass(frozen=True)
class Account:
    """Who the bot is on Reddit."""

    client_id: str
    client_secret: SecretStr
    username: str
    password: SecretStr
    refresh_token: SecretStr
    """Used instead of the password where it is set."""
    operator: str
    """Name of the Redditor who answers for the bot."""

    @property
    def user_agent(self) -> str:
        """As Reddit wants it: platform, id of the app, version, who to ask."""
        return f"python:largesse.{self.username}:{VERSION} (by /u/{self.operator})"


class Budget:
    """At most so many calls in any minute; whoever is over waits here, in turn."""

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = per_minute, clock
        self._times: deque[float] = deque()
        self._turn = asyncio.Lock()

    async def spend(self) -> None:
        """Count a call, as soon as there is room for it."""
        async with self._turn:
            if len(self._times) >= self._most:
                await asyncio.sleep(self._times.popleft() + MINUTE - self._clock())
            self._times.append(self._clock())


class Access:
    """Two ways in over one session: as the bot, and as anybody who is not logged in.

    Args:
        account: the bot's.
        budget: calls it may make.
        connector: makes the connector of the session; None = the usual one.
    """

    def __init__(
        self, account: Account, budget: Budget, connector: Callable[[], aiohttp.BaseConnector] | None = None
    ) -> None:
        self._account, self._budget, self._connector = account, budget, connector
        self._session: aiohttp.ClientSession | None = None
        self._inside: asyncpraw.Reddit | None = None
        self._outside: asyncpraw.Reddit | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The session, opened when first used."""
        if self._session is None:
            connector = self._connector() if self._connector else None
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self._session

    @property
    def reddit(self) -> asyncpraw.Reddit:
        """As the bot."""
        if self._inside is None:
            account = self._account
            token = account.refresh_token.get_secret_value()
            key: dict[str, Any] = {"username": account.username, "password": account.password.get_secret_value()}
            self._inside = self._made(**({"refresh_token": token} if token else key))
        return self._inside

    @property
    def outside(self) -> asyncpraw.Reddit:
        """As the app alone: sees what people who are not the bot see."""
        if self._outside is None:
            self._outside = self._made()
            self._outside.read_only = True
        return self._outside

    async def post(self, path: str, **data: str) -> list[dict[str, Any]]:
        """Send something; the things that Reddit gives back for it.

        Raises:
            SendFailed, SendRefused: see `speaking`.
        """
        with speaking():
            back = await _ask(self.reddit, method="POST", path=path, data=data)
            answer: dict[str, Any] = back["json"] if back and "json" in back else {}
            errors: list[list[str | None]] = answer.get("errors") or []
            if errors:
                raise _said([each or "" for each in errors[0]])
            told: dict[str, Any] = answer.get("data") or {}
            things: list[dict[str, Any]] = told.get("things") or []
            return [each["data"] for each in things]

    async def get(self, path: str, *, outside: bool = False, **params: str | int) -> Any:  # noqa: ANN401  # JSON
        """Ask for something; `outside`: as somebody who is not logged in.

        Raises:
            SendFailed, SendRefused: see `speaking`.
        """
        with speaking():
            return await _ask(self.outside if outside else self.reddit, method="GET", path=path, params=params)

    async def listing(self, path: str, *, outside: bool = False, **params: str | int) -> list[dict[str, Any]]:
        """One page of things, newest first.

        Raises:
            SendFailed, SendRefused: see `speaking`.
        """
        with speaking():
            return _children(await self.get(path, outside=outside, **params))

    async def info(self, fullnames: Iterable[str], *, outside: bool = False) -> dict[str, dict[str, Any]]:
        """Posts and comments by their fullnames, as somebody else sees them where `outside` is set.

        Raises:
            SendFailed, SendRefused: see `speaking`.
        """
        wanted = list(dict.fromkeys(fullnames))
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(wanted), PAGE):
            ids = ",".join(wanted[start : start + PAGE])
            found |= {str(each["name"]): each for each in await self.listing("api/info/", outside=outside, id=ids)}
        return found

    async def mine(self, what: Literal["comments", "submitted"]) -> list[dict[str, Any]]:
        """The bot's newest comments or posts, newest first.

        Raises:
            SendFailed, SendRefused: see `speaking`.
        """
        return await self.listing(f"user/{self._account.username}/{what}/", limit=PAGE, sort="new")

    async def below(self, fullname: str) -> list[dict[str, Any]]:
        """What stands directly below a comment or post.

        Raises:
            SendFailed, SendRefused: see `speaking`.
        """
        kind, _, name = fullname.partition("_")
        if kind == "t3":
            with speaking():
                return _children((await self.get(f"comments/{name}/"))[1])
        about = (await self.info([fullname])).get(fullname)
        if about is None:
            return []
        with speaking():
            link = str(about["link_id"]).removeprefix("t3_")
            found = _children((await self.get(f"comments/{link}/_/{name}/"))[1])
            replies = found[0].get("replies") if found else None
            return _children(replies) if replies else []

    async def picture(self, address: str) -> bytes | None:
        """A picture, without the bot's key and without following anybody elsewhere; None = it cannot be had."""
        try:
            async with self.session.get(address, allow_redirects=False) as answer:
                if answer.status != HTTPStatus.OK or (answer.content_length or 0) > MOST_PICTURE:
                    return None
                data = bytearray()
                async for piece in answer.content.iter_chunked(1 << 16):
                    data += piece
                    if len(data) > MOST_PICTURE:
                        return None
                return bytes(data)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None

    async def close(self) -> None:
        """Close the session; using it again opens a new one."""
        session, self._session, self._inside, self._outside = self._session, None, None, None
        if session:
            await session.close()

    def _made(self, **key: str) -> asyncpraw.Reddit:
        import asyncpraw

        return asyncpraw.Reddit(
            client_id=self._account.client_id,
            client_secret=self._account.client_secret.get_secret_value(),
            user_agent=self._account.user_agent,
            ratelimit_seconds=0,
            timeout=TIMEOUT,
            check_for_updates=False,
            requestor_class=_requestor(self._budget),
            requestor_kwargs={"session": self.session},
            **key,
        )


async def _ask(reddit: asyncpraw.Reddit, **call: Any) -> Any:  # noqa: ANN401  # JSON, as Reddit sends it
    return await cast("Callable[..., Awaitable[Any]]", reddit.request)(**call)  # pyright: ignore[reportUnknownMemberType]  # it takes IO


def _requestor(budget: Budget) -> type[Requestor]:
    from asyncprawcore import Requestor
    from asyncprawcore.exceptions import RequestException, ServerError

    class Careful(Requestor):
        """Keeps to the budget, and leaves to us whether a POST without an answer is sent again: it may have worked."""

        @asynccontextmanager
        async def request(
            self,
            *args: Any,  # noqa: ANN401  # as the library declares it
            timeout: float | None = None,  # noqa: ASYNC109  # likewise
            **kwargs: Any,  # noqa: ANN401  # likewise
        ) -> AsyncGenerator[aiohttp.ClientResponse]:
            method, url = args
            if str(url).startswith(self.oauth_url):
                await budget.spend()
            try:
                async with super().request(*args, timeout=timeout, **kwargs) as response:
                    if method == "POST" and response.status >= 500:
                        raise ServerError(response)
                    yield response
            except RequestException as error:
                if method == "POST":
                    raise RequestException(_Unanswered(str(error)), args, {}) from error
                raise

    return Careful


class _Unanswered(Exception):  # not an OSError: the library sends those again
    """It may have worked, or not."""


@contextmanager
def speaking() -> Generator[None]:
    """Everything that speaks to Reddit stands inside this.

    Raises:
        SendFailed: Reddit is away, or wants us to wait.
        KeyRefused: the bot's key is not taken.
        SendRefused: Reddit will not have it.
        Unwelcome: neither this nor anything else there.
    """
    from asyncpraw.exceptions import AsyncPRAWException, RedditAPIException
    from asyncprawcore.exceptions import AsyncPrawcoreException

    try:
        yield
    except RedditAPIException as error:
        item = error.items[0]
        raise _said([item.error_type, item.message or ""]) from error
    except AsyncPRAWException as error:
        raise SendRefused(f"Reddit's library will not send that: {error}") from error
    except AsyncPrawcoreException as error:
        raise _answered(error) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise SendFailed(f"Reddit cannot be reached: {error or type(error).__name__}.") from error
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise SendFailed(f"Reddit answered in a way that makes no sense: {error!r}.") from error


def _children(listing: dict[str, Any]) -> list[dict[str, Any]]:
    return [each["data"] for each in listing["data"]["children"]]


def _said(error: list[str]) -> SendFailed | SendRefused:
    """Reddit answered with an error of its own: its name, and a sentence."""
    name, text, *_ = *error, ""
    if name == "RATELIMIT":
        return SendFailed(f"Reddit wants a pause: {text}", retry_after=_pause(text))
    if name in _UNWELCOME:
        return Unwelcome(text or name)
    return SendRefused(_SENTENCES.get(name, text or name))


def _pause(text: str) -> float:
    found = _WAIT.search(text.lower())
    return int(found[1]) * _SECONDS[found[2]] + 1.0 if found else MINUTE


def _answered(error: AsyncPrawcoreException) -> SendFailed | SendRefused:
    """Reddit answered with a status, or not at all."""
    from asyncprawcore.exceptions import OAuthException, ResponseException, TooManyRequests

    if isinstance(error, OAuthException):
        return KeyRefused(f"{KeyRefused.default_message()} ({error.error}) Make a new one, see docs/reddit.md.")
    if not isinstance(error, ResponseException):
        return SendFailed(f"Reddit cannot be reached: {error}.")
    status = error.response.status
    if status == 401:
        return KeyRefused(f"{KeyRefused.default_message()} Make a new one, see docs/reddit.md.")
    if isinstance(error, TooManyRequests):
        told = error.response.headers
        wait = told.get("retry-after") or told.get("x-ratelimit-reset") or ""
        return SendFailed("Reddit has had too many calls.", retry_after=float(wait) if wait.isdecimal() else MINUTE)
    if status == 403:
        return Unwelcome()
    if status in {404, 400, 413, 414, 415, 451}:
        return SendRefused(f"Reddit will not take that (HTTP {status}).")
    return SendFailed(f"Reddit has trouble (HTTP {status}).")
