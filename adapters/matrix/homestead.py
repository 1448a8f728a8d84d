"""A homeserver of one's own: a real Synapse on this machine, for the demo and for the tests.

No double of anything; nobody outside this machine reaches it, and its limits are so wide that nobody meets them. Needs
the wheel `matrix-synapse` (the extra matrix-demo).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from core.errors import ConfigError

NAME = "home"
"""Of the homeserver: its users are @somebody:home."""
PATIENCE = 90.0
_WIDE = {"per_second": 1000, "burst_count": 1000}
_RATES = (
    "message",
    "room_creation",
    "registration",
    "registration_token_validity",
    "admin_redaction",
    "joins_per_room",
    "3pid_validation",
)


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Account:
    """A fresh account with a device."""

    user_id: str
    password: str = field(repr=False)
    access_token: str = field(repr=False)
    device_id: str


class Synapse:
    """One homeserver with its data in a folder.

    Args:
        folder: where everything is kept; a server started again on it goes on where it was.
        overrides: more of homeserver.yaml, e.g. rc_message.
    """

    def __init__(self, folder: Path, **overrides: object) -> None:
        self.folder, self.port = folder.absolute(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._secret = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        self._configure(overrides)

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "synapse.log").open("ab") as log:
            command = [sys.executable, "-m", "synapse.app.homeserver", "-c", str(self.folder / "homeserver.yaml")]
            self._process = subprocess.Popen(  # noqa: S603  # nothing of it comes from outside
                command, cwd=self.folder, stdout=log, stderr=log
            )
        end = time.monotonic() + PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise ConfigError("Synapse does not start: " + (self.folder / "synapse.log").read_text()[-2000:])
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill -9."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid if self._process else 0

    def account(self, name: str = "") -> Account:
        """Make an account."""
        name = name or f"u{secrets.token_hex(5)}"
        nonce = self._ask("GET", "/_synapse/admin/v1/register")["nonce"]
        password = secrets.token_hex(8)
        mac = hmac.new(self._secret.encode(), digestmod=hashlib.sha1)
        mac.update(b"\0".join(each.encode() for each in (nonce, name, password, "notadmin")))
        body = {"nonce": nonce, "username": name, "password": password, "admin": False, "mac": mac.hexdigest()}
        made = self._ask("POST", "/_synapse/admin/v1/register", body)
        return Account(made["user_id"], password, made["access_token"], made["device_id"])

    def log_in(self, account: Account) -> Account:
        """Another device of an account."""
        identifier = {"type": "m.id.user", "user": account.user_id}
        body = {"type": "m.login.password", "identifier": identifier, "password": account.password}
        made = self._ask("POST", "/_matrix/client/v3/login", body)
        return Account(account.user_id, account.password, made["access_token"], made["device_id"])

    def ask(self, account: Account, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One request in somebody's name, waited for; path after /_matrix/client."""
        return self._ask(method, f"/_matrix/client{path}", body, token=account.access_token)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None, *, token: str = "") -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310  # our own address
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # our own address
            return cast("dict[str, Any]", json.loads(answer.read()))

    def _answers(self) -> bool:
        with contextlib.suppress(urllib.error.URLError, OSError):
            self._ask("GET", "/_matrix/client/versions")
            return True
        return False

    def _configure(self, overrides: dict[str, object]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        key = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        (self.folder / "signing.key").write_text(f"ed25519 a_test {key}\n")
        listener = {
            "port": self.port, "bind_addresses": ["127.0.0.1"], "type": "http", "tls": False,
            "resources": [{"names": ["client"], "compress": False}],
        }  # fmt: skip
        login = dict.fromkeys(("address", "account", "failed_attempts"), _WIDE)
        config = {
            "server_name": NAME, "listeners": [listener], "pid_file": str(self.folder / "pid"),
            "database": {"name": "sqlite3", "args": {"database": str(self.folder / "homeserver.db")}},
            "signing_key_path": str(self.folder / "signing.key"), "media_store_path": str(self.folder / "media"),
            "report_stats": False, "trusted_key_servers": [], "suppress_key_server_warning": True,
            "registration_shared_secret": self._secret, "macaroon_secret_key": secrets.token_hex(16),
            "form_secret": secrets.token_hex(16), "bcrypt_rounds": 4, "federation_domain_whitelist": [],
            "url_preview_enabled": False, "presence": {"enabled": False}, "enable_registration": False,
            **{f"rc_{name}": _WIDE for name in _RATES}, "rc_login": login,
            "rc_joins": {"local": _WIDE, "remote": _WIDE},
            "rc_invites": {"per_room": _WIDE, "per_user": _WIDE, "per_issuer": _WIDE},
        }  # fmt: skip
        (self.folder / "homeserver.yaml").write_text(json.dumps(config | overrides))
