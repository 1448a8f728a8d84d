"""News come from a file of the operators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.coordinator.api.status import read_news

NEWS = """
[[news]]
date_published = 2026-01-02
title = "Older"
newspiece = "First."

[[news]]
date_published = "2026-03-04"
title = "Newer"
newspiece = "Second."
tags = ["pictures"]
importance = "Information"
"""


async def test_news_are_told_newest_first(start: Any, tmp_path: Path) -> None:
    """Each piece with its fields; dates may be written either way."""
    file = tmp_path / "news.toml"
    file.write_text(NEWS, encoding="utf-8")
    async with start(news_file=file) as horde:
        news = (await horde.get("/api/v2/status/news")).json
    assert [(piece["title"], piece["date_published"]) for piece in news] == [
        ("Newer", "2026-03-04"),
        ("Older", "2026-01-02"),
    ]
    assert news[0]["tags"] == ["pictures"]


@pytest.mark.parametrize("text", ["news = 1", "[[news]]\ntags = 5", "not TOML", "\x00", "news = ['x']"])
def test_a_wrong_file_is_no_news(tmp_path: Path, text: str) -> None:
    """Nobody's call fails because of it; neither does one without any file."""
    file = tmp_path / "news.toml"
    assert read_news(file) == []
    file.write_text(text, encoding="utf-8")
    assert read_news(file) == []
