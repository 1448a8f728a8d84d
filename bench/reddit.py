"""The bot on a small Reddit that fails at every fifth call: is each mention answered once, and what does that weigh?

`python -m bench.reddit [--quick]` writes 10,000 mentions (500) while the bot runs: a picture is asked for with every
tenth, and every seventh is a sentence that is refused. A fifth of all calls goes wrong: Reddit away, too many calls, a
page instead of JSON, the answer lost after the work was done. Every mention must have one answer, every picture one
post, and no minute more calls than the budget.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import tempfile
import time
import warnings
from collections import Counter, deque
from pathlib import Path
from typing import Annotated

import psutil
from PIL import Image

from core import log
from core.chat.command import Opt, Repertoire, command
from core.chat.dispatch import Dispatch
from core.chat.talk import Chat
from core.chat.types import Picture, Post
from core.store import Store
from tests.doubles.reddit.rig import reddit_port
from tests.doubles.reddit.server import FakeReddit, Fault

FAULTS = (Fault.AWAY, Fault.LOST, Fault.LATE_502, Fault.TOO_MANY, Fault.PAGE)
SHARE = 0.2
BUDGET = 12_000
"""Calls in a minute: more than Reddit's own 100, so that the soak ends within the hour."""
PATIENCE = 3600.0
"""Seconds after which something that must come has not come."""
AHEAD = 400
"""Mentions that wait in the inbox at most."""


@command("imagine", default=True)
async def imagine(
    chat: Chat[None],
    prompt: Annotated[str, Opt("What to draw")],
    *,
    n: Annotated[int | None, Opt("How many", ge=0, le=4)] = None,
) -> None:
    """Answer, with a picture where one is asked for."""
    await chat.reply(Post(prompt, tuple(Picture(_PNG, mime="image/png", alt=prompt) for _ in range(n or 0))))


def _png() -> bytes:
    with tempfile.TemporaryFile() as file:
        Image.new("RGB", (8, 8), "red").save(file, "PNG")
        file.seek(0)
        return file.read()


_PNG = _png()


def _sentence(number: int) -> str:
    if number % 10 == 0:
        return f"u/thebot a heron {number} --n 1"
    return f"u/thebot a heron {number} --n 9" if number % 7 == 0 else f"u/thebot a heron {number}"


async def soak(folder: Path, mentions: int) -> dict[str, float]:
    """Let it run until everything is answered; the figures."""
    weights: deque[float] = deque(maxlen=1000)
    failed = Counter[str]()

    def fault(method: str, _path: str) -> Fault | None:
        if method == "SOCKET" or random.random() > SHARE:  # noqa: S311  # not a secret
            return None
        chosen = random.choice(FAULTS)  # noqa: S311  # likewise
        failed[chosen.name] += 1
        return chosen

    async with FakeReddit() as there, await Store.open(f"sqlite:///{folder / 'bots.db'}") as store:
        there.fault = fault
        port = reddit_port(there, folder, calls_per_minute=BUDGET, replies_per_hour=10 * mentions)
        dispatch = Dispatch(Repertoire(imagine), None, store, requests_per_minute=10 * mentions)
        stop = asyncio.Event()
        listening = asyncio.create_task(dispatch.listen(port, until=stop))
        thread, began = there.post("pics", "bob", "Show me something"), time.monotonic()
        asked: list[str] = []
        for number in range(mentions):
            await there.until(lambda: len(there.unread) < AHEAD, seconds=PATIENCE)
            asked.append(there.comment(f"person{number % 500}", thread, _sentence(number)))
            if number % 100 == 0:
                weights.append(psutil.Process().memory_info().rss / 1e6)
        await there.until(lambda: not there.unread and len(there.said()) >= mentions, seconds=PATIENCE)
        await dispatch.idle()
        took = time.monotonic() - began
        stop.set()
        await listening
        port.close()
        answers = Counter(each["parent_id"] for each in there.said())
        assert all(answers[each] == 1 for each in asked), "a mention without one answer"
        assert len(there.posted()) == len(range(0, mentions, 10)), "a picture without one post"
        busiest = _busiest([at for at, _, _ in there.calls])
        assert busiest <= BUDGET, "more calls in a minute than allowed"
    print(f"faults: {dict(failed)}")
    return {
        "mentions": mentions,
        "seconds": round(took, 1),
        "busiest_minute_calls": busiest,
        "faults": sum(failed.values()),
        "first_mb": round(weights[min(2, len(weights) - 1)], 1),
        "last_mb": round(weights[-1], 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, 1),
    }


def _busiest(times: list[float]) -> int:
    most, window = 0, deque[float]()
    for at in times:
        window.append(at)
        while window[0] <= at - 60.0:
            window.popleft()
        most = max(most, len(window))
    return most


def main() -> None:
    """Print the figures; fail where a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    mentions = 500 if parser.parse_args().quick else 10_000
    warnings.simplefilter("ignore", DeprecationWarning)  # the client library logs in by a deprecated way
    log.configure(level="ERROR")
    with tempfile.TemporaryDirectory() as name:
        figures = asyncio.run(soak(Path(name), mentions))
    for what, figure in figures.items():
        print(f"{what:<24}{figure:>10}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
