"""Accounts: found by key or name, made, changed, granted kudos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from core.contract.names import KeyScope
from core.coordinator.rules import ledger
from core.coordinator.rules.ledger import Entry, hundredths, kudos, wallet
from core.coordinator.rules.values import User
from core.coordinator.store import accounts as store
from core.coordinator.store.ledger import Posting
from core.db import Reading, Writing
from core.errors import InvalidRequest, NotFound

PSEUDONYMOUS_FLOOR = 14.0
REGISTERED_FLOOR = 25.0
LONGEST_NAME = 30


def clean_name(name: str) -> str:
    """The name that somebody wants, without spaces around it.

    Raises:
        InvalidRequest: it is empty, longer than 30 characters, or holds a `#` or something that is no letter.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or "#" in name or not name.isprintable():
        raise InvalidRequest(f"A name has 1 to {LONGEST_NAME} characters and no #.", code="TooLongUserName")
    return name


def _user(row: Sequence[Any]) -> User:
    user_id, name, created, concurrency, floor, *flags, invited, suspicion, contact, comment, monthly = row
    return User(
        user_id,
        name,
        created,
        concurrency,
        kudos(floor),
        *map(bool, flags),
        worker_invited=invited,
        suspicion=suspicion,
        contact=contact,
        admin_comment=comment,
        monthly=kudos(monthly),
    )


def find_by_key(tx: Reading, key_hash: str) -> User | None:
    """The account that a key belongs to; revoked keys belong to nobody."""
    row = store.by_key(tx, key_hash)
    return None if row is None else replace(_user(tuple(row)[:-1]), scope=KeyScope(row[-1]))


def find_by_passkey(tx: Reading, passkey_hash: str) -> User | None:
    """The service account that a passkey belongs to; what it may do with it is nothing but speak for others."""
    row = store.by_passkey(tx, passkey_hash)
    return None if row is None else _user(row)


def get(tx: Reading, user_id: int) -> User | None:
    """An account by its number."""
    row = store.by_id(tx, user_id)
    return None if row is None else _user(row)


def anonymous(tx: Reading) -> User:
    """The account that everybody without a key shares.

    Raises:
        NotFound: the database was never migrated.
    """
    user = get(tx, ledger.ANONYMOUS)
    if user is None:
        raise NotFound("The anonymous account is missing.", code="UserNotFound")
    return user


def find_by_name(tx: Reading, name: str) -> User | None:
    """An account by `alias#id`; only the number after the last # counts."""
    number = number_of(name)
    return None if number is None else get(tx, number)


def number_of(name: str) -> int | None:
    """The number in `alias#id`, whether there is such an account or not."""
    _, mark, number = name.rpartition("#")
    return int(number) if mark and number.isascii() and number.isdigit() and len(number) < 19 else None


def page(tx: Reading, *, number: int, sort: Literal["kudos", "age"]) -> list[User]:
    """25 accounts of the public list, the first page being number 1."""
    return [_user(row) for row in store.page(tx, sort=sort, skip=25 * (number - 1), limit=25)]


def create(
    tx: Writing,
    *,
    name: str,
    key_hash: str,
    now: float,
    trusted: bool = False,
    moderator: bool = False,
    admin: bool = False,
    service: bool = False,
    pseudonymous: bool = True,
    kudos: float = 0.0,
    concurrency: int = 30,
) -> User:
    """Make an account with one key; it begins at the floor of its class, `kudos` come on top."""
    floor = PSEUDONYMOUS_FLOOR if pseudonymous else REGISTERED_FLOOR
    values = {
        "name": name,
        "created": now,
        "concurrency": concurrency,
        "floor": hundredths(floor),
        "trusted": trusted,
        "moderator": moderator,
        "admin": admin,
        "service": service,
        "pseudonymous": pseudonymous,
    }
    user_id = store.add(tx, values, key_hash=key_hash)
    sides = [Posting(wallet(user_id), Entry.FLOOR, hundredths(floor))]
    ledger.book(tx, f"floor:{user_id}", kind=Entry.FLOOR, at=now, sides=sides)
    if kudos:
        grant(tx, user_id=user_id, kudos=kudos, key=f"first:{user_id}", now=now)
    row = store.by_id(tx, user_id)
    if row is None:
        raise NotFound(code="UserNotFound")
    return _user(row)


def change(tx: Writing, user_id: int, **columns: float | str | bool) -> User:
    """Set flags and limits of an account (names as in `User`; `monthly` in kudos).

    Raises:
        NotFound: there is no such account.
    """
    for name in {"monthly", "floor"} & columns.keys():
        columns[name] = hundredths(float(columns[name]))
    store.change(tx, user_id, columns)
    user = get(tx, user_id)
    if user is None:
        raise NotFound("There is no such user.", code="UserNotFound")
    return user


def grant(tx: Writing, *, user_id: int, kudos: float, key: str, now: float, kind: Entry = Entry.ADMIN) -> bool:
    """Give kudos (or take them, never below the floor) once for each `key`; False = that was done before."""
    amount = hundredths(kudos)
    user = get(tx, user_id)
    if user is None:
        raise NotFound("There is no such user.", code="UserNotFound")
    if amount < 0:
        amount = -ledger.takeable(tx, user_id, floor=hundredths(user.floor), amount=-amount)
    if user.anonymous:
        amount = 0
    return ledger.book(tx, f"grant:{key}", kind=kind, at=now, sides=[Posting(wallet(user_id), kind, amount)])
