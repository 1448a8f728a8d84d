"""The account's secret storage: secrets that the homeserver keeps without being able to read them.

A recovery key opens it; other apps of the same account make and read it the same way
(m.secret_storage.v1.aes-hmac-sha2).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any, cast

from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF

from adapters.matrix.homeserver import Body, Homeserver, Refused, path
from adapters.matrix.keys import decode, encode
from core.errors import ConfigError

ALGORITHM = "m.secret_storage.v1.aes-hmac-sha2"
_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PREFIX = b"\x8b\x01"


def write_key(key: bytes) -> str:
    """A recovery key as people copy it: base58 in groups of four."""
    data = _PREFIX + key
    data += bytes([_parity(data)])
    number, digits = int.from_bytes(data, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        digits = _ALPHABET[rest] + digits
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def read_key(text: str) -> bytes | None:
    """The 32 bytes of a recovery key; None = it is none, or has a typing mistake."""
    number = 0
    for letter in "".join(text.split()):
        if letter not in _ALPHABET:
            return None
        number = number * 58 + _ALPHABET.index(letter)
    size = len(_PREFIX) + 33
    if number.bit_length() > 8 * size:
        return None
    data = number.to_bytes(size, "big")
    return data[2:-1] if data[:2] == _PREFIX and _parity(data) == 0 else None


def _parity(data: bytes) -> int:
    found = 0
    for each in data:
        found ^= each
    return found


class Vault:
    """The secret storage of one account.

    Args:
        server: where it lies.
        user: whose it is.
        key_id: which of its keys this is.
        key: the 32 bytes of that key.
    """

    def __init__(self, server: Homeserver, user: str, key_id: str, key: bytes) -> None:
        self._server, self._user, self._key_id, self._key = server, user, key_id, key

    @classmethod
    async def make(cls, server: Homeserver, user: str, key: bytes) -> Vault:
        """A new one. Raises as `Homeserver.ask`."""
        key_id = secrets.token_urlsafe(16)
        check = _encrypt(b"\0" * 32, key, "")
        details = {"name": "Largesse", "algorithm": ALGORITHM, "iv": check["iv"], "mac": check["mac"]}
        await _keep(server, user, f"m.secret_storage.key.{key_id}", details)
        await _keep(server, user, "m.secret_storage.default_key", {"key": key_id})
        return cls(server, user, key_id, key)

    @classmethod
    async def open(cls, server: Homeserver, user: str, words: str) -> Vault:
        """The one that is there.

        Args:
            server: where it lies.
            user: whose it is.
            words: the recovery key, or the passphrase it was made from.

        Raises:
            ConfigError: there is none, or this does not open it.
        """
        key_id = (await find(server, user, "m.secret_storage.default_key")).get("key")
        details = await find(server, user, f"m.secret_storage.key.{key_id}") if key_id else {}
        if details.get("algorithm") != ALGORITHM:
            raise ConfigError(f"The account {user} has no secret storage that I know how to open.")
        key = read_key(words) or _from_passphrase(words, details.get("passphrase"))
        check = _encrypt(b"\0" * 32, key, "", iv=decode(str(details["iv"]))) if key and details.get("iv") else None
        if key is None or (check and not hmac.compare_digest(check["mac"], str(details.get("mac", "")).rstrip("="))):
            raise ConfigError("The recovery key does not open the account's secret storage.")
        return cls(server, user, str(key_id), key)

    async def put(self, name: str, secret: bytes) -> None:
        """Keep a secret. Raises as `Homeserver.ask`."""
        sealed = _encrypt(encode(secret).encode(), self._key, name)
        await _keep(self._server, self._user, name, {"encrypted": {self._key_id: sealed}})

    async def get(self, name: str) -> bytes:
        """A secret.

        Raises:
            ConfigError: it is not there, or damaged.
        """
        sealed = (await find(self._server, self._user, name)).get("encrypted", {}).get(self._key_id)
        if not sealed:
            raise ConfigError(f"The account's secret storage holds no {name}.")
        try:
            return decode(_decrypt(sealed, self._key, name).decode())
        except (ValueError, KeyError):
            raise ConfigError(f"{name} in the account's secret storage is damaged.") from None


async def find(server: Homeserver, user: str, kind: str) -> Body:
    """A piece of the account's data; {} = there is none."""
    try:
        return await server.ask("GET", path("user", user, "account_data", kind))
    except Refused as error:
        if error.errcode != "M_NOT_FOUND":
            raise
        return {}


async def _keep(server: Homeserver, user: str, kind: str, content: Mapping[str, Any]) -> None:
    await server.ask("PUT", path("user", user, "account_data", kind), content)


def _keys(key: bytes, name: str) -> tuple[bytes, bytes]:
    both = HKDF(key, 64, b"\0" * 32, SHA256, context=name.encode())
    return both[:32], both[32:]


def _encrypt(secret: bytes, key: bytes, name: str, *, iv: bytes | None = None) -> dict[str, str]:
    aes, mac = _keys(key, name)
    if iv is None:
        fresh = bytearray(secrets.token_bytes(16))
        fresh[8] &= 0x7F  # some platforms count with a signed number
        iv = bytes(fresh)
    sealed = AES.new(aes, AES.MODE_CTR, nonce=b"", initial_value=iv).encrypt(secret)
    tag = hmac.digest(mac, sealed, "sha256")
    return {"iv": encode(iv), "ciphertext": encode(sealed), "mac": encode(tag)}


def _decrypt(sealed: Mapping[str, str], key: bytes, name: str) -> bytes:
    aes, mac = _keys(key, name)
    data = decode(sealed["ciphertext"])
    if not hmac.compare_digest(hmac.digest(mac, data, "sha256"), decode(sealed["mac"])):
        raise ValueError
    return AES.new(aes, AES.MODE_CTR, nonce=b"", initial_value=decode(sealed["iv"])).decrypt(data)


def _from_passphrase(words: str, how: object) -> bytes | None:
    details = cast("Body", how) if isinstance(how, dict) else {}
    rounds = details.get("iterations")
    if details.get("algorithm") != "m.pbkdf2" or not isinstance(rounds, int) or details.get("bits", 256) != 256:
        return None
    salt = str(details.get("salt", "")).encode()
    return hashlib.pbkdf2_hmac("sha512", words.encode(), salt, min(rounds, 10_000_000), 32)
