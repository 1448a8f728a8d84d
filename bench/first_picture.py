"""From process start to the first picture, from a sentence to a picture when warm, and what the parts weigh.

`python -m bench.first_picture [--quick]` starts the real program in processes of its own with embedded defaults in a
temporary folder. Targets on two cores: coordinator and bots without a worker ready in 3 s and within 180 MB together
(torch not loaded); first picture 30 s after process start; 5 s from a sentence to its picture when warm.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
SENTENCES = ("draw a red apple on a blue background", "draw two green frogs", "draw a cat", "draw a yellow star")


def _environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "LARGESSE__GENERAL__DATA_DIR": str(folder / "data"),
        "LARGESSE__COORDINATOR__PORT": "0",
        "LARGESSE__CONSOLE__PICTURES_DIR": str(folder / "out"),
    }


def _memory(process: psutil.Process) -> float:
    """Resident megabytes of a process and its children."""
    family = [process, *process.children(recursive=True)]
    return sum(member.memory_info().rss for member in family) / 1e6


def _loads_torch(process: psutil.Process) -> bool:
    return any("libtorch" in mapping.path for mapping in process.memory_maps())


def without_worker(folder: Path) -> dict[str, float]:
    """Seconds until coordinator and bots are ready in one process, and their resident megabytes."""
    env = _environment(folder) | {"LARGESSE__WORKER__ENABLED": "false", "LARGESSE__CONSOLE__ENABLED": "true"}
    began = time.perf_counter()
    command = [sys.executable, "run_bot.py", "up"]
    with subprocess.Popen(
        command, cwd=ROOT, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write("status\n")
        running.stdin.flush()
        running.stdout.readline()
        seconds = time.perf_counter() - began
        process = psutil.Process(running.pid)
        time.sleep(1)
        megabytes = _memory(process)
        torch_loaded = _loads_torch(process)
        running.terminate()
    return {"ready_s": seconds, "resident_mb": megabytes, "torch_loaded": float(torch_loaded)}


def one_shot(folder: Path) -> float:
    """Seconds from process start to the finished picture of one sentence."""
    began = time.perf_counter()
    command = [sys.executable, "run_bot.py", "demo", "--say", SENTENCES[0], "--out", str(folder / "first")]
    subprocess.run(command, cwd=ROOT, env=_environment(folder), check=True, capture_output=True)
    return time.perf_counter() - began


def warm(folder: Path, rounds: int) -> list[float]:
    """Seconds from each typed sentence to its saved picture, in one running demo; the first one is left out."""
    env = _environment(folder) | {"LARGESSE__CONSOLE__ENABLED": "true"}
    out = folder / "out"
    took: list[float] = []
    with subprocess.Popen(
        [sys.executable, "run_bot.py", "up"],
        cwd=ROOT, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as running:  # fmt: skip
        assert running.stdin is not None
        for turn in range(rounds + 1):
            before = len(list(out.glob("*"))) if out.exists() else 0
            began = time.perf_counter()
            running.stdin.write(SENTENCES[turn % len(SENTENCES)] + "\n")
            running.stdin.flush()
            while not out.exists() or len(list(out.glob("*"))) <= before:
                if running.poll() is not None or time.perf_counter() - began > 120:
                    raise SystemExit("the demo stopped before the picture came")
                time.sleep(0.02)
            took.append(time.perf_counter() - began)
        running.terminate()
    return took[1:]


def main() -> None:
    """Print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    rounds = 4 if parser.parse_args().quick else 20
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        light = without_worker(folder / "light")
        first = one_shot(folder / "first")
        seconds = warm(folder / "warm", rounds)
    rows = [
        ("coordinator and bots ready", light["ready_s"], "s", 3.0),
        ("coordinator and bots resident", light["resident_mb"], "MB", 180.0),
        ("process start to first picture", first, "s", 30.0),
        (f"sentence to picture, warm, median of {rounds}", statistics.median(seconds), "s", 5.0),
        ("sentence to picture, warm, worst", max(seconds), "s", 5.0),
    ]
    for what, found, unit, target in rows:
        print(f"{what:<46}{found:>9.2f} {unit:<3} (target ≤ {target:g})")
    print(f"torch loaded beside coordinator and bots: {'yes' if light['torch_loaded'] else 'no'}")
    print(
        json.dumps(
            {
                **light,
                "first_picture_s": first,
                "warm_median_s": statistics.median(seconds),
                "warm_worst_s": max(seconds),
            }
        )
    )


if __name__ == "__main__":
    main()
