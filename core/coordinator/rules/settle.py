"""A job comes back: the worker's owner is paid, the requester charged, each exactly once whatever is repeated."""

from __future__ import annotations

import json
import uuid

from core.contract.names import JobState, MetadataType, MetadataValue
from core.contract.work import SubmitRequest
from core.coordinator.rules import holds, ledger, restart, webhooks
from core.coordinator.rules.ledger import Entry, escrow, holding, kudos, wallet
from core.coordinator.rules.values import Settled, User
from core.coordinator.store import bills, jobs
from core.coordinator.store import requests as store
from core.coordinator.store import workers as worker_store
from core.coordinator.store.bills import Bill
from core.coordinator.store.jobs import JobRow, State
from core.coordinator.store.ledger import Posting
from core.coordinator.store.requests import RequestRow
from core.db import Reading, Writing
from core.errors import InvalidRequest, NotAllowed, NotFound
from core.settings import Coordinator

SAMPLES = 20
MOST_METADATA = 50
_HIDDEN = {MetadataValue.CSAM: JobState.CSAM, MetadataValue.NSFW: JobState.CENSORED}


def _judge(row: JobRow | None, user: User, job_id: str) -> JobRow:
    """The job, if this account may still hand it in; worker programs know these sentences by their words."""
    if row is None:
        raise NotFound(f"Processing Job with ID {job_id} does not exist.", code="InvalidJobID")
    if row.owner_id != user.id:
        raise NotAllowed("This job was given to somebody else's worker; wrong credentials.", code="WrongCredentials")
    if row.state == State.DONE:
        raise InvalidRequest(f"Processing Job with ID {job_id} was already submitted.", code="DuplicateGen")
    return row


def _refuse_late(row: JobRow) -> None:
    if row.state == State.ABORTED:
        raise InvalidRequest(
            f"Processing Job with ID {row.id} took too long and was given to another worker. "
            "Please check your worker speed.",
            code="AbortedGen",
        )


def _known(job_id: str) -> str:
    try:
        return str(uuid.UUID(job_id))
    except ValueError:
        return ""


def inspect(tx: Reading, *, user: User, job_id: str) -> None:
    """Refuse a result before anything of it is stored.

    Raises:
        NotFound: `InvalidJobID`.
        NotAllowed: `WrongCredentials`.
        InvalidRequest: `DuplicateGen` (it is there already), `AbortedGen` (too late).
    """
    _refuse_late(_judge(jobs.get(tx, _known(job_id)), user, job_id))


def wanted(tx: Reading, *, user: User, job_id: str) -> str | None:
    """The request that still wants the picture of this job; None = nobody wants it any more.

    Raises:
        NotFound: `InvalidJobID`.
        NotAllowed: `WrongCredentials`.
    """
    row = jobs.get(tx, _known(job_id))
    if row is None or row.owner_id != user.id:
        _judge(row, user, job_id)
        return None
    request = store.get(tx, row.request_id)
    if row.state != State.PROCESSING or request is None or request.stopped:
        return None
    return request.id


def settle(tx: Writing, *, terms: Coordinator, user: User, submit: SubmitRequest, now: float) -> Settled:
    """Take a result in, or the job back.

    Args:
        tx: the transaction.
        terms: the settings with the lifetimes.
        user: the owner of the worker.
        submit: what it hands in; its picture lies in the blob store already.
        now: the time.

    Raises:
        NotFound: `InvalidJobID`.
        NotAllowed: `WrongCredentials`.
        InvalidRequest: `DuplicateGen`, `AbortedGen`, or too many notes.
    """
    if len(submit.gen_metadata) > MOST_METADATA:
        raise InvalidRequest(f"A picture has at most {MOST_METADATA} notes.", code="BadRequest")
    bill = _bill(tx, _known(submit.id))
    job = _judge(None if bill is None else bill.job, user, submit.id)
    if bill is None:
        raise NotFound(f"Processing Job with ID {submit.id} does not exist.", code="InvalidJobID")
    if submit.state == JobState.FAULTED:
        return _faulted(tx, terms, job, bill.request, now)
    _refuse_late(job)
    return _delivered(tx, terms, bill, submit, now)


def _bill(tx: Writing, job_id: str) -> Bill | None:
    """The job and what belongs to it, as nobody else changes it until the transaction ends."""
    if not tx.optimistic:
        bills.lock(tx, job_id)
    bill = bills.read(tx, job_id)
    if bill is None or not tx.optimistic:
        return bill
    if bill.request.held:
        bills.lock(tx, job_id)  # what was put aside is given back by whoever settles the last picture
    payer = bill.request.user_id
    waited = payer != ledger.ANONYMOUS and tx.queue_up(ledger.purse(payer))
    return bills.read(tx, job_id) if waited else bill


def _faulted(tx: Writing, terms: Coordinator, job: JobRow, request: RequestRow, now: float) -> Settled:
    requeued = False
    if job.state == State.PROCESSING:
        requeued = restart.put_back(tx, terms=terms, job=job, fault=True, now=now)
        restart.blame(tx, job.worker_id, now)
    done = not requeued and request.waiting == 0 and request.processing <= 1
    return Settled(0.0, request.id, done, requeued)


def _delivered(tx: Writing, terms: Coordinator, bill: Bill, submit: SubmitRequest, now: float) -> Settled:
    job, request = bill.job, bill.request
    outcome = _outcome(submit)
    notes = [note.model_dump(mode="json", exclude_none=True) for note in submit.gen_metadata]
    result = {"now": now, "seed": job.seed, "outcome": outcome.value, "metadata": json.dumps(notes)}
    cost = job.charge if outcome == JobState.OK else 0
    from_hold = min(request.held, cost)
    taken = _takeable(tx, bill, cost - from_hold)
    paid = from_hold + taken
    expires = max(request.expires_at, now + terms.request_ttl)
    store.finished(tx, request.id, paid=paid, from_hold=from_hold, expires_at=expires)
    jobs.done(tx, job.id, result)
    if taken:
        ledger.make_sure(tx, request.user_id, bill.turn)
    _book(tx, bill, paid=paid, from_hold=from_hold, now=now)
    _credit_worker(tx, bill, now)
    told = {"now": now, "outcome": outcome.value, "metadata": notes, "kudos": kudos(paid)}
    mail = webhooks.write_down(tx, request, job, worker=bill.worker, result=told)
    done = request.waiting == 0 and request.processing == 1
    if done:
        holds.release(tx, request, held=request.held - from_hold, now=now)
    return Settled(kudos(job.reward), request.id, done, requeued=False, mail=mail)


def _outcome(submit: SubmitRequest) -> JobState:
    """What became of the picture; notes about censorship say it, or the state."""
    for note in submit.gen_metadata:
        if note.type == MetadataType.CENSORSHIP:
            return _HIDDEN.get(note.value, JobState.CENSORED)
    return JobState.CENSORED if submit.censored and submit.state == JobState.OK else submit.state


def _takeable(tx: Writing, bill: Bill, amount: int) -> int:
    """How much of a charge the payer's floor lets through."""
    payer = bill.request.user_id
    if tx.postgres and not tx.optimistic:
        return ledger.takeable(tx, payer, floor=bill.floor, amount=amount)
    return 0 if payer == ledger.ANONYMOUS else max(0, min(amount, bill.balance - bill.floor))


def _book(tx: Writing, bill: Bill, *, paid: int, from_hold: int, now: float) -> None:
    """Charge the requester and pay the owner, half of it into escrow until the owner is trusted."""
    job, request = bill.job, bill.request
    kept = 0 if bill.owner_trusted else job.reward // 2
    sides = [
        Posting(wallet(request.user_id), Entry.USAGE, from_hold - paid, job.things),
        Posting(wallet(job.owner_id), Entry.CONTRIBUTION, job.reward - kept, job.things),
    ]
    if from_hold:
        sides.append(Posting(holding(request.user_id), Entry.HOLD, -from_hold))
    if kept:
        sides.append(Posting(escrow(job.owner_id), Entry.CONTRIBUTION, kept))
    ledger.post(tx, f"job:{job.id}", kind=Entry.CONTRIBUTION, at=now, sides=sides, model=job.model)


def _credit_worker(tx: Writing, bill: Bill, now: float) -> None:
    job = bill.job
    samples: list[float] = json.loads(bill.samples)
    samples.append(round(job.things / max(now - job.created, 0.001)))
    worker_store.delivered(
        tx, job.worker_id, samples=json.dumps(samples[-SAMPLES:]), things=job.things, kudos=job.reward
    )
