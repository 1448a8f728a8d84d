"""What the horde offers right now: its models, kept for half a minute so that every request can look at them.

Also answers what suggestions ask for (names of models), from memory and never over the network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from core import log
from core.client.horde import HordeClient
from core.errors import LargesseError
from core.house.words import LITTLE

FRESH_FOR = 30.0
"""Seconds that an answer counts as current; an empty one is asked again at once, for a worker may just be starting."""

LET_BE_FOR = 5.0
"""Seconds for which a horde that did not answer is not asked again: everybody who asks for a picture would wait for it,
one after the other."""


@dataclass(frozen=True)
class Offered:
    """One model on offer: how many worker threads serve it, and seconds until its queue is done."""

    name: str
    workers: int
    eta: float


class Offer:
    """The models of one horde."""

    def __init__(self, horde: HordeClient, *, clock: Callable[[], float]) -> None:
        """Args: `horde` is asked, `clock` tells the time in seconds since 1970."""
        self._horde = horde
        self._clock = clock
        self._models: tuple[Offered, ...] = ()
        self._asked_at = self._failed_at = float("-inf")
        self._asking = asyncio.Lock()

    async def models(self) -> tuple[Offered, ...]:
        """The models on offer, busiest served first; the last known ones while the horde is away."""
        async with self._asking:
            if self._is_due():
                await self._refresh()
        return self._models

    def names(self) -> list[str]:
        """Names of the models last seen, for suggestions."""
        return [model.name for model in self._models]

    def _is_due(self) -> bool:
        now = self._clock()
        if 0 <= now - self._failed_at < LET_BE_FOR:
            return False
        return not self._models or now - self._asked_at > FRESH_FOR

    async def _refresh(self) -> None:
        try:
            found = await self._horde.models()
        except LargesseError as error:
            self._failed_at = self._clock()
            log.get(__name__).info("models_unknown", reason=error.code)
            return
        offered = (Offered(model.name, model.count, float(model.eta)) for model in found if model.count > 0)
        self._models = tuple(sorted(offered, key=lambda model: (-model.workers, model.name)))
        self._asked_at = self._clock()


def only_little(models: tuple[Offered, ...]) -> bool:
    """Whether the bundled model is all there is."""
    return [model.name for model in models] == [LITTLE]
