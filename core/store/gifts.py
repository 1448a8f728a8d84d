"""The book of gifts: statements and rows for `memory.Store`.

Each change is one transaction that names the state it starts from, so that of two at once only one happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.db import Reading, Statement, Writing

DAY = 86_400.0


@dataclass(frozen=True)
class GiftRow:
    """One gift; see core.house.gifts.Gift."""

    id: str
    platform: str
    place: str
    private: bool
    message: str
    giver: str
    giver_name: str
    receiver: str
    receiver_name: str
    amount: int
    state: str
    attempt: int
    expires: float


@dataclass(frozen=True)
class PayableRow(GiftRow):
    """A gift that can be paid; see core.house.gifts.Payable."""

    account: str
    sealed: str
    receiver_user: str


_NAMES = (
    "id, platform, place, private, message, giver, giver_name, receiver, receiver_name, amount, state, attempt, expires"
)
_COLUMNS = ", ".join(f"g.{name}" for name in _NAMES.split(", "))
_LOCK = Statement("UPDATE accounts SET created = created WHERE id = :account")
_FIND = Statement(f"SELECT {_COLUMNS} FROM gifts g WHERE g.id = :id")  # noqa: S608  # fixed text
_OPEN = Statement(
    "SELECT COALESCE(SUM(amount), 0) FROM gifts WHERE account = :account AND state IN ('promised', 'paying')"
)
_TODAY = Statement(
    "SELECT COALESCE(SUM(amount), 0) FROM gifts"
    " WHERE account = :account AND state IN ('promised', 'paying', 'paid') AND created > :since"
)
_TO_ONE = Statement(
    "SELECT COALESCE(SUM(amount), 0) FROM gifts WHERE account = :account AND platform = :platform"
    " AND receiver = :receiver AND state IN ('promised', 'paying', 'paid') AND created > :since"
)
_PROMISE = Statement(
    f"INSERT INTO gifts ({_NAMES}, emoji, account, created, due, reason)"  # noqa: S608  # fixed text
    " VALUES (:id, :platform, :place, :private, :message, :giver, :giver_name, :receiver, :receiver_name, :amount,"
    " :state, 0, :expires, :emoji, :account, :created, :due, '')"
    " ON CONFLICT (id) DO UPDATE SET state = excluded.state, amount = excluded.amount, attempt = gifts.attempt + 1,"
    " created = excluded.created, due = excluded.due, expires = excluded.expires, account = excluded.account"
    " WHERE gifts.state IN ('cancelled', 'refused', 'returned')"
)
_CONFIRM = Statement(
    "UPDATE gifts SET state = 'promised', due = :due WHERE id = :id AND giver = :person AND state = 'asked'"
)
_CANCEL = Statement(
    "UPDATE gifts SET state = 'cancelled' WHERE id = :id AND (state = 'asked' OR (state = 'promised' AND due > :now))"
)
_CANCEL_WAITING = Statement(
    "UPDATE gifts SET state = 'cancelled' WHERE id = :id AND state = 'promised' AND NOT EXISTS"
    " (SELECT 1 FROM identities i JOIN accounts a ON a.id = i.account"
    "  WHERE i.platform = gifts.platform AND i.person = gifts.receiver AND a.horde_user <> '')"
)
_FOR = Statement(
    f"SELECT {_COLUMNS} FROM gifts g"  # noqa: S608  # fixed text
    " WHERE g.platform = :platform AND g.place = :place AND g.message = :message"
    " AND g.state IN ('promised', 'paying', 'paid') ORDER BY g.created, g.id"
)
_OF = Statement(
    f"SELECT {_COLUMNS} FROM gifts g WHERE g.account = :account"  # noqa: S608  # fixed text
    " ORDER BY g.created DESC, g.id LIMIT :most"
)
_PAYABLE = Statement(
    f"SELECT {_COLUMNS}, g.account, a.sealed, r.horde_user FROM gifts g"  # noqa: S608  # fixed text
    " JOIN accounts a ON a.id = g.account"
    " JOIN identities i ON i.platform = g.platform AND i.person = g.receiver JOIN accounts r ON r.id = i.account"
    " WHERE g.state IN ('promised', 'paying') AND g.due <= :now AND a.sealed <> '' AND r.horde_user <> ''"
    " ORDER BY g.due LIMIT :most"
)
_TAKE = Statement("UPDATE gifts SET state = 'paying' WHERE id = :id AND state IN ('promised', 'paying')")
_UNCLAIMED = Statement(
    f"SELECT {_COLUMNS} FROM gifts g"  # noqa: S608  # fixed text
    " WHERE g.state IN ('promised', 'asked') AND g.expires <= :now"
    " ORDER BY g.expires LIMIT :most"
)
_RETURN = Statement("UPDATE gifts SET state = 'returned' WHERE id = :id AND state IN ('promised', 'asked')")
_SETTLE = Statement("UPDATE gifts SET state = :state, reason = :reason WHERE id = :id AND state = 'paying'")
_POSTPONE = Statement("UPDATE gifts SET due = :due WHERE id = :id AND state = 'paying'")


def _row(row: tuple[Any, ...]) -> GiftRow:
    number, platform, place, private, *rest = row
    return GiftRow(number, platform, place, bool(private), *rest)


def promise(tx: Writing, gift: Mapping[str, object], *, balance: float, most_a_day: int, most_to_one: int) -> str:
    """Write a gift down, or say why not; see core.house.gifts.GiftBook.promise."""
    tx.run(_LOCK, gift)
    known = find(tx, str(gift["id"]))
    if known is not None and known.state not in {"cancelled", "refused", "returned"}:
        return "stands"
    since, amount = float(str(gift["created"])) - DAY, int(str(gift["amount"]))
    if tx.value(_OPEN, gift) + amount > balance:
        return "balance"
    if tx.value(_TODAY, {**gift, "since": since}) + amount > most_a_day:
        return "day"
    if tx.value(_TO_ONE, {**gift, "since": since}) + amount > most_to_one:
        return "one"
    return str(gift["state"]) if tx.run(_PROMISE, gift) == 1 else "stands"


def find(tx: Reading, gift: str) -> GiftRow | None:
    """A gift by its id."""
    row = tx.one(_FIND, {"id": gift})
    return _row(row) if row else None


def confirm(tx: Writing, gift: str, *, person: str, due: float) -> GiftRow | None:
    """Its giver means it."""
    return find(tx, gift) if tx.run(_CONFIRM, {"id": gift, "person": person, "due": due}) else None


def cancel(tx: Writing, gift: str, *, now: float) -> GiftRow | None:
    """Take it back in time, or while nobody could have claimed it."""
    if not tx.run(_CANCEL, {"id": gift, "now": now}):
        tx.run(_CANCEL_WAITING, {"id": gift})
    return find(tx, gift)


def given_for(tx: Reading, platform: str, place: str, message: str) -> list[GiftRow]:
    """What was given for a message."""
    return [_row(row) for row in tx.all(_FOR, {"platform": platform, "place": place, "message": message})]


def given_by(tx: Reading, account: str, most: int) -> list[GiftRow]:
    """The last gifts of somebody."""
    return [_row(row) for row in tx.all(_OF, {"account": account, "most": most})]


def take_payable(tx: Writing, *, now: float, most: int) -> list[PayableRow]:
    """Gifts to pay, each on its way from here on."""
    found: list[PayableRow] = []
    for *gift, account, sealed, user in tx.all(_PAYABLE, {"now": now, "most": most}):
        row = _row(tuple(gift))
        if tx.run(_TAKE, {"id": row.id}):
            values: dict[str, Any] = {**asdict(row), "state": "paying"}
            found.append(PayableRow(**values, account=account, sealed=sealed, receiver_user=user))
    return found


def take_unclaimed(tx: Writing, *, now: float, most: int) -> list[GiftRow]:
    """Gifts whose time is over, returned from here on."""
    rows = [_row(row) for row in tx.all(_UNCLAIMED, {"now": now, "most": most})]
    return [row for row in rows if tx.run(_RETURN, {"id": row.id})]


def settle(tx: Writing, gift: str, *, state: str, reason: str) -> None:
    """It has arrived, or was refused."""
    tx.run(_SETTLE, {"id": gift, "state": state, "reason": reason})


def postpone(tx: Writing, gift: str, *, due: float) -> None:
    """Try it again then."""
    tx.run(_POSTPONE, {"id": gift, "due": due})
