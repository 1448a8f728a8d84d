"""The command line as a person meets it: real processes, what they print and how they end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.doubles.program import Program, program, wait_until

ROOT = Path(__file__).parents[2]


def _run(*arguments: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """`run_bot.py` with its data in a folder, to the end."""
    defaults = {"GENERAL__DATA_DIR": str(folder / "data"), "COORDINATOR__PORT": "0", "WORKER__RENDERER": "fake"}
    environment = {f"LARGESSE__{key}": value for key, value in (defaults | settings).items()}
    return subprocess.run(
        [sys.executable, "run_bot.py", *arguments],
        cwd=ROOT, env={**os.environ, **environment, "COLUMNS": "100"}, capture_output=True, text=True, timeout=90,
        check=False,
    )  # fmt: skip


def test_help_lists_every_command(tmp_path: Path) -> None:
    """`--help` names all commands, each with a sentence."""
    shown = _run("--help", folder=tmp_path)
    assert shown.returncode == 0
    for name in ("demo", "up", "bots", "coordinator", "worker", "doctor", "config"):
        assert any(line.split()[1:2] == [name] and len(line.split()) > 5 for line in shown.stdout.splitlines()), name


def test_config_shows_what_is_in_force_and_no_secret(tmp_path: Path) -> None:
    """`config` prints JSON with environment over file over defaults, keys masked."""
    file = tmp_path / "mine.toml"
    file.write_text("[worker]\nname = 'Sofa'\napi_key = 'hush-hush'\n", encoding="utf-8")
    shown = _run("config", "--settings", str(file), folder=tmp_path, BOTS__API_KEY="hush-too")
    settings = json.loads(shown.stdout)
    assert settings["worker"]["name"] == "Sofa"
    assert settings["general"]["data_dir"] == str(tmp_path / "data")
    assert "hush" not in shown.stdout + shown.stderr


def test_wrong_settings_are_a_sentence(tmp_path: Path) -> None:
    """A wrong value ends with status 1 and one sentence on standard error, without a traceback."""
    shown = _run("up", folder=tmp_path, COORDINATOR__PORT="many")
    assert shown.returncode == 1
    assert "LARGESSE__COORDINATOR__PORT" in shown.stderr
    assert "many" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_one_sentence_gives_one_picture(tmp_path: Path) -> None:
    """`demo --say` prints the path of a picture with its parameters inside, and ends with status 0."""
    shown = _run("demo", "--say", "draw a green frog --seed 7", "--out", str(tmp_path / "frog.webp"), folder=tmp_path)
    assert (shown.returncode, shown.stdout) == (0, f"{tmp_path / 'frog.webp'}\n"), shown.stderr
    from core.worker import provenance

    assert provenance.read((tmp_path / "frog.webp").read_bytes())["seed"] == 7


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("draw a cat --stepz 3", "steps"),
        ("draw a cat --size 99999x99999", "3072"),
        ("draw a cat --model nonesuch", "little"),
        ("draw a cat [[fail]]", "tried and failed"),
    ],
)
def test_what_cannot_be_done_is_said(sentence: str, words: str, tmp_path: Path) -> None:
    """`demo --say` with an impossible wish gives its reason on standard error, no picture, and status 1."""
    shown = _run("demo", "--say", sentence, "--out", str(tmp_path / "out"), folder=tmp_path)
    assert (shown.returncode, shown.stdout) == (1, ""), shown.stderr
    assert words in shown.stderr
    assert "Traceback" not in shown.stderr
    assert not list(tmp_path.glob("out/*"))


def test_a_model_that_is_not_there_is_said(tmp_path: Path) -> None:
    """A worker whose model is missing says which, and what to look at."""
    models = tmp_path / "models.toml"
    models.write_text('[models.ghost]\nsource = "nowhere/ghost"\nfamily = "sd1"\n', encoding="utf-8")
    shown = _run(
        "demo", "--say", "draw a cat", folder=tmp_path,
        WORKER__RENDERER="diffusion", WORKER__MODELS_FILE=str(models), WORKER__MODELS='["ghost"]',
    )  # fmt: skip
    assert shown.returncode == 1
    assert "ghost" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    """A coordinator whose port is in use says so and what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        shown = _run("coordinator", folder=tmp_path, COORDINATOR__PORT=str(port))
    assert shown.returncode == 1
    assert f"coordinator.port: cannot listen on 127.0.0.1:{port}" in shown.stderr


def test_a_worker_for_strangers_needs_a_key(tmp_path: Path) -> None:
    """Working for somebody else's coordinator without a key is refused with the setting's name."""
    shown = _run("worker", folder=tmp_path, WORKER__HORDE_URL="http://127.0.0.1:9/api/")
    assert shown.returncode == 1
    assert "worker.api_key" in shown.stderr


def test_the_doctor_knows_a_healthy_house(tmp_path: Path) -> None:
    """With a coordinator running the doctor finds nothing bad; with a missing models file it does, and says which."""
    with program(tmp_path) as running:
        running.start("coordinator")
        mine = {"COORDINATOR__PORT": str(running.port)}
        well = _run("doctor", folder=tmp_path, **mine)
        assert well.returncode == 0, well.stdout + well.stderr
        assert "largesse bots" in well.stdout
        ill = _run("doctor", folder=tmp_path, **mine, WORKER__MODELS_FILE=str(tmp_path / "absent.toml"))
        assert ill.returncode == 1
        assert "absent.toml" in ill.stdout


def _started(running: Program) -> None:
    running.start("coordinator")
    running.start("worker")
    wait_until(lambda: "coordinator_gives_work" in running.log("worker"), "the worker to be welcome")


def test_a_signal_drains_and_ends_cleanly(tmp_path: Path) -> None:
    """SIGTERM lets the worker hand in what it draws; every part ends with status 0."""
    with program(tmp_path) as running:
        _started(running)
        running.start("bots")
        running.say("draw a cat [[slow]]")
        wait_until(lambda: "jobs_popped" in running.log("worker"), "the worker to take the job")
        assert running.stop("worker") == 0
        assert "job_submitted" in running.log("worker")
        wait_until(lambda: any(entry.get("pictures") for entry in running.transcript()), "the picture")
        assert running.stop("bots") == 0
        assert running.stop("coordinator") == 0


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    """While a worker drains, a second signal ends it without waiting, and leaves no device process behind."""
    import psutil

    with program(tmp_path) as running:
        _started(running)
        running.start("bots")
        running.say("draw a cat [[hang]]")
        wait_until(lambda: "jobs_popped" in running.log("worker"), "the worker to take the job")
        process = psutil.Process(running.parts["worker"].pid)
        devices = process.children(recursive=True)
        assert devices
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: "stopping" in running.log("worker"), "the first signal to be heard")
        process.send_signal(signal.SIGTERM)
        assert running.parts["worker"].wait(10) == 130
        _, alive = psutil.wait_procs(devices, timeout=10)
        assert alive == []


def test_an_account_is_made_and_its_key_told_once(tmp_path: Path) -> None:
    """`coordinator user add` prints a key that opens the account it names, with its kudos; the ledger stays right."""
    with program(tmp_path) as running:
        running.start("coordinator")
        mine = {"COORDINATOR__PORT": str(running.port)}
        made = _run("coordinator", "user", "add", "Ada", "--kudos", "50", "--trusted", folder=tmp_path, **mine)
        assert made.returncode == 0, made.stderr
        key = made.stdout.partition("key: ")[2].split()[0]
        asked = Request(f"{running.url}/api/v2/find_user", headers={"apikey": key})  # noqa: S310  # our own address
        with urlopen(asked, timeout=5) as answer:  # noqa: S310  # likewise
            user = json.load(answer)
        assert (user["username"].partition("#")[0], user["trusted"], user["kudos"] >= 50) == ("Ada", True, True)
        proved = _run("coordinator", "audit", folder=tmp_path, **mine)
        assert (proved.returncode, proved.stdout.splitlines()[-1]) == (0, "The ledger is right.")
    refused = _run("coordinator", "user", "add", "A#1", folder=tmp_path)
    assert (refused.returncode, "no #" in refused.stderr) == (1, True)
