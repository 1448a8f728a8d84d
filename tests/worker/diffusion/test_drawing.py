"""Whole batches through the renderer: steps, cancelling, words, guidance, two passes, what the file says."""

import dataclasses
from collections.abc import Callable
from typing import Never

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

from core.errors import ModelUnusable, OutOfMemory, RenderError
from core.worker import provenance
from core.worker.diffusion import loading, prompts
from core.worker.diffusion.libraries import memory_guarded
from core.worker.diffusion.render import DiffusionRenderer
from core.worker.renderer import DrawJob, Drawn, Family, ModelEntry, Renderer

Jobs = Callable[..., DrawJob]
Draw = Callable[..., list[Drawn]]
Pixels = Callable[[Drawn], np.ndarray]


def steps_of(renderer: Renderer, *jobs: DrawJob) -> list[tuple[int, int]]:
    """What `on_step` is told."""
    told: list[tuple[int, int]] = []
    renderer.draw(jobs, on_step=lambda step, steps: told.append((step, steps)), wanted=lambda _id: True)
    return told


@pytest.mark.parametrize("sampler", ["k_euler_a", "k_heun", "k_dpm_2_a", "k_dpmpp_sde", "k_dpmpp_2s_a", "lcm"])
@pytest.mark.parametrize("steps", [1, 5])
def test_every_step_is_told_once(renderer: DiffusionRenderer, job: Jobs, sampler: str, steps: int) -> None:
    """People see 1 of N to N of N, also with samplers that evaluate the network twice per step."""
    assert steps_of(renderer, job(sampler=sampler, steps=steps)) == [(step, steps) for step in range(1, steps + 1)]


def test_batch_that_nobody_wants_stops_within_a_step(renderer: DiffusionRenderer, job: Jobs) -> None:
    """When the last one is taken back in step 3 of 50, no step 4 begins and there is no answer."""
    told: list[int] = []
    answer = renderer.draw(
        [job(0, steps=50), job(1, steps=50)],
        on_step=lambda step, _steps: told.append(step),
        wanted=lambda _id: len(told) < 3,
    )
    assert list(answer) == []
    assert told == [1, 2, 3]


def test_batch_that_was_taken_back_before_it_began_is_not_begun(renderer: DiffusionRenderer, job: Jobs) -> None:
    """Nothing is drawn for nobody."""
    told: list[int] = []
    assert not renderer.draw([job()], on_step=lambda step, _steps: told.append(step), wanted=lambda _id: False)
    assert told == []


def test_one_of_a_batch_taken_back_leaves_the_others_as_they_are(
    renderer: DiffusionRenderer, job: Jobs, draw: Draw, pixels: Pixels
) -> None:
    """The others neither wait nor change."""
    answer = renderer.draw(
        [job(0), job(1), job(2)], on_step=lambda _step, _steps: None, wanted=lambda name: name != "job-1"
    )
    assert [drawn.job_id for drawn in answer] == ["job-0", "job-2"]
    assert np.abs(pixels(answer[1]) - pixels(draw(job(2))[0])).max() <= 2


def test_file_says_how_it_was_made(job: Jobs, draw: Draw) -> None:
    """The webp carries prompt, seed, sampler and the size it was really drawn at."""
    drawn = draw(job(3, width=128, height=64, negative_prompt="rain", sampler="k_dpm_fast"))[0]
    said = provenance.read(drawn.picture)
    assert (drawn.width, drawn.height, drawn.seed) == (128, 64, 103)
    assert said["prompt"] == "a red apple"
    assert said["negative_prompt"] == "rain"
    assert said["seed"] == 103
    assert said["drawn_at"] == drawn.metadata["drawn_at"] == "48x24"
    assert said["scaled"] == drawn.metadata["scaled"] == "lanczos"
    assert "single steps" in drawn.metadata["sampler_used"]


def test_picture_at_native_size_says_nothing_of_scaling(job: Jobs, draw: Draw) -> None:
    """What needs no note gets none."""
    assert draw(job())[0].metadata == {}


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "a green frog"},
        {"negative_prompt": "blurry"},
        {"cfg_scale": 12.0},
        {"clip_skip": 2},
        {"seed": 7},
        {"steps": 6},
        {"tiling": True},
    ],
)
def test_everything_that_is_asked_matters(job: Jobs, draw: Draw, pixels: Pixels, change: dict[str, object]) -> None:
    """Each value of a job changes the picture, and the next picture is drawn as if it had not been."""
    before = pixels(draw(job())[0])
    changed = pixels(draw(job(**change))[0])
    assert np.abs(before - changed).max() > 0
    assert np.array_equal(before, pixels(draw(job())[0]))


def test_clip_skip_takes_the_layer_before_and_normalises_it(renderer: DiffusionRenderer, job: Jobs) -> None:
    """Clip skip 2 is the last but one layer through the final norm, as everywhere else."""
    pipe = renderer._shelf.get("tiny").pipe
    with torch.inference_mode():
        words = prompts.encode(pipe, [job(clip_skip=2)], Family.SD1).arguments["prompt_embeds"]
        tokens = pipe.tokenizer(["a red apple"], padding="max_length", truncation=True, return_tensors="pt").input_ids
        states = pipe.text_encoder(tokens, output_hidden_states=True).hidden_states
        assert torch.allclose(words, pipe.text_encoder.final_layer_norm(states[-2]), atol=1e-5)
        plain = prompts.encode(pipe, [job()], Family.SD1).arguments["prompt_embeds"]
        assert torch.allclose(plain, pipe.text_encoder(tokens)[0], atol=1e-5)


def test_clip_skip_beyond_the_encoder_uses_what_there_is_and_says_so(job: Jobs, draw: Draw) -> None:
    """The tiny encoder has three layers; 12 draws with the third from the end."""
    assert draw(job(clip_skip=12))[0].metadata == {"clip_skip_used": "3"}


def test_text_that_does_not_fit_is_cut_and_said_so(job: Jobs, draw: Draw, pixels: Pixels) -> None:
    """Words beyond eight windows of the encoder change nothing, and the requester is told how much was lost."""
    whole, cut = draw(job(prompt="x " * 8 * 22))[0], draw(job(prompt="x " * 8 * 22 + "y y y y y"))[0]
    assert whole.metadata == {}
    assert cut.metadata == {"prompt_cut": "5 tokens too long"}
    assert np.array_equal(pixels(whole), pixels(cut))


def test_words_beyond_the_first_window_count(job: Jobs, draw: Draw, pixels: Pixels) -> None:
    """The 23rd token of a text, for which an encoder of 24 tokens has no room, still changes the picture."""
    one, other = (draw(job(prompt="x " * 22 + last))[0] for last in ("y", "z"))
    assert one.metadata == other.metadata == {}
    assert (pixels(one) != pixels(other)).any()


def test_a_long_text_in_the_batch_changes_nobody_elses_picture(job: Jobs, draw: Draw, pixels: Pixels) -> None:
    """Texts of different length, drawn together, come out as each alone, in any order."""
    jobs = [job(1), job(2, prompt="x " * 30), job(3, negative_prompt="y " * 50), job(4)]
    together = {drawn.job_id: pixels(drawn) for drawn in draw(*jobs)}
    for each in jobs:
        assert np.abs(together[each.id] - pixels(draw(each)[0])).max() <= 1


def test_weights_move_the_words_from_nothing_to_their_opposite(pipeline: StableDiffusionPipeline, job: Jobs) -> None:
    """Weight 1 changes nothing, 0 is as if it were empty there, -1 lies as far on the other side."""

    def states(prompt: str) -> torch.Tensor:
        with torch.inference_mode():
            return prompts.encode(pipeline, [job(prompt=prompt)], Family.SD1).arguments["prompt_embeds"][0]

    plain, same, gone, opposite, twice = (states(prompt) for prompt in ("x", "(x:1.0)", "(x:0)", "(x:-1)", "(x:2)"))
    nothing, place = states(""), 1
    assert torch.equal(plain, same)
    assert torch.allclose(gone[place], nothing[place], atol=1e-5)
    assert torch.allclose(opposite[place] - nothing[place], nothing[place] - plain[place], atol=1e-5)
    assert torch.allclose(twice[place] - nothing[place], 2 * (plain[place] - nothing[place]), atol=1e-5)


def test_both_spellings_of_a_weight_give_the_same_picture(job: Jobs, draw: Draw, pixels: Pixels) -> None:
    """`(apple:1.21)` and `(apple)++` are one, and not the plain word."""
    number, signs, plain = (draw(job(prompt=f"red {word}"))[0] for word in ("(apple:1.21)", "(apple)++", "apple"))
    assert np.abs(pixels(number) - pixels(signs)).max() <= 1
    assert (pixels(number) != pixels(plain)).any()


def test_hires_fix_draws_twice_and_reaches_the_asked_size(tiny: ModelEntry, job: Jobs) -> None:
    """A model of ordinary size draws at its own size first, then refines the enlargement; both count as steps."""
    large = DiffusionRenderer("cpu", 1)
    large.load(dataclasses.replace(tiny, native_size=256))
    asked = job(width=320, height=320, steps=4, hires_fix=True, hires_denoising_strength=0.5)
    told: list[tuple[int, int]] = []
    drawn = large.draw([asked], on_step=lambda step, steps: told.append((step, steps)), wanted=lambda _id: True)
    assert (drawn[0].width, drawn[0].height) == (320, 320)
    assert told == [(step, 6) for step in range(1, 7)]


def test_hires_fix_is_left_out_where_it_changes_nothing_and_said_so(job: Jobs, draw: Draw) -> None:
    """A small model draws at its own size anyway."""
    assert "left out" in draw(job(hires_fix=True))[0].metadata["hires_fix"]


def test_numbers_that_overflow_are_an_error_and_not_a_black_picture(tiny: ModelEntry, job: Jobs) -> None:
    """A NaN anywhere in the network is told, and the next model is not hurt by it."""
    broken = DiffusionRenderer("cpu", 1)
    broken.load(tiny)
    unet = broken._shelf.get("tiny").pipe.unet
    with torch.no_grad():
        next(unet.parameters()).fill_(float("nan"))
    with pytest.raises(RenderError, match="overflowed"):
        broken.draw([job()], on_step=lambda _step, _steps: None, wanted=lambda _id: True)


def test_model_that_is_not_loaded_is_refused(draw: Draw, job: Jobs) -> None:
    """A job for another model gets its sentence."""
    with pytest.raises(ModelUnusable, match="'other' is not loaded"):
        draw(job(model="other"))


def test_models_go_when_closed_and_stay_when_loaded_again(tiny: ModelEntry) -> None:
    """Loading what is there gives the same weights; after close nothing is there."""
    own = DiffusionRenderer("cpu", 1)
    own.load(tiny)
    pipe = own._shelf.get("tiny").pipe
    own.load(tiny)
    assert own._shelf.get("tiny").pipe is pipe
    own.close()
    with pytest.raises(ModelUnusable):
        own._shelf.get("tiny")


def test_device_that_is_not_there_is_refused() -> None:
    """The sentence lists what there is."""
    with pytest.raises(RenderError, match=r"no device 'cuda:9' here; there is"):
        DiffusionRenderer("cuda:9", 1)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
)
def test_memory_that_runs_out_has_one_name(error: Exception) -> Never:
    """Cards, processors and Python say it differently; the agent hears OutOfMemory."""
    with pytest.raises(OutOfMemory, match="not enough memory to draw"), memory_guarded("to draw"):
        raise error


def test_other_runtime_errors_are_not_taken_for_memory() -> Never:
    """A CUDA fault must end the process, so it passes through."""
    with pytest.raises(RuntimeError, match="illegal memory access"), memory_guarded("to draw"):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")


def test_impossible_size_runs_out_of_memory_and_not_of_luck(tiny: ModelEntry, job: Jobs) -> None:
    """A picture far beyond this machine is refused as out of memory; the renderer draws on afterwards."""
    own = DiffusionRenderer("cpu", 1)
    own.load(dataclasses.replace(tiny, native_size=512))
    with pytest.raises(OutOfMemory, match="1048576"):
        own.draw([job(width=2**20, height=2**20, steps=1)], on_step=lambda _step, _steps: None, wanted=lambda _id: True)
    own.draw([job(width=256, height=256, steps=1)], on_step=lambda _step, _steps: None, wanted=lambda _id: True)


def test_numbers_are_whole_on_a_processor_and_halves_on_a_card() -> None:
    """The number format follows the device, and never float16 where it overflows."""
    assert loading.dtype_for("cpu", Family.SD1) is torch.float32
    assert loading.dtype_for("cuda:0", Family.SD1) is torch.float16
    assert loading.dtype_for("mps", Family.SD2) is torch.float32
