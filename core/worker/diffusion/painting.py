"""One batch from jobs to pictures: plan the canvas, encode the words, run the pipeline, check, scale, encode.

`render` calls `paint` with a loaded model; the jobs are alike but for text, seed and source (`core.worker.batcher`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from core.errors import RenderError
from core.worker import provenance
from core.worker.diffusion import canvas, glimpsing, prompts, safety, samplers, sources
from core.worker.diffusion.canvas import Canvas
from core.worker.diffusion.loading import Loaded, Start
from core.worker.diffusion.safety import Verdict
from core.worker.diffusion.seeds import generators
from core.worker.diffusion.sources import Source
from core.worker.diffusion.tiling import seamless
from core.worker.diffusion.watching import Watch
from core.worker.renderer import DrawJob, Drawn, OnStep, Wanted
from core.worker.sketches import Sketches

_STRENGTH = {Start.PICTURE: 0.75, Start.MASK: 1.0}
_HIRES_STRENGTH = 0.65
_NO_NEED = "left out, it would change nothing"


@dataclass(frozen=True, slots=True)
class _Batch:
    """What all passes over a batch share."""

    model: Loaded
    jobs: Sequence[DrawJob]
    wording: prompts.Wording
    watch: Watch
    wanted: Wanted
    sketches: Sketches

    @property
    def like(self) -> DrawJob:
        """Any of the jobs: for what is the same in all of them."""
        return self.jobs[0]


def paint(
    model: Loaded, jobs: Sequence[DrawJob], *, on_step: OnStep, wanted: Wanted, sketches: Sketches
) -> list[Drawn]:
    """Draw a batch; pictures that are not wanted any more at the end are left out.

    Raises:
        RenderError: a sampler that is not known, a source that cannot be used, a picture that is not a number.
        Cancelled: none of the pictures is wanted any more.
    """
    like, native = jobs[0], model.entry.native_size
    plan = canvas.plan(like.width, like.height, native=native)
    starts = [sources.prepare(job, plan) for job in jobs]
    two_passes = _needs_two_passes(like, plan, native)
    steps = like.steps + (_steps_of(like.steps, _hires_strength(like)) if two_passes else 0)
    watch = Watch(jobs, steps=steps, on_step=on_step, wanted=wanted)
    wording = prompts.encode(model.pipe, jobs, model.entry.family)
    batch = _Batch(model, jobs, wording, watch, wanted, sketches)
    with seamless([model.pipe.unet, model.pipe.vae]) if like.tiling else nullcontext():
        images = _in_two_passes(batch, plan) if two_passes else _pass(batch, plan.drawn, starts, like.steps)
    common = _notes(like, plan) | ({"hires_fix": _NO_NEED} if like.hires_fix and not two_passes else {})
    verdicts = safety.judge(model.guard, jobs, images)
    finished = zip(jobs, images, verdicts, starts, batch.wording.notes, strict=True)
    return [
        _finish(job, image, verdict, start, plan, common | dict(notes))
        for job, image, verdict, start, notes in finished
        if wanted(job.id)
    ]


def _needs_two_passes(job: DrawJob, plan: Canvas, native: int) -> bool:
    """Hires fix: where there is a start picture, or no more pixels than the model knows, it would change nothing."""
    return job.hires_fix and job.source_image is None and plan.width * plan.height > native * native


def _in_two_passes(batch: _Batch, plan: Canvas) -> list[Image.Image]:
    """Draw at the model's own size, enlarge, then redraw the details."""
    small = canvas.near_native(plan.width, plan.height, batch.model.entry.native_size)
    steps, strength = batch.like.steps, _hires_strength(batch.like)
    first = _pass(batch, small, [None] * len(batch.jobs), steps)
    starts = [Source(canvas.fit(image, plan.drawn), None) for image in first]
    refined = replace(batch, jobs=[replace(job, denoising_strength=strength) for job in batch.jobs])
    return _pass(refined, plan.drawn, starts, _steps_of(steps, strength))


def _pass(batch: _Batch, size: tuple[int, int], starts: Sequence[Source | None], share: int) -> list[Image.Image]:
    """Run one pipeline over the batch, `share` of its steps; pictures of `size` (width, height)."""
    job, seeds = batch.like, [job.seed for job in batch.jobs]
    kind, given = _start(job, starts)
    scheduler = samplers.build(job.sampler, batch.model.schedule, karras=job.karras, steps=job.steps, seeds=seeds)
    batch.watch.begin(share)
    pipe = batch.model.pipeline(kind, scheduler)
    guarded = batch.model.guard is not None
    glimpsing.follow(pipe, batch.jobs, batch.sketches, guarded=guarded, wanted=batch.wanted)
    shape = {} if kind is Start.PICTURE else {"width": size[0], "height": size[1]}
    answer = pipe(
        **batch.wording.arguments,
        **given,
        **shape,
        num_inference_steps=job.steps,
        guidance_scale=job.cfg_scale,
        generator=generators(seeds),
        callback_on_step_end=batch.watch,
        output_type="np",
    )
    return _images(answer.images)


def _start(job: DrawJob, starts: Sequence[Source | None]) -> tuple[Start, dict[str, Any]]:
    """The kind of pipeline, and what it has to be given for it."""
    present = [start for start in starts if start is not None]
    if not present:
        return Start.NOISE, {}
    masks = [start.mask for start in present if start.mask is not None]
    kind = Start.MASK if masks else Start.PICTURE
    strength = _STRENGTH[kind] if job.denoising_strength is None else job.denoising_strength
    given: dict[str, Any] = {
        "image": [start.image for start in present],
        "strength": _at_least_one(job.steps, strength),
    }
    return kind, given | ({"mask_image": masks} if masks else {})


def _at_least_one(steps: int, strength: float) -> float:
    """The strength, raised where it would leave no step at all."""
    return min(1.0, max(strength, (1 + 1e-6) / steps))


def _steps_of(steps: int, strength: float) -> int:
    return max(1, min(steps, int(steps * strength)))


def _hires_strength(job: DrawJob) -> float:
    return _HIRES_STRENGTH if job.hires_denoising_strength is None else job.hires_denoising_strength


def _images(pixels: npt.NDArray[np.float32]) -> list[Image.Image]:
    """Pictures from floats between 0 and 1, (pictures, height, width, 3)."""
    if not np.isfinite(pixels).all():
        raise RenderError("The model's numbers overflowed and gave no picture; fewer steps or less guidance may help.")
    return [Image.fromarray(picture) for picture in (pixels * 255).round().astype(np.uint8)]


def _notes(job: DrawJob, plan: Canvas) -> dict[str, str]:
    notes: dict[str, str] = {}
    if plan.is_scaled:
        notes |= {"drawn_at": f"{plan.width}x{plan.height}", "scaled": "lanczos"}
    if note := samplers.recipe(job.sampler).note:
        notes["sampler_used"] = note
    return notes


def _finish(
    job: DrawJob, image: Image.Image, verdict: Verdict, start: Source | None, plan: Canvas, notes: Mapping[str, str]
) -> Drawn:
    blended = image if start is None else sources.blend(image, start)
    final = canvas.fit(safety.cover(blended) if verdict.cover else blended, plan.asked)
    said = dict(notes) | ({safety.NOTE: verdict.note} if verdict.note else {})
    return Drawn(
        job_id=job.id,
        picture=provenance.encode(final, provenance.parameters(job, **said)),
        width=final.width,
        height=final.height,
        seed=job.seed,
        metadata=said,
        censored=verdict.cover,
        unused=job.unused,
    )
