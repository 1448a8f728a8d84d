"""Benchmark of the coordinator over HTTP: `python -m bench.coordinator [--quick] [--engine postgres|sqlite]`.

Whole lives of jobs by 8 to 256 users, pops and checks at growing depth, cached reads, CPU for each job, memory. The
coordinator is one process as an operator starts it, PostgreSQL commits to the disk, the load generator is a third
process on the same machine. Each figure is the median of three runs (one with --quick). The last line is JSON;
docs/scale.md explains its fields.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable
from typing import Any

from bench.coordinator.depths import depth_figures
from bench.coordinator.stage import Stage, stage
from core.coordinator.keys import ANONYMOUS

USERS = (8, 32, 64, 256)
PAUSE = 0.3
"""Seconds between two lives of a user, on average, where they do not ask for all that the machine can do."""
DEPTHS = (100, 1_000, 10_000, 100_000)
READS = ("status/heartbeat", "status/performance", "status/models", "workers")
CALLS = ("async", "pop", "upload", "submit", "check", "status", "download")
Figures = dict[str, Any]


def median_of(runs: int, run: Callable[[], Figures], by: str) -> Figures:
    """The run whose figure `by` is the median."""
    return sorted((run() for _ in range(runs)), key=lambda figures: figures[by])[runs // 2]


def lives(here: Stage, users: int, seconds: float, *, pause: float = 0.0) -> Figures:
    """Whole lives: per second, CPU of each process for each job, milliseconds of each call.

    pause: seconds that a user waits between two lives, on average.
    """
    found = here.order("lives", users=users, seconds=seconds, pause=pause)
    done = max(1, found["all_jobs"])
    coordinator, database = (1000 * used / done for used in found["used"])
    return {
        "users": users,
        "per_second": found["per_second"],
        "server_cpu_ms": round(coordinator, 2),
        "postgres_cpu_ms": round(database, 2),
        "load_cpu_ms": round(1000 * found["load_cpu"] / done, 2),
        "memory_mb": round(here.memory(), 1),
        "calls": found["calls"],
    }


def print_lives(figures: Figures) -> None:
    """One line of the table of lives, and the latencies of its calls."""
    print(
        f"{figures['users']:>4} users: {figures['per_second']:>6} jobs/s;  CPU ms a job: coordinator "
        f"{figures['server_cpu_ms']}, PostgreSQL {figures['postgres_cpu_ms']}, load {figures['load_cpu_ms']};  "
        f"{figures['memory_mb']} MB"
    )
    shown = [f"{name} {figures['calls'][name]['p50']}/{figures['calls'][name]['p99']}" for name in CALLS]
    print("            ms p50/p99: " + ", ".join(shown), flush=True)


def parts(here: Stage, rounds: int) -> Figures:
    """What one call of each kind costs; prints its table."""
    found = here.order("parts", jobs=400, rounds=rounds)
    table: Figures = {name: used for name, used in found.items() if isinstance(used, dict)}
    print("one call, ms".ljust(20), *(name.rjust(16) for name in ("server_cpu_ms", "postgres_cpu_ms", "clock_ms")))
    for name, used in table.items():
        print(name.ljust(20), *(str(ms).rjust(16) for ms in used.values()))
    return table


def reads(here: Stage, seconds: float) -> Figures:
    """Cached reads of figures that are the same for everybody, by 32 users at once."""
    calls = [["GET", f"/api/v2/{path}", None, ANONYMOUS] for path in READS]
    found = here.order("repeats", users=32, seconds=seconds, calls=calls)
    return {name: found[name] for name in ("per_second", "p50", "p99")}


def long_load(here: Stage, minutes: int) -> list[float]:
    """Megabytes after each minute of whole lives by 64 users."""
    return [lives(here, 64, 60.0)["memory_mb"] for _ in range(minutes)]


def depths(engine: str, *, quick: bool) -> list[Figures]:
    """Pops and checks at growing depth; prints its table as it goes."""
    names = ("hit", "miss", "check", "transaction_hit", "transaction_miss")
    print("waiting, ms p50/p99".ljust(20), *(name.rjust(17) for name in names))
    table: list[Figures] = []
    for depth in DEPTHS[:3] if quick else DEPTHS:
        figures = depth_figures(engine, depth, times=100 if quick else 500)
        table.append({name: figures[name] for name in ("waiting", *names)})
        cells = (f"{figures[name]['p50']}/{figures[name]['p99']}".rjust(17) for name in names)
        print(f"{depth:,}".ljust(20), *cells, flush=True)
    return table


def measure(engine: str, *, quick: bool) -> Figures:
    """Everything on one engine."""
    runs, seconds = (1, 4.0) if quick else (3, 12.0)
    print(f"\n{engine}, one coordinator process")
    with stage(engine) as here:
        each = parts(here, runs)
        whole: list[Figures] = []
        for users in USERS:
            whole.append(median_of(runs, lambda users=users: lives(here, users, seconds), "per_second"))
            print_lives(whole[-1])
        paced = median_of(runs, lambda: lives(here, 32, seconds, pause=PAUSE), "per_second")
        print(f"the same with {PAUSE} s between a user's lives")
        print_lives(paced)
        read = median_of(runs, lambda: reads(here, seconds / 3), "per_second")
        print(f"cached reads: {read['per_second']}/s, ms p50/p99 {read['p50']}/{read['p99']}", flush=True)
        memory = long_load(here, 1 if quick else 10)
        print(f"MB after each minute of a long load: {memory}", flush=True)
    return {
        "parts": each,
        "lives": whole,
        "paced": paced,
        "reads": read,
        "memory_mb": memory,
        "depths": depths(engine, quick=quick),
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short run of each, at most 10,000 waiting")
    parser.add_argument("--engine", choices=["postgres", "sqlite"], help="only this one")
    chosen = parser.parse_args()
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"
    print(machine)
    engines = [chosen.engine] if chosen.engine else ["postgres", "sqlite"]
    print(json.dumps({"machine": machine, **{engine: measure(engine, quick=chosen.quick) for engine in engines}}))


if __name__ == "__main__":
    main()
