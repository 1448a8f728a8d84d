"""What comes in: notifications in their order, edits and deletions of requests, and the events that are made of them.

Everything is read over REST from where the last look ended, so that nothing is lost while the bot, its stream or the
instance is away; the stream only says when to look. The place is kept after dispatch has an event, never before.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from mastodon import Mastodon as Api

from adapters.mastodon import manners, read, words
from adapters.mastodon.budget import Kind
from adapters.mastodon.notes import Asked, Notes
from adapters.mastodon.server import Entity, Gone, Revoked, Server
from adapters.mastodon.stream import Stream
from core import log
from core.chat.port import Dispatching, Port, SendFailed
from core.chat.types import Person, Picture
from core.errors import StorageFull

PAGE = 40
CURSOR = "last notification"
FRESH, MOST_FRESH = 10.0, 200
"""Seconds for which a status that came in need not be asked for again, and how many are kept."""
MOST_PICTURES = 4
FORBIDDEN = "about:nobot"
"""Stands for a picture whose author wants no bots: `Port.fetch` says so when a conversation needs it."""
HOUR = 3600.0

logger = log.get(__name__)


@dataclass(frozen=True)
class Pace:
    """Seconds between things; the defaults leave most of an instance's budget for answers."""

    poll: float = 20.0
    """Between two looks where nothing rings."""
    calm: float = 300.0
    """Between two looks where a stream rings."""
    least: float = 2.0
    """Between two looks at all."""
    reconnect: float = 1.0
    """Until a broken stream is tried again; doubles."""
    media: float = 0.5
    """Until an upload is looked at; doubles."""


class Ear:
    """Listens for one bot."""

    def __init__(self, port: Port, server: Server, notes: Notes, stream: Stream, pace: Pace) -> None:
        self._port, self._server, self._notes, self._stream, self._pace = port, server, notes, stream, pace
        self._dispatch: Dispatching | None = None
        self._bell = asyncio.Event()
        self._silenced, self._silenced_until = frozenset[str](), 0.0
        self._recent: OrderedDict[str, tuple[float, Entity]] = OrderedDict()
        self.doomed = asyncio.Event()
        """Set where statuses of the bot shall be deleted."""

    async def listen(self, dispatch: Dispatching) -> None:
        """Take in what comes, for ever.

        Raises:
            Revoked: the token is not accepted any more.
        """
        self._dispatch = dispatch
        clock, pause, away = asyncio.get_running_loop().time, self._pace.least, False
        while True:
            self._bell.clear()
            try:
                await self._look(dispatch, clock())
            except Revoked:
                raise
            except (SendFailed, StorageFull) as error:
                if not away:
                    logger.warning("instance_away", reason=str(error))
                away, pause = True, min(2 * pause, 60.0)
                await asyncio.sleep(max(pause, getattr(error, "retry_after", None) or 0.0))
                continue
            away, pause = False, self._pace.least
            await asyncio.sleep(self._pace.least)
            await self._rung(self._pace.calm if self._stream.live else self._pace.poll)

    async def heard(self, event: str, payload: str) -> None:
        """Something came over the stream."""
        match event:
            case "open" | "notification":
                self._bell.set()
            case "delete":
                await self.withdrawn(payload.strip().strip('"'))
            case "status.update":
                try:
                    status = json.loads(payload)
                    await self.edited(cast("Entity", status) if isinstance(status, dict) else {})
                except ValueError as error:
                    logger.info("event_malformed", event_name=event, reason=str(error))
            case _:
                return

    async def edited(self, status: Entity) -> None:
        """A status is different now: where it asks for something else, that is drawn instead."""
        known = await self._notes.asked(str(status.get("id") or ""))
        if known is None or self._dispatch is None:
            return
        sentence = self._sentence(self._dispatch, status)
        if sentence == known.sentence:
            return
        if sentence is None:
            await self.withdrawn(known.status)
            return
        await self._ask(self._dispatch, status, sentence, read.key(status, edited=sentence))
        await self._take_back(known)
        await self._notes.doom(known.key)
        self.doomed.set()

    async def withdrawn(self, status: str) -> None:
        """A status is gone: where it asked for something, the work stops and the answers go, too."""
        known = await self._notes.asked(status)
        if known is None:
            return
        await self._notes.withdraw(status)
        await self._notes.doom(known.key)
        self.doomed.set()
        await self._take_back(known)

    def fresh(self, status: str) -> Entity | None:
        """A status that came in a moment ago."""
        at, entity = self._recent.get(status, (0.0, None))
        return entity if entity is not None and asyncio.get_running_loop().time() - at < FRESH else None

    async def _look(self, dispatch: Dispatching, now: float) -> None:
        if now >= self._silenced_until:
            self._silenced = await manners.silenced(self._server)
            self._silenced_until = now + HOUR
        cursor = await self._notes.mark(CURSOR)
        if cursor is None:
            await self._begin()
            return
        while page := await self._page(cursor):
            await _all([self._take(dispatch, each) for each in page])
            if (last := str(page[-1].get("id"))) == cursor:
                return
            cursor = last
            await self._notes.keep_mark(CURSOR, cursor)

    async def _begin(self) -> None:
        """The very first look: what was said before is none of our business."""
        newest = cast(
            "Sequence[Entity]",
            await self._server.call(Kind.CALL, lambda api: api.notifications(limit=1), patient=True),
        )
        await self._notes.keep_mark(CURSOR, str(newest[0].get("id")) if newest else "")

    async def _page(self, cursor: str) -> list[Entity]:
        """The next notifications, oldest first; where there never was one, all there are (they are few)."""

        def work(api: Api) -> object:
            return api.notifications(min_id=cursor, limit=PAGE) if cursor else api.notifications(limit=2 * PAGE)

        found = cast("Sequence[Entity]", await self._server.call(Kind.CALL, work, patient=True))
        return [each for each in reversed(found) if each.get("id")]

    async def _take(self, dispatch: Dispatching, notification: Entity) -> None:
        """Hand one notification in; one that cannot be read is skipped, so that it blocks nothing."""
        try:
            if notification.get("type") == read.MENTION:
                await self._mention(dispatch, cast("Entity", notification.get("status") or {}))
                return
            event = read.reaction(notification, bot=self._me, home=self._server.acct)
            if event and not self._unwanted(read.author(notification)):
                await dispatch.react(self._port, event)
        except (ValueError, TypeError, AttributeError) as error:
            logger.warning("notification_malformed", id=str(notification.get("id")), reason=str(error))

    async def _mention(self, dispatch: Dispatching, status: Entity) -> None:
        author = read.author(status)
        if self._unwanted(author) or read.person(author).is_bot:
            return
        self._remember(status)
        sentence = self._sentence(dispatch, status)
        known = await self._notes.asked(read.id_of(status))
        if known and known.sentence != sentence:
            await self.edited(status)
        elif sentence is not None:
            await self._ask(dispatch, status, sentence, known.key if known else read.key(status))

    async def _ask(self, dispatch: Dispatching, status: Entity, sentence: str, key: str) -> None:
        author = read.author(status)
        wanted = words.takes_picture(sentence, dispatch.repertoire)
        pictures = await self._pictures(status, author) if wanted else []
        event = read.call(status, sentence, key=key, home=self._server.acct, pictures=pictures)
        who = event.person
        asked = Asked(read.id_of(status), key, sentence, who.id, who.name, private=event.place.private)
        await self._notes.keep_asked(asked)
        await dispatch.call(self._port, event)

    async def _take_back(self, known: Asked) -> None:
        if self._dispatch is None:
            return
        who = Person(read.NAME, known.person, known.name)
        event = read.withdrawal(known.status, key=known.key, who=who, private=known.private, home=self._server.acct)
        await self._dispatch.press(self._port, event)

    def _sentence(self, dispatch: Dispatching, status: Entity) -> str | None:
        """What a status asks for; None where it asks for nothing."""
        bot, answered = str(self._server.me.get("username") or ""), status.get("in_reply_to_account_id")
        what = words.said(str(status.get("content") or ""), bot, dispatch.repertoire)
        return words.address(
            what,
            dispatch.repertoire,
            private=status.get("visibility") == "direct",
            reply=bool(status.get("in_reply_to_id")),
            to_bot=str(answered) == self._me,
        )

    async def _pictures(self, status: Entity, author: Entity) -> list[Picture]:
        """Those attached to a request, else to the post it answers, unless its author wants none of this."""
        found = read.attached(status)
        if not found and (answered := status.get("in_reply_to_id")):
            try:
                other = await self._server.status(str(answered))
                whose = read.author(other)
            except (Gone, ValueError):
                return []
            found = read.attached(other)
            if found and read.id_of(whose) not in {self._me, read.id_of(author)} and manners.asks_not(whose):
                return [Picture(url=FORBIDDEN)]
        return [Picture(url=str(each["url"]), alt=str(each.get("description") or "")) for each in found[:MOST_PICTURES]]

    @property
    def _me(self) -> str:
        return str(self._server.me.get("id") or "")

    def _unwanted(self, account: Entity) -> bool:
        """Ourselves, whom the bot's account has muted or blocked, and who wants no bots."""
        return read.id_of(account) in self._silenced | {self._me} or manners.asks_not(account)

    def _remember(self, status: Entity) -> None:
        self._recent[read.id_of(status)] = (asyncio.get_running_loop().time(), status)
        while len(self._recent) > MOST_FRESH:
            self._recent.popitem(last=False)

    async def _rung(self, seconds: float) -> None:
        """Wait for the bell, so long at most."""
        try:
            async with asyncio.timeout(seconds):
                await self._bell.wait()
        except TimeoutError:
            return


async def _all(work: Sequence[Awaitable[Any]]) -> None:
    """Do all of it at once; the first failure is raised when all have ended."""
    for result in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
