"""The instance behind Mastodon.py: calls in threads, what each failure means, what the instance can do.

Mastodon.py blocks, so every call runs on a thread of ours; it is told to throw on 429, so that nothing sleeps there.
What the instance offers is asked of it, never guessed from its version. `platform` is the only user.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from mastodon import Mastodon, errors

from adapters.mastodon.budget import Budget, Kind, kind_of
from core.chat.port import SendFailed, SendRefused
from core.chat.types import Picture

Entity = Mapping[str, Any]
"""What the API answers with: other software than Mastodon leaves fields out, so nothing in it is taken for granted."""

AGENT = "Largesse/0.1"
THREADS = 8
SECONDS = 30.0
"""For one call; an upload may take its time."""
PROCESSING = 60.0
"""Seconds for which an instance may work on an upload before it is tried again."""
_NEWER, _OLDER = "4.7.0", "3.1.0"
"""What Mastodon.py is told, since it asks the instance otherwise (and fails badly where that cannot be had): with the
older one it uses the endpoints that other software may have instead."""
_MIMES = ("image/webp", "image/png", "image/jpeg")


class Revoked(SendFailed):
    """The instance does not accept the bot's access token any more: make a new one and set mastodon.access_token."""

    code = "Revoked"


class Gone(SendRefused):
    """That status is not there any more, or not for the bot."""

    code = "Gone"


class Unprocessable(SendRefused):
    """The instance does not take it as it is."""

    code = "Unprocessable"


class NoSuchCall(SendRefused):
    """The instance does not know this call."""

    code = "NoSuchCall"


@dataclass(frozen=True)
class Instance:
    """What an instance takes, as it says itself; the defaults are Mastodon's."""

    host: str = ""
    max_text: int = 500
    max_pictures: int = 4
    max_alt: int = 1500
    max_bytes: int = 16_777_216
    max_pixels: int = 33_177_600
    mimes: tuple[str, ...] = _MIMES
    streaming: str = ""
    """Where events are streamed from, as in wss://host; may be another host."""
    profile_fields: int = 4


class Server:
    """Everything that is asked of the instance goes through here.

    Args:
        address: of the instance, as in https://example.social.
        token: the bot's access token.
    """

    def __init__(self, address: str, token: str) -> None:
        self.address = address
        self.budget = Budget()
        self.instance = Instance(host=urlsplit(address).hostname or "")
        self.me: Entity = {}
        """The bot's own account."""
        self._token = token
        self._loop: asyncio.AbstractEventLoop | None = None
        self._refused: dict[Kind, float] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="mastodon")
        self._session = requests.Session()
        self._session.hooks["response"] = [self._heard]
        self._newer, self._older = self._opened(_NEWER), self._opened(_OLDER)

    async def connect(self) -> None:
        """Find out who the bot is and what its instance takes.

        Raises:
            Revoked: the token is not accepted.
            SendFailed: the instance cannot be reached.
        """
        me = await self.call(Kind.CALL, lambda api: api.account_verify_credentials())
        told: Entity = {}
        for work in (_second, _first):
            with suppress(SendRefused):  # it has the other one, or none
                told = told or await self.call(Kind.CALL, work)
        self.instance, self.me = _read(told, self.address), me

    @property
    def acct(self) -> str:
        """The bot's name with its instance, as in largesse@example.social."""
        return f"{self.me.get('username', '')}@{self.instance.host}"

    async def call(self, kind: Kind, work: Callable[[Mastodon], object], *, patient: bool = False) -> Any:  # noqa: ANN401  # whatever the API answers
        """Do something there.

        Args:
            kind: what it counts as.
            work: the call of Mastodon.py; runs on another thread.
            patient: wait for the next window instead of failing.

        Raises:
            SendFailed: away, overloaded or used up for now; `retry_after` says until when.
            SendRefused: it does not do that.
        """
        self._loop = asyncio.get_running_loop()
        while (wait := self.budget.take(kind)) > 0:
            if not patient:
                raise SendFailed("The instance allows no more for the moment.", retry_after=wait)
            await asyncio.sleep(wait)
        try:
            return await self._loop.run_in_executor(self._threads, work, self._newer)
        except (errors.MastodonError, RecursionError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._meant(error, kind) from None
        finally:
            self.budget.back(kind)

    async def status(self, status: str) -> Entity:
        """One status.

        Raises:
            Gone: it is not there, or not for the bot.
        """
        return await self.call(Kind.CALL, lambda api: api.status(status))

    async def upload(self, picture: Picture) -> tuple[str, bool]:
        """Upload a picture with its description; its id there, and whether it can be shown already.

        Raises:
            Unprocessable: the instance cannot make anything of it.
        """
        data, alt = picture.data or b"", picture.alt or None
        name = picture.name or f"picture.{picture.mime.removeprefix('image/')}"

        def work(api: Mastodon) -> object:
            return api.media_post(BytesIO(data), mime_type=picture.mime, description=alt, file_name=name)

        try:
            media: Entity = await self.call(Kind.MEDIA, work)
        except (Gone, NoSuchCall):
            media = await self.call(Kind.MEDIA, lambda _: work(self._older))
        return str(media["id"]), bool(media.get("url"))

    async def processed(self, media: str, *, first_look: float) -> None:
        """Wait until an upload can be shown; `first_look` in seconds.

        Raises:
            Gone: the instance has forgotten it.
            Unprocessable: it could make nothing of it.
            SendFailed: it works on it for longer than a minute.
        """
        pause, waited = first_look, 0.0
        while not (await self.call(Kind.CALL, lambda api: api.media(media))).get("url"):
            if waited > PROCESSING:
                raise SendFailed("The instance is still working on the picture.", retry_after=PROCESSING)
            await asyncio.sleep(pause)
            waited, pause = waited + pause, min(2 * pause, 5.0)

    def rest(self) -> None:
        """Let go of idle connections; new calls open new ones."""
        self._session.close()

    def _opened(self, version: str) -> Mastodon:
        return Mastodon(
            access_token=self._token,
            api_base_url=self.address,
            ratelimit_method="throw",
            request_timeout=SECONDS,
            mastodon_version=version,
            version_check_mode="created",  # "none" would also forget the version it was just told
            session=self._session,
            user_agent=AGENT,
        )

    def _heard(self, response: requests.Response, *_: object, **__: object) -> requests.Response:
        """On the thread of a call: what its answer says of the budget goes to the event loop."""
        kind = kind_of(response.request.method or "", urlsplit(response.request.url or "").path)
        headers, loop = dict(response.headers), self._loop
        note = self.budget.exhausted if response.status_code == 429 else self.budget.note
        if loop is not None:
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(note, kind, headers)
        return response

    def _meant(self, error: Exception, kind: Kind) -> SendFailed | SendRefused:
        """What a failure means for whoever wants to say something."""
        told = error.args[1] if isinstance(error, errors.MastodonAPIError) and len(error.args) > 1 else 0
        status = told if isinstance(told, int) else 0  # Mastodon.py also tells so of answers that are no JSON
        words = str(error.args[3] or "") if len(error.args) > 3 else ""
        match error:
            case errors.MastodonRatelimitError():
                wait = self.budget.take(kind)
                if wait <= 0:
                    self.budget.back(kind)
                return SendFailed("The instance allows no more for the moment.", retry_after=wait)
            case errors.MastodonUnauthorizedError():
                return Revoked(f"{self.address}: {Revoked.default_message()}")
            case errors.MastodonNotFoundError():
                return Gone()
            case errors.MastodonServerError() if status != 501:
                return SendFailed("The instance has trouble.")
            case errors.MastodonAPIError() if status in {405, 410, 501}:
                return NoSuchCall() if status != 410 else Gone()
            case errors.MastodonAPIError() if status == 422:
                return Unprocessable(words or None)
            case errors.MastodonAPIError() if 400 <= status < 500 and status != 408:
                return SendRefused(words or None)
            case _:
                return SendFailed(
                    f"The instance cannot be reached, or answers something that is none of the API: {error}"
                )


def _second(api: Mastodon) -> object:
    return api.instance_v2()


def _first(api: Mastodon) -> object:
    return api.instance_v1()


def _read(told: Entity, address: str) -> Instance:
    """What an instance says of itself, in the form of the API's first or second version."""
    usual = Instance()
    asked = _inside(told, "configuration")
    statuses, media = _inside(asked, "statuses"), _inside(asked, "media_attachments")
    kinds = cast("list[str]", media.get("supported_mime_types") or [])
    mimes = tuple(each for each in _MIMES if each in kinds)
    urls = {**_inside(told, "urls"), **_inside(asked, "urls")}
    return Instance(
        host=str(told.get("domain") or told.get("uri") or urlsplit(address).hostname)
        .removeprefix("https://")
        .strip("/"),
        max_text=_number(statuses, "max_characters", _number(told, "max_toot_chars", usual.max_text)),
        max_pictures=_number(statuses, "max_media_attachments", usual.max_pictures),
        max_alt=_number(media, "description_limit", _number(told, "description_limit", usual.max_alt)),
        max_bytes=_number(media, "image_size_limit", _number(told, "upload_limit", usual.max_bytes)),
        max_pixels=_number(media, "image_matrix_limit", usual.max_pixels),
        mimes=mimes or usual.mimes,
        streaming=str(urls.get("streaming") or urls.get("streaming_api") or ""),
        profile_fields=_number(_inside(asked, "accounts"), "max_profile_fields", usual.profile_fields),
    )


def _inside(entity: Entity, name: str) -> Entity:
    value = entity.get(name)
    return cast("Entity", value) if isinstance(value, Mapping) else {}


def _number(entity: Entity, name: str, otherwise: int) -> int:
    try:
        return max(1, int(entity[name]))
    except (KeyError, TypeError, ValueError):
        return otherwise
