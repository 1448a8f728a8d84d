"""Sending kudos from one account to another, exactly once for each Idempotency-Key."""

from __future__ import annotations

import hashlib

from core.coordinator.rules import accounts, ledger
from core.coordinator.rules.ledger import Entry, hundredths, wallet
from core.coordinator.rules.values import User
from core.coordinator.store import accounts as store
from core.coordinator.store import shared_keys
from core.coordinator.store.ledger import Posting
from core.db import Reading, Writing
from core.errors import InvalidRequest, LargesseError, NotAllowed, NotEnoughKudos

SCOPE = "transfer"
TOO_FAST_SECONDS = 60.0
SUSPICIOUS = 5


def _refuse(code: str, message: str) -> LargesseError:
    return InvalidRequest(message, code=code)


def transfer(tx: Writing, *, sender: User, to: str, amount: int, idempotency_key: str | None, now: float) -> float:
    """Send kudos; the same key with the same receiver and amount again changes nothing and succeeds.

    Args:
        tx: the transaction.
        sender: who pays.
        to: `alias#id` of the receiver, or a shared key, whose owner gets them and whose limit they raise.
        amount: whole kudos.
        idempotency_key: names this one act of the sender.
        now: the time.

    Returns:
        What was sent, kudos.

    Raises:
        InvalidRequest: with the code of the first reason against it.
        NotEnoughKudos: the balance above the floor does not cover it.
    """
    receiver = _receiver(tx, sender, to)
    _refuse_parties(tx, sender, receiver, now)
    _refuse_amount(amount)
    digest = hashlib.sha256(f"{receiver.id}:{amount}".encode()).hexdigest()
    if idempotency_key is not None and _replayed(tx, sender, idempotency_key, digest):
        return float(amount)
    if ledger.spendable(tx, sender) < hundredths(amount):
        raise NotEnoughKudos("You do not have that many kudos to give.", code="KudosTransferNotEnough")
    _book(tx, sender, receiver, amount, idempotency_key, now)
    shared_keys.top_up(tx, to, amount)
    if idempotency_key is not None:
        store.remember(tx, sender.id, SCOPE, idempotency_key, digest=digest, answer=str(amount), now=now)
    return float(amount)


def award(tx: Writing, *, giver: User, to: str, amount: int, idempotency_key: str | None, now: float) -> float:
    """Give kudos that nobody pays, for something that was done; the same key again changes nothing.

    Raises:
        NotAllowed: only admins award (NotAllowedAwards).
        InvalidRequest: there is nobody of that name, or it is the anonymous account, or nothing is awarded.
    """
    if not giver.admin:
        raise NotAllowed("Only admins of this horde may award kudos.", code="NotAllowedAwards")
    receiver = accounts.find_by_name(tx, to)
    if receiver is None:
        raise _refuse("InvalidAwardUsername", f"There is nobody called {to!r}; names look like alias#123.")
    if receiver.anonymous:
        raise _refuse("KudosAwardToAnon", "Kudos cannot be awarded to the anonymous account.")
    _refuse_amount(amount)
    key = f"award:{giver.id}:{idempotency_key or ledger.fresh_key()}"
    accounts.grant(tx, user_id=receiver.id, kudos=amount, key=key, now=now, kind=Entry.AWARD)
    return float(amount)


def _receiver(tx: Reading, sender: User, to: str) -> User:
    if sender.anonymous:
        raise _refuse("KudosTransferFromAnon", "Anonymous people cannot give kudos away; make an account first.")
    shared = shared_keys.by_id(tx, to)
    receiver = accounts.find_by_name(tx, to) if shared is None else accounts.get(tx, shared[1])
    if receiver is None:
        raise _refuse("InvalidTargetUsername", f"There is nobody called {to!r}; names look like alias#123.")
    if receiver.anonymous:
        raise _refuse("KudosTransferToAnon", "Kudos cannot be given to the anonymous account.")
    if receiver.id == sender.id:
        raise _refuse("KudosTransferToSelf", "You cannot give kudos to yourself.")
    return receiver


def _refuse_parties(tx: Reading, sender: User, receiver: User, now: float) -> None:
    if _came_back(tx, sender, receiver, now):
        raise _refuse(
            "TooFastKudosTransfers", "They sent you kudos a moment ago; wait a minute before sending any back."
        )
    verdicts = (
        (_suspicious(sender), "FaultWhenKudosSending", "Something went wrong when sending kudos."),
        (sender.flagged, "SourceAccountFlagged", "Your account may not send kudos."),
        (sender.education, "EducationCannotSendKudos", "Education accounts cannot send kudos."),
        (_suspicious(receiver), "FaultWhenKudosReceiving", "Something went wrong when receiving kudos."),
        (receiver.flagged, "TargetAccountFlagged", "That account may not receive kudos."),
        (receiver.deleted or sender.deleted, "DeletedUser", "That account was deleted."),
    )
    for against, code, message in verdicts:
        if against:
            raise _refuse(code, message)


def _suspicious(user: User) -> bool:
    return user.suspicion >= SUSPICIOUS and not user.trusted


def _came_back(tx: Reading, sender: User, receiver: User, now: float) -> bool:
    """Did the receiver send to the sender just before? Two accounts passing kudos to and fro hide something."""
    sent = store.last_gift(tx, sender=wallet(receiver.id), receiver=wallet(sender.id), since=now - TOO_FAST_SECONDS)
    return sent is not None


def _refuse_amount(amount: int) -> None:
    if amount < 0:
        raise _refuse("NegativeKudosTransfer", "Kudos can be given, not taken.")
    if amount == 0:
        raise _refuse("InvalidKudosTransferAmount", "Nothing cannot be given; name an amount of at least 1.")


def _replayed(tx: Writing, sender: User, key: str, digest: str) -> bool:
    ledger.spendable(tx, sender)  # locks the sender, so that two replays at once take turns
    former = store.recall(tx, sender.id, SCOPE, key)
    if former is not None and former[0] != digest:
        raise _refuse("IdempotencyKeyConflict", "This Idempotency-Key was used for another transfer.")
    return former is not None


def _book(tx: Writing, sender: User, receiver: User, amount: int, key: str | None, now: float) -> None:
    kind = Entry.DONATION if receiver.education else Entry.GIFT
    cents = hundredths(amount)
    business_key = f"transfer:{sender.id}:{key}" if key is not None else f"transfer:{ledger.fresh_key()}"
    sides = [
        Posting(wallet(sender.id), kind, -cents),
        Posting(wallet(receiver.id), Entry.RECEIPT, cents),
    ]
    ledger.book(tx, business_key, kind=Entry.GIFT, at=now, sides=sides)
