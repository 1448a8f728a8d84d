"""The sampler table, drawn for real: every name of the contract, alone and in a batch."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from core.contract.names import Sampler
from core.errors import RenderError
from core.worker.diffusion import samplers
from core.worker.diffusion.libraries import overheard
from core.worker.renderer import DrawJob, Drawn

SCHEDULE: dict[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "steps_offset": 1,
    "use_karras_sigmas": True,
    "solver_order": 3,
}
ALL = [sampler.value for sampler in Sampler]
WITH_KARRAS = [name for name in ALL if samplers.RECIPES[name].karras]


def test_table_knows_exactly_the_contracts_samplers() -> None:
    """A sampler that clients may name has a recipe, and there is no recipe that nobody can name."""
    assert set(samplers.RECIPES) == set(ALL)


@pytest.mark.parametrize("sampler", ALL)
def test_pictures_are_the_same_again_alone_and_in_a_batch(
    sampler: str, job: Callable[..., DrawJob], draw: Callable[..., list[Drawn]], pixels: Callable[[Drawn], np.ndarray]
) -> None:
    """Every sampler draws what the seed says: again the same, in company the same, another seed another picture."""
    jobs = [job(number, sampler=sampler, prompt=f"thing {number}") for number in range(3)]
    together = [pixels(drawn) for drawn in draw(*jobs)]
    alone = [pixels(draw(one)[0]) for one in jobs]
    assert np.array_equal(alone[1], pixels(draw(jobs[1])[0]))
    assert max(np.abs(one - other).max() for one, other in zip(together, alone, strict=True)) <= 2
    assert np.abs(alone[0] - alone[1]).mean() > 1


@pytest.mark.parametrize("sampler", ALL)
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_any_number_of_steps_gives_a_picture(
    sampler: str, steps: int, job: Callable[..., DrawJob], draw: Callable[..., list[Drawn]]
) -> None:
    """One step, two and an odd number, with Karras' schedule: no sampler stumbles."""
    assert len(draw(job(sampler=sampler, steps=steps, karras=True))) == 1


@pytest.mark.parametrize("sampler", ALL)
def test_karras_changes_the_noise_schedule_where_it_can(sampler: str) -> None:
    """The flag does something for every sampler that has it, and the model's own flag never leaks in."""
    with overheard():
        pair = [samplers.build(sampler, SCHEDULE, karras=karras, steps=8, seeds=[1]) for karras in (False, True)]
        for scheduler in pair:
            scheduler.set_timesteps(8)
    plain, other = pair
    differs = [float(time) for time in plain.timesteps] != [float(time) for time in other.timesteps]
    assert differs == (sampler in WITH_KARRAS)


def test_schedule_of_the_model_is_taken_over_and_its_solver_is_not() -> None:
    """What the model was trained with stays, what its default sampler was set to goes."""
    scheduler = samplers.build("k_dpmpp_2m", SCHEDULE | {"prediction_type": "v_prediction"})
    assert scheduler.config.prediction_type == "v_prediction"
    assert scheduler.config.beta_end == 0.012
    assert scheduler.config.solver_order == 2


def test_lcm_takes_more_steps_than_its_teacher_had() -> None:
    """More than fifty steps with lcm are allowed by the contract, so they work."""
    samplers.build("lcm", SCHEDULE, steps=60).set_timesteps(60)


def test_unknown_sampler_is_refused_with_the_known_ones() -> None:
    """A name that nobody knows gets a sentence that lists the others."""
    with pytest.raises(RenderError, match=r"'k_unknown' is not known here; known are DDIM"):
        samplers.build("k_unknown", SCHEDULE)
