"""Codes of refusals are those of the contract."""

from __future__ import annotations

import ast
from pathlib import Path

from core.contract.codes import Rc
from core.coordinator import rules

OURS = {"Locked"}
"""HTTP 423 in the public API, which has no code for it."""


def _codes(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "code" and isinstance(node.value, ast.Constant):
            found.add(node.value.value)
        if isinstance(node, ast.Tuple) and len(node.elts) == 3 and isinstance(node.elts[1], ast.Constant):
            found.add(node.elts[1].value)
    return {code for code in found if isinstance(code, str) and code[:1].isupper()}


def test_every_code_is_one_of_the_contract() -> None:
    """A rule refuses with a code that clients know."""
    folder = Path(rules.__path__[0])
    used = {code for file in folder.glob("*.py") for code in _codes(ast.parse(file.read_text(encoding="utf-8")))}
    assert len(used) > 40
    assert used - set(map(str, Rc)) - OURS == set()
