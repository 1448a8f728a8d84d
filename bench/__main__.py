"""Run every benchmark, one process each: `python -m bench [--quick] [NAME ...]`.

Each benchmark is a module (or a package) of this folder, run as `python -m bench.NAME [--quick]`: it prints a table
and, as its last line, one JSON object with its figures. This one prints them all and ends with one JSON object of all
figures by name.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def names() -> list[str]:
    """The benchmarks there are."""
    modules = [path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_")]
    return sorted(modules + [path.parent.name for path in HERE.glob("*/__main__.py")])


def run(name: str, *, quick: bool) -> dict[str, object]:
    """Run one benchmark; its table goes to our standard output, its figures are returned."""
    print(f"\n== {name} ==", flush=True)
    command = [sys.executable, "-m", f"bench.{name}", *(["--quick"] if quick else [])]
    done = subprocess.run(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.rstrip().splitlines()
    if done.returncode != 0 or not lines:
        print(done.stdout)
        return {"failed": done.returncode}
    print("\n".join(lines[:-1]), flush=True)
    return json.loads(lines[-1])


def main() -> int:
    """Run what was asked for; exit status 1 when a benchmark failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which ones: {', '.join(names())}; default all")
    parser.add_argument("--quick", action="store_true", help="short runs, for a first look")
    chosen = parser.parse_args()
    unknown = set(chosen.names) - set(names())
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    print(
        f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"
    )
    figures = {name: run(name, quick=chosen.quick) for name in chosen.names or names()}
    print(json.dumps(figures))
    return int(any("failed" in result for result in figures.values()))


if __name__ == "__main__":
    sys.exit(main())
