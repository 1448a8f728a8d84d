"""Kill -9 of any part at any moment, then a restart: the picture arrives, once, and the ledger is right.

Real processes of the real program; what people saw is read from the terminal chat's transcript, what was paid from the
coordinator's database.
"""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.doubles.program import Program, program, wait_until

PARTS = ("coordinator", "worker", "bots")
TURNS = 4
STOPPED = (0, -signal.SIGTERM)
"""Exit statuses of a part that was asked to end: it finished, or was so young that it had not begun."""


def _asked(running: Program) -> list[str]:
    """Keys of what the person said."""
    return [entry["key"] for entry in running.transcript() if "n" in entry and not entry.get("bot")]


def _answers(running: Program, key: str) -> list[list[str]]:
    """Pictures of each answer to one sentence."""
    said = [entry for entry in running.transcript() if entry.get("bot") and entry["key"].startswith(f"{key}/")]
    return [entry["pictures"] for entry in said if entry["pictures"]]


def _ask(running: Program, sentence: str) -> str:
    """Type a sentence, again if the terminal died before it took it; the key under which it stands."""
    before = len(_asked(running))
    while len(_asked(running)) == before:
        with suppress(BrokenPipeError):
            running.say(sentence)
        deadline = time.monotonic() + 20
        while len(_asked(running)) == before and time.monotonic() < deadline:
            time.sleep(0.02)
    return _asked(running)[before]


def _drill(running: Program, rng: random.Random, turns: int) -> list[str]:
    for part in PARTS:
        running.start(part)
    keys: list[str] = []
    for turn in range(turns):
        keys.append(_ask(running, f"draw a cat --seed {turn} --steps {rng.choice((1, 5, 20))}"))
        for _ in range(rng.choice((1, 1, 2))):
            time.sleep(rng.uniform(0, 0.6))
            victim = rng.choice(PARTS)
            running.kill(victim)
            time.sleep(rng.uniform(0, 0.3))
            running.start(victim)
        wait_until(
            lambda: bool(_answers(running, keys[-1])),
            f"the picture of turn {turn}\n" + "\n".join(f"-- {part}\n{running.log(part)}" for part in PARTS),
        )
    return keys


def _ledger(running: Program) -> tuple[int, int, int]:
    """Jobs that were paid, pictures that were settled, and how often the same job was paid more than once."""
    with sqlite3.connect(f"file:{running.folder / 'data/coordinator.db'}?mode=ro", uri=True) as database:
        finished = database.execute("SELECT count(*) FROM jobs WHERE state = 'done'").fetchone()[0]
        wrong = database.execute(
            "SELECT count(*) FROM (SELECT event_id FROM ledger_postings GROUP BY event_id HAVING sum(amount) <> 0)"
        ).fetchone()[0]
        requests = database.execute("SELECT count(*) FROM requests").fetchone()[0]
    return finished, requests, wrong


def _run_drill(folder: Path, seed: int, turns: int) -> None:
    with program(folder) as running:
        keys = _drill(running, random.Random(seed), turns)
        answers = [_answers(running, key) for key in keys]
        assert [len(each) for each in answers] == [1] * turns
        assert all(len(pictures) == 1 and Path(pictures[0]).is_file() for [pictures] in answers)
        for part in ("bots", "worker", "coordinator"):
            assert running.stop(part) in STOPPED, running.log(part)
        finished, requests, wrong = _ledger(running)
        assert (finished, requests, wrong) == (turns, turns, 0)


@pytest.mark.parametrize("seed", range(4))
def test_a_kill_at_any_moment_costs_nothing(seed: int, tmp_path: Path) -> None:
    """Whatever part is killed at whatever moment, each request has one picture, was accepted and paid once."""
    _run_drill(tmp_path, seed, TURNS)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(100, 120))
def test_many_kills_cost_nothing(seed: int, tmp_path: Path) -> None:
    """The same, two hundred times over."""
    _run_drill(tmp_path, seed, 10)
