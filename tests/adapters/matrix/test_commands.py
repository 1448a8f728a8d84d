"""`run_bot.py matrix …`, as an operator types it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.matrix import identity, session
from tests.doubles.synapse_server import Account, SynapseServer, synapse

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def server() -> SynapseServer:
    """The homeserver."""
    return synapse()


def run(*words: str, folder: Path, server: SynapseServer, account: Account) -> subprocess.CompletedProcess[str]:
    settings = {
        "GENERAL__DATA_DIR": str(folder), "MATRIX__HOMESERVER": server.url, "MATRIX__USER": account.user_id,
        "MATRIX__PASSWORD": account.password, "MATRIX__OWNERS": '["@you:home"]',
    }  # fmt: skip
    environment = {**os.environ, **{f"LARGESSE__{key}": value for key, value in settings.items()}}
    command = [sys.executable, str(ROOT / "run_bot.py"), "matrix", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_login_makes_the_device_once_and_the_doctor_is_content(server: SynapseServer, tmp_path: Path) -> None:
    """Login prints the recovery key and keeps secrets to the owner of the files; a second one is the same device."""
    account = server.account()
    before = run("doctor", folder=tmp_path, server=server, account=account)
    assert (before.returncode, "matrix login" in before.stdout) == (1, True)
    done = run("login", folder=tmp_path, server=server, account=account)
    assert done.returncode == 0, done.stderr
    known = identity.load(tmp_path / "matrix")
    assert known is not None
    assert known.recovery_key in done.stdout
    for name in (session.FILE, identity.FILE):
        assert (tmp_path / "matrix" / name).stat().st_mode & 0o077 == 0
    again = run("login", folder=tmp_path, server=server, account=account)
    assert again.stdout == done.stdout
    after = run("doctor", folder=tmp_path, server=server, account=account)
    assert (after.returncode, "its device is signed" in after.stdout) == (0, True), after.stdout


def test_a_wrong_password_is_said(server: SynapseServer, tmp_path: Path) -> None:
    """The homeserver's refusal in a sentence, exit status 1, and nothing kept."""
    account = server.account()
    wrong = Account(account.user_id, "wrong", "", "")
    done = run("login", folder=tmp_path, server=server, account=wrong)
    assert (done.returncode, "does not let" in done.stderr) == (1, True)
    assert "wrong" not in done.stderr
    assert not (tmp_path / "matrix" / session.FILE).exists()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_demo_draws_a_picture_in_an_encrypted_room(server: SynapseServer, tmp_path: Path) -> None:
    """One sentence through a homeserver, the bot, the coordinator and the little model, and back."""
    account = server.account()
    done = run(
        "demo", "--say", "a red apple", "--out", str(tmp_path / "out"), folder=tmp_path, server=server, account=account
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).stat().st_size > 300
