"""Verification by emoji: the arithmetic of one run, from the start of the other side to the keys it proves.

We answer only; the other side always starts. What goes back and forth is `verifying`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import vodozemac
from nio.crypto.sas import Sas as Table

from adapters.matrix.keys import canonical, encode

METHOD = "m.sas.v1"
_WANTED = {
    "key_agreement_protocols": "curve25519-hkdf-sha256",
    "hashes": "sha256",
    "message_authentication_codes": "hkdf-hmac-sha256.v2",
    "short_authentication_string": "emoji",
}


class Mismatch(Exception):
    """The other side's proof does not hold, or it speaks a dialect that we do not."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        """As in the Matrix specification, "m.key_mismatch" for one."""


@dataclass(frozen=True)
class Side:
    """Somebody's device."""

    user: str
    device: str

    def __str__(self) -> str:
        return f"{self.user}|{self.device}"


class Sas:
    """One run.

    Args:
        us: our device.
        them: theirs.
        run: the id of the run.
        start: the whole content of their `start`.

    Raises:
        Mismatch: they offer nothing that we know.
    """

    def __init__(self, us: Side, them: Side, run: str, start: Mapping[str, Any]) -> None:
        missing = [name for name, value in _WANTED.items() if value not in (start.get(name) or ())]
        if start.get("method") != METHOD or missing:
            raise Mismatch("m.unknown_method", "Only verification by emoji is known here.")
        self._us, self._them, self._run = us, them, run
        self._sas = vodozemac.Sas()
        self._ours = self._sas.public_key.to_base64()
        self._commitment = encode(sha256((self._ours + canonical(start)).encode()).digest())
        self._shared: vodozemac.EstablishedSas | None = None
        self._theirs = ""

    def accept(self) -> dict[str, Any]:
        """The content of `accept`."""
        return {
            "method": METHOD,
            "key_agreement_protocol": _WANTED["key_agreement_protocols"],
            "hash": _WANTED["hashes"],
            "message_authentication_code": _WANTED["message_authentication_codes"],
            "short_authentication_string": ["emoji"],
            "commitment": self._commitment,
        }

    def exchange(self, theirs: str) -> str:
        """Take their key; ours.

        Raises:
            Mismatch: it is none, or a second one.
        """
        if self._shared:
            raise Mismatch("m.unexpected_message", "A second key came.")
        try:
            self._shared = self._sas.diffie_hellman(vodozemac.Curve25519PublicKey.from_base64(theirs))
        except ValueError:
            raise Mismatch("m.invalid_message", "That is no key.") from None
        self._theirs = theirs
        return self._ours

    def emoji(self) -> list[tuple[str, str]]:
        """The seven emoji that both sides must see, with their names."""
        info = f"MATRIX_KEY_VERIFICATION_SAS|{self._them}|{self._theirs}|{self._us}|{self._ours}|{self._run}"
        return [Table.emoji[number] for number in self._secret().bytes(info).emoji_indices]

    def prove(self, keys: Mapping[str, str]) -> dict[str, Any]:
        """The content of `mac` for our keys, id → public key."""
        info = self._info(self._us, self._them)
        secret = self._secret()
        macs = {key_id: secret.calculate_mac(key, info + key_id) for key_id, key in keys.items()}
        return {"mac": macs, "keys": secret.calculate_mac(",".join(sorted(keys)), info + "KEY_IDS")}

    def check(self, proof: Mapping[str, Any], keys: Mapping[str, str]) -> list[str]:
        """The ids of those of their keys that their `mac` proves.

        Args:
            proof: the content of their `mac`.
            keys: what we think their keys are, id → public key.

        Raises:
            Mismatch: a proof does not hold, or their device is not among what it proves.
        """
        info, secret, macs = self._info(self._them, self._us), self._secret(), proof.get("mac")
        if not isinstance(macs, dict):
            raise Mismatch("m.invalid_message", "That is no proof.")
        found: dict[str, Any] = dict(macs)
        try:
            secret.verify_mac(",".join(sorted(found)), info + "KEY_IDS", str(proof.get("keys")))
            for key_id in found.keys() & keys.keys():
                secret.verify_mac(keys[key_id], info + key_id, str(found[key_id]))
        except ValueError:
            raise Mismatch("m.key_mismatch", "The keys are not what they were said to be.") from None
        if f"ed25519:{self._them.device}" not in found.keys() & keys.keys():
            raise Mismatch("m.key_mismatch", "The device's own key is missing.")
        return sorted(found.keys() & keys.keys())

    def _info(self, sender: Side, receiver: Side) -> str:
        both = f"{sender.user}{sender.device}{receiver.user}{receiver.device}"
        return f"MATRIX_KEY_VERIFICATION_MAC{both}{self._run}"

    def _secret(self) -> vodozemac.EstablishedSas:
        if self._shared is None:
            raise Mismatch("m.unexpected_message", "Their key has not come yet.")
        return self._shared
