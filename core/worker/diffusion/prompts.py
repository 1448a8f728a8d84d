"""Words to numbers: the prompt embeddings of a batch, with weights, clip skip and texts of any ordinary length.

Encoded here and not by the pipelines: their clip skip fails with current text encoders, and they cut what is longer
than one window of the encoder (77 tokens for ordinary models). Longer texts are encoded window by window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import torch

from core.worker.diffusion import emphasis
from core.worker.diffusion.libraries import Foreign
from core.worker.renderer import DrawJob, Family

MOST_WINDOWS = 8
"""Windows of one text; what comes after them is cut."""
_XL_LAYER = 2
"""SDXL's encoders always leave the last layer out."""


@dataclass(frozen=True, slots=True)
class Wording:
    """What the pipeline is told, and what the requester should know of it.

    Attributes:
        arguments: for the pipeline's call.
        notes: one mapping per job, for the picture's metadata.
    """

    arguments: Mapping[str, Any]
    notes: Sequence[Mapping[str, str]] = field(default_factory=list[Mapping[str, str]])


class _Words(NamedTuple):
    """The tokens of one text with the weight of each, without the marks of beginning and end."""

    tokens: list[int]
    weights: list[float]

    def piece(self, start: int, end: int) -> _Words:
        """What stands between the two places."""
        return _Words(self.tokens[start:end], self.weights[start:end])


class _States(NamedTuple):
    """One encoder's answer: states (texts, tokens, width), and the pooled ones (texts, width) where it has any."""

    states: torch.Tensor
    pooled: torch.Tensor | None


def in_groups(pipe: Foreign, jobs: Sequence[DrawJob]) -> list[list[DrawJob]]:
    """The jobs by how many windows their texts take, because only equally long ones can share a batch unchanged."""
    groups: dict[int, list[DrawJob]] = {}
    for job in jobs:
        groups.setdefault(_windows(pipe, [job.prompt, job.negative_prompt]), []).append(job)
    return list(groups.values())


def encode(pipe: Foreign, jobs: Sequence[DrawJob], family: Family) -> Wording:
    """The wording of a batch whose jobs share `clip_skip` and are as long as each other (`in_groups`)."""
    texts = [*(job.prompt for job in jobs), *(job.negative_prompt for job in jobs)]
    notes = [_notes(pipe.tokenizer, job) for job in jobs]
    windows, count = _windows(pipe, texts), len(jobs)
    if family is Family.SDXL:
        layer = max(_XL_LAYER, jobs[0].clip_skip)
        first = _encode(pipe, pipe.tokenizer, pipe.text_encoder, texts, windows, layer, normed=False)
        second = _encode(pipe, pipe.tokenizer_2, pipe.text_encoder_2, texts, windows, layer, normed=False)
        both = torch.cat([first.states, second.states], dim=-1)
        pooled = cast("torch.Tensor", second.pooled)
        extra = {"pooled_prompt_embeds": pooled[:count], "negative_pooled_prompt_embeds": pooled[count:]}
        return Wording({"prompt_embeds": both[:count], "negative_prompt_embeds": both[count:], **extra}, notes)
    skip = min(jobs[0].clip_skip, int(pipe.text_encoder.config.num_hidden_layers))
    both = _encode(pipe, pipe.tokenizer, pipe.text_encoder, texts, windows, skip, normed=True).states
    if skip != jobs[0].clip_skip:
        notes = [note | {"clip_skip_used": str(skip)} for note in notes]
    return Wording({"prompt_embeds": both[:count], "negative_prompt_embeds": both[count:]}, notes)


def _encode(
    pipe: Foreign, tokenizer: Foreign, encoder: Foreign, texts: Sequence[str], windows: int, layer: int, *, normed: bool
) -> _States:
    """All texts by one encoder, from its `layer`-th layer from the end (1 = the last)."""
    unique = list(dict.fromkeys(texts))  # most negative prompts of a batch are the same
    words = [_read(pipe, tokenizer, text) for text in unique]
    room = _room(tokenizer)
    pieces = [text.piece(n * room, (n + 1) * room) for text in words for n in range(windows)]
    answer = _states(tokenizer, encoder, [piece.tokens for piece in pieces], layer, normed=normed)
    states = _weighted(tokenizer, encoder, answer.states, pieces, layer, normed=normed)
    states = states.reshape(len(unique), -1, states.shape[-1])
    order = [unique.index(text) for text in texts]
    # What a text means as a whole is read from its beginning.
    pooled = None if answer.pooled is None else answer.pooled[::windows][order]
    return _States(states[order], pooled)


def _weighted(
    tokenizer: Foreign, encoder: Foreign, states: torch.Tensor, pieces: Sequence[_Words], layer: int, *, normed: bool
) -> torch.Tensor:
    """Move every token's state away from (or towards) what stands there in an empty text, as far as its weight says."""
    if all(weight == 1.0 for piece in pieces for weight in piece.weights):
        return states
    weights = torch.ones(states.shape[:2], dtype=states.dtype)
    for row, piece in enumerate(pieces):
        weights[row, 1 : 1 + len(piece.weights)] = torch.tensor(piece.weights, dtype=states.dtype)
    nothing = _states(tokenizer, encoder, [[]], layer, normed=normed).states
    return nothing + (states - nothing) * weights.to(states.device)[..., None]


def _states(
    tokenizer: Foreign, encoder: Foreign, windows: Sequence[Sequence[int]], layer: int, *, normed: bool
) -> _States:
    """Run the encoder over windows of tokens, marks of beginning and end added, filled up to its length."""
    length = int(tokenizer.model_max_length)
    whole = [[tokenizer.bos_token_id, *tokens, tokenizer.eos_token_id] for tokens in windows]
    padded = [tokens + [tokenizer.pad_token_id] * (length - len(tokens)) for tokens in whole]
    mask = None
    if getattr(encoder.config, "use_attention_mask", False):
        mask = torch.tensor([[1] * len(tokens) + [0] * (length - len(tokens)) for tokens in whole]).to(encoder.device)
    answer = encoder(torch.tensor(padded).to(encoder.device), attention_mask=mask, output_hidden_states=True)
    pooled = answer.text_embeds if hasattr(answer, "text_embeds") else None
    if not normed:
        return _States(answer.hidden_states[-layer], pooled)
    if layer == 1:
        return _States(answer.last_hidden_state, pooled)
    return _States(encoder.final_layer_norm(answer.hidden_states[-layer]), pooled)


def _read(pipe: Foreign, tokenizer: Foreign, text: str) -> _Words:
    words = _Words([], [])
    for part in emphasis.parse(text):
        spelt = pipe.maybe_convert_prompt(part.text, tokenizer)  # a textual inversion may be several tokens
        tokens = tokenizer(spelt, add_special_tokens=False, verbose=False).input_ids
        words.tokens.extend(tokens)
        words.weights.extend([part.weight] * len(tokens))
    return words


def _room(tokenizer: Foreign) -> int:
    """Tokens of text in one window, between the two marks."""
    return int(tokenizer.model_max_length) - 2


def _windows(pipe: Foreign, texts: Sequence[str]) -> int:
    """Windows that the longest of these texts takes, at least one."""
    longest = max(len(_read(pipe, pipe.tokenizer, text).tokens) for text in texts)
    return max(1, min(MOST_WINDOWS, -(-longest // _room(pipe.tokenizer))))


def _notes(tokenizer: Foreign, job: DrawJob) -> dict[str, str]:
    named = (("prompt", job.prompt), ("negative_prompt", job.negative_prompt))
    cut = {name: _beyond(tokenizer, text) for name, text in named}
    return {f"{name}_cut": f"{tokens} tokens too long" for name, tokens in cut.items() if tokens}


def _beyond(tokenizer: Foreign, text: str) -> int:
    """How many tokens of the text are not read any more."""
    parts = emphasis.parse(text)
    counted = sum(len(tokenizer(part.text, add_special_tokens=False, verbose=False).input_ids) for part in parts)
    return max(0, counted - MOST_WINDOWS * _room(tokenizer))
