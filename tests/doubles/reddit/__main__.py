"""`make demo-reddit`: a small Reddit with a page to play as a user, and the whole of Largesse behind it.

Everything is kept in a folder that goes with it. PORT chooses the page's port, 0 any free one.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from aiohttp import web

import adapters
from core import log
from core.chat.port import Port
from core.settings import Settings
from run_bot import household
from tests.doubles.reddit.page import Page
from tests.doubles.reddit.rig import QUICK, SETTINGS, reddit_port
from tests.doubles.reddit.server import FakeReddit

THERE = FakeReddit()


def playing(*, data_dir: Path, **_settings: object) -> Port:
    """The platform, led to the small Reddit."""
    return reddit_port(THERE, data_dir, pace=QUICK)


def settings(folder: str) -> Settings:
    """Everything in that folder, and Reddit alone to talk on."""
    shown = {name: SETTINGS[name] for name in ("client_id", "username", "operator", "subreddit")}
    return Settings.model_validate(
        {
            "general": {"data_dir": folder, "log_level": "WARNING"},
            "coordinator": {"port": 0},
            "reddit": {"enabled": True, **shown},
        }
    )


async def main() -> int:
    """Run until Ctrl-C."""
    adapters.PLATFORMS["reddit"] = f"{__name__}:playing"
    with tempfile.TemporaryDirectory(prefix="largesse-reddit-") as folder:
        async with THERE:
            THERE.post("pics", "bob", "What shall we look at today?")
            runner = web.AppRunner(Page(THERE).app(), access_log=None)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", int(os.environ.get("PORT", "7004"))).start()
            sys.stdout.write(f"The small Reddit is at http://127.0.0.1:{runner.addresses[0][1]}/ (Ctrl-C ends it)\n")
            sys.stdout.flush()
            try:
                return await household(settings(folder), "coordinator", "worker", "bots")
            finally:
                await runner.cleanup()


if __name__ == "__main__":
    log.configure(level="WARNING")
    sys.exit(asyncio.run(main()))
