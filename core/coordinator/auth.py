"""From the `apikey` header to an account: hashed, looked up, remembered for a few seconds; asked by `api` handlers."""

from __future__ import annotations

import time
from collections import OrderedDict

from core.coordinator.keys import ANONYMOUS, could_be_key, hash_key, webhook_secret
from core.coordinator.rules import accounts
from core.coordinator.rules.values import User
from core.db import Database
from core.errors import NotAllowed

_SECONDS = 5.0
_MOST = 10_000


def invalid_key() -> NotAllowed:
    """The refusal of a key that is nobody's (the words `wrong credentials` are what workers look for elsewhere)."""
    return NotAllowed("No user matches this API key.", code="InvalidAPIKey")


class Accounts:
    """Who is behind a key."""

    def __init__(self, database: Database, secret: bytes) -> None:
        """secret: what the stored hashes were made with (`keys.load_secret`)."""
        self._database = database
        self._secret = secret
        self._known: OrderedDict[str, tuple[float, User]] = OrderedDict()

    async def find(self, key: str, *, also_deleted: bool = False) -> User:
        """The account of a key; changes of its roles take effect here within five seconds.

        Raises:
            NotAllowed: nobody's key (code InvalidAPIKey, answered with 401), or a deleted account (DeletedUser).
        """
        if key != ANONYMOUS and not could_be_key(key):
            raise invalid_key()
        hashed = hash_key(self._secret, key)
        known = self._known.get(hashed)
        if known is not None and known[0] > time.monotonic():
            user = known[1]
        else:
            user = await self._look_up(key, hashed)
            self._remember(hashed, user)
        if user.deleted and not also_deleted:
            raise NotAllowed("This account is deleted.", code="DeletedUser")
        return user

    async def vouches(self, passkey: str) -> bool:
        """Does a service prove by this that it may speak for its end users?"""
        if not could_be_key(passkey):
            return False
        hashed = hash_key(self._secret, passkey)
        known = self._known.get(hashed)
        if known is None or known[0] <= time.monotonic():
            user = await self._database.read(lambda tx: accounts.find_by_passkey(tx, hashed))
            if user is None:
                return False
            self._remember(hashed, user)
            known = self._known[hashed]
        return known[1].service and not known[1].deleted

    def forget(self, user_id: int) -> None:
        """An account or its keys were changed: look again at its next call."""
        for hashed in [hashed for hashed, (_, user) in self._known.items() if user.id == user_id]:
            del self._known[hashed]

    def hashed(self, key: str) -> str:
        """The hash under which a key is stored."""
        return hash_key(self._secret, key)

    def webhook_secret(self, key_hash: str, version: int) -> str:
        """The secret that signs what the webhooks of a key are told."""
        return webhook_secret(self._secret, key_hash, version)

    async def _look_up(self, key: str, hashed: str) -> User:
        if key == ANONYMOUS:
            return await self._database.glance(accounts.anonymous)
        user = await self._database.glance(lambda tx: accounts.find_by_key(tx, hashed))
        if user is None:
            raise invalid_key()
        return user

    def _remember(self, hashed: str, user: User) -> None:
        self._known[hashed] = (time.monotonic() + _SECONDS, user)
        self._known.move_to_end(hashed)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
