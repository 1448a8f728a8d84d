"""Which jobs share a batch."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.names import Sampler
from core.worker.batcher import compatible, pick
from core.worker.renderer import DrawJob, EmbeddingUse, LoraUse

MAY_DIFFER = {"id", "prompt", "negative_prompt", "seed", "censor_nsfw", "unused"}
PLAIN = DrawJob(id="a", model="little", prompt="a cat", source_image=b"x")
OTHER: dict[str, object] = {
    "model": "big",
    "width": 1024,
    "height": 1024,
    "steps": 7,
    "sampler": "k_lms",
    "karras": False,
    "cfg_scale": 9.5,
    "clip_skip": 2,
    "tiling": True,
    "denoising_strength": 0.5,
    "hires_fix": True,
    "hires_denoising_strength": 0.3,
    "source_image": None,
    "source_mask": b"m",
    "source_processing": "remix",
    "loras": (LoraUse("x", Path("x.safetensors")),),
    "embeddings": (EmbeddingUse("x", Path("x.safetensors"), "<x>"),),
}


@st.composite
def jobs(draw: st.DrawFn) -> list[DrawJob]:
    """Up to twelve jobs of few kinds."""
    kinds = draw(
        st.lists(
            st.builds(
                DrawJob,
                id=st.just(""),
                model=st.sampled_from(["little", "big"]),
                prompt=st.text(max_size=3),
                width=st.sampled_from([64, 128]),
                steps=st.sampled_from([8, 9]),
                sampler=st.sampled_from(["k_euler", "k_dpmpp_sde"]),
                seed=st.integers(0, 99),
                source_image=st.sampled_from([None, b"x"]),
                denoising_strength=st.sampled_from([None, 0.5]),
            ),
            max_size=12,
        )
    )
    return [replace(job, id=str(number)) for number, job in enumerate(kinds)]


@given(jobs(), st.integers(1, 5))
def test_a_batch_is_the_oldest_and_what_goes_with_it(waiting: list[DrawJob], most: int) -> None:
    """The oldest job is always in, all go with each other, order is kept, and none that fits is left out."""
    batch = pick(waiting, max_batch=most)
    assert batch[:1] == waiting[:1]
    assert all(compatible(one, other) for one in batch for other in batch)
    assert batch == [job for job in waiting if job in batch]
    assert len(batch) == min(most, sum(compatible(waiting[0], job) for job in waiting) if waiting else 0)


@given(jobs())
def test_compatible_is_an_equivalence(waiting: list[DrawJob]) -> None:
    """Reflexive, symmetric and transitive: so any order of asking gives the same batches."""
    for a in waiting:
        assert compatible(a, a)
        for b in waiting:
            assert compatible(a, b) == compatible(b, a)
            for c in waiting:
                if compatible(a, b) and compatible(b, c):
                    assert compatible(a, c)


@pytest.mark.parametrize("name", [field.name for field in fields(DrawJob) if field.name not in MAY_DIFFER])
def test_every_other_difference_parts_two_jobs(name: str) -> None:
    """Whatever a job is made of, apart from text and seed, keeps two jobs out of one batch; new fields must decide."""
    changed: dict[str, object] = {"id": "b", name: OTHER[name]}
    assert not compatible(PLAIN, replace(PLAIN, **changed))  # pyright: ignore[reportArgumentType]


def test_masked_jobs_go_alone() -> None:
    """A mask never shares a batch."""
    alone = replace(PLAIN, source_mask=b"m")
    assert not compatible(alone, replace(alone, id="b"))
    assert pick([alone, replace(alone, id="b")], max_batch=4) == [alone]


@pytest.mark.parametrize("sampler", [sampler.value for sampler in Sampler])
def test_every_sampler_shares_a_batch(sampler: str) -> None:
    """Each picture has noise of its own, so none is held back; that they are as if alone the drawing tests show."""
    jobs = [replace(PLAIN, id=name, sampler=sampler) for name in "abc"]
    assert pick(jobs, max_batch=4) == jobs
