"""`make demo-mastodon`, as one plays with it: the page, the server, the bots and a worker, in their own processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from html.parser import HTMLParser
from pathlib import Path

import aiohttp

ROOT = Path(__file__).parents[3]


class Outline(HTMLParser):
    """Collects what a page is made of, and holds that everything on it is labelled."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.pictures: list[str] = []
        self.fields: set[str] = set()
        self.labels: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        if tag == "img":
            self.pictures.append(has.get("alt") or "")
        if tag in {"input", "select", "textarea"} and has.get("type") != "hidden" and "aria-label" not in has:
            self.fields.add(has.get("id") or "")
        if tag == "label":
            self.labels.add(has.get("for") or "")


async def test_one_can_play_a_whole_fediverse(tmp_path: Path) -> None:
    """A post on the page becomes a described picture under it; the page's fields have labels; Ctrl-C ends it all."""
    environment = {**os.environ, "PORT": "0", "LARGESSE__WORKER__RENDERER": "fake", "TMPDIR": str(tmp_path)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.doubles.mastodon"), cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(150):
            line = (await process.stdout.readline()).decode()
            url = line.partition("http")[1] + line.partition("http")[2].split()[0]
            async with aiohttp.ClientSession() as browser:
                form = {"name": "ann", "text": "@largesse draw a <b>red</b> apple", "visibility": "direct"}
                async with browser.post(f"{url}play/say", data=form) as answer:
                    page = Outline(await answer.text())
                assert page.fields == page.labels
                while not page.pictures:
                    await asyncio.sleep(0.2)
                    async with browser.get(url) as answer:
                        text = await answer.text()
                    page = Outline(text)
            assert "a <b>red</b> apple" in page.pictures[0]
            assert "<b>red" not in text
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # nothing else runs here
