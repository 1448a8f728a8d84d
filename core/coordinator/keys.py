"""API keys and the secret under them: made here, shown once, kept as hashes; `auth` looks people up by the hash.

Also the house keys: the two accounts that a coordinator makes for its own worker and bots on its first start, whose
keys stand in `data_dir/house-keys.json` for the processes of the same machine to read.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import SecretStr

from core.errors import ConfigError
from core.settings import Settings

ANONYMOUS = "0000000000"
HOUSE_FILE = "house-keys.json"
SECRET_FILE = "secret"  # noqa: S105  # the name of the file, not what is in it
_SHAPE = re.compile(r"[A-Za-z0-9_-]{10,64}", re.ASCII)


def new_key() -> str:
    """A fresh API key: 22 characters that are safe in headers and addresses, 128 random bits."""
    return secrets.token_urlsafe(16)


def hash_key(secret: bytes, key: str) -> str:
    """What is stored of a key: HMAC-SHA256 under the coordinator's secret, 64 hex digits.

    Keys are random, so a fast hash suffices; and since only hashes meet the database's index, how long a lookup
    takes says nothing about keys that exist.
    """
    return hmac.digest(secret, key.encode(), "sha256").hex()


def webhook_secret(secret: bytes, key_hash: str, version: int) -> str:
    """What signs deliveries for an API key: made from the coordinator's secret, so that it is stored nowhere."""
    made = hmac.new(secret, f"webhook:{version}:{key_hash}".encode(), hashlib.sha256)
    return f"whsec_{made.hexdigest()}"


def could_be_key(text: str) -> bool:
    """Whether a text has the shape of a key at all; what has not is never hashed or looked up."""
    return _SHAPE.fullmatch(text) is not None


def load_secret(data_dir: Path, configured: SecretStr) -> bytes:
    """The coordinator's secret: the configured one, else the one kept in data_dir, made on the first start.

    Raises:
        ConfigError: the kept one cannot be read or is empty (a new one would silently void every key).
    """
    if configured.get_secret_value():
        return configured.get_secret_value().encode()
    path = data_dir / SECRET_FILE
    text = _keep_once(path, secrets.token_hex(32)).strip()
    if len(text) < 32:
        raise ConfigError(
            f"{path}: this file must hold the coordinator's secret (at least 32 characters) and holds less; put the "
            "old one back, or delete the file together with the database."
        )
    return text.encode()


@dataclass(frozen=True, slots=True, repr=False)
class HouseKeys:
    """The keys of the coordinator's own two accounts."""

    worker: str
    bots: str


def house_keys(data_dir: Path) -> HouseKeys:
    """The keys in `data_dir/house-keys.json`, made (mode 0600) when the file is missing.

    Raises:
        ConfigError: the file holds something else.
    """
    path = data_dir / HOUSE_FILE
    text = _keep_once(path, json.dumps({"worker": new_key(), "bots": new_key()}) + "\n")
    try:
        found: Any = json.loads(text)
        return HouseKeys(worker=_key_of(found, "worker"), bots=_key_of(found, "bots"))
    except ValueError:
        raise ConfigError(
            f'{path}: allowed is {{"worker": "<key>", "bots": "<key>"}}; delete the file to have new keys made.'
        ) from None


def _key_of(found: object, name: str) -> str:
    key = cast("dict[str, object]", found).get(name) if isinstance(found, dict) else None
    if not isinstance(key, str) or not could_be_key(key):
        raise ValueError(name)
    return key


def _keep_once(path: Path, fresh: str) -> str:
    """The text of the file; where there is none, `fresh` becomes it, whole and for its owner's eyes only.

    Two processes that start at the same moment agree on the text of one of them.
    """
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _publish(path, fresh)
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the coordinator keeps its keys here and cannot: {error}.") from error


def _publish(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        _settle(path, temporary)
    finally:
        temporary.unlink(missing_ok=True)


def _settle(path: Path, temporary: Path) -> None:
    """Give the finished file its name, unless another process was first: then its text counts."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        return
    except OSError:
        temporary.replace(path)  # a file system without hard links


def introduce(settings: Settings, part: Literal["worker", "bots"], running_at: str) -> tuple[str, SecretStr]:
    """Address and key with which the worker or the bots go to their coordinator.

    Args:
        settings: the whole tree.
        part: who goes.
        running_at: address of the bundled coordinator where it runs in this process, else empty.

    Raises:
        ConfigError: a worker has no key for somebody else's coordinator.
    """
    own = settings.worker if part == "worker" else settings.bots
    terms, key = settings.coordinator, own.api_key
    if own.horde_url:
        if part == "worker" and not key.get_secret_value():
            raise ConfigError(f"worker.api_key: found none; allowed: the key of your account on {own.horde_url}.")
        return own.horde_url, key if key.get_secret_value() else SecretStr(ANONYMOUS)
    if not key.get_secret_value():
        house = house_keys(settings.general.data_dir)
        key = SecretStr(house.worker if part == "worker" else house.bots)
    return running_at or terms.public_url or f"http://{terms.host}:{terms.port}", key
