"""A small bot on the chat page, started and killed by the tests: one conversation, answered once."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from pydantic import SecretStr

from adapters.web.platform import Web
from core import log
from core.chat.command import Repertoire
from core.chat.dispatch import Dispatch
from core.store import Store

sys.path.insert(0, str(Path(__file__).parents[1]))

from console_child import draw, go_on


async def main() -> None:
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    async with await Store.open(f"sqlite:///{folder / 'bots.db'}") as store:
        dispatch = Dispatch(Repertoire(draw, go_on), None, store, requests_per_minute=10_000)
        page = Web(
            host="127.0.0.1",
            port=port,
            secret=SecretStr(""),
            rooms=["lobby"],
            max_upload_bytes=100_000,
            data_dir=folder,
        )
        await dispatch.listen(page, until=asyncio.Event())


if __name__ == "__main__":
    log.configure(level="WARNING")
    asyncio.run(main())
