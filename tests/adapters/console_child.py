"""A small bot on the console adapter, started and killed by the tests: one conversation, answered once."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from adapters.console.platform import Console, run_once
from core import log
from core.chat.command import Opt, Repertoire, command, resume
from core.chat.dispatch import Dispatch
from core.chat.talk import Chat
from core.chat.types import Picture, Post
from core.errors import InvalidRequest
from core.stopping import stop_on_signals
from core.store import Store

PICTURE = bytes.fromhex(
    "524946466e00000057454250565038580a0000000800000007000007000056503820280000009001009d012a0800080002c0"
    "4c25a00274ba00039800feed4ddebbc5a51affe7a67f5b7f1ff8c80045584946200000004d4d002a000000080001010e0002"
    "000000060000001a00000000612063617400"
)
STEPS, STEP = 5, 0.04
INTERRUPTED = 7
"""Exit status after Ctrl-C, so that a test can tell it from other ways to leave."""


@command("draw", default=True)
async def draw(chat: Chat[None], prompt: Annotated[str, Opt("What to draw", example="a cat")]) -> None:
    """Draw something after a moment."""
    if "impossible" in prompt:
        raise InvalidRequest("That cannot be drawn.")
    await chat.hold("draw", {"prompt": prompt})
    await finish(chat, prompt)


@resume("draw")
async def go_on(chat: Chat[None], state: Mapping[str, Any]) -> None:
    await finish(chat, state["prompt"])


async def finish(chat: Chat[None], prompt: str) -> None:
    for step in range(STEPS):
        await chat.progress(f"step {step + 1}", step / STEPS)
        await asyncio.sleep(STEP)
    await chat.reply(Post(f"Here: {prompt}", pictures=(Picture(PICTURE, alt=prompt, name=f"{prompt}.webp"),)))


async def main() -> int:
    folder, stop = Path(sys.argv[1]), stop_on_signals()
    async with await Store.open(f"sqlite:///{folder / 'bots.db'}") as store:
        dispatch = Dispatch(Repertoire(draw, go_on), None, store, requests_per_minute=10_000)
        if len(sys.argv) > 2:
            return await run_once(dispatch, say=sys.argv[2], out=Path(sys.argv[3]), person="ann", data_dir=folder)
        console = Console(person="ann", pictures_dir=folder / "out", data_dir=folder)
        os.write(2, b"ready\n")
        await dispatch.listen(console, until=stop)
        await dispatch.close()
    return INTERRUPTED if stop.is_set() else 0


if __name__ == "__main__":
    log.configure(level="WARNING")
    raise SystemExit(asyncio.run(main()))
