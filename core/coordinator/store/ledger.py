"""Statements over the ledger: append an event with its postings, read balances, fold, prove.

Account numbers: a user's three accounts are 4·id (balance), 4·id + 1 (escrow) and 4·id + 2 (hold); MINT is where kudos
come from and BURN where they go. Nothing but `fold` ever changes a row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from core.db import Reading, Row, Statement, Writing

MINT = -1
BURN = -2


@dataclass(frozen=True, slots=True)
class Posting:
    """One side of an event, hundredths of a kudos; `things` are pixelsteps or tokens it was about."""

    account: int
    kind: str
    amount: int
    things: int = 0


_EVENT = Statement(
    "INSERT INTO ledger_events (key, kind, at, model, things) VALUES (:key, :kind, :at, :model, :things) "
    "ON CONFLICT (key) DO NOTHING RETURNING id"
)
_POSTING = Statement(
    "INSERT INTO ledger_postings (event_id, account, kind, amount, things) "
    "VALUES (:event_id, :account, :kind, :amount, :things)"
)
_BALANCE = Statement(
    "SELECT coalesce((SELECT sum(amount) FROM ledger_folds WHERE account = :account), 0) "
    "+ coalesce((SELECT sum(amount) FROM ledger_postings WHERE account = :account AND NOT folded), 0)"
)
_BY_KIND = Statement(
    "SELECT kind, sum(amount), sum(things), sum(times) FROM ("
    "SELECT kind, amount, things, times FROM ledger_folds WHERE account = :account UNION ALL "
    "SELECT kind, amount, things, 1 AS times FROM ledger_postings WHERE account = :account AND NOT folded"
    ") AS parts GROUP BY kind"
)
_LOCK = Statement("SELECT id FROM users WHERE id = :id FOR NO KEY UPDATE")
_TAKE = Statement(
    "UPDATE ledger_postings SET folded = true WHERE id IN "
    "(SELECT id FROM ledger_postings WHERE NOT folded LIMIT :limit) RETURNING account, kind, amount, things"
)
_FOLD = Statement(
    "INSERT INTO ledger_folds (account, kind, amount, things, times) "
    "VALUES (:account, :kind, :amount, :things, :times) ON CONFLICT (account, kind) DO UPDATE SET "
    "amount = ledger_folds.amount + excluded.amount, things = ledger_folds.things + excluded.things, "
    "times = ledger_folds.times + excluded.times"
)
_UNEVEN = Statement(
    "SELECT count(*) FROM (SELECT event_id FROM ledger_postings GROUP BY event_id HAVING sum(amount) <> 0) AS uneven"
)
_TOTAL = Statement("SELECT coalesce(sum(amount), 0) FROM ledger_postings")
_MISFOLDED = Statement(
    "SELECT count(*) FROM (SELECT account, kind, sum(amount) AS amount FROM ("
    "SELECT account, kind, amount FROM ledger_folds UNION ALL "
    "SELECT account, kind, -amount FROM ledger_postings WHERE folded) AS both_sides "
    "GROUP BY account, kind HAVING sum(amount) <> 0) AS wrong"
)
_BELOW_FLOOR = Statement(
    "SELECT count(*) FROM (SELECT u.id FROM users u JOIN ledger_postings p ON p.account = 4 * u.id "
    "GROUP BY u.id, u.floor HAVING sum(p.amount) < u.floor) AS below"
)
_HOLDS = Statement(
    "SELECT (SELECT coalesce(sum(amount), 0) FROM ledger_postings WHERE account >= 0 AND account % 4 = 2), "
    "(SELECT coalesce(sum(held), 0) FROM requests)"
)


def append(
    tx: Writing, *, key: str, kind: str, at: float, postings: Iterable[Posting], model: str | None = None
) -> bool:
    """Write an event once; False = an event of this key is there already and nothing was written."""
    sides = list(postings)
    things = max((posting.things for posting in sides), default=0)
    event = tx.value(_EVENT, {"key": key, "kind": kind, "at": at, "model": model, "things": things})
    if event is None:
        return False
    tx.run_many(
        _POSTING,
        [
            {"event_id": event, "account": p.account, "kind": p.kind, "amount": p.amount, "things": p.things}
            for p in sides
        ],
    )
    return True


def balance(tx: Reading, account: int) -> int:
    """Exact balance of an account."""
    return int(tx.value(_BALANCE, {"account": account}))


def lock(tx: Writing, user_id: int) -> None:
    """Let nobody else spend from this user until the transaction ends. SQLite has one writer anyway."""
    if tx.postgres:
        tx.one(_LOCK, {"id": user_id})


def by_kind(tx: Reading, account: int) -> dict[str, tuple[int, int, int]]:
    """Kind of posting → amount, things and number of an account's postings."""
    return {
        kind: (int(amount), int(things), int(times))
        for kind, amount, things, times in tx.all(_BY_KIND, {"account": account})
    }


def fold(tx: Writing, limit: int) -> int:
    """Add up to `limit` postings to the folds; returns how many there were."""
    rows = tx.all(_TAKE, {"limit": limit})
    sums: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for account, kind, amount, things in rows:
        part = sums[account, kind]
        part[0] += amount
        part[1] += things
        part[2] += 1
    tx.run_many(
        _FOLD,
        [
            {"account": account, "kind": kind, "amount": amount, "things": things, "times": times}
            for (account, kind), (amount, things, times) in sorted(sums.items())
        ],
    )
    return len(rows)


def proof(tx: Reading) -> tuple[int, int, int, int, Row]:
    """Uneven events, total of all postings, wrong folds, users below their floor, (held in accounts, in requests)."""
    return (
        int(tx.value(_UNEVEN)),
        int(tx.value(_TOTAL)),
        int(tx.value(_MISFOLDED)),
        int(tx.value(_BELOW_FLOOR)),
        tx.one(_HOLDS) or (0, 0),
    )
