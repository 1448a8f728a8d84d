"""What is typed → events: lines from a prompt on a terminal, or from a pipe, and `Call`s made of them."""

from __future__ import annotations

import asyncio
import mimetypes
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.console.words import address
from core.chat.types import Call, MessageRef, Person, Picture, Place

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

STDIN = sys.__stdin__.fileno() if sys.__stdin__ else 0
PROMPT = "> "


def call(line: str, *, key: str, person: Person, place: Place) -> Call:
    """The event of a line.

    Raises:
        OSError: a picture that it attaches cannot be read.
    """
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


def prompt(history: Sequence[str], words: Sequence[str], *, above: Callable[[], str]) -> PromptSession[str]:
    """A line editor on the terminal: `history` under the arrow keys, `words` under Tab, lines `above` the one typed."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.history import InMemoryHistory
    from prompt_toolkit.shortcuts import CompleteStyle

    return PromptSession(
        lambda: f"{above()}\n{PROMPT}".lstrip("\n"),
        history=InMemoryHistory(history),
        completer=WordCompleter(list(words), sentence=True),
        complete_style=CompleteStyle.READLINE_LIKE,
        complete_while_typing=False,
        enable_suspend=True,
        erase_when_done=True,
    )


async def typed(session: PromptSession[str]) -> AsyncGenerator[str]:
    """Lines from a prompt until Ctrl-D, or Ctrl-C, which then goes to the whole process as a signal."""
    from prompt_toolkit.patch_stdout import patch_stdout

    with patch_stdout(raw=True):
        while True:
            try:
                line = await session.prompt_async(handle_sigint=False)
            except EOFError:
                return
            except KeyboardInterrupt:
                signal.raise_signal(signal.SIGINT)
                return
            yield line


async def piped(descriptor: int) -> AsyncGenerator[str]:
    """Lines of a pipe or a file, in UTF-8, until its end."""
    rest, data = b"", b"more"
    while data:
        await _readable(descriptor)
        data = os.read(descriptor, 65_536)
        *lines, rest = (rest + data).split(b"\n")
        for line in lines if data or not rest else [rest]:
            yield line.decode(errors="replace").rstrip("\r")


async def _readable(descriptor: int) -> None:
    ready, loop = asyncio.Event(), asyncio.get_running_loop()
    try:
        loop.add_reader(descriptor, ready.set)
    except PermissionError:  # a file on disk: it cannot be waited for and needs no waiting
        return
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
