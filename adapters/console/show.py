"""Posts → what the terminal shows: text, progress bars in place, small previews of pictures.

Where the output is no terminal, plain lines are printed and nothing moves.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import TextIO

from rich.cells import set_cell_size
from rich.console import Console as Rich
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from core.chat.fit import plain
from core.chat.types import Picture, Progress

BAR = 24
"""Characters of a progress bar."""
PREVIEW = (48, 48)
"""Largest preview, in columns and half lines."""
QUIET = 5.0
"""Seconds between two lines of progress where they cannot be drawn in place."""


class Screen:
    """The terminal: what was said stays and scrolls, the progress stands below it."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._rich = Rich(file=out, highlight=False, soft_wrap=True)
        self._live: Live | None = None
        self._bars: dict[str, Progress] = {}
        self._quiet_until = 0.0
        self.moved: Callable[[], None] | None = None
        """Set while a prompt shows `bars` itself: tells it that they moved."""

    @property
    def moving(self) -> bool:
        """Lines can be drawn again in place."""
        return self._rich.file.isatty()

    def say(self, who: str, text: str, *, number: str = "", style: str = "bold cyan") -> None:
        """Print what somebody says; `number` is what a reply may name."""
        head = Text.assemble((who, style), (f" #{number}" if number else "", "dim"), ": ")
        self._rich.print(head + Text(text.replace("\x1b", "")))

    def note(self, text: str) -> None:
        """Print something that nobody says."""
        self._rich.print(Text(plain(text), "dim"))

    def picture(self, picture: Picture, path: str) -> None:
        """Print where a picture is, and a preview where the terminal has the colours."""
        coloured = self.moving and self._rich.color_system in {"256", "truecolor"}
        drawn = preview(picture.data) if coloured and picture.data else None
        saved = Text(f"  saved as {path}", "green")
        self._rich.print(Group(drawn, saved) if drawn else saved)

    def progress(self, key: str, progress: Progress | None) -> None:
        """Show how far something is; None = it is over."""
        self._bars.pop(key, None) if progress is None else self._bars.update({key: progress})
        if self.moved:
            self.moved()
        elif self.moving:
            self._move()
        elif progress and time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + QUIET
            self.note(f"… {progress.text}")

    def bars(self) -> str:
        """The progress as it is now, a line for each, no wider than the terminal."""
        room = max(20, self._rich.width - 1)
        return "\n".join(_bar(progress, room) for progress in self._bars.values())

    def clear(self) -> None:
        """Leave only what was said."""
        self._bars.clear()
        self._move()

    def _move(self) -> None:
        if self._bars and self._live is None:
            self._live = Live(
                console=self._rich, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
            )
            self._live.start()
            self._rich.show_cursor()  # a second Ctrl-C ends the process before anybody could bring it back
        if self._bars and self._live:
            self._live.update(Text(self.bars()), refresh=True)
        elif self._live:
            self._live.stop()
            self._live = None


def _bar(progress: Progress, room: int) -> str:
    done = round(BAR * min(max(progress.fraction or 0.0, 0.0), 1.0))
    return set_cell_size(f"{'━' * done}{'╌' * (BAR - done)}  {progress.text}", room).rstrip()


def preview(data: bytes) -> RenderableType | None:
    """The picture in coloured half blocks; None = it cannot be shown."""
    try:
        from PIL import Image
        from rich_pixels import Pixels

        with Image.open(io.BytesIO(data)) as image:
            image.thumbnail(PREVIEW)
            return Pixels.from_image(image.convert("RGB"))
    except (ImportError, OSError, ValueError):
        return None
