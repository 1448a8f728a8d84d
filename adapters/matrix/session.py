"""Who the bot is on its homeserver: account, device and access token, kept for good in `data/matrix/session.json`.

A login makes a new device, and a new device can read nothing that was said before: so there is one login, ever, and the
token is used from then on. Whoever reads this file is the bot: only its owner may.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from adapters.matrix.homeserver import Homeserver, Refused
from core.chat.port import SendFailed
from core.errors import ConfigError

FILE = "session.json"


@dataclass(frozen=True)
class Session:
    """A device of the bot's account."""

    homeserver: str
    """Its address, without a slash at the end."""
    user_id: str
    device_id: str
    access_token: str = field(repr=False)
    pickle_key: str = field(repr=False)
    """Opens the encryption keys in the store of this device."""
    device_key: str = ""
    """The device's public signing key, once it has one."""


def load(folder: Path) -> Session | None:
    """The device that was made here once; None = none yet.

    Raises:
        ConfigError: the file is there and cannot be used.
    """
    file = folder / FILE
    try:
        return Session(**json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(
            f"{file} cannot be used ({type(error).__name__}). Restore a copy of it together with its folder, or move "
            "the folder away and run `run_bot.py matrix login` for a new device."
        ) from None


def keep(file: Path, value: object) -> None:
    """Write a secret file whole or not at all, readable by its owner only.

    Raises:
        OSError: the disk does not take it.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = file.with_suffix(".part")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump(value, out)
        out.flush()
        os.fsync(out.fileno())
    unfinished.replace(file)


def pin(folder: Path, session: Session, device_key: str) -> None:
    """Remember the device's key at its first start, and never go on with another one.

    Raises:
        ConfigError: the store was lost or replaced. Apps would never trust this device again, so nothing is published.
    """
    if not session.device_key:
        keep(folder / FILE, asdict(replace(session, device_key=device_key)))
    elif session.device_key != device_key:
        raise ConfigError(
            f"The encryption keys of this device are gone from {folder}. Restore a copy of them, or move the folder "
            "away and run `run_bot.py matrix login` for a new device; apps never trust this one again."
        )


async def log_in(server: Homeserver, folder: Path, *, user: str, password: str, device_name: str) -> Session:
    """Make the bot's device with a password, and keep it.

    Raises:
        ConfigError: the homeserver refuses, or knows no passwords.
        SendFailed: it cannot be reached.
    """
    try:
        flows = (await server.ask("GET", "/_matrix/client/v3/login")).get("flows", [])
        if all(flow.get("type") != "m.login.password" for flow in flows):
            raise ConfigError(
                f"{server.url} knows no passwords: get an access token there and use "
                "`run_bot.py matrix login --with-token`."
            )
        body = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": user},
            "password": password,
            "initial_device_display_name": device_name,
        }
        answer = await server.ask("POST", "/_matrix/client/v3/login", body)
    except Refused as error:
        raise ConfigError(f"{server.url} does not let {user} in: {error.body.get('error', error.errcode)}.") from None
    return _kept(server.url, folder, answer)


async def take_token(server: Homeserver, folder: Path, *, token: str) -> Session:
    """Use a device whose access token somebody got elsewhere, and keep it.

    Raises:
        ConfigError: the homeserver does not know the token.
        SendFailed: it cannot be reached.
    """
    try:
        answer = await server.ask("GET", "/_matrix/client/v3/account/whoami")
    except (Refused, SendFailed) as error:
        raise ConfigError(f"{server.url} does not take that access token ({error})") from None
    if not answer.get("device_id"):
        raise ConfigError("That access token belongs to no device; encryption needs one.")
    return _kept(server.url, folder, {**answer, "access_token": token})


def _kept(url: str, folder: Path, answer: dict[str, Any]) -> Session:
    pickle_key = secrets.token_urlsafe(32)
    session = Session(url, answer["user_id"], answer["device_id"], answer["access_token"], pickle_key)
    keep(folder / FILE, asdict(session))
    return session


async def find_homeserver(server: Homeserver) -> str:
    """The address to use: the given one, or where its `.well-known` file points to."""
    try:
        found = await server.ask("GET", "/.well-known/matrix/client", patience=10)
        base = found.get("m.homeserver", {}).get("base_url")
    except (SendFailed, Refused, ValueError, AttributeError):
        base = None
    return base.rstrip("/") if isinstance(base, str) and base.startswith("http") else server.url
