"""The public figures: the horde's performance, models, accounts and workers, in the contract's field names."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any, Literal

from core.contract.names import Capability
from core.coordinator.rules import accounts, ledger
from core.coordinator.rules import traits as traits_of
from core.coordinator.rules.fleet import NEW_SPEED, STALE_AFTER, Fleet, Live
from core.coordinator.rules.ledger import Entry, escrow, kudos, wallet
from core.coordinator.rules.values import Kind, User
from core.coordinator.store import figures as store
from core.coordinator.store import ledger as ledger_store
from core.coordinator.store import requests as request_store
from core.coordinator.store import shared_keys, teams
from core.coordinator.store import workers as worker_store
from core.db import Reading

MEGA = 1_000_000
NO_WORKER_ETA = 10_000
PERIODS = {"minute": 60, "hour": 3600, "day": 86400, "month": 30 * 86400}


def _live(tx: Reading, now: float) -> list[Live]:
    fleet = tx.local(Fleet)
    fleet.refresh(tx, now)
    return fleet.live


def performance(tx: Reading, *, now: float) -> dict[str, float]:
    """What waits and who works; the fields of the contract's Performance."""
    queued = {kind: (int(pictures), int(things)) for kind, pictures, things in store.queue(tx)}
    pictures, things = queued.get(Kind.IMAGE, (0, 0))
    live = _live(tx, now)
    _, lately = store.delivered_since(tx, now - 60)
    kinds = {kind: [worker for worker in live if worker.row.kind == kind] for kind in Kind}
    return {
        "queued_requests": pictures,
        "queued_megapixelsteps": round(things / MEGA, 2),
        "past_minute_megapixelsteps": round(int(lately) / MEGA, 2),
        "worker_count": len(kinds[Kind.IMAGE]),
        "thread_count": _threads(kinds[Kind.IMAGE]),
        "queued_text_requests": queued.get(Kind.TEXT, (0, 0))[0],
        "queued_tokens": queued.get(Kind.TEXT, (0, 0))[1],
        "past_minute_tokens": 0,
        "text_worker_count": len(kinds[Kind.TEXT]),
        "text_thread_count": _threads(kinds[Kind.TEXT]),
        "queued_forms": queued.get(Kind.ALCHEMY, (0, 0))[0],
        "interrogator_count": len(kinds[Kind.ALCHEMY]),
        "interrogator_thread_count": _threads(kinds[Kind.ALCHEMY]),
    }


def _threads(workers: list[Live]) -> int:
    return sum(worker.row.threads for worker in workers)


def models(tx: Reading, *, now: float, kind: Kind = Kind.IMAGE) -> list[dict[str, Any]]:
    """The models that workers offer or requests name; the fields of the contract's ModelStatus, busiest first."""
    threads: dict[str, int] = defaultdict(int)
    speeds: dict[str, list[float]] = defaultdict(list)
    for worker in _live(tx, now):
        if worker.row.kind == kind:
            for name in worker.traits.models:
                threads[name] += worker.row.threads
                speeds[name].append(worker.speed)
    queued: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for names, pictures, things in store.queue_by_models(tx, kind):
        for name in json.loads(names):
            queued[name][0] += int(pictures)
            queued[name][1] += int(things)
    found = [_model(name, kind, threads[name], speeds[name], queued[name]) for name in {*threads, *queued}]
    return sorted(found, key=lambda model: (-model["count"], model["name"]))


def _model(name: str, kind: Kind, threads: int, speeds: list[float], queued: list[int]) -> dict[str, Any]:
    pictures, things = queued
    speed = sum(speeds) / len(speeds) if speeds else NEW_SPEED
    return {
        "name": name,
        "count": threads,
        "performance": round(speed, 1),
        "queued": float(things),
        "jobs": float(pictures),
        "eta": round(things / (threads * speed)) if threads else NO_WORKER_ETA,
        "type": kind.value,
    }


def users_page(tx: Reading, *, page: int, sort: Literal["kudos", "age"], now: float) -> list[dict[str, Any]]:
    """25 accounts of the public list, the first page being number 1."""
    return [user_details(tx, user, privilege=0, now=now) for user in accounts.page(tx, number=page, sort=sort)]


def user_details(tx: Reading, user: User, *, privilege: int, now: float) -> dict[str, Any]:
    """An account; the fields of the contract's UserDetails.

    Args:
        tx: the transaction.
        user: the account.
        privilege: 0 = anybody asks, 1 = the account itself, 2 = a moderator.
        now: the time.
    """
    sums = ledger_store.by_kind(tx, wallet(user.id))
    workers = worker_store.owned(tx, user.id)
    details: dict[str, Any] = {
        "username": user.unique_name,
        "id": user.id,
        "kudos": kudos(sum(amount for amount, _, _ in sums.values())),
        "kudos_details": _kudos_details(sums),
        "records": _records(sums),
        "concurrency": user.concurrency,
        "worker_invited": user.worker_invited,
        "worker_count": len(workers),
        "account_age": max(0, round(now - user.created)),
        **{name: getattr(user, name) for name in _PUBLIC_FLAGS},
    }
    if user.public_workers or privilege >= 1:
        details["worker_ids"] = workers
    if privilege >= 1:
        active = [] if user.anonymous else request_store.active(tx, user.id)
        details |= {"contact": user.contact, "vpn": user.vpn, "special": user.special}
        details["sharedkey_ids"] = shared_keys.of_user(tx, user.id)
        details["active_generations"] = {"image": active, "text": [], "alchemy": []}
        details["evaluating_kudos"] = kudos(ledger_store.balance(tx, escrow(user.id)))
    if privilege > 1:
        details |= {"suspicious": user.suspicion, "admin_comment": user.admin_comment}
        details["monthly_kudos"] = {"amount": round(user.monthly)}
    return details


_PUBLIC_FLAGS = (
    "moderator",
    "trusted",
    "flagged",
    "pseudonymous",
    "service",
    "deleted",
    "education",
    "customizer",
)


def _kudos_details(sums: dict[str, tuple[int, int, int]]) -> dict[str, float]:
    def amount(*kinds: Entry) -> float:
        return kudos(sum(sums[kind][0] for kind in kinds if kind in sums))

    return {
        "accumulated": amount(
            Entry.USAGE, Entry.CONTRIBUTION, Entry.UPTIME, Entry.TAX, Entry.TRUST, Entry.FLOOR, Entry.HOLD
        ),
        "gifted": amount(Entry.GIFT),
        "donated": amount(Entry.DONATION),
        "admin": amount(Entry.ADMIN),
        "received": amount(Entry.RECEIPT),
        "recurring": amount(Entry.RECURRING),
        "awarded": amount(Entry.AWARD),
        "styled": amount(Entry.STYLE),
    }


def _records(sums: dict[str, tuple[int, int, int]]) -> dict[str, dict[str, float]]:
    _, used, pictures = sums.get(Entry.USAGE, (0, 0, 0))
    _, made, fulfilled = sums.get(Entry.CONTRIBUTION, (0, 0, 0))
    return {
        "usage": {"megapixelsteps": round(used / MEGA, 2), "tokens": 0},
        "contribution": {"megapixelsteps": round(made / MEGA, 2), "tokens": 0},
        "request": {"image": pictures, "text": 0, "interrogation": 0},
        "fulfillment": {"image": fulfilled, "text": 0, "interrogation": 0},
    }


def worker_details(tx: Reading, worker: Live, *, privileged: bool, now: float) -> dict[str, Any]:
    """A worker; the fields of the contract's WorkerDetails.

    Args:
        tx: the transaction.
        worker: the worker, of `workers.get` or `workers.listed`.
        privileged: a moderator or the owner asks.
        now: the time.
    """
    row, able = worker.row, worker.traits.abilities
    details: dict[str, Any] = {
        "type": row.kind,
        "name": row.name,
        "id": row.id,
        "online": now - row.last_seen < STALE_AFTER,
        "requests_fulfilled": row.fulfilled,
        "kudos_rewards": kudos(row.kudos_generated + row.kudos_uptime),
        "kudos_details": {"generated": kudos(row.kudos_generated), "uptime": round(row.kudos_uptime / 100)},
        "performance": _speed(worker),
        "threads": row.threads,
        "uptime": round(row.uptime),
        "maintenance_mode": bool(row.maintenance),
        "info": row.info or None,
        "trusted": bool(row.owner_trusted),
        "flagged": bool(row.owner_flagged),
        "uncompleted_jobs": row.uncompleted,
        "models": list(worker.declared.models),
        "bridge_agent": row.agent or "unknown:0:unknown",
        "max_pixels": worker.declared.max_pixels,
        "megapixelsteps_generated": round(row.things / MEGA),
        "nsfw": traits_of.NSFW in able,
        "sdxl_controlnet": traits_of.SDXL_CONTROLNET in able,
        **{field: capability in able for field, capability in _ABLE.items()},
    }
    if (team := teams.team_of(tx, row.id)) is not None:
        details["team"] = {"id": team[0], "name": team[1]}
    if privileged or row.owner_public:
        details["owner"] = f"{row.owner_name}#{row.user_id}"
    if privileged:
        details |= {"paused": bool(row.paused), "ipaddr": row.ip or None, "contact": row.owner_contact or None}
        owner = accounts.get(tx, row.user_id)
        details["suspicious"] = owner.suspicion if owner is not None else 0
    return details


_ABLE = {
    "img2img": Capability.SOURCE_IMAGE,
    "painting": Capability.PAINTING,
    "post-processing": Capability.POST_PROCESSING,
    "lora": Capability.LORA,
    "controlnet": Capability.CONTROLNET,
}


def _speed(worker: Live) -> str:
    if worker.row.fulfilled == 0:
        return "No requests fulfilled yet"
    return f"{worker.speed / MEGA:.1f} megapixelsteps per second"


def totals(tx: Reading, *, now: float) -> dict[str, dict[str, int]]:
    """Pictures and pixelsteps of the last minute, hour, day, month and ever; the contract's ImageTotals.

    The last minute is exact; longer periods begin with a full hour and lag one round of the sweeper.
    """
    found = {"minute": store.delivered_since(tx, now - 60)}
    for name in ("hour", "day", "month"):
        found[name] = store.total(tx, Kind.IMAGE, int((now - PERIODS[name]) // 3600))
    found["total"] = store.total(tx, Kind.IMAGE, 0)
    return {name: {"images": int(images), "ps": int(things)} for name, (images, things) in found.items()}


def model_totals(tx: Reading, *, now: float) -> dict[str, dict[str, int]]:
    """Pictures of each model in the last day, month and ever; the contract's ModelTotals."""
    since = {name: int((now - PERIODS[name]) // 3600) for name in ("day", "month")} | {"total": 0}
    return {
        name: {model: int(times) for model, times in store.by_model(tx, Kind.IMAGE, hour)}
        for name, hour in since.items()
    }


def balance(tx: Reading, user: User) -> float:
    """What an account owns, kudos."""
    return kudos(ledger.balance(tx, user.id))
