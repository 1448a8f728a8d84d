"""The terminal: typing, showing, saving, one request at a time."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))

from console_child import INTERRUPTED, PICTURE

import adapters
from adapters.console.platform import Console, Transcript, save
from adapters.console.read import call, piped
from adapters.console.show import Screen, preview
from core.chat.types import Person, Picture, Place, Progress
from core.errors import ConfigError

CHILD = Path(__file__).with_name("console_child.py")
ROOT = CHILD.parents[2]
EDITING = "\x1b[?2004h"
"""What a line editor tells the terminal when it begins."""


class Terminal(io.StringIO):
    """Text that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


ANN, HERE = Person("console", "you", "ann"), Place("console", "terminal", private=True)


def run(*arguments: str | Path, typed: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(CHILD), *map(str, arguments)]
    environment = {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, input=typed, capture_output=True, text=True, timeout=60, cwd=ROOT, env=environment)


def test_a_piped_sentence_is_answered_before_the_end(tmp_path: Path) -> None:
    """The end of the input waits for what is still being drawn; the picture and its path are there."""
    done = run(tmp_path, typed="draw for me a cat\n\n/helpp")
    assert done.returncode == 0, done.stderr
    assert "Here: a cat" in done.stdout
    assert "no command “/helpp”" in done.stdout
    path = tmp_path / "out" / "a-cat.webp"
    assert path.read_bytes() == PICTURE
    assert str(path) in done.stdout.replace("\n", "")


def test_one_request_prints_its_path(tmp_path: Path) -> None:
    """Into a folder or a named file, webp or png, its metadata kept; nothing else on standard output."""
    for out, made in [("o", "o/a-cat.webp"), ("o/x.png", "o/x.png"), ("o/x.webp", "o/x.webp")]:
        done = run(tmp_path, "a cat", tmp_path / out)
        assert (done.returncode, done.stdout) == (0, f"{tmp_path / made}\n"), done.stderr
        with Image.open(tmp_path / made) as image:
            assert image.getexif()[0x010E] == "a cat"


def test_one_request_that_fails_says_why(tmp_path: Path) -> None:
    """The status is not zero and the reason is the last line on standard error."""
    done = run(tmp_path, "something impossible", tmp_path / "o")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == "That cannot be drawn."
    (tmp_path / "file").write_text("in the way")
    done = run(tmp_path, "a cat", tmp_path / "file" / "o")
    assert done.returncode == 1
    assert "cannot be saved" in done.stderr


def test_piped_lines_are_answered_one_after_the_other(tmp_path: Path) -> None:
    """A line is taken when the one before has its answer, so that it may speak of it."""
    shown = run(tmp_path, typed="draw a cat\ndraw a dog\n").stdout
    at = [shown.index(text) for text in ("ann: draw a cat", "Here: a cat", "ann: draw a dog", "Here: a dog")]
    assert at == sorted(at)


@contextmanager
def sitting_at(folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The child with a terminal; what it leaves of the terminal's settings must be what it found."""
    controller, terminal = pty.openpty()
    environment = {"PYTHONPATH": str(ROOT), "COLORTERM": "truecolor", "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
    before = subprocess.check_output(["stty", "-a"], stdin=terminal)
    with subprocess.Popen(
        [sys.executable, str(CHILD), str(folder)], stdin=terminal, stdout=terminal, stderr=subprocess.DEVNULL,
        cwd=ROOT, env=environment, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            yield controller, process
        finally:
            process.kill()
    assert subprocess.check_output(["stty", "-a"], stdin=terminal) == before
    os.close(terminal)
    os.close(controller)


@pytest.mark.parametrize(("leave", "status"), [(b"\x03", INTERRUPTED), (b"\x04", 0), (b"/quit\r", 0)])
def test_a_terminal_has_an_editor(leave: bytes, status: int, tmp_path: Path) -> None:
    """The line is edited, completed and repeated, progress stands above it, and one can leave in three ways."""
    with sitting_at(tmp_path) as (keys, process):
        _read_until(keys, EDITING)
        os.write(keys, b"a dogs\x7f\r")
        shown = _read_until(keys, "a-dog.webp", EDITING)
        os.write(keys, b"dr\tmouse\r")
        shown += _read_until(keys, "drawmouse.webp", EDITING)
        os.write(keys, b"\x1b[A\x1b[A\r")
        shown += _read_until(keys, "a-dog.webp", EDITING)
        os.write(keys, leave)
        assert process.wait(10) == status
    assert "╌" * 24 + "  step 1" in shown
    assert "━" in shown
    assert "▄" in shown


def test_leaving_waits_for_the_answer(tmp_path: Path) -> None:
    """Ctrl-D while something is drawn: the bar goes on moving, and the answer is there before the end."""
    with sitting_at(tmp_path) as (keys, process):
        _read_until(keys, EDITING)
        os.write(keys, b"a dog\r")
        _read_until(keys, "step 1")
        os.write(keys, b"\x04")
        shown = _read_until(keys, "a-dog.webp")
        assert process.wait(10) == 0
    assert re.search("━+╌+  step [2-5]", shown)


def _read_until(controller: int, *texts: str) -> str:
    """What is shown until these texts have come, one after the other."""
    shown, deadline = b"", time.monotonic() + 10
    awaited = re.compile(".*".join(map(re.escape, texts)).encode(), re.DOTALL)
    while not awaited.search(shown):
        ready, _, _ = select.select([controller], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, shown.decode(errors="replace")
        shown += os.read(controller, 65_536)
    return shown.decode(errors="replace")


async def test_lines_come_whole_from_a_pipe() -> None:
    """Cut anywhere, also inside a letter, with or without a last line end."""
    reading, writing = os.pipe()
    lines = piped(reading)
    os.write(writing, b"a c")
    first = asyncio.ensure_future(anext(lines))
    for piece in (b"at\r\n\xc3", b"\xa9t\xc3\xa9\n\nlast"):
        await asyncio.sleep(0)
        os.write(writing, piece)
    os.close(writing)
    assert [await first, *[line async for line in lines]] == ["a cat", "été", "", "last"]
    os.close(reading)


async def test_lines_come_from_a_file_or_nowhere(tmp_path: Path) -> None:
    """A file on disk and the null device are read like a pipe, to their end."""
    file = tmp_path / "lines"
    file.write_text("one\ntwo\n")
    for path, lines in [(file, ["one", "two"]), (Path(os.devnull), [])]:
        descriptor = os.open(path, os.O_RDONLY)
        assert [line async for line in piped(descriptor)] == lines
        os.close(descriptor)


def test_a_line_can_reply_and_attach(tmp_path: Path) -> None:
    """A number names the message, an at sign the file; what is no file stays in the sentence."""
    file = tmp_path / "a.png"
    file.write_bytes(b"png")
    made = call(f"#12 redraw @{file} @nobody.png as oil", key="k", person=ANN, place=HERE)
    assert made.replied_to is not None
    assert (made.replied_to.message, made.text) == ("12", "redraw  @nobody.png as oil")
    assert [(each.data, each.mime, each.name) for each in made.pictures] == [(b"png", "image/png", "a.png")]
    assert call("#12", key="k", person=ANN, place=HERE).text == "#12"


def test_pictures_never_overwrite_each_other(tmp_path: Path) -> None:
    """Another picture of the same name gets its own, the same one is the same file; folders in names are dropped."""
    one, other = Picture(data=b"1", name="../../a b.webp"), Picture(data=b"2", name="a b.webp")
    first, again, second = save(one, tmp_path, 0), save(one, tmp_path, 0), save(other, tmp_path, 0)
    assert (first, again) == (tmp_path / "a-b.webp", first)
    assert (first.read_bytes(), second.read_bytes()) == (b"1", b"2")
    assert save(one, tmp_path / "x.webp", 1) == tmp_path / "x-2.webp"


def test_half_a_line_in_the_transcript_is_cut_off(tmp_path: Path) -> None:
    """What a crash left unfinished never counts, and what is written next is whole."""
    path = tmp_path / "t.jsonl"
    Transcript(path).add(who="x", bot=True, key="k", text="one")
    with path.open("ab") as file:
        file.write(b'{"n": "2", "key": "l", "te')
    transcript = Transcript(path)
    assert (transcript.number("k"), transcript.number("l")) == ("1", None)
    assert transcript.add(who="x", bot=True, key="l", text="two") == "2"
    assert Transcript(path).number("l") == "2"


def test_what_was_written_but_never_taken_in_is_found(tmp_path: Path) -> None:
    """A crash between the transcript and the memory: the line is handed in again at the next start."""
    transcript = Transcript(tmp_path / "t.jsonl")
    transcript.add(who="ann", key="a", text="one")
    transcript.add(who="ann", key="b", text="two")
    transcript.add(who="largesse", bot=True, key="a/answer", text="done")
    assert [entry["key"] for entry in transcript.unanswered(0.0)] == ["b"]
    assert list(transcript.unanswered(time.time() + 1)) == []


def test_progress_in_a_file_is_a_line_now_and_then() -> None:
    """Where nothing can move, few plain lines are printed and no control codes."""
    out = io.StringIO()
    screen = Screen(out)
    for number in range(50):
        screen.progress("k", Progress(f"step {number}", number / 50))
    screen.progress("k", None)
    screen.say("bot", "done \x1b[31m")
    assert out.getvalue() == "… step 0\nbot: done [31m\n"


def test_pictures_become_coloured_half_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pixels in a cell where the terminal has colours, only the path where it has none or the bytes are broken."""
    for colours, shown in [("truecolor", True), ("", False)]:
        monkeypatch.setenv("TERM", "xterm-256color" if colours else "dumb")
        monkeypatch.setenv("COLORTERM", colours)
        out = Terminal()
        Screen(out).picture(Picture(PICTURE), "a.webp")
        assert ("▄" in out.getvalue()) is shown
        assert "saved as a.webp" in out.getvalue()
    assert preview(b"broken") is None


def test_the_line_editor_is_loaded_when_somebody_types() -> None:
    """Programs that only draw one picture, or chat elsewhere, start without it."""
    code = "import sys, adapters.console.platform; print({'prompt_toolkit', 'rich_pixels', 'PIL'} & {*sys.modules})"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True) == "set()\n"


def test_platforms_are_found_by_name() -> None:
    """The class is imported when it is asked for; a name that is none is refused with those there are."""
    assert adapters.platform("console") is Console
    with pytest.raises(ConfigError, match="there are: console"):
        adapters.platform("icq")


def test_a_data_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """A file in the way is named."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match="console cannot be used"):
        Console(person="ann", pictures_dir=tmp_path, data_dir=tmp_path / "file")
