"""The tokenizer: byte pairs learnt from the captions' own words, in the form that plain `CLIPTokenizer` loads.

Every known word is one token; any other text falls apart into bytes and never fails.
"""

import json

import torch
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from training.captions import vocabulary_texts
from training.palette import BACKGROUNDS, THING_COLOURS
from training.scene import PLACES
from training.things import THINGS

MAX_TOKENS = 32
START, END = "<|startoftext|>", "<|endoftext|>"


def _texts(things: int) -> list[str]:
    names = [text for thing in THINGS[:things] for text in (thing.name, thing.plural, *thing.synonyms)]
    return [*vocabulary_texts(), *names, *BACKGROUNDS, *THING_COLOURS, *PLACES]


def new_tokenizer(things: int) -> CLIPTokenizer:
    """Build the tokenizer for the first `things` things; the same input always gives the same tokens."""
    backend = Tokenizer(models.BPE(unk_token=END, end_of_word_suffix="</w>"))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Punctuation(),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=20000, min_frequency=1, end_of_word_suffix="</w>", initial_alphabet=letters, show_progress=False
    )
    backend.train_from_iterator(_texts(things), trainer)
    learnt = backend.to_str()
    return _as_clip(learnt, letters)


def _as_clip(learnt: str, letters: list[str]) -> CLIPTokenizer:
    """Order the vocabulary as CLIP does: bytes, bytes that end a word, merges, the two marks."""
    merges = [tuple(pair) for pair in json.loads(learnt)["model"]["merges"]]
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    words += [token for token in dict.fromkeys(a + b for a, b in merges) if token not in set(words)]
    vocabulary = {word: number for number, word in enumerate([*words, START, END])}
    marks = {
        name: AddedToken(text, normalized=False, special=True)
        for name, text in (("bos_token", START), ("eos_token", END))
    }
    return CLIPTokenizer(
        vocab=vocabulary, merges=merges, **marks, pad_token=END, unk_token=END, model_max_length=MAX_TOKENS
    )


def encode(tokenizer: CLIPTokenizer, texts: list[str]) -> torch.Tensor:
    """Turn texts into token numbers: int64, (texts, MAX_TOKENS), padded and cut as the pipeline does."""
    return tokenizer(texts, padding="max_length", max_length=MAX_TOKENS, truncation=True, return_tensors="pt").input_ids
