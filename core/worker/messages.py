"""What travels through the pipe between the worker and a device process, both ways, pickled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from core import errors
from core.errors import RenderError
from core.worker.renderer import DrawJob, Drawn, ModelEntry


@dataclass(frozen=True, slots=True)
class Load:
    """To the device: make this model ready. Answered by Done or Failed."""

    model: ModelEntry


@dataclass(frozen=True, slots=True)
class Draw:
    """To the device: draw this batch. Answered by Stepped and Previewed …, then Done or Failed."""

    jobs: Sequence[DrawJob]
    previews: bool = False
    """Somebody wants to look on."""


@dataclass(frozen=True, slots=True)
class Unwant:
    """To the device, at any time: nobody wants this picture any more."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Started:
    """From the device: the renderer is there. `devices` is what "auto" stands for on this machine, best first."""

    device: str
    devices: Sequence[str]


@dataclass(frozen=True, slots=True)
class Beat:
    """From the device, every second: the process lives."""


@dataclass(frozen=True, slots=True)
class Stepped:
    """From the device: so many steps of the batch are done."""

    step: int
    steps: int


@dataclass(frozen=True, slots=True)
class Previewed:
    """From the device: how one picture of the batch looks by now, a small webp file."""

    job_id: str
    picture: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Done:
    """From the device: the load or the batch is finished."""

    drawn: Sequence[Drawn] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """From the device: the load or the batch could not be done; the process is fit for more."""

    kind: str
    message: str

    @classmethod
    def of(cls, error: RenderError) -> Failed:
        """The message for one error."""
        return cls(type(error).__name__, str(error))

    def error(self) -> RenderError:
        """The error again; a class that the other side does not know is a plain RenderError."""
        kind = getattr(errors, self.kind, RenderError)
        if isinstance(kind, type) and issubclass(kind, RenderError):
            return kind(self.message)
        return RenderError(self.message)


Command = Load | Draw | Unwant
Event = Started | Beat | Stepped | Previewed | Done | Failed
