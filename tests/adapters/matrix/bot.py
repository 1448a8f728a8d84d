"""The adapter under test on a real homeserver, with an account of its own."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from adapters.matrix import session
from adapters.matrix.platform import Matrix
from tests.doubles.synapse_server import Account, SynapseServer


def matrix(server: SynapseServer, folder: Path, account: Account | None = None, **settings: Any) -> Matrix:
    """A bot whose session is there already, as after a login; on the same folder it is the same bot again."""
    home = folder / "matrix"
    known = session.load(home)
    if known is None:
        account = account or server.account()
        known = session.Session(server.url, account.user_id, account.device_id, account.access_token, "pickle")
        session.keep(home / session.FILE, asdict(known))
    defaults: dict[str, Any] = {
        "homeserver": server.url, "user": known.user_id, "password": SecretStr(""), "recovery_key": SecretStr(""),
        "prefix": "!", "owners": [], "allow": [], "policies": [], "answer_within": 3600, "device_name": "Largesse",
    }  # fmt: skip
    return Matrix(**(defaults | settings), data_dir=folder)


async def joined(bot: Matrix, room: str) -> None:
    """Wait until the bot knows that it is in a room."""
    async with asyncio.timeout(20):
        while not (bot._connection and bot._connection.rooms.joined(room)):  # noqa: ASYNC110  # it happens elsewhere
            await asyncio.sleep(0.02)
