"""The terminal: typing, showing, saving, one request at a time."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))

from console_child import PICTURE

import adapters
from adapters.console.platform import Console, Transcript, save
from adapters.console.read import Editor, Keyboard, call
from adapters.console.show import Screen, preview
from core.chat.types import Person, Picture, Place, Progress
from core.errors import ConfigError

CHILD = Path(__file__).with_name("console_child.py")
ROOT = CHILD.parents[2]
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


def test_a_terminal_shows_progress_and_gets_its_settings_back(tmp_path: Path) -> None:
    """On a terminal: the typed line is echoed and edited, the bar moves, Ctrl-C ends it at once, echo is on again."""
    controller, terminal = pty.openpty()
    command = [sys.executable, str(CHILD), str(tmp_path)]
    environment = {"PYTHONPATH": str(ROOT), "COLORTERM": "truecolor", "TERM": "xterm-256color"}
    before = subprocess.check_output(["stty", "-a"], stdin=terminal)
    with subprocess.Popen(
        command,
        stdin=terminal,
        stdout=terminal,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    ) as process:
        shown = _read_until(controller, "quit leaves")
        os.write(controller, b"a dogs\x7f\n")
        shown += _read_until(controller, "saved as")
        process.send_signal(signal.SIGINT)
        process.wait(10)
        assert process.stderr is not None
        process.stderr.read()
    after = subprocess.check_output(["stty", "-a"], stdin=terminal)
    os.close(terminal)
    os.close(controller)
    assert "ann" in shown
    assert re.search(r"━+╌+  step [2-5]", shown)
    assert "▀" in shown
    assert "Here: a dog" in shown
    assert before == after


def _read_until(controller: int, text: str) -> str:
    shown, deadline = b"", time.monotonic() + 10
    while text.encode() not in shown:
        ready, _, _ = select.select([controller], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, shown.decode(errors="replace")
        shown += os.read(controller, 65_536)
    return shown.decode(errors="replace")


def test_the_line_editor_knows_the_usual_keys() -> None:
    """Backspace, Ctrl-U, Ctrl-W, the arrows through former lines, Ctrl-D at the end; other keys do nothing."""
    editor = Editor(["first", "second"])
    assert editor.feed("a cat\x7fr\x1b[C\x1bOP") == []
    assert editor.text == "a car"
    assert editor.feed("\x15one two\x17\r") == ["one"]
    assert editor.feed("\x1b[A\x1b[A\n") == ["second"]
    assert editor.feed("\x1b[A\x1b[A\x1b[A\x1b[A\x1b[A\x1b[B") == []
    assert editor.text == "second"
    assert editor.feed("\x04\x15\x04") == [None]


async def test_lines_come_whole_from_a_pipe() -> None:
    """Cut anywhere, also inside a letter, with or without a last line end."""
    reading, writing = os.pipe()
    with Keyboard(reading, Editor()) as keyboard:
        for piece in (b"a c", b"at\r\n\xc3", b"\xa9t\xc3\xa9\nlast"):
            os.write(writing, piece)
            await asyncio.sleep(0.005)
        os.close(writing)
        assert [await keyboard.line() for _ in range(4)] == ["a cat", "été", "last", None]
    os.close(reading)


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


@pytest.mark.parametrize(
    ("environment", "begins"),
    [
        ({"KITTY_WINDOW_ID": "1"}, "\x1b_Ga=T,f=100,m=0;"),
        ({"TERM_PROGRAM": "iTerm.app"}, "\x1b]1337;File=inline=1;"),
        ({"COLORTERM": "truecolor"}, "\x1b[38;2;"),
    ],
)
def test_pictures_are_shown_in_the_terminals_own_way(environment: dict[str, str], begins: str) -> None:
    """kitty, iTerm2, or coloured half blocks; a terminal without colours shows none, nor do broken bytes."""
    drawn = preview(PICTURE, environment)
    assert drawn is not None
    assert drawn.startswith(begins)
    assert preview(PICTURE, {"TERM": "dumb"}) is None
    assert preview(b"broken", environment) is None


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
