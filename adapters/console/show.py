"""Posts → what the terminal shows: text, progress bars in place above the line being typed, pictures where it can.

Where the output is no terminal, plain lines are printed and nothing moves.
"""

from __future__ import annotations

import base64
import io
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from rich.cells import set_cell_size
from rich.console import Console as Rich
from rich.text import Text

from core.chat.types import Picture, Progress

PROMPT = "> "
BAR = 24
"""Characters of a progress bar."""
COLUMNS, ROWS = 48, 24
"""Largest preview, in characters."""
QUIET = 5.0
"""Seconds between two lines of progress where they cannot be drawn in place."""


class Screen:
    """The terminal: what was said stays and scrolls, the progress and the typed line stand below it."""

    def __init__(self, out: TextIO, *, typed: Callable[[], str] | None = None) -> None:
        self._out = out
        self._rich = Rich(file=out, highlight=False, soft_wrap=True)
        self._typed = typed
        self._bars: dict[str, Progress] = {}
        self._height = 0
        self._quiet_until = 0.0
        self.moving = out.isatty()
        """Lines can be drawn again in place."""

    def say(self, who: str, text: str, *, number: str = "", style: str = "bold cyan") -> None:
        """Print what somebody says; `number` is what a reply may name."""
        head = Text.assemble((who, style), (f" #{number}" if number else "", "dim"), ": ")
        self._above(lambda: self._rich.print(head + Text(text.replace("\x1b", ""))))

    def note(self, text: str) -> None:
        """Print something that nobody says."""
        self._above(lambda: self._rich.print(Text(text, "dim")))

    def picture(self, picture: Picture, path: Path) -> None:
        """Print where a picture is, and the picture itself where the terminal can."""
        drawn = preview(picture.data, os.environ) if self.moving and picture.data else None

        def show() -> None:
            if drawn:
                self._out.write(drawn + "\n")
            self._rich.print(Text(f"  saved as {path}", "green"))

        self._above(show)

    def progress(self, key: str, progress: Progress | None) -> None:
        """Show how far something is; None = it is over."""
        if progress is None:
            self._bars.pop(key, None)
        else:
            self._bars[key] = progress
        if self.moving:
            self.refresh()
        elif progress and time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + QUIET
            self.note(f"… {progress.text}")

    def refresh(self) -> None:
        """Draw the progress and the typed line again."""
        self._above(lambda: None)

    def clear(self) -> None:
        """Leave only what was said."""
        self._bars.clear()
        self._typed = None
        self._above(lambda: None)

    def _above(self, show: Callable[[], None]) -> None:
        if self._height:
            up = f"\x1b[{self._height - 1}A" if self._height > 1 else ""
            self._out.write(f"\r{up}\x1b[J")
        show()
        lines = self._below() if self.moving else []
        self._height = len(lines)
        self._out.write("\n".join(lines))
        self._out.flush()

    def _below(self) -> list[str]:
        room = max(20, self._rich.width - 1)
        lines = [_bar(progress, room) for progress in self._bars.values()]
        if self._typed is not None:
            lines.append(PROMPT + self._typed()[-(room - len(PROMPT)) :])
        return lines


def _bar(progress: Progress, room: int) -> str:
    if progress.fraction is None:
        return set_cell_size(f"{'╌' * BAR}  {progress.text}", room).rstrip()
    done = round(BAR * min(max(progress.fraction, 0.0), 1.0))
    return set_cell_size(f"{'━' * done}{'╌' * (BAR - done)}  {progress.text}", room).rstrip()


def preview(data: bytes, environment: Mapping[str, str]) -> str | None:
    """The picture in this terminal's way: kitty's or iTerm2's protocol, else half blocks; None = it cannot."""
    program = environment.get("TERM_PROGRAM", "") + environment.get("LC_TERMINAL", "")
    kitty = "KITTY_WINDOW_ID" in environment or "kitty" in environment.get("TERM", "") or "ghostty" in program.lower()
    iterm = "iTerm" in program or "WezTerm" in program
    blocks = environment.get("COLORTERM") in {"truecolor", "24bit"}
    if not (kitty or iterm or blocks):
        return None
    try:
        from PIL import Image
    except ModuleNotFoundError:
        return None
    try:
        with Image.open(io.BytesIO(data)) as opened:
            image = opened.convert("RGB")
    except (OSError, ValueError):
        return None
    if kitty or iterm:
        out = io.BytesIO()
        image.save(out, "PNG")
        return _kitty(out.getvalue()) if kitty else _iterm(out.getvalue())
    image.thumbnail((COLUMNS, ROWS * 2))
    return _blocks(image.width, image.height, image.tobytes())


def _kitty(png: bytes) -> str:
    text = base64.b64encode(png).decode()
    chunks = [text[start : start + 4096] for start in range(0, len(text), 4096)]
    last = len(chunks) - 1
    heads = ["a=T,f=100," if number == 0 else "" for number in range(len(chunks))]
    return "".join(f"\x1b_G{heads[at]}m={int(at < last)};{chunk}\x1b\\" for at, chunk in enumerate(chunks))


def _iterm(png: bytes) -> str:
    return f"\x1b]1337;File=inline=1;size={len(png)}:{base64.b64encode(png).decode()}\a"


def _blocks(width: int, height: int, rgb: bytes) -> str:
    """Two rows of pixels in each line: the upper as foreground, the lower as background."""

    def pixel(x: int, y: int) -> Sequence[int]:
        at = (min(y, height - 1) * width + x) * 3
        return rgb[at : at + 3]

    lines: list[str] = []
    for y in range(0, height, 2):
        cells = ["\x1b[38;2;{};{};{};48;2;{};{};{}m▀".format(*pixel(x, y), *pixel(x, y + 1)) for x in range(width)]
        lines.append("".join(cells) + "\x1b[0m")
    return "\n".join(lines)
