"""Verification by emoji, answered to the owners of the bot, in rooms and between devices.

The emoji are shown where only whoever runs the bot looks: its log and the terminal of `run_bot.py matrix verify`. The
owner compares them in their app, and their app's proof comes only after they said that these are the same.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from adapters.matrix import identity, read
from adapters.matrix.engine import Engine
from adapters.matrix.homeserver import Body, Homeserver, path
from adapters.matrix.keys import with_signature
from adapters.matrix.mouth import Mouth
from adapters.matrix.sas import METHOD, Mismatch, Sas, Side
from core import log
from core.chat.port import SendFailed, SendRefused
from core.errors import ConfigError

PREFIX = "m.key.verification."
PATIENCE = 600.0
"""Seconds a run may take."""

logger = log.get(__name__)
Show = Callable[[str, list[tuple[str, str]]], None]
"""Shows somebody's name and the seven emoji."""


@dataclass
class _Run:
    """One verification on its way."""

    id: str
    room: str | None
    """None: between devices."""
    user: str
    device: str
    begun: float = field(default_factory=time.monotonic)
    sas: Sas | None = None


class Verifier:
    """Answers verifications.

    Args:
        owners: who may verify; the bot's own account always may, from its other apps.
        identity: the bot's private keys, where they are known here.
    """

    def __init__(
        self,
        engine: Engine,
        server: Homeserver,
        mouth: Mouth,
        *,
        owners: Collection[str],
        known: Callable[[], identity.Identity | None],
        show: Show,
    ) -> None:
        self._engine, self._server, self._mouth, self._known, self._show = engine, server, mouth, known, show
        self._owners = {*owners, engine.user_id}
        self._runs: dict[str, _Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()

    def stop(self) -> None:
        """Forget what is on its way."""
        for task in self._tasks:
            task.cancel()

    def device_said(self, source: Body) -> None:
        """Something from a device."""
        kind = read.text(source.get("type"))
        if kind.startswith(PREFIX):
            run = read.text(read.content(source).get("transaction_id"))
            self._hear(kind, source, None, run)

    def room_said(self, room: str, source: Body) -> None:
        """Something from a room."""
        kind = read.text(source.get("type"))
        if kind == "m.room.message":
            if read.content(source).get("to") == self._engine.user_id:
                self._hear(f"{PREFIX}request", source, room, str(source["event_id"]))
        else:
            self._hear(kind, source, room, read.relation(source).target)

    def _hear(self, kind: str, source: Body, room: str | None, run: str) -> None:
        sender = read.text(source.get("sender"))
        if sender not in self._owners or not run:
            logger.info("verification_ignored", sender=sender)
            return
        task = asyncio.create_task(self._answer(kind.removeprefix(PREFIX), source, room, run))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, step: str, source: Body, room: str | None, run_id: str) -> None:
        async with self._turn:
            self._runs = {key: each for key, each in self._runs.items() if each.begun > time.monotonic() - PATIENCE}
            content, sender = read.content(source), read.text(source.get("sender"))
            run = self._runs.get(run_id)
            if run and run.user != sender:
                return
            try:
                await self._step(
                    step, content, run or _Run(run_id, room, sender, read.text(content.get("from_device")))
                )
            except Mismatch as wrong:
                logger.warning("verification_failed", sender=sender, reason=str(wrong))
                self._runs.pop(run_id, None)
                cancel = {"code": wrong.code, "reason": str(wrong)}
                await self._try(
                    run or _Run(run_id, room, sender, read.text(content.get("from_device"))), "cancel", cancel
                )
            except (SendFailed, SendRefused, ConfigError) as error:
                logger.warning("verification_stuck", sender=sender, reason=str(error))

    async def _step(self, step: str, content: Body, run: _Run) -> None:
        us = Side(self._engine.user_id, str(self._engine.device_id))
        if step == "request" and METHOD in (content.get("methods") or ()):
            self._runs[run.id] = run
            await self._send(run, "ready", {"from_device": us.device, "methods": [METHOD]})
        elif step == "start":
            self._runs[run.id] = run
            run.device = read.text(content.get("from_device")) or run.device
            run.sas = Sas(us, Side(run.user, run.device), run.id, content)
            await self._send(run, "accept", run.sas.accept())
        elif step == "key" and run.sas:
            await self._send(run, "key", {"key": run.sas.exchange(read.text(content.get("key")))})
            self._show(run.user, run.sas.emoji())
        elif step == "mac" and run.sas:
            await self._finish(run, run.sas, content)
        elif step in {"cancel", "done"}:
            self._runs.pop(run.id, None)

    async def _finish(self, run: _Run, sas: Sas, proof: Body) -> None:
        """Their proof is there: they saw the same emoji. Check it, give ours, vouch for them."""
        answer = await self._server.ask("POST", path("keys", "query"), {"device_keys": {run.user: []}})
        device = read.table(read.table(answer.get("device_keys", {}).get(run.user)).get(run.device))
        keys = {key: str(value) for key, value in read.table(device.get("keys")).items() if key.startswith("ed25519:")}
        master = read.table(read.table(answer.get("master_keys")).get(run.user))
        keys |= {key: str(value) for key, value in read.table(master.get("keys")).items()}
        proven = sas.check(proof, keys)
        await self._send(run, "mac", sas.prove(await self._our_keys()))
        await self._send(run, "done", {})
        self._runs.pop(run.id, None)
        logger.warning("verified", user=run.user, device=run.device)
        known = self._known()
        if known and run.user != self._engine.user_id and set(read.table(master.get("keys"))) & set(proven):
            signing = known.keys[identity.USER]
            plain = {key: value for key, value in master.items() if key not in {"signatures", "unsigned"}}
            signed = with_signature(plain, self._engine.user_id, f"ed25519:{signing.public}", signing.sign(plain))
            public = next(iter(read.table(master.get("keys")).values()))
            await identity.upload_signatures(self._server, {run.user: {str(public): signed}})

    async def _our_keys(self) -> dict[str, str]:
        standing = await identity.look_at(self._server, self._engine)
        ours = {f"ed25519:{self._engine.device_id}": self._engine.machine.account.identity_keys["ed25519"]}
        known = self._known()
        public = read.table(standing.public.get(identity.MASTER, {}).get("keys"))
        if known and f"ed25519:{known.keys[identity.MASTER].public}" in public:
            ours |= {key: str(value) for key, value in public.items()}
        return ours

    async def _try(self, run: _Run, step: str, content: dict[str, Any]) -> None:
        try:
            await self._send(run, step, content)
        except (SendFailed, SendRefused) as error:
            logger.info("verification_stuck", sender=run.user, reason=str(error))

    async def _send(self, run: _Run, step: str, content: dict[str, Any]) -> None:
        if run.room:
            related = {**content, "m.relates_to": {"rel_type": "m.reference", "event_id": run.id}}
            await self._mouth.put(run.room, PREFIX + step, related, uuid.uuid4().hex)
            return
        messages = {run.user: {run.device: {**content, "transaction_id": run.id}}}
        endpoint = path("sendToDevice", PREFIX + step, uuid.uuid4().hex)
        await self._server.ask("PUT", endpoint, {"messages": messages})


def tell(user: str, emoji: list[tuple[str, str]]) -> None:
    """Write the emoji into the log."""
    logger.warning("verification_emoji", user=user, emoji="  ".join(f"{sign} {name}" for sign, name in emoji))
