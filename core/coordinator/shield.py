"""What one process knows of blocks, offences and filters: asked by handlers before anything is done.

It is never older than ten seconds: then what others changed is in force here; what this process changed is at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from core import log
from core.contract.generate import GenerateRequest
from core.coordinator.rates import neighbourhood
from core.coordinator.rules import protection
from core.coordinator.rules.prompts import Filter
from core.coordinator.rules.protection import Known
from core.coordinator.rules.values import User
from core.db import Database
from core.errors import HordeUnavailable, InvalidRequest, NotAllowed

_log = log.get(__name__)

_SECONDS = 10.0
_AGAIN_AFTER = 1.0
"""Seconds after which a database that did not answer is asked again; meanwhile what was known holds."""


class Shield:
    """Keeps out who is blocked, and judges prompts."""

    def __init__(self, database: Database, written: Sequence[Filter]) -> None:
        """written: the filters of the file, beside which those of moderators are in force."""
        self._database = database
        self._written = tuple(written)
        self._known = Known()
        self._good_until = 0.0
        self._loading = asyncio.Lock()

    async def known(self) -> Known:
        """What is in force."""
        if time.monotonic() >= self._good_until:
            async with self._loading:
                if time.monotonic() >= self._good_until:
                    await self._load()
        return self._known

    async def _load(self) -> None:
        try:
            self._known = await self._database.read(lambda tx: protection.load(tx, self._written, now=time.time()))
            self._good_until = time.monotonic() + _SECONDS
        except HordeUnavailable:
            self._good_until = time.monotonic() + _AGAIN_AFTER

    def changed(self) -> None:
        """This process changed something: look again at the next question."""
        self._good_until = 0.0

    async def refuse(self, address: str) -> None:
        """Raises NotAllowed (TimeoutIP) where nothing is taken from an address."""
        until = (await self.known()).blocked_until(address, time.time())
        if until is not None:
            raise _timeout("Nothing is taken from your address", until)

    async def admit(self, request: GenerateRequest, *, user: User, address: str) -> GenerateRequest:
        """The request as it may be drawn.

        Raises:
            NotAllowed: TimeoutIP, nothing is taken from this address, or from this end user of a service.
            InvalidRequest: CorruptPrompt, nobody may ask for that; it was written down against whoever did.
        """
        known, end_user = await self.known(), request.proxied_account if user.service else None
        if end_user is None:
            await self.refuse(address)
        else:
            until = known.subjects.get(protection.proxied(user, end_user), 0.0)
            if until > time.time():
                raise _timeout("Nothing is taken from you", until)
        judged = known.lists.judge(request.prompt)
        suspicious = user.flagged and 1 in judged.groups
        if not (judged.corrupt or suspicious):
            return request
        rewritten = known.lists.rewritten(request.prompt) if request.replacement_filter or user.education else None
        if rewritten is not None:
            return request.model_copy(update={"prompt": rewritten})
        await self._write_down(request, user, end_user, address, judged.matches)
        raise InvalidRequest(
            "This prompt combines words that nobody may ask for together; it was not accepted.", code="CorruptPrompt"
        )

    async def _write_down(
        self, request: GenerateRequest, user: User, end_user: str | None, address: str, matches: Sequence[str]
    ) -> None:
        network = protection.parse_network(neighbourhood(address)) if address else ""
        await self._database.write(
            lambda tx: protection.offend(
                tx,
                user=user,
                end_user=end_user,
                network=network,
                prompt=request.prompt,
                matches=matches,
                now=time.time(),
            )
        )
        self.changed()
        _log.warning("prompt_refused", user=user.id, end_user=end_user is not None, matches=list(matches))


def _timeout(words: str, until: float) -> NotAllowed:
    minutes = max(1, round((until - time.time()) / 60))
    return NotAllowed(f"{words} for another {minutes} minutes.", code="TimeoutIP")
