"""`make demo-reddit`: the page on which one plays the others, with the real bots behind it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[3]


def _page(url: str, **form: str) -> str:
    data = urllib.parse.urlencode(form).encode() if form else None
    return _bytes(url, data).decode()


def _bytes(url: str, data: bytes | None = None) -> bytes:
    with urllib.request.urlopen(url, data, timeout=10) as answer:  # noqa: S310  # our own page
        return bytes(answer.read())


def test_a_sentence_on_the_page_becomes_a_picture_on_it() -> None:
    """The post, the answer below what was asked, and the picture; Ctrl-C ends it all."""
    command = [sys.executable, "-m", "tests.doubles.reddit"]
    env = {"PATH": "/usr/bin:/bin", "PORT": "0", "LARGESSE__WORKER__RENDERER": "fake"}
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as demo:
        try:
            assert demo.stdout is not None
            url = re.findall(r"http://\S+/", demo.stdout.readline())[0]
            post = re.findall(r'name="to" value="(t3_\w+)"', _page(url))[0]
            _page(f"{url}say", to=post, text="u/thebot draw a red apple", **{"as": "ann"})
            deadline = time.monotonic() + 60
            while "Here is the picture" not in (shown := _page(url)):
                assert time.monotonic() < deadline
                time.sleep(0.2)
            name = re.findall(r'src="/picture/(\w+)"', shown)[0]
            assert _bytes(f"{url}picture/{name}")[:3] in {b"\x89PN", b"\xff\xd8\xff"}
        finally:
            demo.send_signal(signal.SIGINT)
            assert demo.wait(30) == 0
