"""Which waiting jobs are drawn in one go.

`pool` asks whenever a device is free. Jobs of different requests may share a batch: only text and seed may differ, so
that each picture is what it would have been alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.worker.renderer import DrawJob


def compatible(one: DrawJob, other: DrawJob) -> bool:
    """May the two be drawn in one batch? An equivalence: reflexive, symmetric, transitive."""
    return _kind(one) == _kind(other)


def pick(waiting: Sequence[DrawJob], *, max_batch: int) -> list[DrawJob]:
    """The next batch: the oldest waiting job, and those after it that go with it.

    Nobody is overtaken for long: the oldest job is always part of the batch.

    Args:
        waiting: oldest first.
        max_batch: most pictures in one go, ≥ 1.
    """
    if not waiting:
        return []
    kind = _kind(waiting[0])
    return [job for job in waiting if _kind(job) == kind][:max_batch]


def _kind(job: DrawJob) -> tuple[object, ...]:
    # A mask blends by its own outline and cropping: masked jobs go alone.
    alone = job.id if job.source_mask is not None else None
    return (
        alone,
        job.model,
        job.width,
        job.height,
        job.steps,
        job.sampler,
        job.karras,
        job.cfg_scale,
        job.clip_skip,
        job.tiling,
        job.hires_fix,
        job.hires_denoising_strength,
        job.source_image is None,
        job.source_processing if job.source_image is not None else None,
        job.denoising_strength if job.source_image is not None else None,
        job.loras,
        job.embeddings,
    )
