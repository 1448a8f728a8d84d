"""How prompts say what counts more, read part by part."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.worker.diffusion.emphasis import STRONGEST, Part, parse


@pytest.mark.parametrize(
    ("prompt", "parts"),
    [
        ("a cat", [("a cat", 1.0)]),
        ("a (red:1.3) cat", [("a ", 1.0), ("red", 1.3), (" cat", 1.0)]),
        ("a (red:-0.5) cat", [("a ", 1.0), ("red", -0.5), (" cat", 1.0)]),
        ("(red) cat", [("red", 1.1), (" cat", 1.0)]),
        ("((red))", [("red", 1.21)]),
        ("[red]", [("red", 1 / 1.1)]),
        ("(red)++ cat", [("red", 1.21), (" cat", 1.0)]),
        ("(red)- cat", [("red", 1 / 1.1), (" cat", 1.0)]),
        ("(a red cat)1.4", [("a red cat", 1.4)]),
        ("(a (red:2) cat:1.5)", [("a ", 1.5), ("red", 3.0), (" cat", 1.5)]),
        (r"a \(red\) cat", [("a (red) cat", 1.0)]),
        ("a :) cat (", [("a :) cat (", 1.0)]),
        ("at 10:30) or [so", [("at 10:30) or [so", 1.0)]),
        ("(red:99)", [("red", STRONGEST)]),
        ("", []),
    ],
)
def test_both_spellings_are_read(prompt: str, parts: list[tuple[str, float]]) -> None:
    """Brackets multiply, numbers and signs count, escaped and lonely brackets are text."""
    read = parse(prompt)
    assert [part.text for part in read] == [text for text, _ in parts]
    assert [part.weight for part in read] == pytest.approx([weight for _, weight in parts])


@given(st.text(alphabet="ab ()[]:+-.1\\", max_size=40))
def test_any_text_is_read(prompt: str) -> None:
    """Whatever is typed: no error, bounded weights, no letter lost."""
    parts = parse(prompt)
    assert all(-STRONGEST <= part.weight <= STRONGEST for part in parts)
    assert [c for part in parts for c in part.text if c in "ab"] == [c for c in prompt if c in "ab"]


@given(st.text(max_size=60).filter(lambda text: not set(text) & set("()[]\\")))
def test_text_without_brackets_is_one_part(prompt: str) -> None:
    """Ordinary prompts are left as they are."""
    assert parse(prompt) == ([Part(prompt, 1.0)] if prompt else [])
