"""config/largesse.toml, the settings tree and the words of their errors."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from core import settings
from core.errors import ConfigError


def test_the_file_is_the_rendering_of_the_tree(root: Path) -> None:
    """config/largesse.toml shows every key with its default: it equals what the settings render."""
    assert (root / "config/largesse.toml").read_text(encoding="utf-8") == settings.render()


def test_the_rendering_reads_back_as_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading the rendered file gives exactly the defaults, key by key."""
    monkeypatch.chdir(tmp_path)
    defaults = settings.load()
    file = tmp_path / "all.toml"
    file.write_text(settings.render(), encoding="utf-8")
    assert settings.effective(settings.load(file)) == settings.effective(defaults)
    assert set(tomllib.loads(settings.render())) == set(settings.Settings.model_fields)


def _write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[coordinator]\nport = 70000\n", ["coordinator.port", "70000", "less than or equal to 65535"]),
        ("[coordinator]\nprot = 1\n", ["coordinator.prot", "no such key", "port"]),
        ("[coordinator.limits]\nmax_side = 'wide'\n", ["coordinator.limits.max_side", "'wide'", "integer"]),
        ("[general]\nlog_level = 'LOUD'\n", ["general.log_level", "'LOUD'", "'INFO'"]),
        ("[nothing]\n", ["nothing", "no such key", "coordinator"]),
        ("port = [", ["not TOML"]),
    ],
)
def test_every_error_names_file_key_value_and_what_is_allowed(text: str, words: list[str], tmp_path: Path) -> None:
    """A wrong file is refused with a sentence that says where, what was found and what is allowed."""
    file = _write(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        settings.load(file)
    for word in [str(file), *words]:
        assert word in str(error.value)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    """A file that was asked for and is not there is an error, not a silent default."""
    with pytest.raises(ConfigError, match="no such file"):
        settings.load(tmp_path / "absent.toml")


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LARGESSE__SECTION__KEY replaces the file's value and leaves its neighbours alone."""
    file = _write(tmp_path, "[coordinator]\nport = 1234\nname = 'Ours'\n")
    monkeypatch.setenv("LARGESSE__COORDINATOR__PORT", "4321")
    monkeypatch.setenv("LARGESSE__COORDINATOR__LIMITS__MAX_SIDE", "512")
    loaded = settings.load(file)
    assert (loaded.coordinator.port, loaded.coordinator.name) == (4321, "Ours")
    assert loaded.coordinator.limits.max_side == 512


def test_errors_of_the_environment_name_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong variable is blamed on the variable, also when its section does not exist."""
    monkeypatch.setenv("LARGESSE__COORDINATOR__PORT", "many")
    with pytest.raises(ConfigError, match=r"environment variable LARGESSE__COORDINATOR__PORT: .*'many'"):
        settings.load(_write(tmp_path, ""))
    monkeypatch.delenv("LARGESSE__COORDINATOR__PORT")
    monkeypatch.setenv("LARGESSE__COORDINTAOR__PORT", "1")
    with pytest.raises(ConfigError, match="no section 'coordintaor'; allowed: bots"):
        settings.load(_write(tmp_path, ""))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("WORKER__DEVICES", "cpu", ["'cpu'", '["one", "two"]']),
        ("WORKER__MODELS", '["little"', ["little", '["one", "two"]']),
        ("COORDINATOR", "hush-hush", ["LARGESSE__COORDINATOR__KEY"]),
        ("COORDINATOR__LIMITS", "5 of each", ["LARGESSE__COORDINATOR__LIMITS__KEY"]),
    ],
)
def test_lists_and_sections_in_the_environment_are_explained(
    name: str, value: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not written as JSON gets a sentence with the variable, and shows no whole section: it may hold keys."""
    monkeypatch.setenv(f"LARGESSE__{name}", value)
    with pytest.raises(ConfigError) as error:
        settings.load(_write(tmp_path, ""))
    for word in [f"environment variable LARGESSE__{name}:", *words]:
        assert word in str(error.value)
    assert "hush" not in str(error.value)


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    """Neither the effective settings, nor a repr, nor an error shows a key."""
    loaded = settings.load(_write(tmp_path, "[worker]\napi_key = 'hush-hush'\n"))
    assert "hush-hush" not in str(settings.effective(loaded)) + repr(loaded)
    assert settings.effective(loaded)["worker"]["api_key"] == "**********"
    with pytest.raises(ConfigError) as error:
        settings.load(_write(tmp_path, "[worker]\napi_key = ['hush-hush']\n"))
    assert "hush-hush" not in str(error.value)
    assert "worker.api_key" in str(error.value)
