"""What a person sees while the demo gets ready: a bar on standard error that counts its steps.

Used by `run_bot.py demo` only; where standard error is no terminal, each step is a plain line.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

STEPS = ("Starting the coordinator", "Waking the worker and its model")


class StartBar:
    """A bar of two steps. `with StartBar() as bar:` shows the first one, `bar.next()` the following ones."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._progress.add_task(STEPS[0], total=len(STEPS))
        self._done = 0

    def __enter__(self) -> Self:
        self._progress.start()
        self._say()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def next(self) -> None:
        """The step that was shown is done; show the next one, or nothing after the last."""
        self._done += 1
        if self._done >= len(STEPS):
            self.close()
            return
        self._progress.update(self._task, completed=self._done, description=STEPS[self._done])
        self._say()

    def close(self) -> None:
        """Take the bar away."""
        self._progress.stop()

    def _say(self) -> None:
        if not self._console.is_terminal:
            self._console.print(f"{STEPS[self._done]} ...")
