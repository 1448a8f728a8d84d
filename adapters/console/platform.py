"""The port of the terminal: a transcript that survives a crash, pictures saved as files, the one-shot of `make demo`.

A message stands when its line is in the transcript, on disk; a second send with the same key finds it there.
"""

from __future__ import annotations

import errno
import io
import json
import os
import re
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, TextIO, cast

from adapters.console import read
from adapters.console.read import STDIN, Editor, Keyboard
from adapters.console.show import Screen
from adapters.console.words import GREETING, leaves
from core.chat.dispatch import Dispatch
from core.chat.port import Dispatching, Limits
from core.chat.types import MessageRef, Person, Picture, Place, Post, Sent
from core.errors import ConfigError, StorageFull

NAME = "console"
LIMITS = Limits(
    max_text=100_000,
    max_pictures=20,
    max_alt=10_000,
    max_bytes=100_000_000,
    dedupe=True,
    edit_interval=0.1,
)
BOT = "largesse"
DAY = 86_400.0
HISTORY = 6
"""So many of the last messages are shown at the start."""
_PROGRESS = "progress:"
_SUFFIXES = {"image/webp": ".webp", "image/png": ".png", "image/jpeg": ".jpg"}


class Transcript:
    """What was said, one JSON object a line: a message, or `edits` or `deletes` with the number of one.

    Each line is on disk before its message counts as sent; half a line at the end is what a crash left, and is cut off.
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

    def edit(self, number: str, **entry: object) -> None:
        """Write down that a message says something else now."""
        if number in self.messages:
            self._write({"edits": number, **entry})

    def delete(self, number: str) -> Sequence[str]:
        """Write down that a message is gone; returns the files of its pictures."""
        if number not in self.messages or self.messages[number].get("deleted"):
            return ()
        self._write({"deletes": number})
        return cast("list[str]", self.messages[number].get("pictures", []))

    def unanswered(self, since: float) -> Iterator[dict[str, Any]]:
        """What the person said since then without any answer: a crash may have come before it was taken in."""
        answered = {key.partition("/")[0] for key in self._by_key if "/" in key}
        for entry in list(self.messages.values()):
            if not entry.get("bot") and entry["at"] >= since and entry["key"] not in answered:
                yield entry

    def _write(self, entry: dict[str, object]) -> None:
        with self._path.open("ab") as file:
            file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._take(entry)

    def _take(self, entry: dict[str, Any]) -> None:
        if edited := entry.get("edits"):
            self.messages[edited] |= {name: value for name, value in entry.items() if name != "edits"}
        elif deleted := entry.get("deletes"):
            self.messages[deleted]["deleted"] = True
        else:
            self.messages[entry["n"]] = entry
            self._by_key[entry["key"]] = entry["n"]


class Console:
    """The terminal as a platform. One person, one place, private.

    Args:
        person: the name shown for the person.
        pictures_dir: folder for finished pictures, or a file name that ends in .png or .webp.
        data_dir: where the transcript is kept, in the folder `console`.
        stdin: file descriptor to read lines from.
        out: where to show everything.
        place: name of the conversation; each has a transcript of its own.
    """

    def __init__(
        self,
        *,
        person: str,
        pictures_dir: Path,
        data_dir: Path,
        stdin: int = STDIN,
        out: TextIO | None = None,
        place: str = "terminal",
    ) -> None:
        self._person = Person(NAME, "you", person)
        self._place = Place(NAME, place, private=True)
        self._pictures_dir = pictures_dir
        try:
            self._transcript = Transcript(data_dir / NAME / f"{place}.jsonl")
        except OSError as error:
            raise ConfigError(f"{data_dir / NAME} cannot be used: {error.strerror}.") from error
        said = [entry["text"] for entry in self._transcript.messages.values() if not entry.get("bot")]
        self._editor = Editor(said)
        at_terminal = os.isatty(stdin)
        self._screen = Screen(out or sys.stdout, typed=(lambda: self._editor.text) if at_terminal else None)
        self._stdin = stdin

    @property
    def name(self) -> str:
        """The platform's name."""
        return NAME

    @property
    def limits(self) -> Limits:
        """A terminal takes nearly everything."""
        return LIMITS

    async def run(self, dispatch: Dispatching) -> None:
        """Chat until the input ends or the person leaves; then wait for what is still being answered."""
        try:
            with Keyboard(self._stdin, self._editor, on_key=self._screen.refresh) as keyboard:
                self._greet()
                for entry in self._transcript.unanswered(time.time() - DAY):
                    await self._hear(entry["text"], entry["key"], dispatch)
                while (line := await keyboard.line()) is not None and not leaves(line):
                    if line.strip():
                        await self._say(line, dispatch)
                await dispatch.idle()
        finally:
            self._screen.clear()

    async def send(self, place: Place, post: Post, *, key: str) -> Sent:
        """Write it into the transcript and show it; what stands there already is left alone."""
        if post.progress:
            ref = MessageRef(NAME, place.id, _PROGRESS + key)
            self._screen.progress(ref.message, post.progress)
            return Sent(ref)
        number = self._transcript.number(key)
        if number is None:
            try:
                paths = [save(each, self._pictures_dir, at) for at, each in enumerate(post.pictures)]
                number = self._transcript.add(
                    who=BOT, bot=True, key=key, text=post.text, pictures=[str(path) for path in paths]
                )
            except OSError as error:
                raise _explained(error, self._pictures_dir) from error
            self._show(post, paths, number)
        return Sent(MessageRef(NAME, place.id, number))

    async def find(self, place: Place, key: str) -> Sent | None:
        """Look into the transcript."""
        number = self._transcript.number(key)
        return Sent(MessageRef(NAME, place.id, number)) if number else None

    async def edit(self, ref: MessageRef, post: Post) -> None:
        """Move the progress, or say what a message says now."""
        if ref.message.startswith(_PROGRESS):
            self._screen.progress(ref.message, post.progress)
            return
        try:
            paths = [save(each, self._pictures_dir, at) for at, each in enumerate(post.pictures)]
            self._transcript.edit(ref.message, text=post.text, pictures=[str(path) for path in paths])
        except OSError as error:
            raise _explained(error, self._pictures_dir) from error
        self._show(post, paths, ref.message)

    async def react(self, ref: MessageRef, emoji: str) -> None:
        """Show the emoji; nothing is kept of it."""
        self._screen.note(f"#{ref.message} {emoji}")

    async def whisper(self, person: Person, place: Place, post: Post, *, key: str) -> Sent:
        """Nobody else is here."""
        del person
        return await self.send(place, post, key=key)

    async def delete(self, ref: MessageRef) -> None:
        """Take the progress away, or a message and its files."""
        if ref.message.startswith(_PROGRESS):
            self._screen.progress(ref.message, None)
            return
        for path in self._transcript.delete(ref.message):
            _remove(path)
            self._screen.note(f"deleted {path}")

    def _greet(self) -> None:
        for entry in list(self._transcript.messages.values())[-HISTORY:]:
            if not entry.get("deleted"):
                files = "".join(f" [{path}]" for path in entry.get("pictures", []))
                self._screen.note(f"{entry['who']} #{entry['n']}: {entry['text']}{files}")
        self._screen.note(GREETING)

    async def _say(self, line: str, dispatch: Dispatching) -> None:
        key = f"{NAME}:{uuid.uuid4().hex}"
        self._transcript.add(who=self._person.name, key=key, text=line)
        self._screen.say(self._person.name, line, style="bold green")
        await self._hear(line, key, dispatch)

    async def _hear(self, line: str, key: str, dispatch: Dispatching) -> None:
        try:
            call = read.call(line, key=key, person=self._person, place=self._place)
        except OSError as error:
            self._screen.note(f"{error.filename} cannot be read: {error.strerror}.")
            return
        await dispatch.call(self, call)

    def _show(self, post: Post, paths: Sequence[Path], number: str) -> None:
        self._screen.say(BOT, post.text, number=number)
        for picture, path in zip(post.pictures, paths, strict=True):
            self._screen.picture(picture, path)


class Once(Console):
    """One request: progress and words on standard error, the paths of the pictures on standard output."""

    def __init__(self, *, person: str, out: Path, data_dir: Path) -> None:
        super().__init__(person=person, pictures_dir=out, data_dir=data_dir, out=sys.stderr, place="once")
        self._screen = Screen(sys.stderr)

    @property
    def limits(self) -> Limits:
        """Nobody stays to reply, so no reply words are offered."""
        return replace(LIMITS, has_buttons=True)

    async def say(self, line: str, dispatch: Dispatch[Any]) -> int:
        """Say one line and wait for what comes of it; returns 0, or 1 when it was not done."""
        self._transcript.add(who=self._person.name, key=(key := f"{NAME}:{uuid.uuid4().hex}"), text=line)
        try:
            talk = await dispatch.call(self, read.call(line, key=key, person=self._person, place=self._place))
            told = await talk if talk else StorageFull()
        finally:
            self._screen.clear()
        if told is None:
            return 0
        sys.stderr.write(f"{told}\n")
        return 1

    async def send(self, place: Place, post: Post, *, key: str) -> Sent:
        """As in the chat, but the sentence of an error is left to `say`."""
        if key.endswith("/error"):
            return Sent(MessageRef(NAME, place.id, key))
        return await super().send(place, post, key=key)

    def _show(self, post: Post, paths: Sequence[Path], number: str) -> None:
        del number
        if paths:
            self._screen.note(post.text)
            sys.stdout.write("".join(f"{path}\n" for path in paths))
        else:
            sys.stdout.write(f"{post.text}\n")
        sys.stdout.flush()


async def run_once(dispatch: Dispatch[Any], *, say: str, out: Path, person: str, data_dir: Path) -> int:
    """One request through the very same path as the chat.

    Args:
        dispatch: the conversations.
        say: the sentence.
        out: folder for the pictures, or a file name that ends in .png or .webp.
        person: the name of who asks.
        data_dir: where the transcript is kept.

    Returns:
        The exit status: 0 and the paths on standard output, or 1 and the reason on standard error.
    """
    return await Once(person=person, out=out, data_dir=data_dir).say(say, dispatch)


def save(picture: Picture, target: Path, at: int) -> Path:
    """Save the picture with its metadata, whole or not at all; returns where. Saving it twice gives the same file.

    Args:
        picture: one with bytes.
        target: a folder, or a file name that ends in .png or .webp: that file, the next ones get numbers.
        at: number of the picture in its post, from 0.

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
    path = folder / (name or f"picture-{digest}{_SUFFIXES.get(picture.mime, '.webp')}")
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


def _explained(error: OSError, folder: Path) -> ConfigError | StorageFull:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageFull(f"The disk has no room left for pictures in {folder}.")
    return ConfigError(f"Pictures cannot be saved in {folder}: {error.strerror or error}.")
