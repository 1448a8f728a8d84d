"""How much of the bot is welcome where: bans, caps, a young account's shyness, and whether its comments are seen.

`platform` asks it before anything is said in a subreddit, and lets it look at what was said again later.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from adapters.reddit.access import Access, Unwelcome
from adapters.reddit.memory import Answer, Memory
from core import log
from core.chat.port import SendRefused

HOUR, DAY = 3600.0, 86_400.0
GROWN_UP = 30 * DAY
"""Seconds after which an account may use its whole cap."""
LOOKS = (600.0, 5 * HOUR, DAY, 6 * DAY)
"""Seconds after which a comment is looked at: the first time, and again after each look."""
UNSEEN = 3
"""So many of the last comments in a subreddit removed without a word mean that the bot is not wanted there."""

logger = log.get(__name__)


class Way(StrEnum):
    """How something is answered."""

    THERE = "there"
    """As a reply, where it was asked."""
    HOME = "home"
    """In the bot's own subreddit, calling the person there."""
    NOWHERE = "nowhere"
    """Not at all."""


class Guest:
    """The manners.

    Args:
        access: the connection.
        memory: what was said where.
        home: name of the bot's own subreddit.
        per_hour: comments in one subreddit in an hour, of a grown-up account.
        remove_below: comments with a lower score are removed.
        looks: see `LOOKS`.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        access: Access,
        memory: Memory,
        *,
        home: str,
        per_hour: int,
        remove_below: int,
        looks: tuple[float, ...] = LOOKS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._access, self._memory, self._home = access, memory, home.lower()
        self._per_hour, self._remove_below, self._looks, self._clock = per_hour, remove_below, looks, clock
        self._born = 0.0

    def introduce(self, born: float) -> None:
        """Tell when the account was made, seconds since 1970."""
        self._born = born

    async def welcome(self, subreddit: str) -> bool:
        """Whether the bot may speak there at all."""
        return await self._memory.note("ban", subreddit) is None

    async def way(self, subreddit: str) -> Way:
        """How to answer somebody there now."""
        if not await self.welcome(subreddit):
            return Way.NOWHERE
        if subreddit == self._home:
            return Way.THERE
        if await self._memory.note("unseen", subreddit):
            return Way.HOME
        said = await self._memory.said_since(subreddit, HOUR)
        return Way.THERE if said < self._allowed() else Way.HOME

    async def banned(self, subreddit: str, reason: str) -> None:
        """Remember for ever that the bot may not write there."""
        if subreddit and subreddit != self._home:
            await self._memory.note("ban", subreddit, reason)
            logger.warning("banned_from_subreddit", subreddit=subreddit, reason=reason)

    def next_look(self, looks: int) -> float | None:
        """Seconds until something that was looked at so often is looked at again; None = never."""
        return self._looks[looks] if looks < len(self._looks) else None

    async def look_again(self) -> list[Answer]:
        """Look at what is due with the eyes of somebody else; gives the answers that should be removed."""
        due = await self._memory.due()
        if not due:
            return []
        said = [fullname for each in due for fullname in (each.message, each.post) if fullname]
        seen = await self._access.info(said, outside=True)
        disliked: list[Answer] = []
        for each in due:
            await self._note_votes(each, seen)
            found = seen.get(each.message or "")
            removed = found is None or found.get("body") == "[removed]"
            score = int(found.get("score") or 0) if found else 0
            await self._memory.looked(each.key, next_look=self.next_look(each.looks + 1), removed=removed)
            if removed:
                await self._unseen(each)
            elif score < self._remove_below:
                disliked.append(each)
        return disliked

    async def is_shadowed(self, name: str) -> bool:
        """Whether nobody but the bot itself can see its account; told to the operator."""
        try:
            await self._access.get(f"user/{name}/about/", outside=True)
        except Unwelcome:
            return False
        except SendRefused:
            logger.warning("account_is_shadow_banned", account=name, hint="appeal at https://www.reddit.com/appeals")
            return True
        return False

    def _allowed(self) -> int:
        """Comments in one subreddit in an hour: few at first, since new accounts that talk much count as spam."""
        age = max(0.0, self._clock() - self._born)
        return max(1, round(self._per_hour * min(1.0, age / GROWN_UP)))

    async def _note_votes(self, answer: Answer, seen: dict[str, dict[str, Any]]) -> None:
        post = seen.get(answer.post or "")
        if answer.post and post and post.get("score") is not None:
            ratio = float(post.get("upvote_ratio") or 0.0)
            await self._memory.vote(answer.post, score=int(post["score"]), ratio=ratio)

    async def _unseen(self, answer: Answer) -> None:
        logger.warning("comment_removed_silently", subreddit=answer.subreddit, message=answer.message)
        hidden = await self._memory.removed_of_last(answer.subreddit, UNSEEN)
        if hidden >= UNSEEN and answer.subreddit != self._home and not await self.quiet(answer.subreddit):
            await self._memory.note("unseen", answer.subreddit, f"{hidden} comments removed")
            logger.warning(
                "subreddit_removes_comments", subreddit=answer.subreddit, hint="answers go to r/" + self._home
            )

    async def quiet(self, subreddit: str) -> bool:
        """Whether answers to what is asked there go elsewhere, because they would be removed."""
        return await self._memory.note("unseen", subreddit) is not None
