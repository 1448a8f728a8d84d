"""Words to numbers: the prompt embeddings of a batch, with clip skip, and word of what did not fit in.

Stable Diffusion 1 and 2 are encoded here, because the pipeline's own clip skip fails with current text encoders;
SDXL's pipeline, with its two encoders, does it itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch

from core.worker.diffusion.libraries import Foreign
from core.worker.renderer import DrawJob, Family

_SDXL_LAYERS_SKIPPED = 2


@dataclass(frozen=True, slots=True)
class Wording:
    """What the pipeline is told, and what the requester should know of it.

    Attributes:
        arguments: for the pipeline's call.
        notes: one mapping per job, for the picture's metadata.
    """

    arguments: Mapping[str, Any]
    notes: Sequence[Mapping[str, str]] = field(default_factory=list[Mapping[str, str]])


def encode(pipe: Foreign, jobs: Sequence[DrawJob], family: Family) -> Wording:
    """The wording of a batch whose jobs share `clip_skip`.

    Text beyond the encoder's length (77 tokens for ordinary models) is cut, and the notes say so.
    """
    positive, negative = [job.prompt for job in jobs], [job.negative_prompt for job in jobs]
    notes = [_notes(pipe.tokenizer, job) for job in jobs]
    if family is Family.SDXL:
        skip = jobs[0].clip_skip - _SDXL_LAYERS_SKIPPED  # its encoders leave the last layer out anyway
        words = {"prompt": positive, "negative_prompt": negative, "clip_skip": skip if skip > 0 else None}
        return Wording(words, notes)
    layers = int(pipe.text_encoder.config.num_hidden_layers)
    skip = min(jobs[0].clip_skip, layers)
    both = _embed(pipe, [*positive, *negative], skip)
    if skip != jobs[0].clip_skip:
        notes = [note | {"clip_skip_used": str(skip)} for note in notes]
    return Wording({"prompt_embeds": both[: len(jobs)], "negative_prompt_embeds": both[len(jobs) :]}, notes)


def _embed(pipe: Foreign, texts: Sequence[str], skip: int) -> torch.Tensor:
    """Hidden states of the `skip`-th layer from the end (1 = the last), normalised: (texts, tokens, width)."""
    tokenizer, encoder = pipe.tokenizer, pipe.text_encoder
    unique = list(dict.fromkeys(texts))  # most negative prompts of a batch are the same
    tokens = tokenizer(
        unique, padding="max_length", max_length=tokenizer.model_max_length, truncation=True, return_tensors="pt"
    )
    mask = tokens.attention_mask if getattr(encoder.config, "use_attention_mask", False) else None
    answer = encoder(
        tokens.input_ids.to(encoder.device),
        attention_mask=None if mask is None else mask.to(encoder.device),
        output_hidden_states=skip > 1,
    )
    states = answer[0] if skip == 1 else encoder.final_layer_norm(answer.hidden_states[-skip])
    return cast("torch.Tensor", states)[[unique.index(text) for text in texts]]


def _notes(tokenizer: Foreign, job: DrawJob) -> dict[str, str]:
    named = (("prompt", job.prompt), ("negative_prompt", job.negative_prompt))
    cut = {name: _beyond(tokenizer, text) for name, text in named}
    return {f"{name}_cut": f"{tokens} tokens too long" for name, tokens in cut.items() if tokens}


def _beyond(tokenizer: Foreign, text: str) -> int:
    """How many tokens of the text do not fit into the encoder."""
    return max(0, len(tokenizer(text, verbose=False).input_ids) - int(tokenizer.model_max_length))
