"""`run_bot.py matrix demo`: all of it on this machine, a homeserver included, with a person in an encrypted room.

Everything lives in one folder that each demo begins afresh; the bots, the coordinator and the worker are
`run_bot.py up` in a process of their own, as an operator starts them.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.matrix import media, read
from adapters.matrix.engine import MEGOLM, Engine
from adapters.matrix.homeserver import CLIENT, Body, Homeserver, path
from adapters.matrix.homestead import Account, Synapse, free_port
from adapters.matrix.session import Session
from core.chat.types import Picture
from core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Generator

PATIENCE = 300.0
"""Seconds a picture may take."""
ROOT = Path(__file__).parents[2]


def run(folder: Path, *, say: str | None, out: Path) -> int:
    """Start everything; with `say` say it, save the picture, stop, else wait for Ctrl-C. Returns the exit status."""
    shutil.rmtree(folder, ignore_errors=True)
    server = Synapse(folder / "synapse")
    sys.stderr.write("Starting a homeserver, the coordinator, the worker and the bot …\n")
    server.start()
    try:
        bot, you = server.account("largesse"), server.account("you")
        with _bots(folder, server, bot):
            return asyncio.run(_visit(folder, server, you, bot, say=say, out=out))
    except KeyboardInterrupt:
        return 0
    finally:
        server.kill()


@contextmanager
def _bots(folder: Path, server: Synapse, bot: Account) -> Generator[None]:
    """The coordinator, the worker and the bot."""
    settings = {
        "GENERAL__DATA_DIR": str(folder / "data"), "GENERAL__LOG_LEVEL": "WARNING",
        "COORDINATOR__PORT": str(free_port()), "CONSOLE__ENABLED": "false", "WEB__ENABLED": "false",
        "MATRIX__ENABLED": "true", "MATRIX__HOMESERVER": server.url, "MATRIX__USER": bot.user_id,
        "MATRIX__PASSWORD": bot.password, "MATRIX__OWNERS": f'["@you:{bot.user_id.partition(":")[2]}"]',
    }  # fmt: skip
    environment = {**os.environ, **{f"LARGESSE__{key}": value for key, value in settings.items()}}
    command = [sys.executable, str(ROOT / "run_bot.py"), "up"]
    running = subprocess.Popen(command, cwd=ROOT, env=environment)  # noqa: S603  # our own program
    try:
        yield
    finally:
        running.terminate()
        running.wait(60)


async def _visit(folder: Path, server: Synapse, you: Account, bot: Account, *, say: str | None, out: Path) -> int:
    """Be the person: make a room, see the bot come in; say something, or leave it to whoever reads this."""
    import aiohttp

    session = Session(server.url, you.user_id, you.device_id, you.access_token, secrets.token_hex(16))
    async with aiohttp.ClientSession() as http:
        guest = Guest(Engine(session, folder / "you"), Homeserver(server.url, http, token=you.access_token))
        try:
            room = await guest.meet(bot.user_id)
            if say is None:
                _explain(server, you)
                await asyncio.Event().wait()
            await guest.say(room, say or "")
            picture = await guest.picture(room, bot.user_id)
        finally:
            await guest.engine.close()
    sys.stdout.write(f"{await asyncio.to_thread(_save, picture, out)}\n")
    return 0


def _save(picture: Picture, out: Path) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"matrix-{int(time.time())}{Path(picture.name).suffix or '.webp'}"
    file.write_bytes(picture.data or b"")
    return file


def _explain(server: Synapse, you: Account) -> None:
    sys.stderr.write(
        f"\nA homeserver runs at {server.url}, for this machine only. Look at it with any Matrix app:\n"
        f"  homeserver  {server.url}\n  user        {you.user_id}\n  password    {you.password}\n"
        "The bot waits in your encrypted room “Largesse”: write “a red apple” there. To verify it, open its profile\n"
        "and choose Verify; its seven emoji appear here. Ctrl-C ends it all.\n\n"
    )


class Guest:
    """A person with an app of the simplest kind."""

    def __init__(self, engine: Engine, server: Homeserver) -> None:
        self.engine, self.server = engine, server
        self._since = ""
        self._seen: list[tuple[str, Body]] = []

    async def meet(self, bot: str) -> str:
        """Make an encrypted room with the bot in it; its id."""
        await self._sync(0)
        state = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": MEGOLM}}
        body: Body = {
            "name": "Largesse", "preset": "trusted_private_chat", "invite": [bot], "is_direct": True,
            "initial_state": [state],
        }  # fmt: skip
        room = str((await self.server.ask("POST", path("createRoom"), body))["room_id"])
        async with asyncio.timeout(PATIENCE):
            while not self._inside(room, bot):
                await self._sync(5000)
        return room

    def _inside(self, room: str, user: str) -> bool:
        known = self.engine.rooms.get(room)
        return known is not None and user in known.users and not known.users[user].invited

    async def say(self, room: str, text: str) -> None:
        """Write something."""
        kind, content = await self.engine.seal(room, "m.room.message", {"msgtype": "m.text", "body": text})
        await self.server.ask("PUT", path("rooms", room, "send", kind, secrets.token_hex(8)), content)

    async def picture(self, room: str, bot: str) -> Picture:
        """The next picture of the bot, decrypted.

        Raises:
            ConfigError: none came in time.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    await self._sync(5000)
                    for where, event in self._seen:
                        file = read.file(event) if where == room and event.get("sender") == bot else None
                        if file:
                            return await media.download(self.server, read.picture(file))
        except TimeoutError:
            raise ConfigError("The bot did not send a picture in time; its log stands above.") from None

    async def _sync(self, wait: int) -> None:
        query = {"timeout": str(wait)} | ({"since": self._since} if self._since else {})
        answer = await self.server.ask("GET", f"{CLIENT}/sync", query=query, patience=60)
        response = await self.engine.take(answer)
        self._since = response.next_batch
        for room, info in response.rooms.join.items():
            self._seen += [(room, event.source) for event in info.timeline.events if event]
        await self.engine.settle()
