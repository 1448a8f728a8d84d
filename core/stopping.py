"""How a process of Largesse starts its parts and ends: used by `run_bot.py` only.

The first Ctrl-C or SIGTERM asks every part to finish, a second one ends the process at once. Device processes of the
worker ignore signals and follow their parent.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
from collections.abc import Callable

from core import log

ABRUPT_STATUS = 130
"""Exit status after a second signal, as a shell reports an interrupted program."""

_CURSOR_SHOWN = b"\x1b[?25h\x1b[?2004l\n"
"""Shows the cursor, and ends the mode in which terminals mark what is pasted."""

_log = log.get(__name__)


def stop_on_signals() -> asyncio.Event:
    """An event that the first SIGINT or SIGTERM sets; the second one ends the process without any further word.

    Must be called inside the running loop, in the main thread.
    """
    stop, put_terminal_back = asyncio.Event(), _terminal_as_it_is()

    def obey(name: str) -> None:
        if stop.is_set():
            put_terminal_back()
            os._exit(ABRUPT_STATUS)
        _log.info("stopping", signal=name, hint="finishing what runs; a second signal stops at once")
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, obey, number.name)
    return stop


def _terminal_as_it_is() -> Callable[[], None]:
    """Puts the terminal back as it is now: a chat that is cut off leaves it mute and without a cursor."""
    if sys.stdin is None or not sys.stdin.isatty():
        return lambda: None
    descriptor = sys.stdin.fileno()
    now = termios.tcgetattr(descriptor)

    def put_back() -> None:
        termios.tcsetattr(descriptor, termios.TCSANOW, now)
        if sys.stderr.isatty():
            os.write(sys.stderr.fileno(), _CURSOR_SHOWN)

    return put_back


async def until_either(one: asyncio.Event, other: asyncio.Event) -> None:
    """Return as soon as one of two events is set."""
    waiting = [asyncio.create_task(each.wait()) for each in (one, other)]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
