"""The tokenizer: known words whole, anything else without complaint."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("transformers")

from transformers import CLIPTokenizer

from training.captions import caption
from training.scene import random_scene
from training.things import THINGS
from training.tokens import END, MAX_TOKENS, encode, new_tokenizer

_TOKENIZER = new_tokenizer(56)


def test_every_word_that_names_something_is_one_token() -> None:
    """Names and plurals stay whole, so that the text encoder meets them often."""
    words = {word for thing in THINGS[:56] for word in (*thing.name.split(), *thing.plural.split())}
    assert [word for word in words if len(_TOKENIZER.tokenize(word)) != 1] == []


def test_ordinary_captions_fit() -> None:
    """Captions without noise words are never cut."""
    rng = random.Random(2)
    texts = [text for text in (caption(random_scene(rng, THINGS[:56]), rng) for _ in range(300)) if ", " not in text]
    assert max(len(_TOKENIZER(text).input_ids) for text in texts) <= MAX_TOKENS


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80))
def test_any_text_becomes_tokens(text: str) -> None:
    """Whatever people type: the right length, known numbers, an end."""
    tokens = encode(_TOKENIZER, [text])[0].tolist()
    assert len(tokens) == MAX_TOKENS
    assert all(0 <= token < len(_TOKENIZER) for token in tokens)
    assert tokens[-1] == _TOKENIZER.convert_tokens_to_ids(END)


def test_plain_loading_gives_the_same_tokens(tmp_path: Path) -> None:
    """Saved and loaded by `CLIPTokenizer` itself, it reads prompts the same way, in upper case too."""
    _TOKENIZER.save_pretrained(tmp_path)
    loaded = CLIPTokenizer.from_pretrained(tmp_path, local_files_only=True)
    for text in ("two green frogs", "A Red APPLE, on a light-blue background!", "zorblax 123"):
        assert loaded(text).input_ids == _TOKENIZER(text).input_ids
    assert loaded.model_max_length == MAX_TOKENS
