"""The chat page with many readers: how long until a message is on every open page, and what the process weighs.

`python -m bench.page [--quick]` serves the page in a process of its own and opens 200 pages from another one over real
WebSockets; one writes, all read. The time is from the writer's send to each page's receipt. Target on two cores: 200
open pages in one process, message to all in under 200 ms at the 99th percentile.
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
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import psutil

ROOT = Path(__file__).parents[1]
PEOPLE, PAGES_EACH = 20, 10
SERVER = """
import asyncio, sys
from pathlib import Path
from pydantic import SecretStr
from adapters.web.platform import Web
from core import log
from core.chat.command import Repertoire
from core.chat.dispatch import Dispatch
from core.chat.testing import InMemory
log.configure(level="WARNING")
given = dict(host="127.0.0.1", port=0, secret=SecretStr(""), rooms=["lobby"], max_upload_bytes=1000)
web = Web(**given, data_dir=Path(sys.argv[1]))
print(web.url.rstrip("/"), flush=True)
asyncio.run(web.run(Dispatch(Repertoire(), None, InMemory())))
"""


async def _read(live: aiohttp.ClientWebSocketResponse, arrived: asyncio.Queue[tuple[str, float]]) -> None:
    async for message in live:
        event = json.loads(message.data)
        if event["t"] == "message":
            arrived.put_nowait((event["text"], time.perf_counter()))


async def measure(url: str, messages: int) -> tuple[list[float], list[float]]:
    """Milliseconds from sending to arrival, of each page, and until the last page had it, of each message."""
    each_page, last_page = list[float](), list[float]()
    arrived: asyncio.Queue[tuple[str, float]] = asyncio.Queue()
    async with AsyncExitStack() as stack:
        pages: list[aiohttp.ClientWebSocketResponse] = []
        for number in range(PEOPLE):
            jar = aiohttp.CookieJar(unsafe=True)
            person = await stack.enter_async_context(
                aiohttp.ClientSession(
                    url, headers={"Origin": url}, cookie_jar=jar, connector=aiohttp.TCPConnector(limit=0)
                )
            )
            await (await person.post("/enter", json={"name": f"Reader {number}"})).read()
            pages += [await person.ws_connect("/live?room=lobby", compress=0) for _ in range(PAGES_EACH)]
        readers = [asyncio.create_task(_read(page, arrived)) for page in pages]
        await asyncio.sleep(1)
        for number in range(messages):
            text, sent = f"message {number}", time.perf_counter()
            ask = {"t": "say", "key": f"key-{number:08}", "text": text}
            await pages[number % PEOPLE * PAGES_EACH].send_json(ask)
            took = [(await arrived.get())[1] - sent for _ in pages]
            each_page += [1000 * seconds for seconds in took]
            last_page.append(1000 * max(took))
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    return each_page, last_page


def main() -> None:
    """Print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    messages = 100 if parser.parse_args().quick else 1000
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-c", SERVER, name]
        with subprocess.Popen(
            command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as server:
            assert server.stdout is not None
            try:
                each_page, last_page = asyncio.run(measure(server.stdout.readline().strip(), messages))
                megabytes = psutil.Process(server.pid).memory_info().rss / 1e6
            finally:
                server.kill()
    each = statistics.quantiles(each_page, n=100)
    last = statistics.quantiles(last_page, n=100)
    print(f"{messages} messages to {PEOPLE * PAGES_EACH} pages of {PEOPLE} people")
    print(f"{'':<34}{'p50':>9}{'p99':>9}{'worst':>9}")
    print(f"{'a page has it, ms':<34}{each[49]:>9.1f}{each[98]:>9.1f}{max(each_page):>9.1f}")
    print(f"{'every page has it, ms':<34}{last[49]:>9.1f}{last[98]:>9.1f}{max(last_page):>9.1f}  (target p99 < 200)")
    print(f"{'the process, resident MB':<34}{megabytes:>9.0f}")
    figures = {"pages": PEOPLE * PAGES_EACH, "messages": messages, "all_p50_ms": last[49], "all_p99_ms": last[98]}
    print(json.dumps(figures | {"page_p99_ms": each[98], "worst_ms": max(last_page), "resident_mb": megabytes}))


if __name__ == "__main__":
    main()
