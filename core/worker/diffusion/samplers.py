"""The contract's samplers as a table: which diffusers scheduler stands for each, with which options.

`painting` builds a fresh one for every batch from the model's own noise schedule, because schedulers keep state and
flags from one use to the next. Three names have no scheduler of their own and get the nearest one, as their notes say.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.errors import RenderError
from core.worker.diffusion.libraries import Foreign

_SCHEDULE = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
    "timestep_spacing",
    "steps_offset",
    "rescale_betas_zero_snr",
    "set_alpha_to_one",
)
"""What belongs to the model and not to the sampler: how it was trained."""
_LCM_LEAST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one sampler is made.

    Attributes:
        module: the file below diffusers.schedulers, without "scheduling_".
        scheduler: the class in it.
        options: its settings beyond the model's noise schedule.
        karras: whether it can follow Karras' noise schedule; where it cannot, the flag changes nothing.
        note: for people, where the scheduler is not quite what the name says.
    """

    module: str
    scheduler: str
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    karras: bool = True
    note: str = ""


RECIPES: Mapping[str, Recipe] = {
    "k_euler": Recipe(module="euler_discrete", scheduler="EulerDiscreteScheduler"),
    "k_euler_a": Recipe(module="euler_ancestral_discrete", scheduler="EulerAncestralDiscreteScheduler", karras=False),
    "k_heun": Recipe(module="heun_discrete", scheduler="HeunDiscreteScheduler"),
    "k_lms": Recipe(module="lms_discrete", scheduler="LMSDiscreteScheduler"),
    "k_dpm_2": Recipe(module="k_dpm_2_discrete", scheduler="KDPM2DiscreteScheduler"),
    "k_dpm_2_a": Recipe(module="k_dpm_2_ancestral_discrete", scheduler="KDPM2AncestralDiscreteScheduler"),
    "k_dpm_fast": Recipe(
        module="dpmsolver_singlestep",
        scheduler="DPMSolverSinglestepScheduler",
        options={"solver_order": 3, "lower_order_final": True},
        note="DPM-Solver++ in single steps of order 3",
    ),
    "k_dpm_adaptive": Recipe(
        module="deis_multistep",
        scheduler="DEISMultistepScheduler",
        options={"solver_order": 3},
        note="DEIS of order 3, with the number of steps that was asked for",
    ),
    "k_dpmpp_2s_a": Recipe(
        module="dpmsolver_singlestep",
        scheduler="DPMSolverSinglestepScheduler",
        options={"algorithm_type": "sde-dpmsolver++", "solver_order": 2, "lower_order_final": True},
        note="DPM-Solver++ in single steps of order 2 with fresh noise",
    ),
    "k_dpmpp_2m": Recipe(
        module="dpmsolver_multistep",
        scheduler="DPMSolverMultistepScheduler",
        options={"algorithm_type": "dpmsolver++", "solver_order": 2},
    ),
    "k_dpmpp_sde": Recipe(module="dpmsolver_sde", scheduler="DPMSolverSDEScheduler"),
    "dpmsolver": Recipe(
        module="dpmsolver_multistep",
        scheduler="DPMSolverMultistepScheduler",
        options={"algorithm_type": "dpmsolver++", "solver_order": 3},
    ),
    "DDIM": Recipe(
        module="ddim",
        scheduler="DDIMScheduler",
        # Latents are not pictures: they may leave -1 to 1.
        options={"clip_sample": False},
        karras=False,
    ),
    "lcm": Recipe(module="lcm", scheduler="LCMScheduler", karras=False),
}


def recipe(sampler: str) -> Recipe:
    """The recipe for a name of the contract.

    Raises:
        RenderError: the name is not in the table.
    """
    found = RECIPES.get(sampler)
    if found is None:
        raise RenderError(f"The sampler {sampler!r} is not known here; known are {', '.join(sorted(RECIPES))}.")
    return found


def build(
    sampler: str, schedule: Mapping[str, Any], *, karras: bool = False, steps: int = 30, seeds: Sequence[int] = ()
) -> Foreign:
    """A fresh scheduler.

    Args:
        sampler: a name of the contract.
        schedule: the configuration of the model's own scheduler, as it was shipped.
        karras: follow Karras' noise schedule, where the sampler can.
        steps: sampling steps, ≥ 1.
        seeds: one per picture; needed by the one sampler that makes its noise itself.
    """
    chosen = recipe(sampler)
    config = {key: schedule[key] for key in _SCHEDULE if key in schedule} | dict(chosen.options)
    if chosen.karras:
        config["use_karras_sigmas"] = karras
    config |= _special(sampler, schedule, steps, seeds)
    module = importlib.import_module(f"diffusers.schedulers.scheduling_{chosen.module}")
    return getattr(module, chosen.scheduler).from_config(config)


def _special(sampler: str, schedule: Mapping[str, Any], steps: int, seeds: Sequence[int]) -> dict[str, Any]:
    match sampler:
        case "lcm":
            # It chooses its steps among those of the teacher, so these must be at least as many.
            return {"original_inference_steps": max(_LCM_LEAST, steps)}
        case "k_dpmpp_sde":
            # It takes no generators: a list gives every picture of the batch a Brownian tree of its own.
            return {"noise_sampler_seed": list(seeds) or None}
        case "DDIM" if "set_alpha_to_one" not in schedule:
            return {"set_alpha_to_one": False}
        case _:
            return {}
