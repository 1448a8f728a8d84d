"""Says something to somebody who has not just asked anything: what came of what they did an hour or a week ago.

Goes through the outbox like every answer, so it is said once. Only in private: where a platform cannot, it is not said.
"""

from __future__ import annotations

from collections.abc import Sequence

from core import log
from core.chat import fit
from core.chat.memory import Memory
from core.chat.outbox import Outbox
from core.chat.port import Port, SendFailed, SendRefused
from core.chat.types import Person, Place, Post

PATIENCE = 30.0
"""Seconds for which a platform that is away is tried; the rest of the notices must not wait for one."""
_log = log.get(__name__)


class Notices:
    """All platforms of this process."""

    def __init__(self, memory: Memory, ports: Sequence[Port]) -> None:
        self._outbox = Outbox(memory)
        self._ports = {port.name: port for port in ports}

    async def tell(self, platform: str, person: str, place: str, text: str, *, private: bool, key: str) -> None:
        """Say it to one person, in private; said once for each key. What cannot be said is let go."""
        port = self._ports.get(platform)
        if port is None or not (private or port.limits.can_whisper):
            _log.info("notice_not_told", platform=platform, key=key)
            return
        whom, where = Person(platform, person, ""), Place(platform, place, private=private)
        post = fit.short(Post(text), port.limits, {})
        try:
            await self._outbox.send(port, where, post, key=key, person=whom, whisper=not private, patience=PATIENCE)
        except (SendFailed, SendRefused) as error:
            _log.info("notice_not_told", platform=platform, key=key, reason=str(error))
