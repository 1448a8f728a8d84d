"""Accounts, the chat identities in them, and the codes that link these: statements and rows for `memory.Store`."""

from __future__ import annotations

from dataclasses import dataclass

from core.db import Reading, Statement, Writing
from core.errors import TooMany

MOST_TRIES, TRIES_FOR = 5, 600.0
"""Wrong codes of one identity, and the seconds for which they count."""


@dataclass(frozen=True)
class AccountRow:
    """One person; see core.house.people.Account."""

    id: str
    user: str
    sealed: str


@dataclass(frozen=True)
class IdentityRow:
    """Somebody on a platform; see core.house.people.Identity."""

    platform: str
    person: str
    name: str


_OF = Statement(
    "SELECT a.id, a.horde_user, a.sealed FROM accounts a JOIN identities i ON i.account = a.id"
    " WHERE i.platform = :platform AND i.person = :person"
)
_OPEN = Statement(
    "INSERT INTO accounts (id, horde_user, sealed, created) VALUES (:id, '', '', :now) ON CONFLICT (id) DO NOTHING"
)
_LINK = Statement(
    "INSERT INTO identities (platform, person, account, linked) VALUES (:platform, :person, :account, :now)"
    " ON CONFLICT (platform, person) DO NOTHING"
)
_SIGN_IN = Statement("UPDATE accounts SET horde_user = :user, sealed = :sealed WHERE id = :id")
_IDENTITIES = Statement(
    "SELECT i.platform, i.person, COALESCE(p.name, '') FROM identities i"
    " LEFT JOIN people p ON p.platform = i.platform AND p.id = i.person"
    " WHERE i.account = :account ORDER BY i.linked, i.platform, i.person"
)
_NAME = Statement("SELECT name FROM people WHERE platform = :platform AND id = :person")
_KEYS = Statement("SELECT id, horde_user, sealed FROM accounts WHERE sealed <> '' ORDER BY id")
_VOID = Statement("DELETE FROM link_codes WHERE account = :account OR expires < :now")
_OFFER = Statement("INSERT INTO link_codes (code, account, expires) VALUES (:code, :account, :expires)")
_TAKE = Statement("DELETE FROM link_codes WHERE code = :code AND expires >= :now RETURNING account")
_TRIED = Statement("SELECT COUNT(*) FROM link_tries WHERE platform = :platform AND person = :person AND at > :since")
_TRY = Statement("INSERT INTO link_tries (platform, person, at) VALUES (:platform, :person, :now)")
_FORGIVE = Statement("DELETE FROM link_tries WHERE at <= :since")
_UNLINK = Statement("DELETE FROM identities WHERE platform = :platform AND person = :person")
_UNLINK_ALL = Statement("DELETE FROM identities WHERE account = :account")
_CLOSE = Statement(
    "DELETE FROM accounts WHERE id = :account AND NOT EXISTS (SELECT 1 FROM identities WHERE account = :account)"
)
_NO_CODES = Statement("DELETE FROM link_codes WHERE account = :account")
_NO_REQUESTS = Statement("DELETE FROM requests WHERE platform = :platform AND person = :person")
_NO_GIFTS = Statement(
    "DELETE FROM gifts WHERE account = :account AND state IN ('asked', 'promised', 'cancelled', 'returned', 'refused')"
)
_NAMELESS_GIVER = Statement("UPDATE gifts SET giver_name = '' WHERE platform = :platform AND giver = :person")
_NAMELESS_RECEIVER = Statement("UPDATE gifts SET receiver_name = '' WHERE platform = :platform AND receiver = :person")
_NO_NAME = Statement("UPDATE people SET name = '' WHERE platform = :platform AND id = :person")


def of(tx: Reading, platform: str, person: str) -> AccountRow | None:
    """The account of an identity."""
    row = tx.one(_OF, {"platform": platform, "person": person})
    return AccountRow(*row) if row else None


def open_for(tx: Writing, account: str, *, platform: str, person: str, now: float) -> AccountRow:
    """The account of an identity, made now where it has none."""
    if known := of(tx, platform, person):
        return known
    tx.run(_OPEN, {"id": account, "now": now})
    tx.run(_LINK, {"platform": platform, "person": person, "account": account, "now": now})
    tx.run(_CLOSE, {"account": account})  # where somebody else was quicker
    opened = of(tx, platform, person)
    if opened is None:
        raise LookupError("A row that was just written is not there.")
    return opened


def sign_in(tx: Writing, account: str, *, user: str, sealed: str) -> None:
    """Keep the account on the horde and its sealed key."""
    tx.run(_SIGN_IN, {"id": account, "user": user, "sealed": sealed})


def identities(tx: Reading, account: str) -> list[IdentityRow]:
    """All identities of an account."""
    return [IdentityRow(*row) for row in tx.all(_IDENTITIES, {"account": account})]


def name_of(tx: Reading, platform: str, person: str) -> str:
    """What somebody calls themselves; empty = not known."""
    return str(tx.value(_NAME, {"platform": platform, "person": person}) or "")


def keys(tx: Reading) -> list[AccountRow]:
    """The accounts that have a key."""
    return [AccountRow(*row) for row in tx.all(_KEYS)]


def offer(tx: Writing, code: str, *, account: str, expires: float, now: float) -> None:
    """Keep a code, the only one of its account."""
    tx.run(_VOID, {"account": account, "now": now})
    tx.run(_OFFER, {"code": code, "account": account, "expires": expires})


def take(tx: Writing, code: str, *, platform: str, person: str, now: float) -> AccountRow | None:
    """Use up a code and link the identity; None for a wrong one, which is counted.

    Raises:
        TooMany: too many were wrong.
    """
    who: dict[str, object] = {"platform": platform, "person": person}
    tx.run(_FORGIVE, {"since": now - TRIES_FOR})
    if tx.value(_TRIED, {**who, "since": now - TRIES_FOR}) >= MOST_TRIES:
        raise TooMany("Those were many wrong codes. Please wait ten minutes, then get a new one.")
    account = tx.value(_TAKE, {"code": code, "now": now})
    if account is None:
        tx.run(_TRY, {**who, "now": now})
        return None
    tx.run(_LINK, {**who, "account": account, "now": now})
    return of(tx, platform, person)


def unlink(tx: Writing, platform: str, person: str) -> bool:
    """Take an identity out of its account; an account without any goes away, with its key."""
    known = of(tx, platform, person)
    if known is None:
        return False
    tx.run(_UNLINK, {"platform": platform, "person": person})
    if tx.run(_CLOSE, {"account": known.id}):
        tx.run(_NO_CODES, {"account": known.id})
    return True


def forget(tx: Writing, platform: str, person: str) -> None:
    """Delete everything that is kept about a person, under all their identities."""
    known = of(tx, platform, person)
    whom = identities(tx, known.id) if known else [IdentityRow(platform, person, "")]
    for each in whom:
        who: dict[str, object] = {"platform": each.platform, "person": each.person}
        tx.run(_NO_REQUESTS, who)
        tx.run(_NO_NAME, who)
        tx.run(_NAMELESS_GIVER, who)
        tx.run(_NAMELESS_RECEIVER, who)
    if known:
        tx.run(_NO_GIFTS, {"account": known.id})
        tx.run(_UNLINK_ALL, {"account": known.id})
        tx.run(_NO_CODES, {"account": known.id})
        tx.run(_CLOSE, {"account": known.id})
