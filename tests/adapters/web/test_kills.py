"""kill -9 of the process behind the page at random moments: everything that was said is answered exactly once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.doubles.program import free_port

CHILD = Path(__file__).with_name("child.py")
ROOT = CHILD.parents[3]
REST = 9
"""Each so many starts everything may be answered: a conversation that is taken up too often is given up, in words."""


class Page:
    """An open page as the real one behaves: it comes back, says what it saw last, and repeats what is unconfirmed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.waiting: dict[str, dict[str, Any]] = {}
        self.shown: dict[int, dict[str, Any]] = {}
        self.repeats = 0
        self._seen = 0
        self._live: aiohttp.ClientWebSocketResponse | None = None
        self.settled = asyncio.Event()

    async def run(self) -> None:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(self.url, headers={"Origin": self.url}, cookie_jar=jar) as http:
            while True:
                with contextlib.suppress(aiohttp.ClientError, OSError):
                    if not list(jar):
                        await (await http.post("/enter", json={"name": "Ann"})).read()
                    async with http.ws_connect(f"/live?room=direct&seen={self._seen}") as self._live:
                        async for message in self._live:
                            await self._take(json.loads(message.data))
                self._live = None
                await asyncio.sleep(0.02)

    async def say(self, number: int) -> None:
        ask = {"t": "say", "key": f"said-{number:08}", "text": f"picture {number}"}
        self.waiting[str(ask["key"])] = ask
        if self._live is not None and not self._live.closed:
            with contextlib.suppress(aiohttp.ClientError, OSError):
                await self._live.send_json(ask)

    async def _take(self, event: dict[str, Any]) -> None:
        match event["t"]:
            case "hello":
                if event["fresh"]:
                    self.shown.clear()
                for each in event["messages"]:
                    self._put(each)
                self._seen = event["seen"]
                assert self._live is not None
                for ask in list(self.waiting.values()):
                    await self._live.send_json(ask)
            case "message":
                self._put(event)
                self._seen = max(self._seen, event["changed"])
            case "done":
                self.waiting.pop(event["key"], None)
            case _:
                pass
        self.settled.set()

    def _put(self, message: dict[str, Any]) -> None:
        known = self.shown.get(message["id"])
        self.repeats += bool(known and known["changed"] == message["changed"])
        self.shown[message["id"]] = message


def start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(CHILD), str(folder), str(port)]
    return subprocess.Popen(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)


async def drill(folder: Path, kills: int) -> None:
    chance, port = random.Random(11), free_port()  # moments, not secrets
    page, said = Page(f"http://127.0.0.1:{port}"), 0
    visiting = asyncio.create_task(page.run())
    for turn in range(kills + 1):
        process = start(folder, port)
        try:
            async with asyncio.timeout(60):
                page.settled.clear()
                await page.settled.wait()
                for _ in range(3):
                    await page.say(said)
                    said += 1
                    await asyncio.sleep(chance.uniform(0.0, 0.12))
                if turn % REST == REST - 1 or turn == kills:
                    while page.waiting or sum("person" not in each for each in page.shown.values()) < said:
                        page.settled.clear()
                        await page.settled.wait()
        finally:
            process.kill()
            process.wait()
    visiting.cancel()
    await asyncio.wait([visiting])
    with contextlib.closing(sqlite3.connect(folder / "web/history.db")) as history:
        rows = [(key, json.loads(body)) for key, body in history.execute("SELECT key, body FROM messages")]
    texts = Counter(body["text"] for _, body in rows)
    assert texts == Counter(text for n in range(said) for text in (f"picture {n}", f"Here: picture {n}"))
    assert sorted(each["text"] for each in page.shown.values()) == sorted(texts)
    for _, body in rows:
        for picture in body["pictures"]:
            assert (folder / "web/pictures" / picture["file"]).stat().st_size > 100


async def test_kills_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    """Eight kills, three requests around each; page and history agree at the end."""
    await drill(tmp_path, 8)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_many_kills_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    """Eighty kills."""
    await drill(tmp_path, 80)
