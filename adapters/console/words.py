"""How the bot is addressed in the terminal: by every line; `#3 again` replies to message 3, `@a.png` attaches."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

GREETING = (
    "Write what you want to see, for example: draw a red apple on a blue background\n/help shows more, /quit leaves."
)
_LEAVE = {"/quit", "/exit", "/q"}
_REPLY = re.compile(r"\s*#(\d+)\s+(?=\S)")
_FILE = re.compile(r"(?<!\S)@(\S+\.(?:png|jpe?g|webp|gif))(?!\S)", re.IGNORECASE)


@dataclass(frozen=True)
class Addressed:
    """A line, taken apart."""

    text: str
    """The sentence."""
    reply_to: str | None
    """Number of the message it replies to."""
    files: tuple[Path, ...]
    """Pictures to attach; all of them exist."""


def leaves(line: str) -> bool:
    """Whether the person wants to go."""
    return line.strip().lower() in _LEAVE


def address(line: str) -> Addressed:
    """Take a line apart; what looks like a file but is none stays in the sentence."""
    reply = _REPLY.match(line)
    text = line[reply.end() :] if reply else line
    files: list[Path] = []
    for found in _FILE.finditer(text):
        path = Path(found[1]).expanduser()
        if path.is_file():
            files.append(path)
            text = text.replace(found[0], "", 1)
    return Addressed(text.strip(), reply[1] if reply else None, tuple(files))
