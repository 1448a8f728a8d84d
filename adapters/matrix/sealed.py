"""Messages that cannot be read: their keys are asked for, the room is told once, politely, and then there is silence.

A key often comes a moment after its message, so nothing is said at once.
"""

from __future__ import annotations

import asyncio
import uuid

from adapters.matrix import read, show
from adapters.matrix.engine import MEGOLM, Engine
from adapters.matrix.homeserver import Homeserver, path
from adapters.matrix.mouth import Mouth
from adapters.matrix.notebook import Notebook, Waiting
from core import log
from core.chat.port import SendFailed, SendRefused

EXPLAIN_AFTER = 5.0
"""Seconds a key may take."""
EXPLANATION = (
    "I cannot read what was just written here: your app did not give me the key to it. Often it helps to write the "
    "message again. If it does not, your app may not trust this device of mine yet; whoever runs me can look at "
    "`run_bot.py matrix doctor`."
)

logger = log.get(__name__)


class Sealed:
    """Deals with what cannot be read."""

    def __init__(self, engine: Engine, server: Homeserver, notebook: Notebook, mouth: Mouth) -> None:
        self._engine, self._server, self._notebook, self._mouth = engine, server, notebook, mouth
        self._asked: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def found(self, waiting: Waiting) -> None:
        """A message that cannot be read waits in the notebook."""
        if waiting.sealed and waiting.sealed not in self._asked:
            self._asked.add(waiting.sealed)
            task = asyncio.create_task(self._deal(waiting, waiting.sealed))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Say nothing more."""
        for task in self._tasks:
            task.cancel()

    async def _deal(self, waiting: Waiting, session: str) -> None:
        try:
            await self._ask(waiting, session)
            await asyncio.sleep(EXPLAIN_AFTER)
            if waiting.room not in await self._notebook.do(self._notebook.rooms_waiting, session):
                return
            logger.warning("message_unreadable", room=waiting.room, sender=waiting.source.get("sender"))
            await self._explain(waiting)
        except (SendFailed, SendRefused) as error:
            logger.info("key_not_asked_for", room=waiting.room, reason=str(error))

    async def _ask(self, waiting: Waiting, session: str) -> None:
        """Ask the device that wrote it, and our account's other devices."""
        said = read.content(waiting.source)
        request = {
            "action": "request",
            "requesting_device_id": self._engine.device_id,
            "request_id": f"largesse-{session}"[:250],
            "body": {
                "algorithm": MEGOLM,
                "room_id": waiting.room,
                "session_id": session,
                "sender_key": read.text(said.get("sender_key")),
            },
        }
        sender, device = read.text(waiting.source.get("sender")), read.text(said.get("device_id")) or "*"
        messages = {self._engine.user_id: {"*": request}, sender: {device: request}}
        endpoint = path("sendToDevice", "m.room_key_request", uuid.uuid4().hex)
        await self._server.ask("PUT", endpoint, {"messages": messages})

    async def _explain(self, waiting: Waiting) -> None:
        if not await self._notebook.do(self._notebook.once, f"explained:{waiting.room}"):
            return
        content = {"msgtype": "m.notice", "body": EXPLANATION, "m.mentions": {}}
        transaction = show.txn(f"explained:{waiting.room}")
        await self._mouth.put(waiting.room, "m.room.message", content, transaction)
