"""The first look at a prompt, with neutral stand-in words: nobody may ask for a gizmo that is polka-dotted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.coordinator.rules import protection
from core.coordinator.rules.prompts import NEGATIVE, Filter, Lists, plain
from core.errors import ConfigError

LISTS = Lists([Filter("gizmos?", 10, "gadget"), Filter("tiny (robots?)", 11), Filter("polka ?dots?|dotted", 20)])


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("A  Red, apple!", "a red apple"),
        ("(gizmo:1.4) [dotted: 0.5]", "gizmo dotted"),
        ("g i z m o with p o l k a", "gizmo with polka"),
        ("gízmö", "gizmo"),
        ("gіzmо", "gizmo"),  # noqa: RUF001  # Cyrillic i and o
        ("giz\u200bmo", "gizmo"),
        ("g-i-z-m-o", "gizmo"),
        ("ＧＩＺＭＯ", "gizmo"),  # noqa: RUF001  # full width
        ("a g i z m o", "agizmo gizmo"),
        ("a ### gizmo", "a"),
    ],
)
def test_nothing_hides_a_word(prompt: str, expected: str) -> None:
    """Weights, signs, spacing, accents, look-alikes and invisible signs are gone from what the patterns read."""
    assert plain(prompt) == expected


@pytest.mark.parametrize(
    ("prompt", "groups"),
    [
        ("a red apple", set[int]()),
        ("a gizmo", {1}),
        ("a dotted dress", {2}),
        ("a (gizmo:1.2) in polka-dots", {1, 2}),
        ("a tiny robot, dotted", {1, 2}),
        ("gizmology undotted", set[int]()),
        ("dotted ### gizmo", {2}),
    ],
)
def test_only_both_groups_together_are_corrupt(prompt: str, groups: set[int]) -> None:
    """One group is ordinary language; whole words count, and what must not be seen does not."""
    judged = LISTS.judge(prompt)
    assert judged.groups == groups
    assert judged.corrupt is (len(groups) == 2)


def test_what_matched_is_replaced() -> None:
    """The author's spelling stays around the replacement, and the rest is told not to be shown."""
    assert LISTS.rewritten("A big (Gizmo:1.2), dotted") == f"A big (gadget:1.2), dotted ### {NEGATIVE}"
    assert LISTS.rewritten("a gizmo dotted ### blue") == f"a gadget dotted ### {NEGATIVE}, blue"
    assert LISTS.rewritten("G i z m o, Dotted!") == f"gadget dotted ### {NEGATIVE}", "the plain form where it hid"


def test_what_cannot_be_rewritten_is_not() -> None:
    """Too long, or nothing left: then there is no other prompt."""
    assert LISTS.rewritten("dotted gizmo " * 600) is None
    assert Lists([Filter("gizmo", 10), Filter("dotted", 20)]).rewritten("gizmo") is None


@given(st.text(max_size=200))
def test_any_text_is_judged(prompt: str) -> None:
    """Whatever is asked, there is an answer, and a rewriting is clean of the first group."""
    assert "  " not in plain(prompt)
    LISTS.judge(prompt)
    rewritten = LISTS.rewritten(f"{prompt} gizmo dotted")
    assert rewritten is None or 1 not in LISTS.judge(rewritten).groups


def test_the_bundled_file_is_right() -> None:
    """The file that comes with Largesse reads, and has patterns of both groups."""
    found = protection.read_file(Path(__file__).parents[3] / "config/safety/prompts.toml")
    assert {one.group for one in found} == {1, 2}
    assert not Lists(found).judge("a red apple on a table, a young oak, sixteen candles").groups


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[filter]]\nkind = 5\nregex = "a"\n', "kind: found 5"),
        ('[[filter]]\nkind = 10\nregex = "("\n', "cannot be read"),
        ('[[filter]]\nkind = 10\nregex = "a"\nwhy = "b"\n', "why"),
        ("filter = 5\n", "cannot be read"),
        ("[[[", "cannot be read"),
    ],
)
def test_a_wrong_file_is_a_sentence(tmp_path: Path, text: str, words: str) -> None:
    """The coordinator does not start with filters that it cannot read, rather than without any."""
    file = tmp_path / "prompts.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=words):
        protection.read_file(file)
