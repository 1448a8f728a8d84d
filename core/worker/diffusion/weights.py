"""Looks at weight files before a library opens them: only .safetensors, each whole, or a sentence that says why not.

Other forms (.ckpt, .pt, .bin) are pickles, which can run any code of their maker on this machine.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from core.errors import ModelUnusable

_SAFE = ".safetensors"
_PICKLES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
_WORDS = ("tokenizer.json", "vocab.json", "spiece.model")
_LENGTH_BYTES = 8
_LONGEST_HEADER = 100_000_000


def check_folder(folder: Path, model: str) -> int:
    """Check a diffusers folder; gives the bytes of all its weights.

    Raises:
        ModelUnusable: there is no model_index.json, no safe weights, or a damaged file; names it.
    """
    if not folder.is_dir():
        raise ModelUnusable(f"The model {model!r} cannot be used: there is no folder {folder}.")
    index = folder / "model_index.json"
    if not index.is_file():
        raise ModelUnusable(f"The model {model!r} cannot be used: {index} is missing.")
    parts = _read_json(index, model)
    if "_class_name" not in parts:
        raise _damaged(index, model, "it does not say which pipeline it describes")
    for part, kind in parts.items():
        if isinstance(kind, list) and kind[:1] != [None]:
            _check_part(folder / part, model)
    for file in folder.rglob("*.json"):
        _read_json(file, model)
    files = sorted(folder.rglob(f"*{_SAFE}"))
    if not files:
        raise ModelUnusable(f"The model {model!r} cannot be used: {_why_none(folder)}")
    return sum(check_file(file, model) for file in files)


def check_words(folder: Path, model: str) -> None:
    """Check the tokenizers of a folder that configures a single file.

    Raises:
        ModelUnusable: one that model_index.json names is missing or empty.
    """
    for part, kind in _read_json(folder / "model_index.json", model).items():
        if part.startswith("tokenizer") and kind != [None, None]:
            _check_part(folder / part, model)


def check_file(file: Path, model: str) -> int:
    """Check one .safetensors file by its header; gives its size in bytes.

    Raises:
        ModelUnusable: it is missing, of another form, cut off or damaged; names it.
    """
    if not file.is_file():
        raise ModelUnusable(f"The model {model!r} cannot be used: there is no file {file}.")
    if file.suffix != _SAFE:
        raise ModelUnusable(
            f"The model {model!r} cannot be used: {file.name} is not a {_SAFE} file, and other forms can run a "
            "stranger's code on this machine."
        )
    size = file.stat().st_size
    end = _end_of_tensors(file, size, model)
    if end != size:
        raise ModelUnusable(
            f"The model {model!r} cannot be used: {file} is damaged, it has {size} bytes where {end} belong. "
            "Delete it and fetch it again."
        )
    return size


def _end_of_tensors(file: Path, size: int, model: str) -> int:
    """Where the file should end, by its own table of contents."""
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(_LENGTH_BYTES), "little")
            if size < _LENGTH_BYTES or length > min(size, _LONGEST_HEADER):
                raise _damaged(file, model, "its table of contents is cut off")
            header: Any = json.loads(opened.read(length))
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        last = max((int(entry["data_offsets"][1]) for entry in tensors.values()), default=0)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OSError) as error:
        raise _damaged(file, model, "its table of contents cannot be read") from error
    return _LENGTH_BYTES + length + last


def _read_json(file: Path, model: str) -> dict[str, object]:
    try:
        content: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(file, model, "it cannot be read") from error
    if not isinstance(content, dict):
        raise _damaged(file, model, "it is not what it should be")
    return cast("dict[str, object]", content)


def _check_part(part: Path, model: str) -> None:
    """The library takes a tokenizer without its words for an empty one, so look before it does."""
    if not part.is_dir():
        raise ModelUnusable(f"The model {model!r} cannot be used: its part {part} is missing.")
    if part.name.startswith("tokenizer") and not any((part / words).is_file() for words in _WORDS):
        raise ModelUnusable(f"The model {model!r} cannot be used: {part} holds none of {', '.join(_WORDS)}.")


def _why_none(folder: Path) -> str:
    pickles = [file for file in folder.rglob("*") if file.suffix in _PICKLES]
    if pickles:
        return (
            f"{folder} holds pickled weights only (such as {pickles[0].name}), which can run a stranger's code on "
            f"this machine. Use its {_SAFE} version."
        )
    return f"{folder} holds no {_SAFE} files."


def _damaged(file: Path, model: str, how: str) -> ModelUnusable:
    return ModelUnusable(f"The model {model!r} cannot be used: {file} is damaged: {how}. Delete it and fetch it again.")
