"""How a process of Largesse starts its parts and ends: used by `run_bot.py` only.

The first Ctrl-C or SIGTERM asks every part to finish, a second one ends the process at once. Device processes of the
worker ignore signals and follow their parent.
"""

from __future__ import annotations

import asyncio
import os
import signal

from core import log

ABRUPT_STATUS = 130
"""Exit status after a second signal, as a shell reports an interrupted program."""

_log = log.get(__name__)


def stop_on_signals() -> asyncio.Event:
    """An event that the first SIGINT or SIGTERM sets; the second one ends the process without any further word.

    Must be called inside the running loop, in the main thread.
    """
    stop = asyncio.Event()

    def obey(name: str) -> None:
        if stop.is_set():
            os._exit(ABRUPT_STATUS)
        _log.info("stopping", signal=name, hint="finishing what runs; a second signal stops at once")
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, obey, number.name)
    return stop


async def until_either(one: asyncio.Event, other: asyncio.Event) -> None:
    """Return as soon as one of two events is set."""
    waiting = [asyncio.create_task(each.wait()) for each in (one, other)]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
