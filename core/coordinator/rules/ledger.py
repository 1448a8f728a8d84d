"""How kudos move: every movement is one event with a business key, and its sides sum to zero.

Integers are hundredths of a kudos throughout. Nobody falls below the floor of their class: what a debit cannot take is
forgiven, which means that it is minted. The anonymous account sits at its floor for ever, so its debits take nothing,
read nothing and lock nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from core.coordinator.rules.values import User
from core.coordinator.store import ledger as store
from core.coordinator.store.ledger import Posting, Standing
from core.db import Reading, Writing
from core.errors import NotFound

ANONYMOUS = 0


class Entry(StrEnum):
    """What a posting is about."""

    FLOOR = "floor"
    """A new account is lifted to the floor of its class."""
    TAX = "tax"
    """Paid once for each request."""
    USAGE = "usage"
    """Paid for a delivered picture."""
    CONTRIBUTION = "contribution"
    """Earned by a delivered picture."""
    UPTIME = "uptime"
    """Earned by being there."""
    HOLD = "hold"
    """Put aside for a request, and given back."""
    GIFT = "gifted"
    """Sent to somebody."""
    DONATION = "donated"
    """Sent to an education account."""
    RECEIPT = "received"
    """Sent by somebody."""
    ADMIN = "admin"
    """Given or taken by an admin."""
    RECURRING = "recurring"
    """The monthly grant."""
    AWARD = "awarded"
    """Given for something that was done."""
    STYLE = "styled"
    """Earned by a style that others use."""
    TRUST = "trust"
    """Escrow that became the owner's."""
    SYSTEM = "system"
    """The side of mint and burn."""


def hundredths(kudos: float) -> int:
    """Kudos as the ledger keeps them."""
    return round(kudos * 100)


def kudos(amount: int) -> float:
    """Hundredths as people read them."""
    return round(amount / 100, 2)


def fresh_key() -> str:
    """A business key for an act that nobody can repeat."""
    return secrets.token_hex(16)


def wallet(user_id: int) -> int:
    """The account that a user spends from."""
    return 4 * user_id


def escrow(user_id: int) -> int:
    """The account where an untrusted owner's earnings wait for trust."""
    return 4 * user_id + 1


def holding(user_id: int) -> int:
    """The account of what is put aside for the user's own requests."""
    return 4 * user_id + 2


def balance(tx: Reading, user_id: int) -> int:
    """What the user owns, hundredths; holds and escrow are not part of it."""
    return store.balance(tx, wallet(user_id))


def lock(tx: Writing, user: User) -> None:
    """Let nobody else count or spend what is this user's until the transaction ends; the anonymous one is everybody."""
    if user.id != ANONYMOUS:
        store.lock(tx, user.id)


def standing(tx: Writing, user: User, *, pool: str) -> Standing:
    """What the user owns and has waiting, which nobody else changes until the transaction ends.

    Of the anonymous account, which is everybody's, only what waits for the same models (`pool`) is known.

    Raises:
        NotFound: there is no such account any more.
    """
    if user.id == ANONYMOUS:
        return store.standing_in_pool(tx, user_id=user.id, pool=pool)
    if tx.optimistic:
        tx.queue_up(purse(user.id))
    else:
        store.lock(tx, user.id)
    found = store.standing(tx, user_id=user.id, account=wallet(user.id))
    if found is None:
        raise NotFound("This account is gone.", code="UserNotFound")
    store.make_sure(tx, user.id, found.turn)
    return found


def purse(user_id: int) -> str:
    """Under which those who spend from a user take turns."""
    return f"purse {user_id}"


def make_sure(tx: Writing, user_id: int, turn: int) -> None:
    """Where nothing is locked: let this stand only if nobody spent from a user since `turn` was read."""
    if user_id != ANONYMOUS:
        store.make_sure(tx, user_id, turn)


def spendable(tx: Writing, user: User) -> int:
    """What the user can spend now; the user's spending is locked until the transaction ends."""
    if user.id == ANONYMOUS:
        return 0
    store.lock(tx, user.id)
    return max(0, balance(tx, user.id) - hundredths(user.floor))


def takeable(tx: Writing, user_id: int, *, floor: int, amount: int) -> int:
    """How much of a debit of `amount` the floor lets through; the rest is forgiven."""
    if user_id == ANONYMOUS or amount <= 0:
        return 0
    store.lock(tx, user_id)
    return max(0, min(amount, balance(tx, user_id) - floor))


def book(tx: Writing, key: str, *, kind: str, at: float, sides: Iterable[Posting], model: str | None = None) -> bool:
    """Write an event, mint or burn making its sides sum to zero.

    Args:
        tx: the transaction.
        key: names the business act; the same key is written once, ever.
        kind: what happened, an `Entry`.
        at: when.
        sides: what it does to accounts.
        model: the model of a delivered picture.

    Returns:
        False when it had been written before; nothing happens then.
    """
    return store.append(tx, key=key, kind=kind, at=at, postings=_even(sides), model=model)


def post(tx: Writing, key: str, *, kind: str, at: float, sides: Iterable[Posting], model: str | None = None) -> None:
    """Write an event as `book` does, for an act that is made sure to happen once by other means than its key."""
    store.post(tx, key=key, kind=kind, at=at, postings=_even(sides), model=model)


def _even(sides: Iterable[Posting]) -> list[Posting]:
    postings = list(sides)
    surplus = -sum(posting.amount for posting in postings)
    if surplus:
        postings.append(Posting(store.BURN if surplus > 0 else store.MINT, Entry.SYSTEM, surplus))
    return postings


@dataclass(frozen=True, slots=True)
class Audit:
    """The proof of the ledger. Everything is zero, or something is wrong."""

    uneven_events: int
    """Events whose sides do not sum to zero."""
    total: int
    """Sum of all postings, hundredths."""
    wrong_folds: int
    """Accounts whose folds differ from the postings that were folded."""
    below_floor: int
    """Users below the floor of their class."""
    unexplained_holds: int
    """Kudos put aside that belong to no request, hundredths."""

    @property
    def ok(self) -> bool:
        """Is every proof zero?"""
        return not any((self.uneven_events, self.total, self.wrong_folds, self.below_floor, self.unexplained_holds))


def audit(tx: Reading) -> Audit:
    """Prove the whole ledger from its postings; takes time in proportion to its length."""
    uneven, total, misfolded, below, (holds, held) = store.proof(tx)
    return Audit(uneven, total, misfolded, below, int(holds) - int(held))
