"""What is known about a request on its way, and the words and the fraction that a person sees of it."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from enum import StrEnum

from core.client.pictures import kind_of
from core.contract.generate import CheckResponse


class Stage(StrEnum):
    """Where a request stands; each member's meaning is its line."""

    SENDING = "sending"  # on its way to the horde, or the horde is away and it is tried again
    AWAY = "away"  # the horde does not answer; nothing is lost
    STUCK = "stuck"  # accepted, but nobody who is online could draw it
    WAITING = "waiting"  # in the queue
    DRAWING = "drawing"  # at least one worker is at it
    LANDING = "landing"  # done, the pictures are being fetched


@dataclass(frozen=True)
class Glimpse:
    """One look at a request: how many are before it, how long it may take (seconds), step `step` of `steps`."""

    stage: Stage
    total: int = 1
    finished: int = 0
    position: int = 0
    wait: float = 0.0
    step: int = 0
    steps: int = 0
    reason: str = ""
    preview: bytes | None = field(default=None, repr=False)
    """How a picture that is being drawn looks by now, a small webp file."""

    @property
    def fraction(self) -> float | None:
        """How much of the drawing is done, 0 to 1; None while nothing is being drawn."""
        if self.stage is Stage.LANDING:
            return 1.0
        if self.stage is not Stage.DRAWING:
            return None
        current = self.step / self.steps if self.steps else 0.0
        return min(1.0, (self.finished + current) / self.total)

    @property
    def text(self) -> str:
        """The same as a short sentence."""
        match self.stage:
            case Stage.SENDING:
                return "Asking the horde …"
            case Stage.AWAY:
                return f"{self.reason or 'The horde does not answer right now.'} Nothing is lost: I keep trying."
            case Stage.STUCK:
                reason = self.reason or "Nobody who could draw this is online right now."
                return f"{reason.rstrip('.')}. It waits until somebody comes; say “cancel” to take it back."
            case Stage.WAITING:
                return self._waiting()
            case Stage.DRAWING:
                return self._drawing()
            case Stage.LANDING:
                return "Done, fetching the picture …" if self.total == 1 else "Done, fetching the pictures …"

    def _waiting(self) -> str:
        place = f"Number {self.position} in the queue" if self.position else "In the queue"
        return f"{place}{f', about {duration(self.wait)}' if self.wait >= 1 else ''} …"

    def _drawing(self) -> str:
        which = f"picture {min(self.finished + 1, self.total)} of {self.total}" if self.total > 1 else ""
        step = f"step {self.step} of {self.steps}" if self.step else ""
        eta = f"about {duration(self.wait)} left" if self.wait >= 3 else ""
        details = ", ".join(part for part in (which, step, eta) if part)
        return f"Drawing: {details} …" if details else "Drawing …"


def seen(check: CheckResponse, *, total: int) -> Glimpse:
    """One answer of the horde as a glimpse."""
    running = max(check.running or (), key=lambda each: each.step, default=None)
    stage = Stage.DRAWING if check.processing or check.finished else Stage.WAITING
    if stage is Stage.WAITING and check.is_possible is False:
        stage = Stage.STUCK
    return Glimpse(
        stage=stage,
        total=total,
        finished=check.finished,
        position=check.queue_position,
        wait=float(check.wait_time),
        step=running.step if running else 0,
        steps=running.steps if running else 0,
        preview=_preview(running.preview) if running and running.preview else None,
    )


def _preview(text: str) -> bytes | None:
    """The file, where it is one: it comes from a stranger's worker."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return data if kind_of(data) == "image/webp" else None


def duration(seconds: float) -> str:
    """A length of time as people say it: "4 s", "3 min", "2 h 10 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"
