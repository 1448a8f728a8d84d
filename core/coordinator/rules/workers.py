"""Workers: made and checked in by their first pop and every later one, listed, changed, dismissed."""

from __future__ import annotations

import re
import uuid
from typing import Any

from core.contract.work import PopRequest
from core.coordinator.rules import ledger
from core.coordinator.rules import traits as traits_of
from core.coordinator.rules.fleet import STALE_AFTER, Fleet, Live, live
from core.coordinator.rules.ledger import Entry, escrow, wallet
from core.coordinator.rules.values import Kind, User
from core.coordinator.store import figures, teams
from core.coordinator.store import workers as store
from core.coordinator.store.ledger import Posting
from core.coordinator.store.workers import WorkerRow
from core.db import Reading, Writing
from core.errors import InvalidRequest, NotAllowed, NotFound
from core.settings import Coordinator

CHECK_IN_EVERY = 30.0
"""Seconds after which a worker that says nothing new is written down again."""
REWARD_EVERY = 600.0
REWARD = 5000
REWARD_PER_MODEL = 200
REWARD_LORA = 3000
MOST_WORKERS = 4
MOST_WORKERS_TRUSTED = 21
MAINTENANCE = "maintenance mode"
"""Words that worker programs look for in the answer; every maintenance message holds them."""
WorkerFigures = Live
"""What is known about a worker, online or not."""
_FORBIDDEN_NAME = re.compile(r"colab|tpu|google", re.IGNORECASE)
_NAME_LENGTH = (1, 100)


def find(tx: Reading, *, user: User, pop: PopRequest) -> WorkerRow | None:
    """The worker that pops, None if it is new.

    Raises:
        InvalidRequest: it is no worker of pictures, or its models cannot be.
        NotAllowed: the account may not run it.
    """
    _refuse_popper(user, pop)
    row = store.by_name(tx, pop.name)
    if row is not None and row.user_id != user.id:
        raise NotAllowed(
            f"The worker {pop.name!r} belongs to somebody else; wrong credentials.", code="WrongCredentials"
        )
    if row is not None and row.kind != Kind.IMAGE:
        raise InvalidRequest(f"{pop.name!r} is a worker of another type.", code="PolymorphicNameConflict")
    return row


def check_in(
    tx: Writing, row: WorkerRow | None, *, terms: Coordinator, user: User, pop: PopRequest, ip: str, now: float
) -> Live:
    """The worker that pops (`row`, made if it is new) with what it says about itself.

    Raises:
        InvalidRequest: its name cannot be.
        NotAllowed: the account may not run it.
    """
    if row is None:
        row = _make(tx, user, pop, now)
    text = traits_of.declare(pop, most_models=terms.limits.max_worker_models).text()
    if _is_due(row, pop, text, now):
        row = store.lock(tx, pop.name) or row  # its last pop may be elsewhere just now, and uptime counts once
        if _is_due(row, pop, text, now):
            row = _write(tx, row, pop, text, ip, now)
    return live(row)


def _refuse_popper(user: User, pop: PopRequest) -> None:
    if user.anonymous:
        raise NotAllowed("Anonymous people cannot run workers; make an account first.", code="AnonForbiddenWorker")
    if user.deleted:
        raise NotAllowed("This account was deleted.", code="DeletedUser")
    if user.flagged:
        raise NotAllowed(f"This account's workers are in {MAINTENANCE}.", code="WorkerFlaggedMaintenance")
    if not pop.models:
        raise InvalidRequest(
            "We cannot accept workers serving unrecognised models: name at least one.", code="BadRequest"
        )
    if any("#" not in name for name in pop.priority_usernames):
        raise InvalidRequest("Names in priority_usernames look like alias#123.", code="InvalidPriorityUsername")


def _refuse_name(name: str) -> None:
    shortest, longest = _NAME_LENGTH
    if not shortest <= len(name) <= longest:
        raise InvalidRequest(f"The name of a worker has at most {longest} characters.", code="TooLongWorkerName")
    if _FORBIDDEN_NAME.search(name):
        raise InvalidRequest("The name of a worker cannot contain colab, tpu or google.", code="BadRequest")


def _make(tx: Writing, user: User, pop: PopRequest, now: float) -> WorkerRow:
    _refuse_name(pop.name)
    ledger.lock(tx, user)  # so that two new workers of one account are counted one after the other
    count = len(store.owned(tx, user.id))
    most = MOST_WORKERS_TRUSTED if user.trusted else MOST_WORKERS
    if count >= max(most, user.worker_invited):
        code = "TooManyWorkersTrusted" if user.trusted else "TooManyWorkers"
        raise NotAllowed(f"An account like yours may run {most} workers.", code=code)
    if figures.modes(tx).get("invite_only") and count >= user.worker_invited:
        raise NotAllowed("This horde takes only invited workers at the moment.", code="WorkerInviteOnly")
    values = {"id": str(uuid.uuid4()), "kind": Kind.IMAGE.value, "name": pop.name, "user_id": user.id, "created": now}
    store.add(tx, values)
    row = store.by_name(tx, pop.name)
    if row is None:
        raise NotFound(code="WorkerNotFound")
    return row


def _is_due(row: WorkerRow, pop: PopRequest, declared: str, now: float) -> bool:
    known = (row.declared, row.threads, row.agent, row.session)
    news = known != (declared, pop.threads, pop.bridge_agent, pop.session)
    return news or now - row.last_seen >= CHECK_IN_EVERY


def _write(tx: Writing, row: WorkerRow, pop: PopRequest, declared: str, ip: str, now: float) -> WorkerRow:
    absent = now - row.last_seen
    online = absent if absent < STALE_AFTER and not (row.maintenance or row.paused) else 0.0
    uptime = row.uptime + online
    rewarded = uptime if absent >= STALE_AFTER else row.uptime_rewarded
    kudos = _reward(tx, row, pop, now) if uptime - rewarded > REWARD_EVERY else 0
    values = {
        "id": row.id,
        "now": now,
        "declared": declared,
        "threads": pop.threads,
        "agent": pop.bridge_agent,
        "ip": ip,
        "session": pop.session,
        "online": online,
        "rewarded": uptime if kudos else rewarded,
        "kudos": kudos,
    }
    store.check_in(tx, values)
    tx.after_commit(tx.local(Fleet).changed)
    return row._replace(
        last_seen=now,
        declared=declared,
        threads=pop.threads,
        agent=pop.bridge_agent,
        session=pop.session,
    )


def _reward(tx: Writing, row: WorkerRow, pop: PopRequest, now: float) -> int:
    """Pay for ten minutes of being there, hundredths; an untrusted owner's go to escrow."""
    amount = REWARD + REWARD_PER_MODEL * len(set(pop.models)) + (REWARD_LORA if pop.allow_lora else 0)
    account = wallet(row.user_id) if row.owner_trusted else escrow(row.user_id)
    key = f"uptime:{row.id}:{round(row.uptime_rewarded)}:{round(row.uptime)}"
    ledger.book(tx, key, kind=Entry.UPTIME, at=now, sides=[Posting(account, Entry.UPTIME, amount)])
    return amount


def get(tx: Reading, worker_id: str) -> Live | None:
    """A worker by its id, whether it is online or not."""
    row = store.by_id(tx, worker_id)
    return None if row is None else live(row)


def by_name(tx: Reading, name: str) -> Live | None:
    """A worker by its name."""
    row = store.by_name(tx, name)
    return None if row is None else live(row)


def listed(tx: Reading, *, now: float, kind: Kind | None = None, name: str | None = None) -> list[Live]:
    """The workers that are online, of one kind or one name (in any case) where these are given."""
    fleet = tx.local(Fleet)
    fleet.refresh(tx, now)
    return [
        worker
        for worker in fleet.live
        if kind in (None, worker.row.kind) and (name is None or worker.row.name.lower() == name.lower())
    ]


def _owned(tx: Reading, worker_id: str, user: User) -> WorkerRow:
    row = store.by_id(tx, worker_id)
    if row is None:
        raise NotFound("There is no such worker.", code="WorkerNotFound")
    if user.anonymous:
        raise NotAllowed("Anonymous people cannot run workers.", code="AnonForbiddenWorker")
    if row.user_id != user.id and not user.moderator:
        raise NotAllowed("Only the owner of a worker may do that.", code="NotOwner")
    return row


def change(
    tx: Writing,
    worker_id: str,
    *,
    user: User,
    maintenance: bool | None = None,
    maintenance_msg: str | None = None,
    info: str | None = None,
    name: str | None = None,
    paused: bool | None = None,
    team: str | None = None,
) -> Live:
    """Change what an owner or moderator may change; None leaves a thing as it is, an empty team is none.

    Raises:
        NotFound: there is no such worker.
        NotAllowed: it is somebody else's, or only moderators may do that.
        InvalidRequest: nothing to change was named, or the name cannot be.
    """
    row = _owned(tx, worker_id, user)
    if paused is not None and not user.moderator:
        raise NotAllowed("Only moderators may pause a worker.", code="NotModerator")
    if name is not None and name != row.name:
        _refuse_name(name)
        if store.by_name(tx, name) is not None:
            raise InvalidRequest(f"There is a worker {name!r} already.", code="WorkerNameAlreadyExists")
    wanted: dict[str, Any] = {
        "maintenance": maintenance,
        "maintenance_msg": maintenance_msg,
        "info": info,
        "name": name,
        "paused": paused,
    }
    values = {column: value for column, value in wanted.items() if value is not None}
    if not values and team is None:
        raise InvalidRequest("Name something to change.", code="NoWorkerModSelected")
    if team and teams.by_id(tx, team) is None:
        raise NotFound("There is no such team.", code="TeamNotFound")
    store.change(tx, worker_id, values if team is None else {**values, "team_id": team or None})
    tx.after_commit(tx.local(Fleet).changed)
    return live(row._replace(**values))


def delete(tx: Writing, worker_id: str, *, user: User) -> tuple[str, str]:
    """Forget a worker that holds no jobs; returns its id and name.

    Raises:
        NotFound: there is no such worker.
        NotAllowed: it is somebody else's, or holds jobs (code `Locked`).
    """
    row = _owned(tx, worker_id, user)
    if store.busy(tx, worker_id):
        raise NotAllowed("This worker still holds jobs; stop it and wait a moment.", code="Locked")
    store.remove(tx, worker_id)
    tx.after_commit(tx.local(Fleet).changed)
    return row.id, row.name


def maintenance_message(row: WorkerRow) -> str:
    """What a worker in maintenance is told; it always holds the words that worker programs look for."""
    message = row.maintenance_msg.strip()
    if MAINTENANCE in message.lower():
        return message
    return f"{message or 'This worker was put into maintenance by its owner.'} (maintenance mode)"
