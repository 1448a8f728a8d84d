"""What people are given by the clock: the monthly grant, and the trust that their workers earned; called by `sweep`."""

from __future__ import annotations

from core.coordinator.rules import accounts, ledger
from core.coordinator.rules.fleet import Fleet
from core.coordinator.rules.ledger import Entry, escrow, hundredths, kudos, wallet
from core.coordinator.store import ledger as ledger_store
from core.coordinator.store import rewards as store
from core.coordinator.store.ledger import Posting
from core.db import Writing

MONTH = 30 * 86400.0
MODERATOR_MONTHLY = 300_000.0
"""Kudos that every moderator is given each month."""
TRUST_AGE = 7 * 86400.0
"""Seconds that an account must exist before it can be trusted."""
SUSPICIOUS = 5
MOST_AT_ONCE = 100


def monthly(tx: Writing, *, now: float) -> int:
    """Give everybody whose month is over the grant of the account and of the role; how many were given something."""
    due = store.monthly_due(tx, before=now - MONTH, limit=MOST_AT_ONCE)
    for user_id, own, moderator, last in due:
        amount = kudos(own) + (MODERATOR_MONTHLY if moderator else 0.0)
        key = f"monthly:{user_id}:{round(last or 0)}"
        accounts.grant(tx, user_id=user_id, kudos=amount, key=key, now=now, kind=Entry.RECURRING)
        store.given(tx, user_id, now)
    return len(due)


def promote(tx: Writing, *, threshold: float, now: float) -> int:
    """Trust everybody whose workers have earned it: their escrow becomes theirs; how many there were.

    Args:
        tx: the transaction.
        threshold: kudos in escrow that it takes; 0 = nobody is trusted by themselves.
        now: the time.
    """
    if threshold <= 0:
        return 0
    earned = store.trustworthy(
        tx, before=now - TRUST_AGE, suspicious=SUSPICIOUS, least=hundredths(threshold), limit=MOST_AT_ONCE
    )
    for user_id, _ in earned:
        trust(tx, user_id, now)
    if earned:
        tx.after_commit(tx.local(Fleet).changed)
    return len(earned)


def trust(tx: Writing, user_id: int, now: float) -> None:
    """Trust an account from now on: what its workers have in escrow becomes its own."""
    ledger_store.lock(tx, user_id)
    saved = ledger_store.balance(tx, escrow(user_id))
    sides = [Posting(escrow(user_id), Entry.TRUST, -saved), Posting(wallet(user_id), Entry.TRUST, saved)]
    ledger.book(tx, f"trust:{user_id}:{round(now)}", kind=Entry.TRUST, at=now, sides=sides)
    store.trust(tx, user_id)
