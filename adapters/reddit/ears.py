"""Reads the inbox and the subreddits that opted in, and brings what is for the bot to dispatch.

An item is marked as read once dispatch has kept it: what comes while the bot is down waits in the inbox, and what comes
twice has the same key. `platform` runs it.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

from adapters.reddit import read
from adapters.reddit.access import PAGE, Access, speaking
from adapters.reddit.gallery import Gallery
from adapters.reddit.guest import Guest
from adapters.reddit.memory import Answer, Memory
from adapters.reddit.read import NAME, Heard, Thread
from adapters.reddit.words import Words, covers
from core import log
from core.chat.port import Dispatching, Port, SendRefused
from core.chat.types import MessageRef, Picture

AT_ONCE = 50
"""Conversations under way; while there are more, the inbox keeps what is new."""
BATCH = 25
"""Items that Reddit marks as read in one call."""
FURTHEST_BACK = 1000
"""Comments of a subreddit that are read after a time away; Reddit tells no more."""
CLOCKS = 120.0
"""Seconds by which listings may be late: comments are read again that far back."""
MODERATORS_FOR = 3600.0
"""Seconds for which it is believed who moderates a subreddit."""

_BANNED = re.compile(r"banned from participating", re.IGNORECASE)

logger = log.get(__name__)


class Ears:
    """What comes in.

    Args:
        port: the platform, as dispatch knows it.
        name: the bot's name.
        listen_in: subreddits whose comments are read for `!imagine`.
    """

    def __init__(
        self,
        port: Port,
        access: Access,
        memory: Memory,
        guest: Guest,
        gallery: Gallery,
        *,
        name: str,
        listen_in: Sequence[str],
    ) -> None:
        self._port, self._access, self._memory, self._guest, self._gallery = port, access, memory, guest, gallery
        self._name, self._words, self._listen_in = name.lower(), Words(name), "+".join(listen_in)
        self._under_way: set[asyncio.Task[object]] = set()
        self._moderators: dict[str, tuple[float, frozenset[str]]] = {}

    async def read_inbox(self, dispatch: Dispatching) -> None:
        """Hand in what is unread, oldest first, until nothing is.

        Raises:
            SendFailed, SendRefused: Reddit did not let itself be read; what was not marked comes again.
        """
        while True:
            items = [read.heard(each) for each in await self._access.listing("message/unread/", limit=PAGE)]
            items.reverse()
            for start in range(0, len(items), BATCH):
                batch = items[start : start + BATCH]
                await self._hand_in(batch, dispatch)
                await self._access.post("api/read_message/", id=",".join(each.fullname for each in batch))
            if len(items) < PAGE:
                return

    async def read_comments(self, dispatch: Dispatching) -> None:
        """Hand in what is new in the subreddits that opted in; at the very first time only note where they are.

        Raises:
            SendFailed, SendRefused: Reddit did not let itself be read; it is read from the same place again.
        """
        since = float(await self._memory.note("read until", self._listen_in) or 0.0)
        found = await self._newer(since - CLOCKS) if since else []
        await self._hand_in([each for each in reversed(found) if "!" in each.body], dispatch)
        until = max(since, *(each.made for each in found)) if found else since or time.time()
        await self._memory.note("read until", self._listen_in, str(until))

    async def _newer(self, since: float) -> list[Heard]:
        """The comments made since then, newest first."""
        found: list[Heard] = []
        after = ""
        while len(found) < FURTHEST_BACK:
            page = await self._access.listing(f"r/{self._listen_in}/comments/", limit=PAGE, after=after)
            fresh = [each for each in map(read.heard, page) if each.made >= since]
            found += fresh
            if len(fresh) < PAGE:
                break
            after = fresh[-1].fullname
        return found

    async def _hand_in(self, batch: Sequence[Heard], dispatch: Dispatching) -> None:
        known = await self._access.info(name for each in batch if each.link for name in (each.link, each.parent))
        for said in batch:
            under, above = known.get(said.link or ""), known.get(said.parent)
            await self._hear(said, read.thread(under) if under else None, above, dispatch)
            while len(self._under_way) >= AT_ONCE:
                await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)

    async def _hear(
        self, said: Heard, under: Thread | None, above: Mapping[str, Any] | None, dispatch: Dispatching
    ) -> None:
        """One comment or message: an event, or nothing that is for the bot."""
        if said.by_subreddit and _BANNED.search(said.subject):
            await self._guest.banned((said.subreddit or "").lower(), said.subject)
            return
        name = (said.author or "").lower()
        if name == self._name or not (name or said.by_subreddit):
            return
        subreddit = (said.subreddit or "").lower()
        if subreddit and not said.private and not await self._guest.welcome(subreddit):
            return
        ours = await self._memory.by_message(said.parent)
        addressed = self._words.address(said.body, dispatch.repertoire, private=said.private, to_bot=ours is not None)
        if addressed is None or (under and under.closed):
            return
        if covers(addressed.text):
            await self._cover(said, ours)
            return
        warden = said.by_subreddit or (bool(subreddit) and name in await self._moderators_of(subreddit))
        call = read.call(
            said,
            addressed,
            read.place(said, under),
            warden=warden,
            replied_to=MessageRef(NAME, ours.place, ours.message) if ours and ours.message else None,
            above=above,
            pictures=[Picture(url=await self._source(ours, under))] if addressed.redraw else [],
        )
        talk = await dispatch.call(self._port, call)
        if isinstance(talk, asyncio.Task):
            task = cast("asyncio.Task[object]", talk)
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _cover(self, said: Heard, ours: Answer | None) -> None:
        """Hide a picture behind a warning: whoever finds it too much for a place is believed."""
        if ours and ours.post:
            await self._gallery.cover(ours.post)
            logger.info("picture_covered", post=ours.post, asked_by=said.author)

    async def _moderators_of(self, subreddit: str) -> frozenset[str]:
        """Names of those who moderate a subreddit, in small letters; nobody, where it does not say."""
        known = self._moderators.get(subreddit)
        if known and time.monotonic() < known[0]:
            return known[1]
        try:
            told = await self._access.get(f"r/{subreddit}/about/moderators/")
            with speaking():
                found = frozenset(str(each["name"]).lower() for each in told["data"]["children"])
        except SendRefused:
            found = frozenset[str]()
        self._moderators[subreddit] = (time.monotonic() + MODERATORS_FOR, found)
        return found

    async def _source(self, ours: Answer | None, under: Thread | None) -> str | None:
        """Where the picture to draw over is: of our own post that is answered, else of the post it all stands under."""
        if ours and ours.post:
            own = (await self._access.info([ours.post])).get(ours.post)
            if own and (address := read.thread(own).picture):
                return address
        return under.picture if under else None
