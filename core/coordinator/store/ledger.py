"""Statements over the ledger: append an event with its postings, read balances, fold, prove.

Account numbers: a user's three accounts are 4·id (balance), 4·id + 1 (escrow) and 4·id + 2 (hold); MINT is where kudos
come from and BURN where they go. Nothing but `fold` ever changes a row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

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


class Standing(NamedTuple):
    """What is asked about an account before it may ask for more. Kudos in hundredths."""

    turn: int
    balance: int
    waiting: int
    """Pictures of it that wait."""
    maintenance: bool
    """Nobody may ask for anything just now."""


_EVENT = Statement(
    "INSERT INTO ledger_events (key, kind, at, model, things) VALUES (:key, :kind, :at, :model, :things) "
    "ON CONFLICT (key) DO NOTHING RETURNING id"
)
_POSTING = Statement(
    "INSERT INTO ledger_postings (event_id, account, kind, amount, things) "
    "VALUES (:event_id, :account, :kind, :amount, :things)"
)
_NEW_EVENT = (
    "INSERT INTO ledger_events (key, kind, at, model, things) VALUES (:key, :kind, :at, :model, :things) RETURNING id"
)
_POST = Statement(
    "INSERT INTO ledger_postings (event_id, account, kind, amount, things) "
    "SELECT new_event.id, side.account, side.kind, side.amount, side.things FROM new_event, unnest("
    "CAST(:accounts AS bigint[]), CAST(:kinds AS varchar[]), CAST(:amounts AS bigint[]), CAST(:all_things AS bigint[])"
    ") AS side (account, kind, amount, things)",
    first=("new_event", _NEW_EVENT),
)
BALANCE = (
    "coalesce((SELECT sum(amount) FROM ledger_folds WHERE account = {0}), 0) "
    "+ coalesce((SELECT sum(amount) FROM ledger_postings WHERE account = {0} AND NOT folded), 0)"
)
"""The balance of an account, as part of a SELECT."""
_BALANCE = Statement("SELECT " + BALANCE.format(":account"))
_STANDING = Statement(
    f"SELECT u.turn, {BALANCE.format(':account')}, "  # noqa: S608  # fixed text
    "coalesce((SELECT sum(waiting) FROM requests WHERE user_id = :user_id AND waiting > 0), 0), "
    "coalesce((SELECT \"on\" FROM modes WHERE name = 'maintenance'), false) FROM users u WHERE u.id = :user_id"
)
_STANDING_IN_POOL = Statement(
    "SELECT 0, 0, coalesce((SELECT sum(waiting) FROM requests WHERE pool = :pool AND user_id = :user_id "
    "AND waiting > 0), 0), coalesce((SELECT \"on\" FROM modes WHERE name = 'maintenance'), false)"
)
_BY_KIND = Statement(
    "SELECT kind, sum(amount), sum(things), sum(times) FROM ("
    "SELECT kind, amount, things, times FROM ledger_folds WHERE account = :account UNION ALL "
    "SELECT kind, amount, things, 1 AS times FROM ledger_postings WHERE account = :account AND NOT folded"
    ") AS parts GROUP BY kind"
)
_LOCK = Statement("UPDATE users SET turn = turn + 1 WHERE id = :id")
_UNTOUCHED = Statement("UPDATE users SET turn = turn + 1 WHERE id = :id AND turn = :turn")
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


def post(tx: Writing, *, key: str, kind: str, at: float, postings: Iterable[Posting], model: str | None = None) -> None:
    """Write an event whose key is new; if it is not, the transaction is run again."""
    if not tx.postgres:
        append(tx, key=key, kind=kind, at=at, postings=postings, model=model)
        return
    sides = list(postings)
    event = {"key": key, "kind": kind, "at": at, "model": model}
    columns = {
        "accounts": [p.account for p in sides],
        "kinds": [p.kind for p in sides],
        "amounts": [p.amount for p in sides],
        "all_things": [p.things for p in sides],
    }
    tx.later(_POST, {**event, **columns, "things": max(columns["all_things"], default=0)})


def standing(tx: Reading, *, user_id: int, account: int) -> Standing | None:
    """Where a user stands; None = there is no such user."""
    row = tx.one(_STANDING, {"user_id": user_id, "account": account})
    return None if row is None else Standing(row[0], int(row[1]), int(row[2]), bool(row[3]))


def standing_in_pool(tx: Reading, *, user_id: int, pool: str) -> Standing:
    """The same for the account that everybody shares: only what waits for the same models is counted."""
    row = tx.one(_STANDING_IN_POOL, {"user_id": user_id, "pool": pool}) or (0, 0, 0, False)
    return Standing(0, 0, int(row[2]), bool(row[3]))


def make_sure(tx: Writing, user_id: int, turn: int) -> None:
    """Let this transaction stand only if nobody spent from this user since `turn` was read; see `lock`."""
    tx.guard(_UNTOUCHED, {"id": user_id, "turn": turn})


def balance(tx: Reading, account: int) -> int:
    """Exact balance of an account."""
    return int(tx.value(_BALANCE, {"account": account}))


def lock(tx: Writing, user_id: int) -> None:
    """Let nobody else spend from this user until the transaction ends. SQLite has one writer anyway."""
    if tx.postgres:
        tx.run(_LOCK, {"id": user_id})


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
