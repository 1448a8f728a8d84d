"""Keys that others may use at their owner's cost, up to a limit, a day, and a size of each picture.

What was used is counted from the requests themselves: those that are still known by what they cost and will cost, those
that were forgotten by what they did cost.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from core.contract.generate import GenerateRequest
from core.contract.keys import SharedKeyInput
from core.coordinator.rules import accounts, ledger
from core.coordinator.rules.values import Accepted, User
from core.coordinator.store import shared_keys as store
from core.db import Reading, Writing
from core.errors import InvalidRequest, LargesseError, NotAllowed, NotFound

NO_LIMIT = -1
MOST, MOST_TRUSTED, MOST_EDUCATION = 3, 10, 1000
DAY = 86400.0
FOREVER = 36_500
"""Days: a key that is to live longer has no end, as no calendar of ours reaches much further."""


@dataclass(frozen=True, slots=True)
class SharedKey:
    """A shared key. Kudos are whole, -1 = no limit."""

    id: str
    user_id: int
    owner: str
    name: str
    kudos: int
    expiry: float | None
    utilized: float
    max_image_pixels: int
    max_image_steps: int
    max_text_tokens: int

    @property
    def expires(self) -> str | None:
        """When it ends, as the contract writes dates."""
        return None if self.expiry is None else datetime.fromtimestamp(self.expiry, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def left(self) -> float:
        """Kudos that may still be used of it."""
        return float("inf") if self.kudos == NO_LIMIT else max(0.0, self.kudos - self.utilized)


def find(tx: Reading, key_id: str) -> SharedKey | None:
    """A key by its id; None = there is none."""
    row = store.by_id(tx, key_id)
    if row is None:
        return None
    number, user_id, owner, name, limit, expiry, folded, *sizes = row
    used = ledger.kudos(int(folded) + store.open_amount(tx, key_id))
    return SharedKey(number, user_id, f"{owner}#{user_id}", name, int(limit), expiry, used, *map(int, sizes))


def make(tx: Writing, user: User, wanted: SharedKeyInput, *, now: float) -> SharedKey:
    """Make a key.

    Raises:
        NotAllowed: the account may not have one, or not one more.
    """
    if user.anonymous:
        raise NotAllowed("Anonymous people cannot share keys; make an account first.", code="AnonForbidden")
    ledger.lock(tx, user)
    most = MOST_EDUCATION if user.education else MOST_TRUSTED if user.trusted else MOST
    if len(store.of_user(tx, user.id)) >= most:
        raise NotAllowed(f"An account like yours may share {most} keys.", code="Forbidden")
    key_id = str(uuid.uuid4())
    values = _columns(wanted, set(SharedKeyInput.model_fields), now)
    store.add(tx, {**values, "id": key_id, "user_id": user.id, "created": now})
    return _known(tx, key_id)


def change(tx: Writing, key_id: str, user: User, wanted: SharedKeyInput, *, now: float) -> SharedKey:
    """Change what is set.

    Raises:
        NotFound: there is no such key.
        NotAllowed: it is somebody else's.
        InvalidRequest: nothing to change was named.
    """
    _owned(tx, key_id, user)
    values = _columns(wanted, wanted.model_fields_set & set(SharedKeyInput.model_fields), now)
    if not values:
        raise InvalidRequest("Name something to change.", code="NoSharedKeyModSelected")
    store.change(tx, key_id, values)
    return _known(tx, key_id)


def delete(tx: Writing, key_id: str, user: User) -> None:
    """Forget a key; what was made with it goes on. Raises as `change`."""
    _owned(tx, key_id, user)
    store.remove(tx, key_id)


def _columns(wanted: SharedKeyInput, chosen: set[str], now: float) -> dict[str, Any]:
    columns = {
        "kudos": wanted.kudos,
        "expiry": now + wanted.expiry * DAY if NO_LIMIT < wanted.expiry <= FOREVER else None,
        "name": wanted.name or "",
        "max_image_pixels": wanted.max_image_pixels,
        "max_image_steps": wanted.max_image_steps,
        "max_text_tokens": wanted.max_text_tokens,
    }
    return {name.replace("max_image_", "max_").replace("max_text_", "max_"): columns[name] for name in chosen}


def _known(tx: Reading, key_id: str) -> SharedKey:
    found = find(tx, key_id)
    if found is None:
        raise NotFound("There is no such shared key.", code="SharedKeyInvalid")
    return found


def _owned(tx: Reading, key_id: str, user: User) -> SharedKey:
    found = _known(tx, key_id)
    if found.user_id != user.id or user.anonymous:
        raise NotAllowed("Only the owner of a shared key may do that.", code="Forbidden")
    return found


def payer(tx: Reading, key: SharedKey, request: GenerateRequest, *, now: float) -> tuple[User, SharedKey | None]:
    """Who pays for a request with a shared key: its owner; the anonymous account where it is empty and that is allowed.

    Raises:
        NotAllowed: it is over, empty, or its owner's account is.
        InvalidRequest: it is not for pictures like that.
    """
    owner = accounts.get(tx, key.user_id)
    if owner is None or owner.deleted:
        raise NotAllowed("The account behind this shared key is deleted.", code="DeletedUser")
    if key.expiry is not None and key.expiry <= now:
        raise NotAllowed("This shared key is over.", code="SharedKeyExpired")
    if key.left() <= 0:
        if request.allow_downgrade:
            return accounts.anonymous(tx), None
        raise NotAllowed("Nothing is left of this shared key.", code="SharedKeyEmpty")
    params = request.params
    if key.max_image_pixels != NO_LIMIT and params.width * params.height > key.max_image_pixels:
        raise _too_large(f"pictures of at most {key.max_image_pixels} pixels")
    if key.max_image_steps != NO_LIMIT and params.steps > key.max_image_steps:
        raise _too_large(f"at most {key.max_image_steps} steps")
    return owner, key


def stranger(owner: User) -> User:
    """Whoever uses a shared key, as far as blame goes: nobody in particular, with none of its owner's roles."""
    return replace(owner, id=ledger.ANONYMOUS, service=False, moderator=False, admin=False)


def _too_large(what: str) -> LargesseError:
    return InvalidRequest(f"This shared key is for {what}.", code="BadRequest")


def charge(tx: Writing, key: SharedKey, accepted: Accepted) -> None:
    """Count a request that was just accepted against its key; nobody else uses the key meanwhile.

    Raises:
        NotAllowed: less is left of it than the request may cost; then the request is not accepted either.
    """
    if accepted.replayed:
        return
    store.lock(tx, key.id)
    if _known(tx, key.id).left() < accepted.kudos:
        raise NotAllowed("Less is left of this shared key than this costs.", code="SharedKeyInsufficientKudos")
    store.use(tx, key.id, accepted.id)
