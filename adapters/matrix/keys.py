"""Ed25519 keys made from a seed, and signatures of JSON: what identities are built of.

vodozemac signs for a device but does not give its seed away, and an identity's seeds must travel through the vault.
"""

from __future__ import annotations

import base64
import copy
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import vodozemac
from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa

Body = dict[str, Any]
_UNSIGNED = ("signatures", "unsigned")
"""What a signature does not cover."""


def encode(data: bytes) -> str:
    """Base64 without padding, as everything in Matrix has it."""
    return base64.b64encode(data).decode().rstrip("=")


def decode(text: str) -> bytes:
    """The bytes of base64 with or without padding.

    Raises:
        ValueError: it is none.
    """
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def canonical(value: Mapping[str, Any]) -> str:
    """JSON in the one form that is signed."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


@dataclass(frozen=True)
class SigningKey:
    """A private key, by its 32 bytes."""

    seed: bytes = field(repr=False)

    @classmethod
    def new(cls) -> SigningKey:
        """One that nobody else has."""
        return cls(secrets.token_bytes(32))

    @property
    def public(self) -> str:
        """The public key, unpadded base64."""
        return encode(self._key().public_key().export_key(format="raw"))

    def sign(self, value: Mapping[str, Any]) -> str:
        """The signature of a JSON object."""
        plain = {key: each for key, each in value.items() if key not in _UNSIGNED}
        return encode(eddsa.new(self._key(), "rfc8032").sign(canonical(plain).encode()))

    def _key(self) -> ECC.EccKey:
        return ECC.construct(curve="Ed25519", seed=self.seed)


def with_signature(value: Mapping[str, Any], user: str, key_id: str, signature: str) -> Body:
    """The object with one more signature."""
    signed = copy.deepcopy(dict(value))
    signed.setdefault("signatures", {}).setdefault(user, {})[key_id] = signature
    return signed


def is_signed(value: Mapping[str, Any], user: str, public: str) -> bool:
    """Whether a JSON object carries a valid signature of this key."""
    try:
        signature = value["signatures"][user][f"ed25519:{public}"]
        plain = {key: each for key, each in value.items() if key not in _UNSIGNED}
        key = vodozemac.Ed25519PublicKey.from_base64(public)
        key.verify_signature(canonical(plain).encode(), vodozemac.Ed25519Signature.from_base64(signature))
    except (KeyError, TypeError, ValueError):
        return False
    return True
