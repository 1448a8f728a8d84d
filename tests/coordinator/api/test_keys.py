"""Keys, the secret under them, and the house's own two."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from core.coordinator.keys import could_be_key, hash_key, house_keys, load_secret, new_key
from core.errors import ConfigError

NONE = SecretStr("")


def test_keys_have_the_shape_that_clients_expect() -> None:
    """22 characters safe in a header, never the same twice."""
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(len(key) == 22 and could_be_key(key) for key in keys)


def test_a_hash_depends_on_key_and_secret() -> None:
    """Neither another key nor another secret gives the same hash, and the key is not in it."""
    assert hash_key(b"a", "key-of-somebody") == hash_key(b"a", "key-of-somebody")
    assert hash_key(b"a", "key-of-somebody") != hash_key(b"b", "key-of-somebody")
    assert "key-of-somebody" not in hash_key(b"a", "key-of-somebody")


@pytest.mark.parametrize("text", ["", "short", "with space in it", "é" * 22, "x" * 65, "a\0aaaaaaaaaaaaaa"])
def test_other_texts_are_no_keys(text: str) -> None:
    """What cannot be a key is never looked up."""
    assert not could_be_key(text)


def test_the_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    """The next start finds the same secret, readable by its owner only; a configured one wins."""
    first = load_secret(tmp_path / "data", NONE)
    assert load_secret(tmp_path / "data", NONE) == first
    assert len(first) >= 32
    assert stat.S_IMODE((tmp_path / "data" / "secret").stat().st_mode) == 0o600
    assert load_secret(tmp_path / "data", SecretStr("configured")) == b"configured"


def test_house_keys_are_made_once(tmp_path: Path) -> None:
    """Two keys in a file for its owner's eyes only; they stay the same, and do not show in a repr."""
    keys = house_keys(tmp_path)
    path = tmp_path / "house-keys.json"
    assert house_keys(tmp_path).worker == keys.worker
    assert json.loads(path.read_text()) == {"worker": keys.worker, "bots": keys.bots}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keys.worker not in repr(keys)


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    """However many make the keys at once, all of them end up with those of one."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: house_keys(tmp_path).bots, range(16)))
    assert len(set(found)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["house-keys.json"]


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"worker": 1, "bots": 2}', '{"worker": "x"', "\x00\xff"])
def test_broken_key_files_are_named(tmp_path: Path, text: str) -> None:
    """A damaged file is a sentence with its name, not a new key behind the operator's back."""
    (tmp_path / "house-keys.json").write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError, match=r"house-keys\.json"):
        house_keys(tmp_path)


def test_an_emptied_secret_is_refused(tmp_path: Path) -> None:
    """A new secret would void every key, so an emptied file stops the start."""
    (tmp_path / "secret").write_text("")
    with pytest.raises(ConfigError, match="secret"):
        load_secret(tmp_path, NONE)
