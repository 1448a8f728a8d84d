"""The bot in many rooms of a real Synapse: how long until a request shows that it was heard.

`python -m bench.matrix [--quick]` starts a Synapse and the bot as processes of their own and one person in 50 rooms,
who asks in one room after another. The time is from the person's send to the ⏳ on their message arriving at their app.
The homeserver's share of it is measured beside it: what a message takes from the person's send to their own reader,
which happens twice on the way (the request to the bot, the sign back). Target on two cores: p99 under 300 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from adapters.matrix import session
from adapters.matrix.homeserver import CLIENT, Homeserver, path
from adapters.matrix.homestead import Account, Synapse

ROOT = Path(__file__).parents[1]
ROOMS = 50
PAUSE = 0.25
"""Seconds between two requests."""
BOT = """
import asyncio, sys
from pathlib import Path
from typing import Annotated
from pydantic import SecretStr
from adapters.matrix import session
from adapters.matrix.platform import Matrix
from core import log
from core.chat.command import Opt, Repertoire, command
from core.chat.dispatch import Dispatch
from core.store import Store
log.configure(level="WARNING")
@command("draw", default=True)
async def draw(chat, prompt: Annotated[str, Opt("What to draw")]) -> None:
    "Draw."
    await asyncio.sleep(0.5)
    await chat.reply(prompt)
async def main():
    folder = Path(sys.argv[1])
    me = session.load(folder / "matrix")
    bot = Matrix(
        homeserver=me.homeserver, user=me.user_id, password=SecretStr(""), recovery_key=SecretStr(""), prefix="!",
        owners=[], allow=[], policies=[], answer_within=3600, device_name="Largesse", data_dir=folder,
    )
    async with await Store.open(f"sqlite:///{folder / 'bots.db'}") as store:
        dispatch = Dispatch(Repertoire(draw), None, store, requests_per_minute=10_000)
        await dispatch.listen(bot, until=asyncio.Event())
asyncio.run(main())
"""


class Person:
    """One account in all rooms; notes when an event arrives."""

    def __init__(self, server: Homeserver) -> None:
        self.server = server
        self.echoes: dict[str, float] = {}
        self.signs: dict[str, float] = {}
        self.joined: set[str] = set()

    async def read(self, bot: str) -> None:
        """Keep reading, as an app does."""
        since = ""
        while True:
            query = {"timeout": "10000"} | ({"since": since} if since else {})
            answer = await self.server.ask("GET", f"{CLIENT}/sync", query=query)
            now, since = time.perf_counter(), answer["next_batch"]
            for room, news in answer.get("rooms", {}).get("join", {}).items():
                for event in news["timeline"]["events"]:
                    self._note(room, event, bot, now)

    def _note(self, room: str, event: dict[str, Any], bot: str, now: float) -> None:
        content = event["content"]
        if event["type"] == "m.room.member" and event.get("state_key") == bot and content["membership"] == "join":
            self.joined.add(room)
        elif event["type"] == "m.room.message" and event["sender"] != bot:
            self.echoes.setdefault(event["event_id"], now)
        elif event["type"] == "m.reaction" and event["sender"] == bot:
            self.signs.setdefault(content["m.relates_to"]["event_id"], now)


async def measure(synapse: Synapse, you: Account, bot: Account, requests: int) -> tuple[list[float], list[float]]:
    """Milliseconds from sending to the sign, and to the message's own arrival at another reader."""
    async with aiohttp.ClientSession() as http:
        person = Person(Homeserver(synapse.url, http, token=you.access_token))
        reading = asyncio.create_task(person.read(bot.user_id))
        visitor = Homeserver(synapse.url, http, token=bot.access_token)
        body = {"preset": "public_chat"}
        rooms = [str((await person.server.ask("POST", path("createRoom"), body))["room_id"]) for _ in range(ROOMS)]
        for room in rooms:
            await visitor.ask("POST", path("join", room), {})
        async with asyncio.timeout(300):
            while len(person.joined) < ROOMS:  # noqa: ASYNC110  # it happens elsewhere
                await asyncio.sleep(0.2)
        await asyncio.sleep(2)
        sent: dict[str, float] = {}
        for number in range(requests):
            endpoint = path("rooms", rooms[number % ROOMS], "send", "m.room.message", str(number))
            begun = time.perf_counter()
            answer = await person.server.ask("PUT", endpoint, {"msgtype": "m.text", "body": f"!draw a cat {number}"})
            sent[answer["event_id"]] = begun
            await asyncio.sleep(PAUSE)
        async with asyncio.timeout(60):
            while not sent.keys() <= person.signs.keys():  # noqa: ASYNC110  # likewise
                await asyncio.sleep(0.1)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    signs = [1000 * (person.signs[event] - begun) for event, begun in sent.items()]
    return signs, [1000 * (person.echoes[event] - begun) for event, begun in sent.items()]


def main() -> None:
    """Print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    requests = 100 if parser.parse_args().quick else 500
    with tempfile.TemporaryDirectory() as name:
        folder, synapse = Path(name), Synapse(Path(name) / "synapse")
        synapse.start()
        bot, you = synapse.account("bot"), synapse.account("you")
        me = session.Session(synapse.url, bot.user_id, bot.device_id, bot.access_token, "bench")
        session.keep(folder / "matrix" / session.FILE, asdict(me))
        running = subprocess.Popen([sys.executable, "-c", BOT, name], cwd=ROOT)
        try:
            signs, echoes = asyncio.run(measure(synapse, you, bot, requests))
            megabytes = psutil.Process(running.pid).memory_info().rss / 1e6
        finally:
            running.kill()
            synapse.kill()
    sign, echo = (statistics.quantiles(each, n=100) for each in (signs, echoes))
    print(f"{requests} requests in {ROOMS} rooms, one every {PAUSE} s and a bit")
    print(f"{'':<44}{'p50':>9}{'p99':>9}{'worst':>9}")
    print(f"{'the request shows ⏳, ms':<44}{sign[49]:>9.1f}{sign[98]:>9.1f}{max(signs):>9.1f}  (target p99 < 300)")
    print(f"{'Synapse alone, one way (twice in it), ms':<44}{echo[49]:>9.1f}{echo[98]:>9.1f}{max(echoes):>9.1f}")
    print(f"{'the bot, resident MB':<44}{megabytes:>9.0f}")
    figures = {"rooms": ROOMS, "requests": requests, "sign_p50_ms": sign[49], "sign_p99_ms": sign[98]}
    print(json.dumps(figures | {"synapse_p50_ms": echo[49], "synapse_p99_ms": echo[98], "resident_mb": megabytes}))


if __name__ == "__main__":
    main()
