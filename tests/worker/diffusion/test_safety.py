"""The NSFW flag, with a model that brings a checker and with one that has none."""

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from transformers import CLIPConfig
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from core.worker.diffusion.render import DiffusionRenderer
from core.worker.renderer import DrawJob, Drawn, Family, Form, ModelEntry

Jobs = Callable[..., DrawJob]
EVERYTHING, NOTHING = -2.0, 2.0
"""Similarity to a concept, between -1 and 1, above which a picture is found to show it."""


def checker(threshold: float) -> StableDiffusionSafetyChecker:
    """A checker of random weights that finds everything or nothing."""
    torch.manual_seed(1)
    vision = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": 16,
    }
    made = StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision, projection_dim=8))
    made.concept_embeds_weights.data.fill_(threshold)
    made.special_care_embeds_weights.data.fill_(threshold)
    return made


@pytest.fixture
def guarded(
    tiny_folder: Path, pipeline: StableDiffusionPipeline, tmp_path: Path
) -> Callable[[float], DiffusionRenderer]:
    """Makes a renderer with the tiny model plus a checker of this threshold."""

    def make(threshold: float) -> DiffusionRenderer:
        folder = tmp_path / "guarded"
        shutil.copytree(tiny_folder, folder)
        side = {"height": 32, "width": 32}
        parts = pipeline.components | {
            "safety_checker": checker(threshold),
            "feature_extractor": CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=side),
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            StableDiffusionPipeline(**parts).save_pretrained(folder)
        made = DiffusionRenderer("cpu", 1)
        made.load(ModelEntry(name="tiny", family=Family.SD1, form=Form.FOLDER, path=folder, native_size=32))
        return made

    return make


def drawn_by(renderer: DiffusionRenderer, *jobs: DrawJob) -> list[Drawn]:
    """Draw with nobody watching."""
    return list(renderer.draw(jobs, on_step=lambda _step, _steps: None, wanted=lambda _id: True))


def test_found_pictures_are_covered_for_those_who_want_it_only(
    guarded: Callable[[float], DiffusionRenderer], job: Jobs, pixels: Callable[[Drawn], np.ndarray]
) -> None:
    """In one batch, the requester who wants it covered gets black and a note, the other one the picture."""
    hidden, shown = drawn_by(guarded(EVERYTHING), job(0, censor_nsfw=True), job(1))
    assert hidden.censored
    assert hidden.metadata["nsfw_check"] == "found, covered"
    assert pixels(hidden).max() == 0
    assert not shown.censored
    assert shown.metadata == {}
    assert pixels(shown).max() > 0


def test_pictures_that_pass_are_shown(
    guarded: Callable[[float], DiffusionRenderer], job: Jobs, pixels: Callable[[Drawn], np.ndarray]
) -> None:
    """A picture in which nothing is found stays, and says that it was looked at."""
    (drawn,) = drawn_by(guarded(NOTHING), job(censor_nsfw=True))
    assert not drawn.censored
    assert drawn.metadata["nsfw_check"] == "passed"
    assert pixels(drawn).max() > 0


def test_model_without_checker_says_that_nothing_was_checked(renderer: DiffusionRenderer, job: Jobs) -> None:
    """No check is told as no check, not as a pass."""
    (drawn,) = drawn_by(renderer, job(censor_nsfw=True))
    assert not drawn.censored
    assert drawn.metadata["nsfw_check"] == "not done: the model has no safety checker"
