"""`Store`: the bots' memory, one transaction for each verb.

Implements `core.chat.memory.Memory` and, for the house, `Requests`, `People`, `GiftBook` and `places.Book`.

Opened by `run_bot.py`, used by dispatch, outbox and, as `house.requests`, by the conversations.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from core.db import Database
from core.errors import ConfigError
from core.store import gifts, messages, people, places, requests, talks
from core.store.requests import RequestRow

MIGRATIONS = Path(__file__).with_name("migrations")
DAY = 86_400.0
KEYS_KEPT = 30 * DAY
"""Seconds for which the key of an answered event is known; no platform delivers an event again after that."""
POSTS_KEPT = 400 * DAY
"""Seconds for which messages and requests are known: buttons work for about a year."""


class Store:
    """The memory. Every verb is one transaction and raises StorageFull where the disk has no room."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    @classmethod
    async def open(cls, url: str, *, clock: Callable[[], float] = time.time) -> Self:
        """Open the database (`sqlite:///path` or `postgresql://...`), bring its tables up to date, forget what is old.

        Raises:
            ConfigError: the address is wrong, the file cannot be opened, is damaged, or a newer Largesse used it last.
        """
        from alembic.util import CommandError

        database = await Database.open(url)
        where = make_url(url).render_as_string()  # without its password
        async with AsyncExitStack() as undo:
            undo.push_async_callback(database.close)
            store = cls(database, clock=clock)
            try:
                await database.upgrade(MIGRATIONS)
                await store.forget_old()
            except CommandError as error:
                raise ConfigError(f"The bots' memory {where} was last used by a newer Largesse ({error}).") from error
            except (SQLAlchemyError, sqlite3.DatabaseError) as error:
                cause = str(getattr(error, "orig", None) or error).rstrip(".")
                raise ConfigError(
                    f"The bots' memory {where} cannot be used: {cause}. Restore a copy of it, or move it away: a new "
                    "one is made, which knows nothing of what was said before."
                ) from error
            undo.pop_all()
        return store

    async def close(self) -> None:
        """Let go of the database."""
        await self._database.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def begin_talk(self, key: str, *, platform: str, person: str, name: str, event: str) -> bool:
        """Keep an event before anything is done about it. False: it was seen before."""
        now = self._clock()
        values: dict[str, object] = {"key": key, "platform": platform, "event": event, "now": now}
        return await self._database.write(lambda tx: talks.begin(tx, {**values, "person": person, "name": name}))

    async def hold_talk(self, key: str, *, kind: str, state: str) -> None:
        """From here on a restart continues at `@resume(kind)` with this state."""
        await self._database.write(lambda tx: talks.hold(tx, {"key": key, "kind": kind, "state": state}))

    async def end_talk(self, key: str) -> None:
        """The conversation is over."""
        now = self._clock()
        await self._database.write(lambda tx: talks.end(tx, {"key": key, "now": now}))

    async def open_talks(self, platform: str) -> list[talks.TalkRow]:
        """Conversations a former process left open, oldest first; each read counts as one attempt."""
        return await self._database.write(lambda tx: talks.take_up(tx, platform))

    async def begin_sending(self, key: str, *, platform: str, place: str) -> messages.SendingRow:
        """Keep that a message is about to be sent."""
        now = self._clock()
        values: dict[str, object] = {"key": key, "platform": platform, "place": place, "now": now}
        return await self._database.write(lambda tx: messages.begin(tx, values))

    async def end_sending(
        self,
        key: str,
        *,
        place: str,
        message: str,
        person: str = "",
        about: str | None = None,
        first_picture: int = 0,
        buttons: str = "[]",
    ) -> None:
        """The message stands there under this id ("" = refused for good)."""
        values: dict[str, object] = {
            "key": key,
            "place": place,
            "message": message,
            "person": person,
            "about": about,
            "first_picture": first_picture,
            "buttons": buttons,
            "now": self._clock(),
        }
        await self._database.write(lambda tx: messages.end(tx, values))

    async def sent_post(self, platform: str, place: str, message: str) -> messages.PostRow | None:
        """A message of ours by its id; None = not ours, or deleted."""
        values: dict[str, object] = {"platform": platform, "place": place, "message": message}
        return await self._database.read(lambda tx: messages.standing(tx, values))

    async def recent_posts(self, platform: str, place: str, person: str) -> list[messages.PostRow]:
        """The last messages of ours to this person there, newest first."""
        values: dict[str, object] = {"platform": platform, "place": place, "person": person}
        return await self._database.read(lambda tx: messages.recent(tx, values))

    async def posts_about(self, platform: str, place: str, request: str) -> list[messages.PostRow]:
        """All messages of ours there that show something of this request, oldest first."""
        values: dict[str, object] = {"platform": platform, "place": place, "about": request}
        return await self._database.read(lambda tx: messages.about(tx, values))

    async def drop_post(self, platform: str, place: str, message: str) -> None:
        """The message was deleted."""
        values: dict[str, object] = {"platform": platform, "place": place, "message": message}
        await self._database.write(lambda tx: messages.drop(tx, values))

    async def keep_request(self, request_id: str, *, platform: str, person: str, wish: str, now: float) -> None:
        """Write a new request down, open; one of that id that is there already stays as it is."""
        values: dict[str, object] = {"id": request_id, "platform": platform, "person": person}
        await self._database.write(lambda tx: requests.keep(tx, {**values, "wish": wish, "now": now}))

    async def request(self, request_id: str) -> RequestRow | None:
        """A request by its id."""
        return await self._database.read(lambda tx: requests.find(tx, request_id))

    async def change_request(self, request_id: str, *, wish: str | None = None, state: str | None = None) -> None:
        """Change what is not None; a request that is done stays done."""
        values: dict[str, object] = {"id": request_id, "wish": wish, "state": state}
        await self._database.write(lambda tx: requests.change(tx, values))

    async def place_rules(self, platform: str, community: str) -> str | None:
        """The rules of a community as JSON; None = it never made any."""
        values: dict[str, object] = {"platform": platform, "id": community}
        return await self._database.read(lambda tx: places.find(tx, values))

    async def keep_place_rules(self, platform: str, community: str, rules: str, *, person: str) -> None:
        """Write them down in place of the former ones."""
        values: dict[str, object] = {"platform": platform, "id": community, "rules": rules, "person": person}
        now = self._clock()
        await self._database.write(lambda tx: places.keep(tx, {**values, "now": now}))

    async def account(self, platform: str, person: str) -> people.AccountRow | None:
        """Whose identity that is."""
        return await self._database.read(lambda tx: people.of(tx, platform, person))

    async def open_account(self, account: str, *, platform: str, person: str, now: float) -> people.AccountRow:
        """The account of an identity; the new one of this id where it has none."""
        return await self._database.write(
            lambda tx: people.open_for(tx, account, platform=platform, person=person, now=now)
        )

    async def sign_in(self, account: str, *, user: str, sealed: str) -> None:
        """The account is that one on the horde from now on."""
        await self._database.write(lambda tx: people.sign_in(tx, account, user=user, sealed=sealed))

    async def identities(self, account: str) -> list[people.IdentityRow]:
        """All identities of an account, longest linked first."""
        return await self._database.read(lambda tx: people.identities(tx, account))

    async def offer_link(self, code: str, *, account: str, expires: float) -> None:
        """Whoever shows this code before it expires is this account."""
        now = self._clock()
        await self._database.write(lambda tx: people.offer(tx, code, account=account, expires=expires, now=now))

    async def take_link(self, code: str, *, platform: str, person: str, now: float) -> people.AccountRow | None:
        """Use up a code and link the identity; None = there is no such code any more."""
        return await self._database.write(lambda tx: people.take(tx, code, platform=platform, person=person, now=now))

    async def unlink(self, platform: str, person: str) -> bool:
        """Take an identity out of its account; False = it was in none."""
        return await self._database.write(lambda tx: people.unlink(tx, platform, person))

    async def forget(self, platform: str, person: str) -> None:
        """Delete everything that is kept about a person, under all their identities."""
        await self._database.write(lambda tx: people.forget(tx, platform, person))

    async def sealed_keys(self) -> list[people.AccountRow]:
        """The accounts that have a key."""
        return await self._database.read(people.keys)

    async def name_of(self, platform: str, person: str) -> str:
        """What somebody calls themselves there; empty = not known."""
        return await self._database.read(lambda tx: people.name_of(tx, platform, person))

    async def promise(self, gift: Mapping[str, object], *, balance: float, most_a_day: int, most_to_one: int) -> str:
        """Write a gift down, or say why not."""
        return await self._database.write(
            lambda tx: gifts.promise(tx, gift, balance=balance, most_a_day=most_a_day, most_to_one=most_to_one)
        )

    async def confirm(self, gift: str, *, person: str, due: float) -> gifts.GiftRow | None:
        """Its giver means it."""
        return await self._database.write(lambda tx: gifts.confirm(tx, gift, person=person, due=due))

    async def cancel(self, gift: str, *, now: float) -> gifts.GiftRow | None:
        """Take it back where that is still possible."""
        return await self._database.write(lambda tx: gifts.cancel(tx, gift, now=now))

    async def gifts_for(self, platform: str, place: str, message: str) -> list[gifts.GiftRow]:
        """What was given for a message."""
        return await self._database.read(lambda tx: gifts.given_for(tx, platform, place, message))

    async def gifts_of(self, account: str, *, most: int) -> list[gifts.GiftRow]:
        """The last gifts of somebody."""
        return await self._database.read(lambda tx: gifts.given_by(tx, account, most))

    async def payable(self, *, now: float, most: int) -> list[gifts.PayableRow]:
        """Gifts to pay now, each on its way from here on."""
        return await self._database.write(lambda tx: gifts.take_payable(tx, now=now, most=most))

    async def unclaimed(self, *, now: float, most: int) -> list[gifts.GiftRow]:
        """Gifts whose time is over, returned from here on."""
        return await self._database.write(lambda tx: gifts.take_unclaimed(tx, now=now, most=most))

    async def settle_gift(self, gift: str, *, state: str, reason: str = "") -> None:
        """A gift on its way has arrived, or was refused."""
        await self._database.write(lambda tx: gifts.settle(tx, gift, state=state, reason=reason))

    async def postpone_gift(self, gift: str, *, due: float) -> None:
        """Try a gift on its way again then."""
        await self._database.write(lambda tx: gifts.postpone(tx, gift, due=due))

    async def forget_old(self) -> None:
        """Delete keys, messages and requests that nobody can come back to; called when the store is opened."""
        now = self._clock()
        await self._database.write(lambda tx: talks.forget(tx, now - KEYS_KEPT))
        await self._database.write(lambda tx: messages.forget(tx, now - POSTS_KEPT))
        await self._database.write(lambda tx: requests.forget(tx, now - POSTS_KEPT))
