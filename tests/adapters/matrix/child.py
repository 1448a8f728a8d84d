"""A small bot on Matrix, started and killed by the tests: one conversation, answered once.

`child.py FOLDER` uses the session that is kept there.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import SecretStr

from adapters.matrix import session
from adapters.matrix.platform import Matrix
from core import log
from core.chat.command import Opt, Repertoire, command, resume
from core.chat.dispatch import Dispatch
from core.chat.talk import Chat
from core.chat.types import Button, Picture, Post
from core.stopping import stop_on_signals
from core.store import Store

PICTURE = bytes.fromhex(
    "524946466e00000057454250565038580a0000000800000007000007000056503820280000009001009d012a0800080002c0"
    "4c25a00274ba00039800feed4ddebbc5a51affe7a67f5b7f1ff8c80045584946200000004d4d002a000000080001010e0002"
    "000000060000001a00000000612063617400"
)
STEPS, STEP = 3, 0.05


@command("draw", default=True)
async def draw(chat: Chat[None], prompt: Annotated[str, Opt("What to draw")]) -> None:
    """Draw something after a moment."""
    await chat.hold("draw", {"prompt": prompt})
    await finish(chat, prompt)


@resume("draw")
async def go_on(chat: Chat[None], state: Mapping[str, Any]) -> None:
    await finish(chat, state["prompt"])


async def finish(chat: Chat[None], prompt: str) -> None:
    for step in range(STEPS):
        await chat.progress(f"step {step + 1}", step / STEPS)
        await asyncio.sleep(STEP)
    picture = Picture(PICTURE, alt=prompt, name="picture.webp")
    await chat.reply(Post(f"Here: {prompt}", (picture,), (Button("Again", "again", "r", emoji="🔁"),)))


def bot(folder: Path) -> Matrix:
    me = session.load(folder / "matrix")
    assert me is not None
    return Matrix(
        homeserver=me.homeserver, user=me.user_id, password=SecretStr(""), recovery_key=SecretStr(""), prefix="!",
        owners=[], allow=[], policies=[], answer_within=3600, device_name="Largesse", data_dir=folder,
    )  # fmt: skip


async def main() -> None:
    folder, stop = Path(sys.argv[1]), stop_on_signals()
    async with await Store.open(f"sqlite:///{folder / 'bots.db'}") as store:
        dispatch = Dispatch(Repertoire(draw, go_on), None, store, requests_per_minute=10_000)
        os.write(2, b"ready\n")
        await dispatch.listen(bot(folder), until=stop)
        await dispatch.close()


if __name__ == "__main__":
    log.configure(level="WARNING")
    asyncio.run(main())
