"""kill -9 of a real process at random moments: every request is answered exactly once in the transcript."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

CHILD = Path(__file__).with_name("console_child.py")
ROOT = CHILD.parents[2]


def start(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(CHILD), str(folder)]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, stdin=pipe, stdout=subprocess.DEVNULL, stderr=pipe, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}
    )


def kill_at_random(folder: Path, lines: bytes, moment: float) -> None:
    """Start the bot, type the lines, and kill it `moment` seconds after it was ready."""
    with start(folder) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        assert process.stderr.readline() == b"ready\n"
        process.stdin.write(lines)
        process.stdin.flush()
        time.sleep(moment)
        process.kill()


def transcript(folder: Path) -> list[dict[str, object]]:
    whole, _, _ = (folder / "console" / "terminal.jsonl").read_bytes().rpartition(b"\n")
    return [json.loads(line) for line in whole.splitlines()]


def drill(folder: Path, kills: int) -> None:
    chance = random.Random(7)  # moments, not secrets
    for number in range(kills):
        lines = "".join(f"picture {number} {letter}\n" for letter in "ab")
        kill_at_random(folder, lines.encode(), chance.uniform(0.0, 0.5))
    with start(folder) as last:
        _, errors = last.communicate(b"the end\n", timeout=60)
    assert last.returncode == 0, errors.decode()
    entries = transcript(folder)
    asked = [entry for entry in entries if not entry.get("bot")]
    answers = Counter(str(entry["key"]) for entry in entries if entry.get("bot"))
    assert len(asked) > kills // 2, "the kills came too early to show anything"
    assert answers == Counter(f"{entry['key']}/answer" for entry in asked)
    for entry in entries:
        for path in entry.get("pictures", []):  # type: ignore[attr-defined]
            assert Path(path).stat().st_size > 100


def test_kills_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    """Ten kills in the middle of two requests each."""
    drill(tmp_path, 10)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_many_kills_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    """A hundred kills."""
    drill(tmp_path, 100)
