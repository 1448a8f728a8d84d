"""What the operator tells everybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

TERMS = "/api/v2/documents/terms"


async def test_documents_come_as_html_or_markdown(start: Any, tmp_path: Path) -> None:
    """The file is rendered, HTML in it is shown as text, and another format than the two is refused."""
    (tmp_path / "terms.md").write_text("# Be *kind*\n\n<script>alert(1)</script>")
    async with start(documents_dir=tmp_path) as horde:
        html = (await horde.get(TERMS)).json
        assert set(html) == {"html"}
        assert "<h1>Be <em>kind</em></h1>" in html["html"]
        assert "<script>" not in html["html"]
        plain = (await horde.get(f"{TERMS}?format=markdown")).json
        assert plain == {"markdown": "# Be *kind*\n\n<script>alert(1)</script>"}
        assert (await horde.get(f"{TERMS}?format=pdf")).status == 400


@pytest.mark.parametrize("name", ["terms", "privacy", "sponsors"])
async def test_what_is_not_there_is_said(start: Any, tmp_path: Path, name: str) -> None:
    """Without a file, or with one that cannot be read, there is a sentence instead of an error."""
    (tmp_path / "sponsors.md").write_bytes(b"\xff\xfe\xff")
    async with start(documents_dir=tmp_path) as horde:
        answer = await horde.get(f"/api/v2/documents/{name}")
        assert (answer.status, name in answer.json["html"]) == (200, True)
