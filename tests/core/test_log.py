"""What the logs show, and what they never show."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from core import log


@pytest.fixture(autouse=True)
def _leave_no_trace() -> Iterator[None]:
    """What is configured here would show in whatever test comes next in this process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_lines_are_json_with_fields(capsys: pytest.CaptureFixture[str]) -> None:
    """In the json style each event is one JSON object with its level, logger and fields."""
    log.configure(style="json")
    log.get("core.somewhere").info("job taken", job="j1", pictures=2)
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"], line["logger"], line["pictures"]) == (
        "job taken",
        "info",
        "core.somewhere",
        2,
    )


@pytest.mark.parametrize("style", ["json", "text"])
def test_secrets_are_masked(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Fields named like secrets and signatures inside addresses are masked in every style."""
    log.configure(style="json" if style == "json" else "text")
    log.get("x").warning("called", api_key="hush", bot_token="hush", url="http://h/p?sig=hush&size=1")  # not a password
    shown = capsys.readouterr().err
    assert "hush" not in shown
    assert "size=1" in shown


def test_libraries_log_in_the_same_format(capsys: pytest.CaptureFixture[str]) -> None:
    """A standard-library logger goes through the same format and the same mask."""
    log.configure(style="json")
    logging.getLogger("some.library").warning("hello %s", "you", extra={"token": "hush"})
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["token"]) == ("hello you", log.MASK)


def test_quiet_levels_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing below the configured level is shown."""
    log.configure(level="ERROR", style="json")
    log.get("x").info("quiet")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("style", ["json", "text"])
def test_tracebacks_show_no_variables(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A logged exception tells where it happened and not what the variables held."""
    log.configure(style="json" if style == "json" else "text")

    def fails(local_key: str) -> None:
        raise ValueError(f"{len(local_key)} at http://h/p?signature=hushhush")

    try:
        fails("hush" * 2)
    except ValueError:
        log.get("x").exception("failed")
    shown = capsys.readouterr().err
    assert "ValueError" in shown
    assert "hushhush" not in shown
    assert "local_key =" not in shown


def test_lines_follow_standard_error(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever replaces standard error, as a terminal chat does, gets the lines logged from then on."""
    log.configure(style="json")
    mine = io.StringIO()
    monkeypatch.setattr(sys, "stderr", mine)
    log.get("x").info("here")
    assert "here" in mine.getvalue()
    assert capsys.readouterr().err == ""
