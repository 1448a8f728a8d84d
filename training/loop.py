"""The loop that every network trains in: seeded steps, learning rate, checkpoints that resume, a line of progress."""

import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

_SAVE_EVERY_S = 120.0
_REPORT_EVERY_S = 20.0


class Stateful(Protocol):
    """Anything whose state can be saved and put back: modules, optimizers, averages."""

    def state_dict(self) -> dict[str, Any]:
        """Give the state."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:  # noqa: ANN401 - modules return key reports
        """Put a saved state back."""
        ...


@dataclass(frozen=True)
class Workplace:
    """Where a training keeps its state, and on what it computes."""

    folder: Path
    device: torch.device

    def file(self, name: str) -> Path:
        """Give the path of one of its files; the folder is made on demand."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / name


def save_atomically(content: object, path: Path) -> None:
    """Write with torch.save so that a kill at any moment leaves the old file or the new one."""
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    os.replace(partial, path)  # noqa: PTH105 - same folder, atomic


def learning_rate(step: int, total: int, peak: float, *, warm_up: int = 100, decay: float = 0.3) -> float:
    """Give the rate for a step: linear warm-up, a plateau, and a linear fall to zero over the last `decay` part."""
    rise = min(1.0, (step + 1) / warm_up)
    fall = min(1.0, max(0.0, (total - step) / (total * decay)))
    return peak * min(rise, fall)


@dataclass
class Training:
    """One network's run from its first or last saved step to `total`."""

    name: str
    workplace: Workplace
    total: int
    seed: int
    parts: dict[str, Stateful]
    _losses: list[float] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """Where the checkpoint lies."""
        return self.workplace.file(f"{self.name}.pt")

    def resume(self) -> int:
        """Load the checkpoint if there is one; give the step to go on with."""
        if not self.path.exists():
            return 0
        saved = torch.load(self.path, map_location=self.workplace.device, weights_only=True)
        for name, part in self.parts.items():
            part.load_state_dict(saved["parts"][name])
        return int(saved["step"])

    def save(self, step: int) -> None:
        """Write the checkpoint: `step` steps are done."""
        states = {name: part.state_dict() for name, part in self.parts.items()}
        save_atomically({"step": step, "parts": states}, self.path)

    def note(self, loss: torch.Tensor) -> None:
        """Remember a step's loss for the progress line."""
        self._losses.append(float(loss.detach()))

    def _report(self, step: int, speed: float) -> None:
        mean = sum(self._losses) / max(1, len(self._losses))
        left = (self.total - step) / max(speed, 1e-9) / 60
        line = f"{self.name} {step}/{self.total}  loss {mean:.4f}  {speed:.2f} steps/s  {left:.1f} min left"
        print(line, flush=True)
        self._losses.clear()

    def steps(self) -> Iterator[tuple[int, random.Random]]:
        """Yield (step, its own random source) until the total, saving and reporting by the clock.

        torch's generator is seeded per step too, so an interrupted run goes on as an uninterrupted one would.
        """
        first = self.resume()
        saved = reported = time.monotonic()
        reported_step = first
        for step in range(first, self.total):
            torch.manual_seed(hash((self.seed, step)) & 0x7FFFFFFF)
            yield step, random.Random(f"{self.name}-{self.seed}-{step}")
            now = time.monotonic()
            if now - reported > _REPORT_EVERY_S:
                self._report(step + 1, (step + 1 - reported_step) / (now - reported))
                reported, reported_step = now, step + 1
            if now - saved > _SAVE_EVERY_S:
                self.save(step + 1)
                saved = now
        if first < self.total:
            self.save(self.total)
