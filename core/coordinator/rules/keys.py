"""The API keys of an account: any number, each for everything or for less, and one of them always for everything."""

from __future__ import annotations

from dataclasses import dataclass

from core.contract.names import KeyScope
from core.coordinator.rules import ledger
from core.coordinator.rules.values import User
from core.coordinator.store import keys as store
from core.db import Reading, Writing
from core.errors import InvalidRequest, NotAllowed, NotFound

MOST = 20


@dataclass(frozen=True, slots=True)
class OwnedKey:
    """A key that was made at some time; nobody knows it any more but its owner."""

    id: int
    name: str
    scope: KeyScope
    created: float


def listed(tx: Reading, user: User) -> list[OwnedKey]:
    """The good keys of an account, oldest first."""
    _refuse_anonymous(user)
    return [OwnedKey(number, name, KeyScope(scope), born) for number, name, scope, born in store.of_user(tx, user.id)]


def make(tx: Writing, user: User, *, key_hash: str, name: str, scope: KeyScope, now: float) -> OwnedKey:
    """Give an account one more key.

    Raises:
        NotAllowed: it is the anonymous account.
        InvalidRequest: it has enough of them.
    """
    _refuse_anonymous(user)
    ledger.lock(tx, user)  # so that two are counted one after the other
    if len(store.of_user(tx, user.id)) >= MOST:
        raise InvalidRequest(f"An account has at most {MOST} keys; revoke one first.", code="BadRequest")
    number = store.add(tx, user_id=user.id, key_hash=key_hash, name=name, scope=scope.value, now=now)
    return OwnedKey(number, name, scope, now)


def revoke(tx: Writing, user: User, key_id: int, *, now: float) -> None:
    """Make a key worthless.

    Raises:
        NotFound: the account has no such key.
        InvalidRequest: it is the last one for everything: without it nobody could make another.
    """
    _refuse_anonymous(user)
    ledger.lock(tx, user)
    kept = [key for key in listed(tx, user) if key.id != key_id]
    if not any(key.scope is KeyScope.ALL for key in kept):
        raise InvalidRequest("This is the last key for everything; make another one first.", code="BadRequest")
    if not store.revoke(tx, user_id=user.id, key_id=key_id, now=now):
        raise NotFound("Your account has no such key.")


def _refuse_anonymous(user: User) -> None:
    if user.anonymous:
        raise NotAllowed("The anonymous key is everybody's; make an account first.", code="AnonForbidden")
