"""Picture posts in the bot's own subreddit: made once, found again by their mark, obedient to the subreddit's rules.

Reddit tells the address of a new picture post over a WebSocket, which may stay silent although the post was made: then
the post is looked for. `platform` calls it before it answers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from adapters.reddit import show
from adapters.reddit.access import Access, speaking
from adapters.reddit.memory import Answer, Memory
from core import log
from core.chat.port import SendFailed, SendRefused
from core.chat.types import Post

if TYPE_CHECKING:
    from asyncpraw.models import PostMedia, Subreddit

RULES_FOR = 3600.0
"""Seconds for which the rules of the subreddit are believed."""

logger = log.get(__name__)


@dataclass(frozen=True)
class Waits:
    """Seconds that a new picture post is waited for."""

    told: float = 45.0
    """Until Reddit has told its address."""
    looked_for: tuple[float, ...] = (2.0, 5.0, 10.0)
    """Between two looks for it afterwards."""


class Gallery:
    """The bot's own subreddit, or its profile (`u_name`) where it has none.

    Args:
        access: the connection.
        memory: where it is written down before a post is made.
        subreddit: its name.
        flair: text or id of the flair of every post; empty = the first one where one is demanded.
        waits: how long a post is waited for.
    """

    def __init__(
        self,
        access: Access,
        memory: Memory,
        *,
        subreddit: str,
        flair: str,
        waits: Waits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.subreddit, self._flair = subreddit, flair
        self._access, self._memory, self._waits, self._clock = access, memory, waits or Waits(), clock
        self._known: tuple[float, show.Rules, str | None] | None = None

    async def put(self, answer: Answer, post: Post, voice: show.Voice, *, nsfw: bool) -> str:
        """The fullname of the post with these pictures, made unless it stands.

        Raises:
            SendRefused: the subreddit will not have it.
            SendFailed: Reddit is away, or did not tell in time whether it worked.
        """
        if answer.post:
            return answer.post
        rules, flair = await self._rules()
        title = rules.title(post.text, answer.key)
        if title is None:
            raise SendRefused(f"r/{self.subreddit} takes no title that I could give.")
        found = await self._find(answer.key) if answer.post == "" else None
        if found is None:
            await self._memory.posting(answer.key, "")
            body = voice.body(post, answer.key) if rules.body else None
            found = await self._make(post, title, body, answer.key, flair=flair, nsfw=nsfw)
        await self._memory.posting(answer.key, found)
        return found

    async def cover(self, fullname: str) -> None:
        """Hide a post behind a warning."""
        await self._access.post("api/marknsfw/", id=fullname)

    async def _make(self, post: Post, title: str, body: str | None, key: str, *, flair: str | None, nsfw: bool) -> str:
        from asyncpraw.exceptions import WebSocketException
        from asyncpraw.models import PostMedia

        media = [PostMedia(each.data or b"", show.file_name(each, at)) for at, each in enumerate(post.pictures)]
        hidden = any(each.spoiler for each in post.pictures)
        terms: dict[str, Any] = {"nsfw": nsfw, "spoiler": hidden, "flair_id": flair, "selftext": body}
        if len(media) == 1:  # the library hands it on to aiohttp, whose word for it this is by now
            limits: Any = aiohttp.ClientWSTimeout  # made by attrs: its fields are hidden from type checkers
            terms["timeout"] = limits(ws_close=10.0, ws_receive=self._waits.told)
        with speaking():
            where = await self._access.reddit.subreddit(self.subreddit)
            try:
                async with asyncio.timeout(self._waits.told):
                    made = await self._submit(where, title, media, post, terms)
                if made is not None:
                    return f"t3_{made}"
            except (WebSocketException, TimeoutError, aiohttp.ClientError, ValueError, TypeError) as error:
                # The socket fails in all these ways, also where it says something that is not JSON.
                logger.info("picture_post_untold", reason=str(error) or type(error).__name__)
        for wait in self._waits.looked_for:
            if found := await self._find(key):
                return found
            await asyncio.sleep(wait)
        raise SendFailed("Reddit did not say whether it took the picture.")

    async def _submit(
        self, where: Subreddit, title: str, media: list[PostMedia], post: Post, terms: dict[str, Any]
    ) -> str | None:
        if len(media) == 1:
            made = await where.submit(title, image=media[0], **terms)
        else:
            items: list[PostMedia | dict[str, str | PostMedia]] = [
                {"media": one, "caption": each.alt} for one, each in zip(media, post.pictures, strict=True)
            ]
            made = await where.submit(title, gallery=items, **terms)
        return str(made.id) if made is not None else None

    async def _find(self, key: str) -> str | None:
        """A post of ours with this mark."""
        for each in await self._access.mine("submitted"):
            if show.mark(key) in {show.marked(str(each.get(part) or "")) for part in ("selftext", "title")}:
                return str(each["name"])
        return None

    async def _rules(self) -> tuple[show.Rules, str | None]:
        if self._known and self._clock() < self._known[0] + RULES_FOR:
            return self._known[1:]
        with speaking():
            where = await self._access.reddit.subreddit(self.subreddit)
            rules = show.Rules.of(await where.post_requirements())
            flair = await self._flair_id(where) if self._flair or rules.flair else None
        self._known = (self._clock(), rules, flair)
        return rules, flair

    async def _flair_id(self, where: Subreddit) -> str:
        choices = [each async for each in where.flair.link_templates.user_selectable()]
        wanted = [each for each in choices if self._flair in {each["flair_template_id"], each["flair_text"]}]
        if not self._flair:
            wanted = choices
        if not wanted:
            raise SendRefused(f"r/{self.subreddit} has no flair {self._flair!r} that a post may carry.")
        return str(wanted[0]["flair_template_id"])
