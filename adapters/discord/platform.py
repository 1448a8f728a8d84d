"""The port of Discord: one supervised client, and what the bot says through it, each thing once.

Answers to a command go out as the interaction's own message, which can be said again without standing twice; everything
else carries a nonce, by which Discord knows a second try. What a restart or 15 minutes take away, the bot's own right
to post replaces.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import discord
from pydantic import SecretStr
from yarl import URL

from adapters.discord import checkup, client, faults, read, show
from adapters.discord.answers import Answers, way_of
from adapters.discord.hearing import Hearing
from adapters.discord.read import NAME, Way
from adapters.discord.words import commands
from core import log
from core.chat.port import Dispatching, Limits, SendFailed, SendRefused
from core.chat.shrink import shrink
from core.chat.types import MessageRef, Person, Picture, Place, Post, Sent
from core.errors import ConfigError, NotFound
from core.findings import Finding

LIMITS = Limits(
    max_text=1900,
    max_pictures=10,
    max_alt=1024,
    max_bytes=10_000_000,
    can_react=True,
    can_whisper=True,
    has_buttons=True,
    has_threads=True,
    dedupe=True,
    edit_interval=2.0,
)
PATIENCE = 30.0
"""Seconds that a message waits for the connection."""
MOST_REMEMBERED = 20_000
"""Messages whose way of being changed is known."""
MOST_FETCHED = 25_000_000
"""Bytes of a picture that somebody attached."""
_HOSTS = {"cdn.discordapp.com", "media.discordapp.net"}
_PROGRESS = "p"
"""Before the id of a message that shows progress: whether it became an answer is looked up before it is removed."""

logger = log.get(__name__)


class Discord:
    """Discord as a platform.

    Args:
        token: the bot's token.
        shards: connections; 1 = one, 0 = as many as Discord wants.
        data_dir: the folder `discord` in it remembers which commands Discord has.
        connector: how to reach the network; a new one for each connection.

    Raises:
        ConfigError: there is no token.
    """

    name = NAME
    limits = LIMITS

    def __init__(
        self,
        *,
        token: SecretStr,
        shards: int,
        data_dir: Path,
        connector: Callable[[], aiohttp.BaseConnector] = aiohttp.TCPConnector,
    ) -> None:
        if not token.get_secret_value().strip():
            raise ConfigError("discord.token is empty: docs/discord.md says how to get one.")
        self._token, self._shards, self._connector = token, shards, connector
        self._note = data_dir / NAME / "commands.json"
        self._online = asyncio.Event()
        self._budget = faults.Budget()
        self._client: client.One | client.Several
        self._answers: Answers
        self._became: OrderedDict[str, bool] = OrderedDict()
        """Message id → whether it shows an answer (else progress)."""
        self._ways: OrderedDict[str, Way] = OrderedDict()
        """Message id → the interaction that can change it."""

    @staticmethod
    async def examine(
        *,
        token: SecretStr,
        shards: int,
        data_dir: Path,
        connector: Callable[[], aiohttp.BaseConnector] = aiohttp.TCPConnector,
    ) -> AsyncIterator[Finding]:
        """What the doctor tells about the token, the rights and the commands."""
        del shards
        async for finding in checkup.examine(token, note=data_dir / NAME / "commands.json", connector=connector()):
            yield finding

    async def run(self, dispatch: Dispatching) -> None:
        """Stay connected until cancelled.

        Raises:
            ConfigError: Discord refuses the token or an intent; says what to click.
            LargesseError: Discord cannot be reached.
        """
        hearing = Hearing(self, dispatch)

        async def ready() -> None:
            self._answers = hearing.answers = Answers(self._client, self._client.application_id or 0)
            self._online.set()
            await client.make_known(self._client, commands(dispatch.repertoire), note=self._note)

        self._client = client.make(
            hearing, ready, shards=self._shards, connector=self._connector(), trace=self._budget.trace()
        )
        hearing.client = self._client
        try:
            with faults.connecting():
                async with self._client:
                    await self._client.start(self._token.get_secret_value())
        finally:
            if self._online.is_set():
                self._online.clear()
                await self._answers.close()

    async def send(self, place: Place, post: Post, *, key: str) -> Sent:
        """Say it; a second time under the same key is the same as once."""
        await self._wait()
        way, part = way_of(place.via), key.partition("/")[2]
        with faults.speaking():
            if way and way.kind == "c" and part in {"answer", "progress"}:
                said = await self._sized(
                    post, lambda each: self._answers.say(way, show.message(each), progress=part == "progress")
                )
                if said:
                    return self._sent(place, said, post, way)
            if way and not way.may_post:
                said = await self._sized(
                    post, lambda each: self._answers.follow(way, show.message(each), ephemeral=False)
                )
                if said:
                    return self._sent(place, said, post, way)
            return await self._post(place, post, key)

    async def whisper(self, person: Person, place: Place, post: Post, *, key: str) -> Sent:
        """Say it to one person: through the interaction, else an error in public and anything else directly."""
        await self._wait()
        way = way_of(place.via)
        with faults.speaking():
            if way and (said := await self._sized(post, lambda each: self._answers.whisper(way, show.message(each)))):
                return self._sent(place, said, post, way)
            if place.via is None and key.endswith("/error"):
                return await self._post(place, post, key)
            return await self._direct(person, post, key)

    async def fetch(self, picture: Picture) -> Picture:
        """Get an attachment from Discord's own hosts, and from nowhere else."""
        url = URL(picture.url or "")
        if url.scheme != "https" or url.host not in _HOSTS:
            raise NotFound("That picture is not on Discord; please attach it.")
        try:
            async with (
                aiohttp.ClientSession(connector=self._connector(), timeout=aiohttp.ClientTimeout(30)) as session,
                session.get(url, allow_redirects=False) as answer,
            ):
                data = await answer.content.readexactly(answer.content_length or 0) if _readable(answer) else b""
        except (aiohttp.ClientError, asyncio.IncompleteReadError, TimeoutError) as error:
            raise NotFound("Discord did not give me that picture; please attach it again.") from error
        if not data:
            raise NotFound("That picture is gone or too large; please attach it again.")
        return replace(picture, data=data)

    async def find(self, place: Place, key: str) -> Sent | None:
        """Not needed: Discord knows a second try by itself."""
        del place, key
        return None

    async def edit(self, ref: MessageRef, post: Post) -> None:
        """Change it through its interaction, later by the bot's own right."""
        await self._wait()
        number = ref.message.removeprefix(_PROGRESS)
        if post.progress and self._became.get(number):
            return  # it shows the answer by now
        way = self._ways.get(number)
        with faults.speaking():
            if way and way.alive(time.time()) and await self._answers.change(way, int(number), show.message(post)):
                return
            shown = show.message(post)
            await self._message(ref).edit(
                content=shown.text,
                attachments=shown.files,
                embeds=shown.embeds,
                view=shown.view,
                allowed_mentions=show.NOBODY,
            )

    async def react(self, ref: MessageRef, emoji: str) -> None:
        """Put an emoji to a message."""
        await self._wait()
        with faults.speaking():
            await self._message(ref).add_reaction(show.emoji(emoji))

    async def delete(self, ref: MessageRef) -> None:
        """Remove a message; progress that became the answer stays."""
        await self._wait()
        number = ref.message.removeprefix(_PROGRESS)
        with faults.speaking():
            if ref.message.startswith(_PROGRESS) and await self._is_answer(ref):
                return
            way = self._ways.get(number)
            if way and way.alive(time.time()) and await self._answers.remove(way, int(number)):
                return
            with suppress(discord.NotFound):
                await self._message(ref).delete()

    async def _is_answer(self, ref: MessageRef) -> bool:
        """Whether a message that showed progress says something else by now; after a restart Discord is asked."""
        number = ref.message.removeprefix(_PROGRESS)
        known = self._became.get(number)
        if known is not None:
            return known
        try:
            return not show.is_progress(await self._message(ref).fetch())
        except (discord.NotFound, discord.Forbidden):
            return True

    async def _post(self, place: Place, post: Post, key: str) -> Sent:
        """Say it by the bot's own right. What answers a command late names whom it is for."""
        way = Way.read(place.via)
        if way and not way.may_post:
            raise SendRefused("That took longer than Discord lets me answer here.")
        channel = self._client.get_partial_messageable(int(place.id))
        reference = self._reference(place, post)

        async def say(each: Post) -> discord.Message:
            shown = show.message(each)
            more: dict[str, Any] = {"view": shown.view} if shown.view else {}
            more |= {"reference": reference} if reference else {}
            return await channel.send(
                shown.text,
                files=shown.files,
                embeds=shown.embeds,
                nonce=show.nonce(key),
                mention_author=False,
                allowed_mentions=show.NOBODY,
                suppress_embeds=not shown.embeds,
                **more,
            )

        return self._sent(place, (await self._sized(post, say)).id, post, None)

    async def _direct(self, person: Person, post: Post, key: str) -> Sent:
        user = await self._client.create_dm(discord.Object(int(person.id)))
        return await self._post(Place(NAME, str(user.id), private=True), replace(post, reply_to=None), key)

    def _reference(self, place: Place, post: Post) -> discord.MessageReference | None:
        to = post.reply_to
        if to is None or to.place != place.id or not to.message.isdecimal() or to.message == "0":
            return None
        return discord.MessageReference(message_id=int(to.message), channel_id=int(to.place), fail_if_not_exists=False)

    async def _sized(self, post: Post, say: Callable[[Post], Any]) -> Any:  # noqa: ANN401  # what `say` gives
        """Say it; with smaller pictures where they are too large for this place, in the end without them."""
        for part in (1, 4, 16):
            limits = replace(LIMITS, max_bytes=LIMITS.max_bytes // part)
            fitting = [await asyncio.to_thread(shrink, each, limits) for each in post.pictures] if part > 1 else ()
            try:
                return await say(replace(post, pictures=tuple(filter(None, fitting))) if part > 1 else post)
            except discord.HTTPException as error:
                if error.status != faults.TOO_LARGE:
                    raise
        return await say(replace(post, pictures=(), text=f"{post.text}\n(The pictures are too large for this place.)"))

    def _sent(self, place: Place, number: int, post: Post, way: Way | None) -> Sent:
        message = str(number)
        _remember(self._became, message, post.progress is None or self._became.get(message, False))
        if way:
            _remember(self._ways, message, way)
        return Sent(read.ref(place.id, f"{_PROGRESS}{message}" if post.progress else message))

    def _message(self, ref: MessageRef) -> discord.PartialMessage:
        number = ref.message.removeprefix(_PROGRESS)
        if not number.isdecimal():
            raise SendRefused("There is no such message.")
        return self._client.get_partial_messageable(int(ref.place)).get_partial_message(int(number))

    async def _wait(self) -> None:
        """Until there is a connection.

        Raises:
            SendFailed: there is none for long, or too many requests were refused.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                await self._online.wait()
        except TimeoutError:
            raise SendFailed("Discord is not connected.") from None
        if self._budget.too_many:
            raise SendFailed("Discord refused too many requests; I wait before it locks me out.", retry_after=60.0)


def _readable(answer: aiohttp.ClientResponse) -> bool:
    return answer.status == 200 and 0 < (answer.content_length or 0) <= MOST_FETCHED


def _remember(known: OrderedDict[str, Any], name: str, value: object) -> None:
    known[name] = value
    if len(known) > MOST_REMEMBERED:
        known.popitem(last=False)
