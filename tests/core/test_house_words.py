"""What the bundled model is known to draw."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.house.words import Vocabulary, listed, load_vocabulary

WORDS = Vocabulary(("apple", "frog", "cherry", "fox", "ice cream", "snowman", "rose", "glass"), synonyms=("kitten",))


@pytest.mark.parametrize(
    "prompt",
    [
        "a red apple",
        "two green FROGS!",
        "three cherries",
        "foxes",
        "an ice cream, please",
        "Two snowmen",
        "roses",
        "glasses",
        "kittens",
    ],
)
def test_known_things_are_found_in_singular_and_plural(prompt: str) -> None:
    """A thing is recognised wherever it stands in the prompt and however many of it there are."""
    assert WORDS.knows(prompt)


@pytest.mark.parametrize("prompt", ["a zeppelin", "pineapple", "cream on ice", "", "123"])
def test_other_words_are_not_taken_for_known_ones(prompt: str) -> None:
    """Parts of other words and scattered words do not count."""
    assert not WORDS.knows(prompt)


def test_examples_are_spread_over_the_list() -> None:
    """A long list shows a few from all over it, as a phrase."""
    many = Vocabulary(tuple(f"thing{number}" for number in range(40)))
    assert many.examples(most=4) == "thing0, thing10, thing20 and thing30"
    assert listed(["one"]) == "one"


def test_the_file_beside_the_weights_is_read(tmp_path: Path) -> None:
    """The list that training writes is read, whatever else it holds."""
    file = tmp_path / "vocabulary.json"
    file.write_text(
        json.dumps({"things": ["apple"], "backgrounds": ["blue"], "synonyms": {"pippin": "apple"}, "more": {"a": 1}}),
        encoding="utf-8",
    )
    assert load_vocabulary(file) == Vocabulary(("apple",), ("blue",), synonyms=("pippin",))


@pytest.mark.parametrize("text", ["not json", '{"things": 3}', "{}", '{"things": []}'])
def test_an_unusable_file_only_switches_the_hints_off(tmp_path: Path, text: str) -> None:
    """Nobody's picture fails because a list of hints is broken."""
    file = tmp_path / "vocabulary.json"
    file.write_text(text, encoding="utf-8")
    assert load_vocabulary(file) is None
    assert load_vocabulary(tmp_path / "none.json") is None
    assert load_vocabulary(None) is None
