"""`make demo-discord`: the double, a coordinator, a worker and the bot; you are the user, and there is no token.

A bare line is said to the bot with a mention; `/imagine prompt: a cat n: 2` is a slash command; `press Again`,
`menu Draw again`, `react 👍`, `fill prompt: a blue cat` (the form that is open) and `quit` do what they say.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from pydantic import SecretStr

from adapters.discord.platform import Discord as Adapter
from core import log
from core.settings import Settings
from core.worker.pool import run_worker
from tests.doubles.discord.server import TOKEN, Discord
from tests.doubles.discord.world import APPLICATION, Interaction, Json
from tests.doubles.program import free_port
from tests.flow.whole import Whole

_PAIR = re.compile(r"([\w-]+):\s*(.*?)(?=\s+[\w-]+:|$)")


class Player:
    """The person at the keyboard."""

    def __init__(self, discord: Discord, pictures: Path) -> None:
        self._discord, self._pictures = discord, pictures
        self._seen: dict[str, str] = {}
        self._last: Interaction | None = None

    async def watch(self) -> None:
        """Print what the bot says and changes."""
        while True:
            for message in list(self._discord.world.messages.values()):
                if message["author"]["id"] == APPLICATION:
                    self._show(message)
            if self._last and self._last.modal:
                names = [row["component"]["custom_id"] for row in self._last.modal["components"]]
                self._print(f"[form “{self._last.modal['title']}”: fill {': … '.join(names)}: …]", key=self._last.id)
            await asyncio.sleep(0.1)

    def _show(self, message: Json) -> None:
        embeds = [str(each.get("description", "")) for each in message["embeds"]]
        files = [self._save(each) for each in message["attachments"]]
        buttons = [f"[{each['label']}]" for row in message["components"] for each in row["components"]]
        alone = "(only for you) " if message["flags"] & 64 else ""
        text = "\n".join(filter(None, (alone + message["content"], *embeds, *files, " ".join(buttons))))
        self._print(text, key=message["id"])

    def _print(self, text: str, *, key: str) -> None:
        if text.strip() and self._seen.get(key) != text:
            self._seen[key] = text
            sys.stdout.write(f"\nlargesse: {text}\n> ")
            sys.stdout.flush()

    def _save(self, attachment: Json) -> str:
        path = self._pictures / attachment["filename"]
        data = self._discord.world.files[attachment["url"].removeprefix("https://cdn.discordapp.com/")]
        self._pictures.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return f"saved as {path}"

    async def act(self, line: str) -> None:
        """Do what a line says."""
        word, _, rest = line.partition(" ")
        shown = self._discord.world.shown()
        if line.startswith("/"):
            self._last = await self._discord.slash(word[1:], **self._options(word[1:], rest))
        elif word == "press" and shown:
            self._last = await self._discord.press(shown[-1], rest.strip())
        elif word == "menu" and shown:
            self._last = await self._discord.menu(rest.strip(), message=shown[-1])
        elif word == "react" and shown:
            await self._discord.react(shown[-1], rest.strip())
        elif word == "fill" and self._last and self._last.modal:
            asked, values = self._last, dict(_PAIR.findall(rest))
            self._last = await self._discord.fill(asked, **values)
        else:
            await self._discord.write(f"<@{APPLICATION}> {line}")

    def _options(self, command: str, text: str) -> dict[str, object]:
        known = next(each for each in self._discord.world.commands if each["name"] == command)
        kinds = {each["name"]: each["type"] for each in known.get("options", ())}
        take = {4: int, 5: lambda value: value.lower() == "true", 10: float}
        return {name.replace("-", "_"): take.get(kinds.get(name, 3), str)(value) for name, value in _PAIR.findall(text)}


async def main(folder: Path) -> None:
    """Run everything until the input ends."""
    settings = Settings.model_validate(
        {
            "general": {"data_dir": folder, "log_level": "WARNING"},
            "coordinator": {"port": free_port()},
            "worker": {"models": ["little"]},
        }
    )
    log.configure(level="WARNING", style="text")
    system, stop = Whole(settings), asyncio.Event()
    async with Discord() as discord:
        sys.stdout.write("Starting the coordinator and the worker …\n")
        await system.coordinator.start()
        drawing, key = asyncio.Event(), SecretStr(system.keys.worker)
        working = asyncio.create_task(
            run_worker(settings, api_key=key, horde_url=system.url, ready=drawing.set, stop=stop)
        )
        await drawing.wait()
        await system.start_bots()
        adapter = Adapter(token=SecretStr(TOKEN), shards=1, data_dir=folder, connector=discord.connector)
        listening = asyncio.create_task(system.dispatch.listen(adapter, until=stop))
        await discord.gateway.identified.wait()
        player = Player(discord, folder / "pictures")
        watching = asyncio.create_task(player.watch())
        sys.stdout.write(f"{__doc__ or ''}\n> ")
        try:
            while line := await asyncio.to_thread(sys.stdin.readline):
                if line.strip() == "quit":
                    break
                await _tried(player, line.strip())
            await system.dispatch.idle()
            await asyncio.sleep(0.3)
        finally:
            watching.cancel()
            stop.set()
            await listening
            await system.stop_bots()
            await working
            await system.coordinator.stop()


async def _tried(player: Player, line: str) -> None:
    try:
        if line:
            await player.act(line)
    except (StopIteration, ValueError, KeyError, RuntimeError):
        sys.stdout.write("There is no such command, button or option.\n")
    sys.stdout.write("> ")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path("data/demo-discord")))
