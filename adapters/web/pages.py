"""The pages that are open: who looks at which place, and what is sent to whom, in the order of its writing.

`platform` tells of every message that is written and of every progress that moves; nothing here is kept.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from typing import Any

from aiohttp import web

from adapters.web import show
from adapters.web.site.history import Message
from core.chat.types import Person, Place, Post
from core.errors import TooMany

BEHIND = 1000
"""A page that has so many messages still to receive is closed; it comes back and asks for what it missed."""
MOST, MOST_EACH = 1000, 30
"""Pages open at once: of everybody, of one person."""
ROLL_CALL = 0.25
"""Seconds in which people who come and go are told of together."""


class Page:
    """One open page."""

    def __init__(self, live: web.WebSocketResponse, person: Person, place: Place) -> None:
        self.live, self.person, self.place = live, person, place
        self._mail: asyncio.Queue[str] = asyncio.Queue(BEHIND)
        self._closing: asyncio.Task[bool] | None = None

    def put(self, text: str) -> None:
        """Send this, after everything before it."""
        if self._closing is not None:
            return  # what comes after a gap would hide the gap
        if self._mail.full():
            self._closing = asyncio.create_task(self.live.close(code=1013, drain=False))
        else:
            self._mail.put_nowait(text)

    def tell(self, event: dict[str, Any]) -> None:
        """Send an event."""
        self.put(json.dumps(event))

    async def deliver(self) -> None:
        """Send whatever is put, until the page closes."""
        while not self.live.closed:
            text = await self._mail.get()
            try:
                await self.live.send_str(text)
            except ConnectionError:
                return


class Pages:
    """All open pages, and the progress that stands in their places."""

    def __init__(self) -> None:
        self._counts = Counter[str]()
        self._open: dict[str, set[Page]] = defaultdict(set)
        self._moving: dict[str, dict[str, Post]] = defaultdict(dict)
        self._roll_calls: dict[str, asyncio.TimerHandle] = {}

    def enter(self, page: Page) -> None:
        """A page opens; `leave` must follow.

        Raises:
            TooMany: no more pages can be open.
        """
        if self._counts.total() >= MOST or self._counts[page.person.id] >= MOST_EACH:
            raise TooMany("Too many pages are open.")
        self._counts[page.person.id] += 1

    def welcome(self, page: Page, hello: dict[str, Any]) -> None:
        """From here on the page gets what is written; `hello` holds everything before."""
        self._open[page.place.id].add(page)
        moving = self._moving.get(page.place.id, {})
        page.tell(hello | {"progress": [show.progress(key, post) for key, post in moving.items()]})
        self._call_the_roll(page.place.id)

    def leave(self, page: Page) -> None:
        """The page is closed."""
        self._counts -= Counter([page.person.id])
        self._open[page.place.id].discard(page)
        if self._open[page.place.id]:
            self._call_the_roll(page.place.id)
        else:
            del self._open[page.place.id]

    def publish(self, message: Message) -> None:
        """A message was written, changed or removed."""
        text = json.dumps(show.message(message))
        for page in self._open.get(message.place, ()):
            if message.only_for in {None, page.person.id}:
                page.put(text)

    def move(self, place: str, key: str, post: Post | None) -> None:
        """Progress moved; None = it is over."""
        if post is None:
            moving = self._moving.get(place, {})
            moving.pop(key, None)
            if not moving:
                self._moving.pop(place, None)
        else:
            self._moving[place][key] = post
        text = json.dumps(show.progress(key, post) if post else {"t": "over", "id": key})
        for page in self._open.get(place, ()):
            page.put(text)

    def moving(self, place: str, key: str) -> Post | None:
        """The progress of this key."""
        return self._moving.get(place, {}).get(key)

    def _call_the_roll(self, place: str) -> None:
        if place not in self._roll_calls:
            loop = asyncio.get_running_loop()
            self._roll_calls[place] = loop.call_later(ROLL_CALL, self._roll_call, place)

    def _roll_call(self, place: str) -> None:
        del self._roll_calls[place]
        here = self._open.get(place, set[Page]())
        people = {page.person.id: page.person.name for page in here}
        names = sorted(people.values(), key=str.casefold)[:50]
        text = json.dumps({"t": "people", "names": names, "count": len(people)})
        for page in here:
            page.put(text)
