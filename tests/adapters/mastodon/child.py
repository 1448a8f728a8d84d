"""A bot account in a process of its own, started and killed by the tests: `child.py FOLDER SERVER`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from core import log
from core.chat.dispatch import Dispatch
from core.stopping import stop_on_signals
from core.store import Store
from tests.adapters.mastodon.house import REPERTOIRE, Easel, account, began

if TYPE_CHECKING:
    from tests.doubles.mastodon.server import Server


class Elsewhere:
    """A server in another process."""

    def __init__(self, base: str) -> None:
        self.base = base


async def main() -> None:
    folder, stop = Path(sys.argv[1]), stop_on_signals()
    server: Server = Elsewhere(sys.argv[2])  # type: ignore[assignment]
    easel = Easel()
    easel.dry.set()
    async with await Store.open(f"sqlite:///{folder / 'bots.db'}") as store:
        dispatch = Dispatch(REPERTOIRE, easel, store, requests_per_minute=100_000)
        port = account(server, folder)
        listening = asyncio.create_task(dispatch.listen(port, until=stop, drain=5.0))
        await began(port)
        os.write(1, b"ready\n")
        await listening


if __name__ == "__main__":
    log.configure(level="ERROR")
    asyncio.run(main())
