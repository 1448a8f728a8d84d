"""`make demo-mastodon`: a small server of the fediverse with a page to play on, and the whole of Largesse behind it.

Everything is kept in a folder that goes with it. PORT chooses the page's port, 0 any free one.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from aiohttp import web

from tests.doubles.mastodon.page import Page
from tests.doubles.mastodon.server import TOKEN, Server

ROOT = Path(__file__).parents[3]


class Playground(Server):
    """The server with its page."""

    def routes(self, router: web.UrlDispatcher) -> None:
        super().routes(router)
        Page(self).routes(router)


async def main() -> int:
    """Run until Ctrl-C, or until the bots end; their exit status."""
    port = int(os.environ.get("PORT", "7003"))
    with tempfile.TemporaryDirectory(prefix="largesse-fediverse-") as folder:
        async with Playground().listening(port) as server:
            bots = await asyncio.create_subprocess_exec(
                *(sys.executable, str(ROOT / "run_bot.py"), "up"), cwd=ROOT, env=_environment(folder, server.base)
            )
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, _stop, bots)
            ended = asyncio.create_task(bots.wait())
            while not ended.done() and not server.calls["GET /api/v1/notifications"]:
                await asyncio.wait((ended,), timeout=0.1)
            if not ended.done():
                sys.stdout.write(f"The fediverse is at {server.base}/ (Ctrl-C ends it)\n")
                sys.stdout.flush()
            return await ended


def _environment(folder: str, base: str) -> dict[str, str]:
    ours = {
        "GENERAL__DATA_DIR": folder,
        "GENERAL__LOG_LEVEL": "WARNING",
        "COORDINATOR__PORT": "0",
        "MASTODON__ENABLED": "true",
        "MASTODON__INSTANCE": base,
        "MASTODON__ACCESS_TOKEN": TOKEN,
        "MASTODON__OPERATOR": "you",
    }
    return {**os.environ, **{f"LARGESSE__{name}": value for name, value in ours.items()}}


def _stop(bots: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        bots.send_signal(signal.SIGINT)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
