"""Keeps people's API keys sealed: authenticated encryption (Fernet), with keys from the environment or a 0600 file.

The first key seals, all of them open, so that keys can be replaced while the bots run (`run_bot.py accounts rotate`).
A seal holds the account that it was made for, too: put into another one's row it does not open.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from core.errors import ConfigError, NotAllowed

LOST = (
    "I can no longer open the API key that you gave me: the key it was sealed with is gone. Please log in again; a key "
    "that you have lost yourself can be replaced on the page of your horde."
)


@dataclass(frozen=True)
class Seal:
    """Seals and opens. `keys` from the settings, comma between them; empty = those in the file, a line each."""

    file: Path
    keys: SecretStr

    def close(self, account: str, secret: str) -> str:
        """The secret, sealed for an account.

        Raises:
            ConfigError: the keys cannot be used.
        """
        return self._ring().encrypt(f"{account}\n{secret}".encode()).decode()

    def open(self, account: str, sealed: str) -> str:
        """The secret of an account.

        Raises:
            NotAllowed: no key opens it (any more), or it was sealed for another account.
            ConfigError: the keys cannot be used.
        """
        try:
            whose, _, secret = self._ring().decrypt(sealed.encode()).decode().partition("\n")
        except InvalidToken:
            raise NotAllowed(LOST, code="SealBroken") from None
        if whose != account:
            raise NotAllowed(LOST, code="SealBroken")
        return secret

    def add_key(self) -> None:
        """Let a new key seal from now on; the old ones still open.

        Raises:
            ConfigError: the keys are in the settings, where the new one has to be put in front by hand.
        """
        if self.keys.get_secret_value():
            raise ConfigError(
                "bots.sealing_keys holds the keys: put a new one in front, with a comma, and start the bots again. "
                "`python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'` makes one."
            )
        self._write([Fernet.generate_key().decode(), *self._lines()])

    def drop_old_keys(self) -> None:
        """Keep the first key only: nothing may be sealed with the others any more."""
        if not self.keys.get_secret_value():
            self._write(self._lines()[:1])

    def _ring(self) -> MultiFernet:
        lines = [each.strip() for each in self.keys.get_secret_value().split(",") if each.strip()] or self._lines()
        try:
            return MultiFernet([Fernet(each) for each in lines])
        except ValueError:
            raise ConfigError(f"bots.sealing_keys or {self.file}: found something that is no Fernet key.") from None

    def _lines(self) -> list[str]:
        """Read anew each time: the file may be changed by the command that replaces keys."""
        try:
            if not self.file.exists():
                self._write([Fernet.generate_key().decode()])
            return self.file.read_text("ascii").split()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self.file}: the keys that seal people's API keys cannot be read ({error}).") from None

    def _write(self, lines: list[str]) -> None:
        unfinished = self.file.with_suffix(".part")
        with open(unfinished, "w", opener=lambda path, flags: os.open(path, flags, 0o600), encoding="ascii") as made:
            made.write("\n".join(lines) + "\n")
            made.flush()
            os.fsync(made.fileno())
        unfinished.replace(self.file)
