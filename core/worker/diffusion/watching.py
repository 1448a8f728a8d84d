"""Between the steps: tells how far a batch is, and stops it once nobody wants any of its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import Cancelled
from core.worker.diffusion.libraries import Foreign
from core.worker.renderer import DrawJob, OnStep, Wanted


class Watch:
    """Called by a pipeline after every evaluation of its network.

    Samplers of second order evaluate twice per step, and pictures made in two passes run two pipelines; what comes out
    at `on_step` are steps from 1 to `steps`, each at most once.

    Args:
        jobs: the batch.
        steps: steps of all passes together.
        on_step: told of each step.
        wanted: asked for each job.
    """

    def __init__(self, jobs: Sequence[DrawJob], *, steps: int, on_step: OnStep, wanted: Wanted) -> None:
        self._jobs, self._steps = jobs, steps
        self._on_step, self._wanted = on_step, wanted
        self._before, self._share, self._told = 0, steps, 0

    def begin(self, share: int) -> None:
        """The next pass starts; it makes `share` of the steps.

        Raises:
            Cancelled: nobody wants any of the pictures.
        """
        self._check()
        self._before, self._share = self._told, share

    def __call__(self, pipe: Foreign, evaluation: int, _time: object, _tensors: Mapping[str, Any]) -> dict[str, Any]:
        """After evaluation number `evaluation` (from 0); changes nothing in the pipeline.

        Raises:
            Cancelled: nobody wants any of the pictures.
        """
        done = self._before + self._share * (evaluation + 1) // pipe.num_timesteps
        if done > self._told:
            self._told = min(done, self._steps)
            self._on_step(self._told, self._steps)
        self._check()
        return {}

    def _check(self) -> None:
        if not any(self._wanted(job.id) for job in self._jobs):
            raise Cancelled
