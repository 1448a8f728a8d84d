"""Textual inversions: new words in a model's text encoders for as long as one batch takes, gone without a trace after.

Read from the forms that people share: `emb_params`, one tensor under the word itself, `clip_l` and `clip_g` for SDXL,
and the older `string_to_param` of pickled files, which are opened as plain data only.
"""

from __future__ import annotations

import copy
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from core import log
from core.errors import ModelUnusable
from core.worker.diffusion.libraries import Foreign
from core.worker.diffusion.loras import Outcome
from core.worker.diffusion.weights import check_file
from core.worker.renderer import EmbeddingUse, Unused

_ENCODERS = (("tokenizer", "text_encoder", "clip_l"), ("tokenizer_2", "text_encoder_2", "clip_g"))
_SAFE = ".safetensors"
_logger = log.get(__name__)


@contextmanager
def known(pipe: Foreign, uses: Sequence[EmbeddingUse]) -> Generator[Outcome]:
    """Let the pipeline know these words while inside; those that cannot be read or do not fit are left out and said."""
    outcome = Outcome()
    if not uses:
        yield outcome
        return
    with _borrowed(pipe):
        for use in uses:
            try:
                vectors = _read(use.path, use.name)
            except (ModelUnusable, SafetensorError, OSError, UnpicklingError, ValueError, RuntimeError) as error:
                _leave_out(use, outcome, str(error), fits=True)
                continue
            if not _learn(pipe, vectors, use.token):
                _leave_out(use, outcome, "made for another kind of model", fits=False)
        yield outcome


@contextmanager
def _borrowed(pipe: Foreign) -> Generator[None]:
    """Give the pipeline copies of its tokenizers and word tables, and afterwards its own back."""
    own: list[tuple[str, Foreign, Foreign, Foreign]] = []
    for reader, encoder, _ in _ENCODERS:
        if getattr(pipe, encoder, None) is not None:
            network = getattr(pipe, encoder)
            own.append((reader, getattr(pipe, reader), network, network.get_input_embeddings()))
            setattr(pipe, reader, copy.deepcopy(getattr(pipe, reader)))
            network.set_input_embeddings(copy.deepcopy(network.get_input_embeddings()))
    try:
        yield
    finally:
        for reader, tokenizer, network, table in own:
            setattr(pipe, reader, tokenizer)
            network.set_input_embeddings(table)
            network.config.vocab_size = table.num_embeddings


def _learn(pipe: Foreign, vectors: Mapping[str, torch.Tensor], token: str) -> bool:
    """Teach every encoder the word; False when there is one that the vectors do not fit."""
    present = [names for names in _ENCODERS if getattr(pipe, names[1], None) is not None]
    wanted = [(getattr(pipe, reader), getattr(pipe, encoder), _for(vectors, part)) for reader, encoder, part in present]
    fits = [
        found is not None and found.ndim == 2 and found.shape[1] == network.config.hidden_size
        for _, network, found in wanted
    ]
    if not all(fits):
        return False
    for tokenizer, network, found in wanted:
        pipe.load_textual_inversion({token: found}, token=token, tokenizer=tokenizer, text_encoder=network)
    return True


def _for(vectors: Mapping[str, torch.Tensor], part: str) -> torch.Tensor | None:
    """The vectors (count, width) that are meant for this encoder."""
    found = vectors.get(part)
    if found is None and len(vectors) == 1:
        found = next(iter(vectors.values()))
    return None if found is None else torch.atleast_2d(found)


def _read(file: Path, name: str) -> dict[str, torch.Tensor]:
    if file.suffix == _SAFE:
        check_file(file, name)
        content: Any = load_file(file)
    else:
        content = torch.load(file, map_location="cpu", weights_only=True)  # refuses whatever is more than data
    if isinstance(content, dict) and "string_to_param" in content:
        content = content["string_to_param"]
    if isinstance(content, dict) and "emb_params" in content:
        content = {"emb_params": content["emb_params"]}
    tensors = {key: value.detach() for key, value in dict(content).items() if isinstance(value, torch.Tensor)}
    if not tensors:
        raise ValueError("there are no vectors in it")
    return tensors


def _leave_out(use: EmbeddingUse, outcome: Outcome, reason: str, *, fits: bool) -> None:
    _logger.warning("textual_inversion_left_out", name=use.name, reason=reason[:300])
    outcome.unused.append(Unused("ti", use.name, "parse_failed" if fits else "baseline_mismatch"))
