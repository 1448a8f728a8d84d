"""The demo as a newcomer meets it: the real program, its printed address, and what stands there after a crash."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.doubles.program import ROOT, free_port, wait_until


@contextmanager
def demo(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    given = {
        "GENERAL__DATA_DIR": str(folder / "data"), "WEB__PORT": str(port), "WORKER__RENDERER": "fake",
        "COORDINATOR__PORT": "0",
    }  # fmt: skip
    environment = {**os.environ, **{f"LARGESSE__{name}": value for name, value in given.items()}}
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "run_bot.py", "demo"], cwd=ROOT, env=environment, stderr=out)
    try:
        wait_until(lambda: f"http://127.0.0.1:{port}/" in log.read_text(), f"the address: {log.read_text()}")
        yield process
    finally:
        process.kill()
        process.wait()


async def talk(url: str, cookie: str, sentence: str, until: str) -> tuple[str, list[dict[str, Any]]]:
    """Say something in the lobby and read along until a text matches; the cookie and what stands there."""
    jar = aiohttp.CookieJar(unsafe=True)
    shown: dict[int, dict[str, Any]] = {}
    async with aiohttp.ClientSession(url, headers={"Origin": url}, cookie_jar=jar) as http, asyncio.timeout(30):
        if cookie:
            jar.update_cookies({"largesse_web": cookie})
        else:
            await (await http.post("/enter", json={"name": "Ann"})).read()
        async with http.ws_connect("/live?room=lobby") as live:
            if sentence:
                await live.send_json({"t": "say", "key": f"key-{len(sentence):08}", "text": sentence})
            async for message in live:
                event = message.json()
                for each in event.get("messages", [event] if event["t"] == "message" else []):
                    shown[each["id"]] = each
                if any(re.search(until, each["text"]) for each in shown.values()):
                    break
        return next(iter(jar)).value, list(shown.values())


async def test_the_demo_opens_on_the_page_and_survives_a_kill(tmp_path: Path) -> None:
    """A picture is drawn in the lobby; killed in the middle of the next one, it is there after the next start, once."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with demo(tmp_path, port):
        cookie, shown = await talk(url, "", "draw a frog", "seed")
        assert [len(each["pictures"]) for each in shown] == [0, 1]
        cookie, shown = await talk(url, cookie, "draw a dog [[slow]]", "draw a dog")
    with demo(tmp_path, port):
        _, shown = await talk(url, cookie, "", r"a dog \[\[slow\]\]\nseed")
    texts = [each["text"].splitlines()[0] for each in shown]
    assert texts == ["draw a frog", "a frog", "draw a dog [[slow]]", "a dog [[slow]]"]
