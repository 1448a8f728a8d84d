"""Thousands of mentions on a server that fails at every fifth call: each answered once, memory flat, budget kept.

`python -m bench.fediverse [--quick]` runs a bot account in a process of its own against the double of a Mastodon server
(`tests/doubles/mastodon`), which cuts connections, loses answers after the work was done, answers 500 or nonsense, and
counts every call in windows. A third of the mentions ask for a picture, a third for something impossible, which is
refused with a sentence. The windows are Mastodon's, with time a hundred times faster. Targets: 10,000 mentions, each
with exactly one answer; no call beyond the windows; the process no heavier at the end than after a fifth of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.doubles.mastodon.bodies import Status
from tests.doubles.mastodon.server import Fault, Server
from tests.doubles.mastodon.variants import GOTOSOCIAL, MASTODON, Variant

ROOT = Path(__file__).parents[1]
CHILD = ROOT / "tests" / "adapters" / "mastodon" / "child.py"
MENTIONS, QUICK = 10_000, 300
WAITING = 150
"""Most mentions without an answer at a time."""
FAULTY = 0.2
SECONDS = 3.0
"""Of a window of 300 calls that is five minutes long in earnest."""
SENTENCES = ("hello", "draw a cat", "draw the impossible")


class Soak:
    """One run."""

    def __init__(self, variant: Variant, mentions: int) -> None:
        self.server = Server(variant)
        self.server.windows = {"call": (300, SECONDS), "post": (900, SECONDS), "media": (300, SECONDS)}
        self.mentions = mentions
        self.asked: list[Status] = []
        self.faults = 0
        self.weights: list[float] = []
        self._chance = random.Random(11)  # noqa: S311  # not a secret

    def fault(self, _method: str, _path: str) -> Fault | None:
        """What goes wrong with a call."""
        if self._chance.random() >= FAULTY:
            return None
        self.faults += 1
        return self._chance.choice(list(Fault))

    async def run(self) -> float:
        """Seconds from the first mention to the last answer."""
        with tempfile.TemporaryDirectory() as folder:
            async with self.server.listening():
                bot = await asyncio.create_subprocess_exec(
                    *(sys.executable, str(CHILD), folder, self.server.base),
                    cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE,
                )  # fmt: skip
                try:
                    assert bot.stdout is not None
                    await bot.stdout.readline()
                    self.server.faults = self.fault
                    begun = time.perf_counter()
                    await self._feed(psutil.Process(bot.pid))
                    return time.perf_counter() - begun
                finally:
                    bot.kill()
                    await bot.wait()

    async def _feed(self, process: psutil.Process) -> None:
        waiting: set[str] = set()
        while len(self.asked) < self.mentions or waiting:
            while len(waiting) < WAITING and len(self.asked) < self.mentions:
                number = len(self.asked)
                said = self.server.say(f"person{number % 97}", f"@largesse {SENTENCES[number % len(SENTENCES)]}")
                self.asked.append(said)
                waiting.add(said.id)
                if number % (self.mentions // 10) == 0:
                    self.weights.append(process.memory_info().rss / 1e6)
            await asyncio.sleep(0.1)
            waiting -= {str(each.reply_to) for each in self.server.said[-5 * WAITING :]}
            waiting -= {str(each.reply_to) for each in self.server.said} if len(self.asked) == self.mentions else set()
        self.weights.append(process.memory_info().rss / 1e6)

    def figures(self, seconds: float) -> dict[str, float | str]:
        """What came of it."""
        answers: dict[str, int] = {}
        for each in self.server.said:
            answers[str(each.reply_to)] = answers.get(str(each.reply_to), 0) + 1
        return {
            "server": self.server.variant.name,
            "mentions": self.mentions,
            "faults": self.faults,
            "unanswered": sum(each.id not in answers for each in self.asked),
            "answered_twice": sum(count > 1 for count in answers.values()),
            "over_budget": sum(self.server.refused.values()),
            "seconds": round(seconds, 1),
            "mb_after_a_fifth": round(self.weights[2], 1),
            "mb_at_the_end": round(self.weights[-1], 1),
        }


def main() -> int:
    """Print the table and the JSON line; exit status 1 where something was lost or said twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    mentions = QUICK if parser.parse_args().quick else MENTIONS
    rows: list[dict[str, float | str]] = []
    for variant in (MASTODON, GOTOSOCIAL):
        soak = Soak(variant, mentions)
        rows.append(soak.figures(asyncio.run(soak.run())))
    for name in rows[0]:
        print(f"{name.replace('_', ' '):<20}" + "".join(f"{row[name]:>14}" for row in rows))
    print(json.dumps({f"{row['server']}_{name}": value for row in rows for name, value in row.items()}))
    return int(any(row["unanswered"] or row["answered_twice"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
