"""How a process ends when it is told twice, seen from the terminal it ran in."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path

MUTE = """
import asyncio, tty
from core import log
from core.stopping import stop_on_signals

async def run():
    log.configure()
    stop_on_signals()
    tty.setcbreak(0)
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(run())
"""


def test_a_second_signal_leaves_a_terminal_that_works() -> None:
    """A chat takes the echo away while it edits lines; being cut off must not leave the shell without it."""
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    child = subprocess.Popen(
        [sys.executable, "-c", MUTE], cwd=Path(__file__).parents[2], stdin=theirs, stdout=subprocess.PIPE, stderr=theirs
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        assert termios.tcgetattr(theirs) != before
        child.send_signal(signal.SIGTERM)
        while b"stopping" not in os.read(ours, 4096):
            pass
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 130
        assert termios.tcgetattr(theirs) == before
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
        os.close(ours)
        os.close(theirs)
