"""What is typed → events: a thread that waits for the keyboard or the pipe, a line editor, and lines → `Call`s."""

from __future__ import annotations

import asyncio
import codecs
import mimetypes
import os
import re
import select
import sys
import termios
import threading
import tty
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from adapters.console.words import address
from core.chat.types import Call, MessageRef, Person, Picture, Place

_KEYS = re.compile(r"\x1b\[[0-9;]*[A-Za-z~]|\x1bO.|.", re.DOTALL)
_UP, _DOWN = ("\x1b[A", "\x1bOA"), ("\x1b[B", "\x1bOB")
_ENTER, _BACKSPACE, _END, _CLEAR, _CLEAR_WORD = ("\r", "\n"), ("\x7f", "\b"), "\x04", "\x15", "\x17"


def call(line: str, *, key: str, person: Person, place: Place) -> Call:
    """The event of a line."""
    said = address(line)
    return Call(
        key=key,
        person=person,
        place=place,
        message=MessageRef(place.platform, place.id, key),
        text=said.text,
        pictures=tuple(_picture(path) for path in said.files),
        replied_to=MessageRef(place.platform, place.id, said.reply_to) if said.reply_to else None,
    )


def _picture(path: Path) -> Picture:
    return Picture(data=path.read_bytes(), mime=mimetypes.guess_type(path.name)[0] or "image/png", name=path.name)


class Editor:
    """The line that is being typed on a terminal, with the lines before it under the up and down keys."""

    def __init__(self, history: Sequence[str] = ()) -> None:
        self.text = ""
        self._history = list(history)
        self._at = len(self._history)

    def feed(self, typed: str) -> list[str | None]:
        """Take in keys; returns the lines that were finished, None for the end (Ctrl-D on an empty line)."""
        finished: list[str | None] = []
        for key in _KEYS.findall(typed):
            if key in _ENTER:
                finished.append(self.text)
                self._remember()
            elif key == _END and not self.text:
                finished.append(None)
            else:
                self._edit(key)
        return finished

    def _edit(self, key: str) -> None:
        if key in _BACKSPACE:
            self.text = self.text[:-1]
        elif key == _CLEAR:
            self.text = ""
        elif key == _CLEAR_WORD:
            self.text = self.text.rstrip().rpartition(" ")[0]
        elif key in _UP:
            self._recall(self._at - 1)
        elif key in _DOWN:
            self._recall(self._at + 1)
        elif key.isprintable():
            self.text += key

    def _remember(self) -> None:
        if self.text.strip():
            self._history.append(self.text)
        self._at, self.text = len(self._history), ""

    def _recall(self, at: int) -> None:
        self._at = min(max(at, 0), len(self._history))
        self.text = self._history[self._at] if self._at < len(self._history) else ""


class Keyboard:
    """Lines from a file descriptor, read in a thread so that the loop never waits; `with` starts and ends it.

    On a terminal the keys come one by one through an `Editor`; elsewhere whole lines, UTF-8, until the end.
    """

    def __init__(self, descriptor: int, editor: Editor, *, on_key: Callable[[], None] = lambda: None) -> None:
        self._descriptor = descriptor
        self._editor = editor
        self._on_key = on_key
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._rest = ""
        self._saved: list[Any] | None = None

    @property
    def is_terminal(self) -> bool:
        """Somebody sits there."""
        return os.isatty(self._descriptor)

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._wake_read, self._wake_write = os.pipe()
        if self.is_terminal:
            self._saved = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor)
        self._thread = threading.Thread(target=self._watch, name="keyboard", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._wake_write, b"x")
        self._thread.join()
        os.close(self._wake_read)
        os.close(self._wake_write)
        if self._saved is not None:
            termios.tcsetattr(self._descriptor, termios.TCSANOW, self._saved)

    async def line(self) -> str | None:
        """The next line; None at the end."""
        return await self._lines.get()

    def _watch(self) -> None:
        while True:
            ready, _, _ = select.select([self._descriptor, self._wake_read], [], [])
            if self._wake_read in ready:
                return
            data = os.read(self._descriptor, 65_536)
            self._loop.call_soon_threadsafe(self._take, data)
            if not data:
                return

    def _take(self, data: bytes) -> None:
        text = self._decoder.decode(data, final=not data)
        finished = self._editor.feed(text) if self.is_terminal else self._split(text, last=not data)
        for line in finished:
            self._lines.put_nowait(line)
        if self.is_terminal:
            self._on_key()

    def _split(self, text: str, *, last: bool) -> list[str | None]:
        *lines, self._rest = (self._rest + text).split("\n")
        found: list[str | None] = [line.rstrip("\r") for line in lines]
        if last:
            found += [self._rest, None] if self._rest else [None]
        return found


STDIN = sys.__stdin__.fileno() if sys.__stdin__ else 0
