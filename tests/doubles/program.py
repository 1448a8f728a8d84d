"""The real program in real processes, for tests that kill them: `Program(folder).start("worker")`, `.kill("worker")`.

Not a double of anything: each part is `run_bot.py PART` as an operator starts it, with its settings in the environment,
its data in one folder and its log in a file. Chat happens over the terminal chat's piped input and its transcript.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(true: Callable[[], bool], what: str, *, patience: float = PATIENCE) -> None:
    """Wait for something that other processes do; fails with `what` after `patience` seconds."""
    end = time.monotonic() + patience
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience:.0f} s for: {what}")
        time.sleep(0.02)


class Program:
    """The parts of one installation, started and killed by name: coordinator, worker, bots."""

    def __init__(self, folder: Path, **settings: str) -> None:
        """Args: folder: where everything is kept. settings: more environment, e.g. WORKER__RENDERER="diffusion"."""
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.parts: dict[str, subprocess.Popen[str]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        defaults = {
            "GENERAL__DATA_DIR": str(folder / "data"),
            "GENERAL__LOG_STYLE": "json",
            "COORDINATOR__PORT": str(self.port),
            "COORDINATOR__SWEEP_EVERY": "0.5",
            "CONSOLE__ENABLED": "true",
            "CONSOLE__PICTURES_DIR": str(folder / "out"),
            "WORKER__RENDERER": "fake",
        }
        self._environment = {f"LARGESSE__{key}": value for key, value in (defaults | settings).items()}

    def start(self, part: str) -> None:
        """Start a part; the coordinator is waited for, the others find it by themselves."""
        with (self.folder / f"{part}.log").open("a") as log:
            self.parts[part] = subprocess.Popen(
                [sys.executable, str(ROOT / "run_bot.py"), part],
                cwd=ROOT, env={**os.environ, **self._environment}, text=True,
                stdin=subprocess.PIPE, stdout=log, stderr=log,
            )  # fmt: skip
        if part == "coordinator":
            wait_until(self._answers, f"the coordinator to answer; its log: {self.log(part)}")

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/api/v2/status/heartbeat", timeout=1) as answer:  # noqa: S310  # our own address
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def kill(self, part: str) -> None:
        """Kill -9: no warning, no clean-up."""
        running = self.parts.pop(part)
        running.kill()
        running.wait()
        if running.stdin is not None:
            running.stdin.close()

    def stop(self, part: str, *, patience: float = PATIENCE) -> int:
        """SIGTERM, then wait; the exit status."""
        running = self.parts.pop(part)
        running.send_signal(signal.SIGTERM)
        try:
            return running.wait(patience)
        finally:
            running.kill()
            if running.stdin is not None:
                running.stdin.close()

    def say(self, sentence: str) -> None:
        """Type a line into the terminal chat of the bots."""
        typed = self.parts["bots"].stdin
        assert typed is not None
        typed.write(sentence + "\n")
        typed.flush()

    def transcript(self) -> list[dict[str, Any]]:
        """What was said in the terminal chat so far; a line that a kill cut off in the middle is not there."""
        file = self.folder / "data/console/terminal.jsonl"
        if not file.exists():
            return []
        records: list[dict[str, Any]] = []
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                records.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return records

    def log(self, part: str) -> str:
        """The last lines of a part's log."""
        file = self.folder / f"{part}.log"
        return "\n".join(file.read_text(encoding="utf-8").splitlines()[-30:]) if file.exists() else ""

    def close(self) -> None:
        """End whatever still runs."""
        for part in list(self.parts):
            self.kill(part)


@contextmanager
def program(folder: Path, **settings: str) -> Iterator[Program]:
    """A Program that is ended with the block."""
    running = Program(folder, **settings)
    try:
        yield running
    finally:
        running.close()
