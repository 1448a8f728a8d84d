"""One rig for each platform: how a test types a sentence there as a user, and sees what stands there afterwards.

A new adapter is added to the conformance suite by one line in `RIGS`.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from pydantic import SecretStr

from adapters.console.platform import Console
from adapters.discord.platform import Discord
from adapters.mastodon.platform import Mastodon
from adapters.matrix.platform import Matrix
from adapters.reddit.platform import Reddit
from adapters.web.platform import Web
from core.chat.command import Repertoire
from core.chat.forms import Form
from core.chat.port import Limits, Port
from core.chat.testing import FakePlatform
from core.chat.types import Call, Place, Press, Reaction
from tests.adapters.mastodon import house as fediverse
from tests.adapters.matrix.bot import joined
from tests.adapters.matrix.bot import matrix as matrix_bot
from tests.adapters.matrix.human import Human, human
from tests.doubles.discord.server import TOKEN
from tests.doubles.discord.server import Discord as DiscordDouble
from tests.doubles.discord.world import APPLICATION, GUILD
from tests.doubles.mastodon.server import Server
from tests.doubles.reddit.rig import reddit_port
from tests.doubles.reddit.server import FakeReddit
from tests.doubles.synapse_server import synapse


class Recorder:
    """Takes the place of dispatch and notes what comes in."""

    def __init__(self, repertoire: Repertoire | None = None) -> None:
        self.events: asyncio.Queue[Call | Press | Reaction] = asyncio.Queue()
        self.repertoire = repertoire or Repertoire()

    async def suggest(self, name: str, typed: str, *, limit: int = 25) -> list[str]:
        return [f"{name} {typed}".strip()][:limit]

    async def form(self, action: str, arg: str) -> Form | None:
        handler = self.repertoire.buttons.get(action)
        return await handler.form(None, arg) if handler and handler.form else None

    async def call(self, port: Port, call: Call) -> object:
        self.events.put_nowait(call)
        return port

    async def press(self, port: Port, press: Press) -> object:
        self.events.put_nowait(press)
        return port

    async def react(self, port: Port, reaction: Reaction) -> object:
        self.events.put_nowait(reaction)
        return port

    async def idle(self) -> None:
        return


class Rig(Protocol):
    """A platform under test, with its adapter listening."""

    port: Port
    place: Place

    async def hear(self, sentence: str) -> Call:
        """A user writes this to the bot in the platform's own way; the Call that the adapter makes of it."""
        ...

    def standing(self) -> list[str]:
        """The texts of the bot's messages that people see there, progress left out."""
        ...


@asynccontextmanager
async def listening(port: Port, repertoire: Repertoire | None = None) -> AsyncIterator[Recorder]:
    """The adapter's loop runs; it must end at once when it is cancelled."""
    recorder = Recorder(repertoire)
    task = asyncio.create_task(port.run(recorder))
    try:
        yield recorder
    finally:
        task.cancel()
        async with asyncio.timeout(5):
            with suppress(asyncio.CancelledError):
                await task


class FakeRig:
    """The platform in memory."""

    def __init__(self, port: FakePlatform, recorder: Recorder) -> None:
        self.port = port
        self.place = port.place()
        self._recorder = recorder

    async def hear(self, sentence: str) -> Call:
        self.port.hear(self.port.call(sentence))
        event = await self._recorder.events.get()
        assert isinstance(event, Call)
        return event

    def standing(self) -> list[str]:
        return self.port.texts


@asynccontextmanager
async def fake(folder: Path) -> AsyncIterator[Rig]:
    del folder
    port = FakePlatform(Limits(max_text=300, max_pictures=3, max_alt=50, max_bytes=5000, edit_interval=0.0))
    async with listening(port) as recorder:
        yield FakeRig(port, recorder)


class ConsoleRig:
    """The terminal, typed into over a pipe."""

    place = Place("console", "terminal", private=True)

    def __init__(self, port: Console, recorder: Recorder, keys: int, transcript: Path) -> None:
        self.port = port
        self._recorder, self._keys, self._transcript = recorder, keys, transcript

    async def hear(self, sentence: str) -> Call:
        os.write(self._keys, f"{sentence}\n".encode())
        event = await self._recorder.events.get()
        assert isinstance(event, Call)
        return event

    def standing(self) -> list[str]:
        standing: dict[str, dict[str, Any]] = {}
        for line in self._transcript.read_text().splitlines():
            entry = json.loads(line)
            standing[entry["n"]] = entry
        return [entry["text"] for entry in standing.values() if entry.get("bot") and not entry.get("deleted")]


@asynccontextmanager
async def console(folder: Path) -> AsyncIterator[Rig]:
    typed, keys = os.pipe()
    port = Console(person="ann", pictures_dir=folder / "out", data_dir=folder, stdin=typed, out=io.StringIO())
    try:
        async with listening(port) as recorder:
            yield ConsoleRig(port, recorder, keys, folder / "console" / "terminal.jsonl")
    finally:
        os.close(typed)
        os.close(keys)


class WebRig:
    """The chat page's own conversation with the bot, spoken to as a browser does; another page of it reads along."""

    def __init__(self, port: Web, recorder: Recorder, live: aiohttp.ClientWebSocketResponse, person: str) -> None:
        self.port = port
        self.place = Place("web", f"direct:{person}", private=True)
        self._recorder, self._live = recorder, live
        self._said = 0
        self._history = port._history

    async def hear(self, sentence: str) -> Call:
        self._said += 1
        await self._live.send_json({"t": "say", "key": f"key-{self._said:08}", "text": sentence})
        event = await self._recorder.events.get()
        assert isinstance(event, Call)
        return event

    def standing(self) -> list[str]:
        found = self._history.before(self.place.id, "", None).messages
        return [each.body["text"] for each in found if "person" not in each.body]


@asynccontextmanager
async def web(folder: Path) -> AsyncIterator[Rig]:
    port = Web(
        host="127.0.0.1", port=0, secret=SecretStr(""), rooms=["lobby"], max_upload_bytes=1_000_000, data_dir=folder
    )
    origin = port.url.rstrip("/")
    jar = aiohttp.CookieJar(unsafe=True)  # it takes cookies from addresses without a name, too
    browsing = aiohttp.ClientSession(origin, headers={"Origin": origin}, cookie_jar=jar)
    async with listening(port) as recorder, browsing as browser:
        async with browser.post("/enter", json={"name": "ann"}) as answer:
            assert answer.status == 200
        async with browser.ws_connect("/live?room=direct") as live:
            hello = await live.receive_json()
            yield WebRig(port, recorder, live, hello["me"]["id"])


class MatrixRig:
    """A direct conversation on a real homeserver; an independent client writes and reads along."""

    def __init__(self, port: Matrix, recorder: Recorder, person: Human, room: str) -> None:
        self.port = port
        self.place = Place("matrix", room, private=True)
        self._recorder, self._person, self._bot = recorder, person, port._user

    async def hear(self, sentence: str) -> Call:
        await self._person.say(self.place.id, sentence)
        event = await self._recorder.events.get()
        assert isinstance(event, Call)
        return event

    def standing(self) -> list[str]:
        return [each["content"]["body"] for each in self._person.look(self.place.id, self._bot)]


@asynccontextmanager
async def matrix(folder: Path) -> AsyncIterator[Rig]:
    server = synapse()
    port = matrix_bot(server, folder)
    async with human(server, folder / "human") as person, listening(port) as recorder:
        room = await person.room(port._user, encrypted=False)
        await joined(port, room)
        yield MatrixRig(port, recorder, person, room)


class RedditRig:
    """A thread in a subreddit, where the bot is summoned by name."""

    def __init__(self, port: Reddit, recorder: Recorder, there: FakeReddit) -> None:
        self.port = port
        self._recorder, self._there = recorder, there
        self._thread = there.post("pics", "bob", "Show me something")
        self.place = Place("reddit", "pics", private=False, thread=self._thread)

    async def hear(self, sentence: str) -> Call:
        self._there.comment("ann", self._thread, f"u/thebot {sentence}")
        event = await self._recorder.events.get()
        assert isinstance(event, Call)
        return event

    def standing(self) -> list[str]:
        return [each["body"] for each in self._there.said()]


@asynccontextmanager
async def reddit(folder: Path) -> AsyncIterator[Rig]:
    async with FakeReddit() as there:
        port = reddit_port(there, folder)
        async with listening(port) as recorder:
            yield RedditRig(port, recorder, there)
        port.close()


class FediverseRig:
    """A server of the fediverse on which somebody writes to the bot's account directly."""

    def __init__(self, port: Mastodon, recorder: Recorder, server: Server) -> None:
        self.port = port
        self._recorder, self._server = recorder, server
        first = server.say("ann", "@largesse hello", visibility="direct")
        self.place = Place("mastodon", port._server.acct, private=True, thread=f"{first.id}/ann")

    async def hear(self, sentence: str) -> Call:
        self._server.say("ann", f"@largesse {sentence}", visibility="direct")
        while True:
            event = await self._recorder.events.get()
            assert isinstance(event, Call)
            if event.text != "hello":
                return event

    def standing(self) -> list[str]:
        return [each.text.removeprefix("@ann").strip() for each in self._server.said]


@asynccontextmanager
async def mastodon(folder: Path) -> AsyncIterator[Rig]:
    async with Server().listening() as server:
        port = fediverse.account(server, folder)
        async with listening(port) as recorder:
            await fediverse.began(port)
            yield FediverseRig(port, recorder, server)


class DiscordRig:
    """A channel of a server on the double of Discord; the bot is mentioned."""

    def __init__(self, port: Discord, recorder: Recorder, double: DiscordDouble) -> None:
        self.port = port
        self.place = Place("discord", double.world.general["id"], private=False, community=GUILD)
        self._recorder, self._double = recorder, double

    async def hear(self, sentence: str) -> Call:
        await self._double.write(f"<@{APPLICATION}> {sentence}")
        event = await self._recorder.events.get()
        assert isinstance(event, Call)
        return event

    def standing(self) -> list[str]:
        return [each["content"] for each in self._double.world.shown()]


@asynccontextmanager
async def discord(folder: Path) -> AsyncIterator[Rig]:
    async with DiscordDouble() as double:
        port = Discord(token=SecretStr(TOKEN), shards=1, data_dir=folder, connector=double.connector)
        async with listening(port) as recorder:
            await double.gateway.identified.wait()
            yield DiscordRig(port, recorder, double)
    assert double.schema.problems == []


RIGS: dict[str, Callable[[Path], AbstractAsyncContextManager[Rig]]] = {
    "fake": fake,
    "console": console,
    "discord": discord,
    "matrix": matrix,
    "reddit": reddit,
    "web": web,
    "mastodon": mastodon,
}
