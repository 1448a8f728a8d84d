"""The port of the terminal: a transcript that survives a crash, pictures saved as files, the one-shot of `make demo`.

A message stands when its line is in the transcript, on disk; a second send with the same key finds it there.
"""

from __future__ import annotations

import asyncio
import errno
import io
import json
import os
import re
import sys
import time
import uuid
from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import replace
from hashlib import sha256
from importlib.util import find_spec
from mimetypes import guess_extension
from pathlib import Path
from typing import Any, TextIO, cast

from adapters.console import read
from adapters.console.show import Screen
from adapters.console.words import GREETING, leaves
from core.chat.dispatch import Dispatch
from core.chat.port import Dispatching, Limits
from core.chat.types import MessageRef, Person, Picture, Place, Post, Sent
from core.errors import ConfigError, StorageFull

NAME = "console"
LIMITS = Limits(
    max_text=100_000, max_pictures=20, max_alt=10_000, max_bytes=100_000_000, dedupe=True, edit_interval=0.1
)
BOT = "largesse"
DAY = 86_400.0
HISTORY = 6
"""So many of the last messages are shown at the start."""
_PROGRESS = "progress:"


class Transcript:
    """What was said, one JSON object a line; a later line with the same `n` says what that message is now.

    Each line is on disk before it counts; half a line at the end is what a crash left, and is cut off.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.messages: dict[str, dict[str, Any]] = {}
        self._by_key: dict[str, str] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            file.seek(0)
            whole, newline, _ = file.read().rpartition(b"\n")
            file.truncate(len(whole) + len(newline))
        for line in whole.splitlines():
            self._take(json.loads(line))

    def number(self, key: str) -> str | None:
        """The message that stands under this key."""
        return self._by_key.get(key)

    def add(self, **entry: object) -> str:
        """Write a message down for good; returns its number."""
        number = str(len(self.messages) + 1)
        self._write({"n": number, "at": time.time(), **entry})
        return number

    def hear(self, who: str, text: str) -> str:
        """Write down what the person says; returns the key of that event."""
        key = f"{NAME}:{uuid.uuid4().hex}"
        self.add(who=who, key=key, text=text)
        return key

    def change(self, number: str, **changes: object) -> None:
        """Write down that a message that stands here is different now."""
        if number in self.messages:
            self._write(self.messages[number] | changes)

    def unanswered(self, since: float) -> Iterator[dict[str, Any]]:
        """What the person said since then without any answer: a crash may have come before it was taken in."""
        answered = {key.partition("/")[0] for key in self._by_key if "/" in key}
        for entry in list(self.messages.values()):
            if not entry.get("bot") and entry["at"] >= since and entry["key"] not in answered:
                yield entry

    def _write(self, entry: dict[str, Any]) -> None:
        with self._path.open("ab") as file:
            file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._take(entry)

    def _take(self, entry: dict[str, Any]) -> None:
        self.messages[entry["n"]] = entry
        self._by_key[entry["key"]] = entry["n"]


class Console:
    """The terminal as a platform. One person, one place, private.

    Args:
        person: the name shown for the person.
        pictures_dir: folder for finished pictures, or a file name that ends in .png or .webp.
        data_dir: where the transcript is kept, in the folder `console`.
        stdin: file descriptor to read lines from; -1 = nobody writes.
        out: where to show everything; None = standard output.

    Raises:
        ConfigError: the transcript cannot be kept, or the line editor for a terminal is not installed.
    """

    name = NAME
    limits = LIMITS
    place = Place(NAME, "terminal", private=True)
    """The conversation; each has a transcript of its own."""

    def __init__(
        self, *, person: str, pictures_dir: Path, data_dir: Path, stdin: int = read.STDIN, out: TextIO | None = None
    ) -> None:
        self._person = Person(NAME, "you", person)
        self._pictures_dir = pictures_dir
        try:
            self._transcript = Transcript(data_dir / NAME / f"{self.place.id}.jsonl")
        except OSError as error:
            raise ConfigError(f"{data_dir / NAME} cannot be used: {error.strerror}.") from error
        self._screen = Screen(out)
        self._stdin = stdin
        self._at_terminal = os.isatty(stdin) and self._screen.moving
        if self._at_terminal and not find_spec("prompt_toolkit"):
            raise ConfigError(f"The terminal needs 'prompt_toolkit'; install it with: pip install '.[{NAME}]'.")

    async def run(self, dispatch: Dispatching) -> None:
        """Chat until the input ends or the person leaves; then wait for what is still being answered.

        On a terminal one may go on typing meanwhile; elsewhere each line is answered before the next one is read.
        """
        self._greet()
        for entry in self._transcript.unanswered(time.time() - DAY):
            await self._hear(entry["text"], entry["key"], dispatch)
        try:
            async with aclosing(self._lines(dispatch)) as lines:
                async for line in lines:
                    if leaves(line):
                        break
                    if line.strip():
                        await self._said(line, dispatch)
            self._screen.moved = None
            await dispatch.idle()
        finally:
            self._screen.clear()

    async def send(self, place: Place, post: Post, *, key: str) -> Sent:
        """Write it into the transcript and show it; what stands there already is left alone."""
        if post.progress:
            self._screen.progress(_PROGRESS + key, post.progress)
            return Sent(MessageRef(NAME, place.id, _PROGRESS + key))
        number = self._transcript.number(key)
        if number is None:
            with self._writing():
                paths = self._save(post)
                number = self._transcript.add(who=BOT, bot=True, key=key, text=post.text, pictures=paths)
            await self._show(post, paths, number)
        return Sent(MessageRef(NAME, place.id, number))

    async def fetch(self, picture: Picture) -> Picture:
        """Nothing to do: events bring the bytes along."""
        return picture

    async def find(self, place: Place, key: str) -> Sent | None:
        """Look into the transcript."""
        number = self._transcript.number(key)
        return Sent(MessageRef(NAME, place.id, number)) if number else None

    async def edit(self, ref: MessageRef, post: Post) -> None:
        """Move the progress, or say what a message says now."""
        if ref.message.startswith(_PROGRESS):
            self._screen.progress(ref.message, post.progress)
            return
        with self._writing():
            paths = self._save(post)
            self._transcript.change(ref.message, text=post.text, pictures=paths)
        await self._show(post, paths, ref.message)

    async def react(self, ref: MessageRef, emoji: str) -> None:
        """Show the emoji; nothing is kept of it."""
        self._screen.note(f"#{ref.message} {emoji}")

    async def whisper(self, person: Person, place: Place, post: Post, *, key: str) -> Sent:
        """Nobody else is here."""
        del person
        return await self.send(place, post, key=key)

    async def delete(self, ref: MessageRef) -> None:
        """Take the progress away, or a message and its files."""
        self._screen.progress(ref.message, None)
        message = self._transcript.messages.get(ref.message)
        if message and not message.get("deleted"):
            self._transcript.change(ref.message, deleted=True)
            for path in message.get("pictures", []):
                _remove(path)
                self._screen.note(f"deleted {path}")

    def _greet(self) -> None:
        for entry in list(self._transcript.messages.values())[-HISTORY:]:
            if not entry.get("deleted"):
                files = "".join(f" [{path}]" for path in entry.get("pictures", []))
                self._screen.note(f"{entry['who']} #{entry['n']}: {entry['text']}{files}")
        self._screen.note(GREETING)

    def _lines(self, dispatch: Dispatching) -> AsyncGenerator[str]:
        if not self._at_terminal:
            return read.piped(self._stdin)
        said = [entry["text"] for entry in self._transcript.messages.values() if not entry.get("bot")]
        session = read.prompt(said, dispatch.repertoire.spoken(), above=self._screen.bars)
        self._screen.moved = session.app.invalidate
        return read.typed(session)

    async def _said(self, line: str, dispatch: Dispatching) -> None:
        key = self._transcript.hear(self._person.name, line)
        self._screen.say(self._person.name, line, style="bold green")
        talk = await self._hear(line, key, dispatch)
        if isinstance(talk, asyncio.Task) and not self._at_terminal:
            await asyncio.wait([cast("asyncio.Task[object]", talk)])

    async def _hear(self, line: str, key: str, dispatch: Dispatching) -> object:
        try:
            call = read.call(line, key=key, person=self._person, place=self.place)
        except OSError as error:
            self._screen.note(f"{error.filename} cannot be read: {error.strerror}.")
            return None
        return await dispatch.call(self, call)

    async def _show(self, post: Post, paths: Sequence[str], number: str) -> None:
        self._screen.say(BOT, post.text, number=number)
        for picture, path in zip(post.pictures, paths, strict=True):
            await asyncio.to_thread(self._screen.picture, picture, path)

    def _save(self, post: Post) -> list[str]:
        return [str(save(each, self._pictures_dir, at)) for at, each in enumerate(post.pictures)]

    @contextmanager
    def _writing(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise StorageFull(f"The disk has no room left for pictures in {self._pictures_dir}.") from error
            raise ConfigError(
                f"Pictures cannot be saved in {self._pictures_dir}: {error.strerror or error}."
            ) from error


class Once(Console):
    """One request: progress and words on standard error, the paths of the pictures on standard output."""

    limits = replace(LIMITS, has_buttons=True)
    """Nobody stays to reply, so no reply words are offered."""
    place = Place(NAME, "once", private=True)

    async def say(self, line: str, dispatch: Dispatch[Any]) -> int:
        """Say one line and wait for what comes of it; returns 0, or 1 when it was not done."""
        try:
            talk = await self._hear(line, self._transcript.hear(self._person.name, line), dispatch)
            told = await cast("asyncio.Task[Any]", talk) if talk else StorageFull()
        finally:
            self._screen.clear()
        if told:
            sys.stderr.write(f"{told}\n")
        return 1 if told else 0

    async def send(self, place: Place, post: Post, *, key: str) -> Sent:
        """As in the chat, but the sentence of an error is left to `say`."""
        if key.endswith("/error"):
            return Sent(MessageRef(NAME, place.id, key))
        return await super().send(place, post, key=key)

    async def _show(self, post: Post, paths: Sequence[str], number: str) -> None:
        del number
        if paths:
            self._screen.note(post.text)
        self._screen.clear()  # both outputs may be the same terminal
        sys.stdout.write("".join(f"{line}\n" for line in paths or [post.text]))
        sys.stdout.flush()


async def run_once(dispatch: Dispatch[Any], *, say: str, out: Path, person: str, data_dir: Path) -> int:
    """One request through the very same path as the chat; `out` is a folder, or a file that ends in .png or .webp.

    Returns:
        The exit status: 0 and the paths on standard output, or 1 and the reason on standard error.
    """
    once = Once(person=person, pictures_dir=out, data_dir=data_dir, stdin=-1, out=sys.stderr)
    return await once.say(say, dispatch)


def save(picture: Picture, target: Path, at: int) -> Path:
    """Save a picture with its metadata, whole or not at all; returns where. Saving it twice gives the same file.

    `target` is a folder, or a file name that ends in .png or .webp; from the second picture on, `at` numbers it.

    Raises:
        OSError: the file cannot be written.
    """
    data = picture.data or b""
    if target.suffix.lower() in {".png", ".webp"}:
        path = target if at == 0 else target.with_stem(f"{target.stem}-{at + 1}")
        if target.suffix.lower() == ".png" and picture.mime != "image/png":
            data = _as_png(data)
    else:
        path = _free_path(target, picture, data)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    with unfinished.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    return path


def _free_path(folder: Path, picture: Picture, data: bytes) -> Path:
    """A name that is free, or the file that holds these very bytes."""
    digest = sha256(data).hexdigest()[:8]
    name = re.sub(r"[^\w.-]+", "-", Path(picture.name).name).strip(".-")[-80:]
    path = folder / (name or f"picture-{digest}{guess_extension(picture.mime, strict=False) or '.webp'}")
    taken = path.exists() and path.read_bytes() != data
    return path.with_stem(f"{path.stem}-{digest}") if taken else path


def _remove(path: str) -> None:
    Path(path).unlink(missing_ok=True)


def _as_png(data: bytes) -> bytes:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        out = io.BytesIO()
        image.save(out, "PNG", exif=image.getexif().tobytes())
    return out.getvalue()
