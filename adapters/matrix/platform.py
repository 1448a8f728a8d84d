"""The port of Matrix: one account on one homeserver, in any number of rooms.

`run` opens a connection and lets its parts work; the verbs wait until there is one. When it fails, everything in memory
is thrown away and the next `run` begins from the notebook.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from pydantic import SecretStr

from adapters.matrix import checkup, identity, media, session, show, verifying
from adapters.matrix.doors import Doors
from adapters.matrix.ears import Ears
from adapters.matrix.engine import Engine
from adapters.matrix.homeserver import MEDIA, Body, Homeserver, Refused, path
from adapters.matrix.mouth import Mouth
from adapters.matrix.notebook import Notebook
from adapters.matrix.read import NAME
from adapters.matrix.rooms import Rooms
from adapters.matrix.sealed import Sealed
from adapters.matrix.sync import Sync
from adapters.matrix.verifying import Verifier
from core import log
from core.chat.port import Dispatching, Limits, SendFailed, SendRefused
from core.chat.types import MessageRef, Person, Picture, Place, Post, Sent
from core.errors import ConfigError
from core.findings import Finding

PATIENCE = 30.0
"""Seconds a verb waits for the connection."""

logger = log.get(__name__)


@dataclass(frozen=True)
class _Connection:
    """What works together while we are connected."""

    engine: Engine
    server: Homeserver
    notebook: Notebook
    rooms: Rooms
    mouth: Mouth
    ready: asyncio.Event


class _Part(Protocol):
    def stop(self) -> None: ...


class Matrix:
    """Matrix as a platform.

    Args:
        homeserver: its address.
        user: the bot's account, @name:example.org.
        password: used once, where there is no session yet, and to put up the account's identity.
        recovery_key: opens the account's secret storage, where its identity was made elsewhere.
        prefix: what stands before a command in a room.
        owners: who may verify the bot's device.
        allow: who may invite, see `Doors`.
        policies: rooms whose ban lists are obeyed.
        answer_within: seconds; what is older when the bot first sees it is not answered.
        device_name: what the bot's device is called in lists of devices.
        data_dir: the folder `matrix` in it keeps everything.
    """

    def __init__(
        self,
        *,
        homeserver: str,
        user: str,
        password: SecretStr,
        recovery_key: SecretStr,
        prefix: str,
        owners: Sequence[str],
        allow: Sequence[str],
        policies: Sequence[str],
        answer_within: int,
        device_name: str,
        data_dir: Path,
    ) -> None:
        if not homeserver or not user:
            raise ConfigError("matrix.homeserver and matrix.user: both are needed to be on Matrix.")
        self._homeserver, self._user, self._password, self._recovery_key = homeserver, user, password, recovery_key
        self._prefix, self._owners, self._allow, self._policies = prefix, owners, allow, policies
        self._answer_within, self._device_name = answer_within, device_name
        self._folder = data_dir / NAME
        self._limits = show.LIMITS
        self._connection: _Connection | None = None
        self._connected = asyncio.Event()

    @property
    def name(self) -> str:
        """The platform's name."""
        return NAME

    @property
    def limits(self) -> Limits:
        """Its largest file is known once the homeserver was asked."""
        return self._limits

    async def run(self, dispatch: Dispatching) -> None:
        """Listen until cancelled.

        Raises:
            ConfigError: there is no session and none can be made, or the access token is not valid any more.
        """
        await self._run(dispatch, verifying.tell)

    async def wait_for_verification(self, show: verifying.Show) -> None:
        """Answer nothing but verifications, until cancelled; what people say meanwhile waits for `run`.

        Raises:
            ConfigError: as `run`.
        """
        await self._run(None, show)

    async def _run(self, dispatch: Dispatching | None, show: verifying.Show) -> None:
        async with aiohttp.ClientSession() as http, self._open(http) as connection:
            self._connection = connection
            parts, sync = self._parts(connection, dispatch, show)
            try:
                await self._ask_limits(connection.server)
                await sync.run()
            finally:
                self._connected.clear()
                self._connection = None
                for part in (sync, *parts):
                    part.stop()

    @asynccontextmanager
    async def _open(self, http: aiohttp.ClientSession) -> AsyncGenerator[_Connection]:
        me = session.load(self._folder) or await self._log_in(http)
        if me.user_id != self._user:
            raise ConfigError(f"matrix.user is {self._user}, but the session in {self._folder} is {me.user_id}'s.")
        try:
            notebook = Notebook(self._folder / "notebook.db")
        except (OSError, sqlite3.Error) as error:
            busy = "locked" in str(error)
            why = "another process uses it; one device is for one process" if busy else str(error)
            raise ConfigError(f"{self._folder} cannot be used: {why}.") from error
        engine = Engine(me, self._folder / "keys")
        try:
            session.pin(self._folder, me, engine.machine.account.identity_keys["ed25519"])
            server = Homeserver(me.homeserver, http, token=me.access_token)
            rooms = Rooms(engine, self._policies)
            mouth = Mouth(engine, server, notebook, rooms)
            yield _Connection(engine, server, notebook, rooms, mouth, self._connected)
        finally:
            await engine.close()
            notebook.close()

    async def _log_in(self, http: aiohttp.ClientSession) -> session.Session:
        password = self._password.get_secret_value()
        if not password:
            raise ConfigError("Matrix does not know the bot yet: run `run_bot.py matrix login` once.")
        server = Homeserver(await session.find_homeserver(Homeserver(self._homeserver, http)), http)
        return await session.log_in(
            server, self._folder, user=self._user, password=password, device_name=self._device_name
        )

    def _parts(self, at: _Connection, dispatch: Dispatching | None, show: verifying.Show) -> tuple[list[_Part], Sync]:
        doors = Doors(at.engine, at.server, at.notebook, at.rooms, allow=self._allow, policies=self._policies)
        verifier = Verifier(
            at.engine, at.server, at.mouth, owners=self._owners, known=lambda: identity.load(self._folder), show=show
        )
        listener = _Listener(doors, verifier)
        sync = Sync(
            at.engine, at.server, at.notebook, at.rooms, listener,
            answer_within=self._answer_within, ready=lambda: self._begin(at, doors),
        )  # fmt: skip
        if dispatch is None:
            return [doors, verifier], sync
        sealed = Sealed(at.engine, at.server, at.notebook, at.mouth)
        ears = listener.ears = Ears(
            self, dispatch, engine=at.engine, server=at.server, notebook=at.notebook, rooms=at.rooms, mouth=at.mouth,
            prefix=self._prefix, answer_within=self._answer_within, fill=sync.fill, sealed=sealed.found,
        )  # fmt: skip
        return [doors, verifier, sealed, ears], sync

    async def _begin(self, at: _Connection, doors: Doors) -> None:
        try:
            await identity.establish(
                at.server, at.engine, self._folder,
                password=self._password.get_secret_value(), recovery_key=self._recovery_key.get_secret_value(),
            )  # fmt: skip
        except (ConfigError, SendFailed, SendRefused) as error:
            logger.warning("device_not_trusted", reason=str(error), hint="run_bot.py matrix doctor")
        doors.start()
        self._connected.set()
        logger.info("matrix_connected", user=self._user)

    async def _ask_limits(self, server: Homeserver) -> None:
        try:
            most = (await server.ask("GET", path("config", base=MEDIA))).get("m.upload.size")
        except (Refused, SendFailed):
            return
        if isinstance(most, int) and most > 0:
            self._limits = replace(show.LIMITS, max_bytes=min(most, show.LIMITS.max_bytes))

    @staticmethod
    async def examine(*, data_dir: Path, **settings: Any) -> AsyncGenerator[Finding]:  # noqa: ANN401  # of the section
        """What the doctor says of Matrix."""
        async for finding in checkup.examine(data_dir / NAME, **settings):
            yield finding

    async def send(self, place: Place, post: Post, *, key: str) -> Sent:
        """Say something; the homeserver takes it once for each key."""
        return await (await self._mouth()).send(place, post, key)

    async def find(self, place: Place, key: str) -> Sent | None:
        """Look into the notebook."""
        return await (await self._mouth()).said(place, key)

    async def edit(self, ref: MessageRef, post: Post) -> None:
        """Replace what a message says."""
        await (await self._mouth()).edit(ref, post)

    async def react(self, ref: MessageRef, emoji: str) -> None:
        """Put an emoji to a message."""
        await (await self._mouth()).react(ref, emoji)

    async def fetch(self, picture: Picture) -> Picture:
        """Load a picture that somebody sent, and decrypt it where it is encrypted."""
        return await media.download((await self._at()).server, picture)

    async def whisper(self, person: Person, place: Place, post: Post, *, key: str) -> Sent:
        """Not possible in a room."""
        del person, place, post, key
        raise SendRefused("Nothing can be said to one person only in a room.")

    async def delete(self, ref: MessageRef) -> None:
        """Redact a message."""
        await (await self._mouth()).redact(ref.place, ref.message)

    async def _mouth(self) -> Mouth:
        return (await self._at()).mouth

    async def _at(self) -> _Connection:
        """What works together, once we are connected.

        Raises:
            SendFailed: that takes too long.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                await self._connected.wait()
        except TimeoutError:
            raise SendFailed("Matrix is not connected.") from None
        if self._connection is None:
            raise SendFailed("Matrix is not connected.")
        return self._connection


class _Listener:
    """Hands what the sync brings to those whom it concerns."""

    def __init__(self, doors: Doors, verifier: Verifier) -> None:
        self._doors, self._verifier = doors, verifier
        self.ears: Ears | None = None

    def wake(self, room: str) -> None:
        if self.ears:
            self.ears.wake(room)

    def invited(self, room: str, events: list[Body]) -> None:
        self._doors.invited(room, events)

    def changed(self, room: str) -> None:
        self._doors.changed(room)

    def device_said(self, source: Body) -> None:
        self._verifier.device_said(source)

    def verified(self, room: str, source: Body) -> None:
        self._verifier.room_said(room, source)
