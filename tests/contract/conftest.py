"""The official description of the public API, where the folder with it is there; the tests skip otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

GOLDENS = Path(__file__).parents[3] / "shared" / "data" / "horde"


@pytest.fixture(scope="session")
def goldens() -> Path:
    if not GOLDENS.is_dir():
        pytest.skip("the folder ../shared/data/horde with the public API's own description is not here")
    return GOLDENS


@pytest.fixture(scope="session")
def definitions(goldens: Path) -> dict[str, Any]:
    """The objects of the public API by name, each with all its properties."""
    raw = json.loads((goldens / "swagger.json").read_text(encoding="utf-8"))["definitions"]
    return {name: _flat(name, raw) for name in raw}


def _flat(name: str, raw: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required: list[str] = []
    for part in raw[name].get("allOf", [raw[name]]):
        found = _flat(part["$ref"].rpartition("/")[2], raw) if "$ref" in part else part
        properties |= found.get("properties", {})
        required += found.get("required", [])
    return {"properties": properties, "required": required}
