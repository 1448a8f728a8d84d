"""From an entry of the catalogue to a pipeline on the device: which class, which number format, which files.

`shelf` calls `load`; files are already on this disk. Weights are looked at by `weights` first.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError

from core.errors import ModelUnusable
from core.worker.diffusion.libraries import Foreign, memory_guarded, overheard
from core.worker.diffusion.safety import Guard
from core.worker.diffusion.weights import check_file, check_folder, check_words
from core.worker.renderer import Family, Form, ModelEntry

_AGAINST_FILES = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    ImportError,
    NotImplementedError,
    SafetensorError,
    StrictDataclassError,
)
_SHAPES = ("size mismatch", "state_dict", "negative dimension")


class Start(StrEnum):
    """What a drawing starts from, which decides the pipeline."""

    NOISE = "noise"
    """Text alone."""
    PICTURE = "picture"
    """A picture that is redrawn as a whole."""
    MASK = "mask"
    """A picture that is redrawn where its mask is white."""


_SD = "diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion"
_XL = "diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl"
_PLAIN = {
    Start.NOISE: (_SD, "StableDiffusionPipeline"),
    Start.PICTURE: (f"{_SD}_img2img", "StableDiffusionImg2ImgPipeline"),
    Start.MASK: (f"{_SD}_inpaint", "StableDiffusionInpaintPipeline"),
}
_PIPELINES: Mapping[Family, Mapping[Start, tuple[str, str]]] = {
    Family.SD1: _PLAIN,
    Family.SD2: _PLAIN,
    Family.SDXL: {
        Start.NOISE: (_XL, "StableDiffusionXLPipeline"),
        Start.PICTURE: (f"{_XL}_img2img", "StableDiffusionXLImg2ImgPipeline"),
        Start.MASK: (f"{_XL}_inpaint", "StableDiffusionXLInpaintPipeline"),
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A model on its device.

    Attributes:
        entry: what it is.
        pipe: its text-to-image pipeline, without a safety checker.
        schedule: configuration of the scheduler it was shipped with, never changed.
        guard: the safety checker it was shipped with, if any.
        size: bytes of memory that its weights take.
    """

    entry: ModelEntry
    pipe: Foreign
    schedule: Mapping[str, Any]
    guard: Guard | None
    size: int

    def pipeline(self, start: Start, scheduler: Foreign) -> Foreign:
        """A pipeline for this kind of start with a scheduler of its own; shares all weights, costs next to nothing."""
        parts = {**self.pipe.components, "scheduler": scheduler}
        if self.entry.family is Family.SDXL:
            parts["force_zeros_for_empty_prompt"] = self.pipe.config.force_zeros_for_empty_prompt
        else:
            parts |= {"safety_checker": None, "requires_safety_checker": False}
        made = _class(self.entry, start)(**parts)
        made.set_progress_bar_config(disable=True)
        return made


def load(entry: ModelEntry, device: str) -> Loaded:
    """Read a model from this disk onto the device.

    Raises:
        ModelUnusable: files missing, damaged, unsafe, or of a family that is not drawn here; names the file.
        OutOfMemory: the device is too small for it.
    """
    kind = _class(entry, Start.NOISE)
    if entry.form is Form.FOLDER:
        check_folder(entry.path, entry.name)
    else:
        check_file(entry.path, entry.name)
    number = dtype_for(device, entry.family)
    with memory_guarded(f"to load the model {entry.name!r} on {device}"), overheard():
        pipe = _read(kind, entry, number).to(device)
    pipe.set_progress_bar_config(disable=True)
    guard = _take_guard(pipe)
    return Loaded(entry=entry, pipe=pipe, schedule=dict(pipe.scheduler.config), guard=guard, size=_weight(pipe))


def dtype_for(device: str, family: Family) -> torch.dtype:
    """The number format to draw in: whole floats on a CPU, where halves are slow; halves on a card.

    Stable Diffusion 2 overflows in float16 (black pictures), so it gets bfloat16, or float32 where a card has none.
    """
    if device == "cpu":
        return torch.float32
    if family is not Family.SD2:
        return torch.float16
    has_bfloat16 = device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if has_bfloat16 else torch.float32


def _class(entry: ModelEntry, start: Start) -> Foreign:
    kinds = _PIPELINES.get(entry.family)
    if kinds is None:
        raise ModelUnusable(
            f"The model {entry.name!r} cannot be used: this worker does not draw with the family "
            f"{entry.family.value!r} yet, only with {', '.join(sorted(_PIPELINES))}."
        )
    module, name = kinds[start]
    return getattr(importlib.import_module(module), name)


def _read(kind: Foreign, entry: ModelEntry, number: torch.dtype) -> Foreign:
    with _Refusals(entry):
        if entry.form is Form.FOLDER:
            return kind.from_pretrained(
                entry.path, dtype=number, variant=entry.variant or None, use_safetensors=True, local_files_only=True
            )
        config = _config_folder(entry)
        return kind.from_single_file(
            str(entry.path), config=str(config), dtype=number, local_files_only=True, safety_checker=None
        )


class _Refusals:
    """Around the reading of a model: what the libraries have against its files becomes ModelUnusable.

    A class, because the tokenizers' library raises plain `Exception`, and an except clause for that takes everything.
    """

    def __init__(self, entry: ModelEntry) -> None:
        self._entry = entry

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        about_shapes = isinstance(error, RuntimeError) and any(words in str(error) for words in _SHAPES)
        if isinstance(error, Exception) and (kind is Exception or about_shapes or isinstance(error, _AGAINST_FILES)):
            raise _unusable(self._entry, error) from error


def _config_folder(entry: ModelEntry) -> Path:
    """Where the configuration and the tokenizers of a single file lie: a folder of its name, or of its family's."""
    beside = (entry.path.with_suffix(""), entry.path.parent / entry.family.value)
    for folder in beside:
        if (folder / "model_index.json").is_file():
            check_words(folder, entry.name)
            return folder
    raise ModelUnusable(
        f"The model {entry.name!r} cannot be used: a single file needs the configuration and the tokenizer of its "
        f"family in a diffusers folder beside it (without weights): {beside[0]} or {beside[1]}."
    )


def _unusable(entry: ModelEntry, error: Exception) -> ModelUnusable:
    first = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return ModelUnusable(f"The model {entry.name!r} in {entry.path} cannot be used: {first[:300]}")


def _take_guard(pipe: Foreign) -> Guard | None:
    """Take the safety checker out of the pipeline, so that it runs where it is wanted only."""
    checker, processor = getattr(pipe, "safety_checker", None), getattr(pipe, "feature_extractor", None)
    if checker is None or processor is None:
        return None
    pipe.register_to_config(requires_safety_checker=False)
    pipe.safety_checker = None
    return Guard(checker, processor)


def _weight(pipe: Foreign) -> int:
    networks = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
    return sum(tensor.nbytes for network in networks for tensor in network.parameters())
