"""LoRAs and textual inversions on a real pipeline, in the forms that people share, and what does not fit."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file

from core.worker.renderer import DrawJob, Drawn, EmbeddingUse, LoraUse, Unused

Jobs = Callable[..., DrawJob]
Draw = Callable[..., list[Drawn]]
Pixels = Callable[[Drawn], np.ndarray]
RANK = 2
WIDTH = 32


def _unet_layers(pipe: StableDiffusionPipeline) -> dict[str, torch.nn.Linear]:
    return {
        name: layer
        for name, layer in pipe.unet.named_modules()
        if isinstance(layer, torch.nn.Linear) and name.endswith(("to_q", "to_v"))
    }


def _text_layers(pipe: StableDiffusionPipeline) -> dict[str, torch.nn.Linear]:
    return {
        name: layer
        for name, layer in pipe.text_encoder.named_modules()
        if isinstance(layer, torch.nn.Linear) and name.endswith(("q_proj", "out_proj"))
    }


def _pair(layer: torch.nn.Linear, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    made = torch.Generator().manual_seed(seed)
    return (
        torch.randn(RANK, layer.in_features, generator=made),
        torch.randn(layer.out_features, RANK, generator=made),
    )


def _ours(pipe: StableDiffusionPipeline, seed: int = 1) -> dict[str, torch.Tensor]:
    """A LoRA as diffusers writes it."""
    weights: dict[str, torch.Tensor] = {}
    for name, layer in _unet_layers(pipe).items():
        down, up = _pair(layer, seed)
        weights |= {f"unet.{name}.lora_A.weight": down, f"unet.{name}.lora_B.weight": up}
    return weights


def _kohya(pipe: StableDiffusionPipeline, seed: int = 1) -> dict[str, torch.Tensor]:
    """The same as kohya's tools write it."""
    weights: dict[str, torch.Tensor] = {}
    for name, layer in _unet_layers(pipe).items():
        down, up = _pair(layer, seed)
        flat = f"lora_unet_{name.replace('.', '_')}"
        weights |= {f"{flat}.lora_down.weight": down, f"{flat}.lora_up.weight": up, f"{flat}.alpha": torch.tensor(RANK)}
    return weights


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, dict[str, torch.Tensor]], Path]:
    """Writes tensors as a .safetensors file."""

    def write(name: str, tensors: dict[str, torch.Tensor]) -> Path:
        path = tmp_path / f"{name}.safetensors"
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, path)
        return path

    return write


Save = Callable[[str, dict[str, torch.Tensor]], Path]


def test_a_lora_changes_the_picture_and_leaves_no_trace(
    pipeline: StableDiffusionPipeline, job: Jobs, draw: Draw, pixels: Pixels, file: Save
) -> None:
    """With it another picture, at strength 0 and afterwards the very same as before."""
    path = file("lora", _ours(pipeline))
    plain = pixels(draw(job())[0])
    worn = draw(job(loras=(LoraUse("x", path),)))[0]
    assert worn.unused == ()
    assert worn.metadata == {}
    assert np.abs(pixels(worn) - plain).max() > 10
    assert np.abs(pixels(draw(job(loras=(LoraUse("x", path, model=0.0),)))[0]) - plain).max() <= 1
    assert (pixels(draw(job())[0]) == plain).all()


def test_both_formats_give_the_same_picture(
    pipeline: StableDiffusionPipeline, job: Jobs, draw: Draw, pixels: Pixels, file: Save
) -> None:
    """What diffusers wrote and what kohya's tools wrote is read alike."""
    uses = [LoraUse("x", file("a", _ours(pipeline))), LoraUse("x", file("b", _kohya(pipeline)))]
    first, second = (draw(job(loras=(use,)))[0] for use in uses)
    assert first.unused == second.unused == ()
    assert np.abs(pixels(first) - pixels(second)).max() <= 1


def test_a_lora_reaches_the_text_encoder_by_its_own_strength(
    pipeline: StableDiffusionPipeline, job: Jobs, draw: Draw, pixels: Pixels, file: Save
) -> None:
    """`clip` rules the words, `model` the drawing: each alone changes something, neither changes nothing."""
    weights = _kohya(pipeline)
    for name, layer in _text_layers(pipeline).items():
        down, up = _pair(layer, 3)
        flat = f"lora_te_text_model_{name.removeprefix('text_model.').replace('.', '_')}"
        weights |= {f"{flat}.lora_down.weight": down, f"{flat}.lora_up.weight": up, f"{flat}.alpha": torch.tensor(RANK)}
    path = file("both", weights)
    plain, off, words, model = (
        pixels(draw(job(loras=loras))[0])
        for loras in (
            (),
            (LoraUse("x", path, model=0.0, clip=0.0),),
            (LoraUse("x", path, model=0.0, clip=3.0),),
            (LoraUse("x", path, model=1.0, clip=0.0),),
        )
    )
    assert np.abs(off - plain).max() <= 1
    assert np.abs(words - plain).max() > 1
    assert np.abs(model - plain).max() > 10


def test_several_loras_are_worn_at_once(
    pipeline: StableDiffusionPipeline, job: Jobs, draw: Draw, pixels: Pixels, file: Save
) -> None:
    """Two together are neither the one nor the other."""
    one, two = (LoraUse(str(seed), file(str(seed), _ours(pipeline, seed))) for seed in (1, 2))
    alone, other, both = (pixels(draw(job(loras=loras))[0]) for loras in ((one,), (two,), (one, two)))
    assert np.abs(both - alone).max() > 5
    assert np.abs(both - other).max() > 5


def test_what_does_not_fit_is_left_out_and_said(
    pipeline: StableDiffusionPipeline, job: Jobs, draw: Draw, pixels: Pixels, file: Save, tmp_path: Path
) -> None:
    """Of another model's shape or names, damaged, missing or pickled: the picture comes without, the note says why."""
    wrong = {key: torch.cat([weight, weight], dim=-1) for key, weight in _ours(pipeline).items() if "lora_A" in key}
    wrong |= {key: weight for key, weight in _ours(pipeline).items() if "lora_B" in key}
    foreign = {f"unet.nowhere.{key}": weight for key, weight in _ours(pipeline).items()}
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(file("whole", _ours(pipeline)).read_bytes()[:-7])
    pickled = tmp_path / "x.pt"
    torch.save(_ours(pipeline), pickled)
    plain = pixels(draw(job())[0])
    for path, why in (
        (file("shape", wrong), "baseline_mismatch"),
        (file("names", foreign), "baseline_mismatch"),
        (broken, "parse_failed"),
        (pickled, "parse_failed"),
        (tmp_path / "none.safetensors", "parse_failed"),
    ):
        drawn = draw(job(loras=(LoraUse("x", path),)))[0]
        assert [left.why for left in drawn.unused] == [why], path
        assert (pixels(drawn) == plain).all()


def test_a_lora_that_fits_in_part_says_so(pipeline: StableDiffusionPipeline, job: Jobs, draw: Draw, file: Save) -> None:
    """Half of its layers are unknown here: it is worn, and the metadata tell how much of it."""
    weights = _ours(pipeline)
    count = len(weights) // 2
    weights |= {key.replace("unet.", "unet.nowhere."): weight.clone() for key, weight in weights.items()}
    drawn = draw(job(loras=(LoraUse("x", file("half", weights)),)))[0]
    assert drawn.unused == ()
    assert drawn.metadata == {"lora_x": f"fits in part only: {count} of {2 * count} of its weights"}


def _vectors(count: int, width: int = WIDTH) -> torch.Tensor:
    return 3 * torch.randn(count, width, generator=torch.Generator().manual_seed(5))


def _use(path: Path) -> EmbeddingUse:
    return EmbeddingUse("thing", path, "<thing>")


def test_every_form_of_a_textual_inversion_is_read(job: Jobs, draw: Draw, pixels: Pixels, tmp_path: Path) -> None:
    """`emb_params`, the word itself, one vector or three, and the old pickled kind: all say the same."""
    forms: dict[str, dict[str, object]] = {
        "emb.safetensors": {"emb_params": _vectors(3)},
        "own.safetensors": {"<whatever>": _vectors(3)},
        "old.pt": {"string_to_token": {"*": 265}, "string_to_param": {"*": _vectors(3)}, "name": "x", "step": 9},
    }
    pictures: list[np.ndarray] = []
    for name, content in forms.items():
        path = tmp_path / name
        if path.suffix == ".pt":
            torch.save(content, path)
        else:
            save_file(content, path)  # type: ignore[arg-type]
        drawn = draw(job(prompt="a <thing>", embeddings=(_use(path),)))[0]
        assert drawn.unused == ()
        pictures.append(pixels(drawn))
    assert all((picture == pictures[0]).all() for picture in pictures)


def test_a_textual_inversion_works_in_both_prompts_and_leaves_no_trace(
    job: Jobs, draw: Draw, pixels: Pixels, file: Save
) -> None:
    """Its word changes the picture in the prompt and in the negative prompt; afterwards it is unknown again."""
    use = _use(file("emb", {"emb_params": _vectors(2)}))
    unknown = pixels(draw(job(prompt="a <thing>"))[0])
    positive = pixels(draw(job(prompt="a <thing>", embeddings=(use,)))[0])
    negative = pixels(draw(job(negative_prompt="<thing>", embeddings=(use,)))[0])
    without = pixels(draw(job(negative_prompt="<thing>"))[0])
    assert (positive != unknown).any()
    assert (negative != without).any()
    assert (pixels(draw(job(prompt="a <thing>"))[0]) == unknown).all()


def test_a_textual_inversion_that_cannot_be_used_is_said(job: Jobs, draw: Draw, file: Save, tmp_path: Path) -> None:
    """Of another width, or a pickle that wants to run something: left out, with the reason."""
    evil = tmp_path / "evil.pt"
    torch.save({"string_to_param": {"*": io.BytesIO}}, evil)
    for path, why in (
        (file("wide", {"emb_params": _vectors(1, WIDTH * 2)}), "baseline_mismatch"),
        (evil, "parse_failed"),
        (tmp_path / "none.safetensors", "parse_failed"),
    ):
        assert draw(job(embeddings=(_use(path),)))[0].unused == (Unused("ti", "thing", why),)  # type: ignore[arg-type]


def test_what_was_left_out_before_comes_back_with_the_picture(job: Jobs, draw: Draw) -> None:
    """A LoRA that the worker does not have is reported with the finished picture."""
    left = Unused("lora", "far away", "download_failed")
    assert draw(replace(job(), unused=(left,)))[0].unused == (left,)
