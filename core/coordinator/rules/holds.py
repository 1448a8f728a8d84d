"""Kudos put aside: large requests must be covered before they start, so that nobody draws for nothing.

A hold belongs to one request. Its pictures are paid from it first; what is left goes back when nothing of the request
waits or runs any more.
"""

from __future__ import annotations

import re

from core.contract.generate import GenerateRequest
from core.contract.names import Sampler
from core.coordinator.rules import ledger, pricing
from core.coordinator.rules.ledger import Entry, holding, kudos, wallet
from core.coordinator.rules.values import User
from core.coordinator.store import requests as store
from core.coordinator.store.ledger import Posting
from core.coordinator.store.requests import RequestRow
from core.db import Writing
from core.errors import NotEnoughKudos

FREE_STEPS = 40
FREE_CONTROL_STEPS = 20
FREE_LCM_STEPS = 10
FREE_SIDE = (576, 1024)
SMALLEST_SIDE = 512
FEWEST_STEPS = 5
_LARGE_FAMILY = re.compile(r"sdxl|cascade|flux", re.IGNORECASE)


def free_side(request: GenerateRequest, *, threads: int, queued: int) -> int:
    """The side of the largest square that needs no kudos in advance, given how busy the horde is; pixels."""
    low, high = FREE_SIDE
    if any(map(_LARGE_FAMILY.search, request.models)):
        return high
    return max(low, min(high, 1024 + 10 * threads - round(0.9 * queued)))


def free_steps(request: GenerateRequest) -> int:
    """The most steps that need no kudos in advance."""
    if request.params.sampler_name == Sampler.LCM:
        return FREE_LCM_STEPS
    return FREE_CONTROL_STEPS if request.params.control_type else FREE_STEPS


def needed(request: GenerateRequest, *, side: int) -> bool:
    """Must this request be covered in advance?"""
    params = request.params
    steps = params.steps if params.control_type else pricing.accurate_steps(params)
    too_long = steps > free_steps(request) and params.sampler_name != Sampler.K_DPM_ADAPTIVE
    return not request.slow_workers or too_long or params.width * params.height > side * side


def downgrade(request: GenerateRequest, *, side: int) -> GenerateRequest:
    """The same request, shrunk and shortened until it needs nothing in advance."""
    params = request.params
    scale = min(1.0, (side * side / (params.width * params.height)) ** 0.5)
    passes = max(1, pricing.accurate_steps(params) // params.steps)
    smaller = {
        "width": _snapped(params.width, scale),
        "height": _snapped(params.height, scale),
        "steps": max(FEWEST_STEPS, min(params.steps, free_steps(request) // passes)),
    }
    return request.model_copy(update={"params": params.model_copy(update=smaller), "slow_workers": True})


def _snapped(side: int, scale: float) -> int:
    return side if scale == 1.0 else min(side, max(SMALLEST_SIDE, int(side * scale) // 64 * 64))


def place(tx: Writing, request_id: str, *, user: User, amount: int, now: float) -> None:
    """Put kudos aside for a request.

    Raises:
        NotEnoughKudos: the balance above the floor does not cover it; nothing was touched.
    """
    if ledger.spendable(tx, user) < amount:
        raise NotEnoughKudos(
            f"A request of this size has to be covered in advance: it needs {kudos(amount):g} kudos.",
            code="KudosUpfront",
        )
    sides = [Posting(wallet(user.id), Entry.HOLD, -amount), Posting(holding(user.id), Entry.HOLD, amount)]
    ledger.book(tx, f"hold:{request_id}", kind=Entry.HOLD, at=now, sides=sides)


def release(tx: Writing, row: RequestRow, *, held: int, now: float) -> None:
    """Give back what is left when nothing of the request waits or runs any more."""
    if held > 0:
        sides = [Posting(holding(row.user_id), Entry.HOLD, -held), Posting(wallet(row.user_id), Entry.HOLD, held)]
        ledger.book(tx, f"release:{row.id}", kind=Entry.HOLD, at=now, sides=sides)
        store.unhold(tx, row.id)
