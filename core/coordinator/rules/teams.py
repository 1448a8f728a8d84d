"""Teams: workers that people put together, with what they made and what they offer, as sums over the workers."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any

from core.contract.teams import NewTeam, TeamUpdate
from core.coordinator.rules import workers
from core.coordinator.rules.fleet import STALE_AFTER, Live
from core.coordinator.rules.ledger import kudos
from core.coordinator.rules.values import User
from core.coordinator.store import teams as store
from core.db import Reading, Row, Writing
from core.errors import InvalidRequest, NotAllowed, NotFound

MEGA = 1_000_000


def listed(tx: Reading, *, now: float) -> list[dict[str, Any]]:
    """Every team by name; the fields of the contract's TeamDetails."""
    return [_details(tx, row, now) for row in store.all_teams(tx)]


def details(tx: Reading, team_id: str, *, now: float) -> dict[str, Any]:
    """One team; raises NotFound where there is none."""
    return _details(tx, _known(tx, team_id), now)


def _details(tx: Reading, row: Row, now: float) -> dict[str, Any]:
    team_id, name, info, creator, creator_name = row
    members = [worker for one in store.members(tx, team_id) if (worker := workers.get(tx, one)) is not None]
    there = [worker for worker in members if now - worker.row.last_seen < STALE_AFTER]
    offered = Counter[str]()
    for worker in there:
        offered.update(dict.fromkeys(worker.declared.models, worker.row.threads))
    speed = sum(worker.speed for worker in there) / MEGA
    return {
        "id": team_id,
        "name": name,
        "info": info or None,
        "creator": f"{creator_name}#{creator}",
        "contributions": round(sum(worker.row.things for worker in members) / MEGA, 2),
        "requests_fulfilled": sum(worker.row.fulfilled for worker in members),
        "kudos": kudos(sum(worker.row.kudos_generated for worker in members)),
        "performance": round(speed / len(there), 2) if there else 0.0,
        "speed": round(speed, 2),
        "uptime": round(sum(worker.row.uptime for worker in members)),
        "worker_count": len(members),
        "workers": [_member(worker, now) for worker in members],
        "models": [{"name": model, "count": count} for model, count in offered.most_common()],
    }


def _member(worker: Live, now: float) -> dict[str, Any]:
    row = worker.row
    return {"type": row.kind, "name": row.name, "id": row.id, "online": now - row.last_seen < STALE_AFTER}


def make(tx: Writing, user: User, wanted: NewTeam, *, now: float) -> dict[str, Any]:
    """Make a team.

    Raises:
        NotAllowed: only trusted people make teams.
        InvalidRequest: there is one of that name.
    """
    if user.anonymous or not (user.trusted or user.moderator or user.admin):
        raise NotAllowed("Only trusted people make teams.", code="UntrustedTeamCreation")
    _refuse_name(tx, wanted.name)
    values = {"id": str(uuid.uuid4()), "name": wanted.name, "info": wanted.info or "", "user_id": user.id}
    store.add(tx, {**values, "created": now})
    return {"id": values["id"], "name": wanted.name, "info": wanted.info}


def change(tx: Writing, team_id: str, user: User, wanted: TeamUpdate) -> dict[str, Any]:
    """Change what is set.

    Raises:
        NotFound: there is no such team.
        NotAllowed: somebody else made it.
        InvalidRequest: nothing to change was named, or the name is taken.
    """
    row = _owned(tx, team_id, user)
    values = wanted.model_dump(exclude_none=True)
    if not values:
        raise InvalidRequest("Name something to change.", code="NoTeamModSelected")
    if values.get("name", row[1]) != row[1]:
        _refuse_name(tx, values["name"])
    store.change(tx, team_id, values)
    return {"id": team_id, "name": row[1], "info": row[2] or None, **values}


def delete(tx: Writing, team_id: str, user: User) -> tuple[str, str]:
    """Forget a team; its workers go on without one. Its id and name; raises as `change`."""
    row = _owned(tx, team_id, user)
    store.remove(tx, team_id)
    return row[0], row[1]


def _known(tx: Reading, team_id: str) -> Row:
    row = store.by_id(tx, team_id)
    if row is None:
        raise NotFound("There is no such team.", code="TeamNotFound")
    return row


def _owned(tx: Reading, team_id: str, user: User) -> Row:
    row = _known(tx, team_id)
    if row[3] != user.id and not (user.moderator or user.admin):
        raise NotAllowed("Only whoever made a team, and moderators, may do that.", code="NotOwner")
    return row


def _refuse_name(tx: Reading, name: str) -> None:
    if store.is_taken(tx, name):
        raise InvalidRequest(f"There is a team {name!r} already.", code="TeamNameAlreadyExists")
