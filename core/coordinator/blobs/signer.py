"""Signed addresses that expire: who holds one may read or write one picture until then; made here, checked by `api`."""

from __future__ import annotations

import hashlib
import hmac
import time
from enum import StrEnum

from core.errors import NotAllowed


class Access(StrEnum):
    """What a signed address lets its holder do."""

    GET = "GET"  # read the picture
    PUT = "PUT"  # write it, as often as wanted until the address expires


class Signer:
    """Signs and checks: HMAC-SHA256 over access, key and expiry, under a key derived from the coordinator's secret."""

    def __init__(self, secret: bytes, ttl: int) -> None:
        """Take the coordinator's secret and the seconds (ttl) an address stays valid."""
        self._key = hmac.digest(secret, b"picture addresses", hashlib.sha256)
        self._ttl = ttl

    def query(self, access: Access, key: str) -> str:
        """The query text `expires=…&signature=…` that opens one picture from now on for ttl seconds."""
        expires = int(time.time()) + self._ttl
        return f"expires={expires}&signature={self._sign(access, key, expires)}"

    def check(self, access: Access, key: str, expires: str, signature: str) -> int:
        """The seconds the address remains valid.

        Raises:
            NotAllowed: somebody changed the address, or its time is over.
        """
        until = int(expires) if expires.isascii() and expires.isdigit() and len(expires) < 15 else 0
        wanted = self._sign(access, key, until)
        if not hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "replace")):
            raise NotAllowed("This picture address is not one that the coordinator made.", code="BadSignature")
        left = until - int(time.time())
        if left <= 0:
            raise NotAllowed("This picture address has expired; ask for the status again.", code="AddressExpired")
        return left

    def _sign(self, access: Access, key: str, expires: int) -> str:
        text = f"{access}\n{key}\n{expires}".encode()
        return hmac.digest(self._key, text, "sha256").hex()
