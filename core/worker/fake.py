"""A renderer without a model: draws test patterns, and fails in every way a real one can, on demand.

Used by tests, benchmarks and `renderer = "fake"`. The same job always gives the same picture. Words in the prompt make
it misbehave:

    [[fail]]    raises RenderError
    [[oom]]     raises OutOfMemory when the batch has more than one picture
    [[oom!]]    raises OutOfMemory always
    [[bug]]     raises a ValueError, as a slip in the code would
    [[crash]]   the process dies in the middle of the steps, as by a segmentation fault
    [[hang]]    stops in the middle of the steps for ever
    [[freeze]]  the whole process stands still, its heartbeat too
    [[slow]]    takes a tenth of a second for each step
"""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.errors import ModelUnusable, OutOfMemory, RenderError
from core.worker import provenance
from core.worker.renderer import DrawJob, Drawn, ModelEntry, OnPreview, OnStep, Wanted
from core.worker.sketches import Sketches

if TYPE_CHECKING:
    from PIL import Image

_SLOW_STEP = 0.1


class FakeRenderer:
    """Draws a colour made from the prompt, with the prompt and the seed written on it.

    Args:
        device: any name; only remembered.
        threads: ignored.
        step_seconds: how long one step takes.
    """

    def __init__(self, device: str, threads: int, *, step_seconds: float = 0.0) -> None:
        del threads
        self.device = device
        self._step_seconds = step_seconds
        self._loaded: set[str] = set()

    def load(self, model: ModelEntry) -> None:
        """Remember the name; a model named "unusable" is refused as damaged files are."""
        if model.name == "unusable":
            raise ModelUnusable(f"The model {model.name!r} cannot be used: this one is refused on purpose.")
        self._loaded.add(model.name)

    def draw(
        self, jobs: Sequence[DrawJob], *, on_step: OnStep, wanted: Wanted, on_preview: OnPreview | None = None
    ) -> Sequence[Drawn]:
        """Draw them all, step by step; see the Renderer protocol."""
        missing = {job.model for job in jobs} - self._loaded
        if missing:
            raise ModelUnusable(f"The model {min(missing)!r} is not loaded.")
        steps, sketches = max(job.steps for job in jobs), Sketches(on_preview)
        for step in range(1, steps + 1):
            if not any(wanted(job.id) for job in jobs):
                return []
            if step == max(1, steps // 2):
                _misbehave(jobs)
            self._pause(jobs)
            on_step(step, steps)
            if sketches.due():
                for job in jobs:
                    sketches.show(job.id, _image(job))
        return [_drawn(job) for job in jobs if wanted(job.id)]

    def close(self) -> None:
        """Nothing to let go of."""

    def _pause(self, jobs: Sequence[DrawJob]) -> None:
        slow = any("[[slow]]" in job.prompt for job in jobs)
        time.sleep(max(self._step_seconds, _SLOW_STEP if slow else 0.0))


def _misbehave(jobs: Sequence[DrawJob]) -> None:
    words = " ".join(job.prompt for job in jobs)
    if "[[fail]]" in words:
        raise RenderError("This picture fails on purpose.")
    if "[[oom!]]" in words or ("[[oom]]" in words and len(jobs) > 1):
        raise OutOfMemory(f"{len(jobs)} pictures do not fit, on purpose.")
    if "[[bug]]" in words:
        raise ValueError("a slip in the code, on purpose")
    if "[[crash]]" in words:
        os.kill(os.getpid(), signal.SIGKILL)
    if "[[hang]]" in words:
        threading.Event().wait()
    if "[[freeze]]" in words:
        os.kill(os.getpid(), signal.SIGSTOP)


def _image(job: DrawJob) -> Image.Image:
    from PIL import Image, ImageDraw

    colour = hashlib.sha256(f"{job.prompt}|{job.negative_prompt}|{job.seed}".encode()).digest()[:3]
    image = Image.new("RGB", (job.width, job.height), (colour[0], colour[1], colour[2]))
    pen = ImageDraw.Draw(image)
    ink = "black" if sum(colour) > 3 * 128 else "white"
    text = f"{job.prompt}\n{job.seed}".encode("latin-1", "replace").decode("latin-1")
    pen.multiline_text((2, 2), text, fill=ink, font_size=10)
    return image


def _drawn(job: DrawJob) -> Drawn:
    return Drawn(
        job_id=job.id,
        picture=provenance.encode(_image(job), provenance.parameters(job, renderer="fake")),
        width=job.width,
        height=job.height,
        seed=job.seed,
    )
