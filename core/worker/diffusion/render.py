"""The renderer that draws with diffusers: `core.worker.renderer.Renderer` for one device.

Lives in the main thread of a device process (`core.worker.process`); models stand on its shelf, `painting`
does a batch.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import torch

from core.errors import Cancelled, OutOfMemory, RenderError
from core.worker.diffusion import canvas, embeddings, loras, prompts
from core.worker.diffusion.libraries import memory_guarded, overheard, quiet
from core.worker.diffusion.loading import Loaded
from core.worker.diffusion.painting import paint
from core.worker.diffusion.shelf import Shelf
from core.worker.renderer import DrawJob, Drawn, ModelEntry, OnPreview, OnStep, Wanted
from core.worker.sketches import Sketches

_PIXELS_PER_THREAD = 6_000


def worthwhile(pixels: int) -> int:
    """How many CPU threads pay for a batch of so many pixels: on little work they mostly wait for each other."""
    return max(1, min(os.cpu_count() or 1, pixels // _PIXELS_PER_THREAD))


class DiffusionRenderer:
    """Draws with diffusers pipelines on one device; see the Renderer protocol.

    Args:
        device: "cpu", "cuda:0", "mps", …
        threads: CPU threads to use; 0 = up to as many as there are cores, fewer for small pictures.

    Raises:
        RenderError: this machine has no such device.
    """

    def __init__(self, device: str, threads: int) -> None:
        if device not in (known := self.devices()) and device != "cpu":
            raise RenderError(f"There is no device {device!r} here; there is {', '.join(known)}.")
        with overheard():
            quiet()
        self._threads = threads
        self._device = device
        self._shelf = Shelf(device)

    @staticmethod
    def devices() -> list[str]:
        """The devices of this machine, best kind first; what "auto" stands for."""
        if torch.cuda.is_available():
            return [f"cuda:{number}" for number in range(torch.cuda.device_count())]
        return ["mps"] if torch.backends.mps.is_available() else ["cpu"]

    def load(self, model: ModelEntry) -> None:
        """Make a model ready; it stays until others need its room."""
        self._shelf.load(model)

    def draw(
        self, jobs: Sequence[DrawJob], *, on_step: OnStep, wanted: Wanted, on_preview: OnPreview | None = None
    ) -> Sequence[Drawn]:
        """Draw a batch of jobs that are alike but for text, seed and source."""
        if not jobs:
            return []
        try:
            return self._paint(jobs, on_step, wanted, Sketches(on_preview))
        except OutOfMemory:
            if not self._shelf.keep_only(jobs[0].model):
                raise
        return self.draw(jobs, on_step=on_step, wanted=wanted, on_preview=on_preview)

    def close(self) -> None:
        """Put all models away."""
        self._shelf.clear()

    def _paint(self, jobs: Sequence[DrawJob], on_step: OnStep, wanted: Wanted, sketches: Sketches) -> Sequence[Drawn]:
        model = self._shelf.get(jobs[0].model)
        plan = canvas.plan(jobs[0].width, jobs[0].height, native=model.entry.native_size)
        torch.set_num_threads(self._threads or worthwhile(plan.width * plan.height * len(jobs)))
        doing = f"to draw {len(jobs)} x {jobs[0].width} x {jobs[0].height} pixels on {self._device}"
        with (
            memory_guarded(doing),
            torch.inference_mode(),
            overheard(),
            loras.worn(model.pipe, jobs[0].loras) as worn,
            embeddings.known(model.pipe, jobs[0].embeddings) as known,
        ):
            drawn = self._in_groups(model, jobs, on_step=on_step, wanted=wanted, sketches=sketches)
        return [
            replace(each, unused=(*each.unused, *worn.unused, *known.unused), metadata={**each.metadata, **worn.notes})
            for each in drawn
        ]

    def _in_groups(
        self, model: Loaded, jobs: Sequence[DrawJob], *, on_step: OnStep, wanted: Wanted, sketches: Sketches
    ) -> list[Drawn]:
        """Draw the jobs whose texts are equally long together, one such group after the other."""
        drawn: list[Drawn] = []
        for group in prompts.in_groups(model.pipe, jobs):
            with suppress(Cancelled):
                drawn += paint(model, group, on_step=on_step, wanted=wanted, sketches=sketches)
        return drawn
