"""How far a request is: the counts, its place in the queue, and how long it will take.

Place and waiting time are those among the workers that can serve the request: what nobody of them can draw does not
stand in front of it.
"""

from __future__ import annotations

import json
import uuid

from core.coordinator.rules.fleet import Demand, Fleet, Live, Waiting
from core.coordinator.rules.ledger import kudos
from core.coordinator.rules.traits import Matches
from core.coordinator.rules.values import Picture, Progress, Running, Status
from core.coordinator.store import jobs
from core.coordinator.store.jobs import JobRow, State
from core.coordinator.store.lanes import LaneKey, Lanes
from core.coordinator.store.requests import ViewRow
from core.db import Reading
from core.errors import NotFound

RESULTS = "results/{}.webp"


def blob_of(job_id: str) -> str:
    """Key of a job's picture in the blob store."""
    return RESULTS.format(job_id)


def _view(tx: Reading, request_id: str, *, finished: bool) -> tuple[ViewRow, list[tuple[JobRow, str]]]:
    """A request by the id that a client names, and its jobs.

    Raises:
        NotFound: it is no id at all, or there is no such request (any more).
    """
    try:
        found = jobs.view(tx, str(uuid.UUID(request_id)), finished=finished)
    except ValueError:
        found = None
    if found is None:
        raise NotFound("There is no such request; it may have expired.", code="RequestNotFound")
    return found


def check(tx: Reading, request_id: str, *, now: float) -> Progress:
    """How far a request is.

    Raises:
        NotFound: there is no such request (any more).
    """
    row, running = _view(tx, request_id, finished=False)
    return _progress(tx, row, running, now)


def status(tx: Reading, request_id: str, *, now: float) -> Status:
    """How far a request is, and its finished pictures.

    Raises:
        NotFound: there is no such request (any more).
    """
    row, found = _view(tx, request_id, finished=True)
    running = [(job, worker) for job, worker in found if job.state == State.PROCESSING]
    pictures = tuple(_picture(job, worker) for job, worker in found if job.state == State.DONE)
    return Status(_progress(tx, row, running, now), pictures, bool(row.shared), bool(row.r2))


def _picture(job: JobRow, worker: str) -> Picture:
    return Picture(
        id=job.id,
        blob=blob_of(job.id),
        seed=job.seed,
        worker_id=job.worker_id,
        worker_name=worker,
        model=job.model,
        state=job.outcome,
        censored=job.outcome != "ok",
        metadata=tuple(json.loads(job.metadata)),
    )


def is_done(row: ViewRow) -> bool:
    """Will nothing more come of it?"""
    return bool(row.faulted) or (row.waiting == 0 and row.processing == 0)


def _progress(tx: Reading, row: ViewRow, working: list[tuple[JobRow, str]], now: float) -> Progress:
    place, seconds, possible = 0, 0.0, True
    if row.waiting or working:
        place, seconds, possible = _outlook(tx, row, [job for job, _ in working], now)
    return Progress(
        id=row.id,
        finished=row.finished,
        processing=row.processing,
        restarted=row.restarted,
        waiting=row.waiting,
        done=is_done(row),
        faulted=bool(row.faulted),
        wait_time=round(seconds),
        queue_position=place,
        kudos=kudos(row.consumed + row.tax),
        is_possible=possible,
        running=tuple(Running(job.id, job.model, job.worker_id, name, job.created) for job, name in working),
    )


def _outlook(tx: Reading, row: ViewRow, working: list[JobRow], now: float) -> tuple[int, float, bool]:
    """Place in the queue, seconds to the last picture, and whether anybody can serve it."""
    fleet = tx.local(Fleet)
    fleet.refresh(tx, now)
    own = _rest_of_running(fleet, working, now)
    if not row.waiting:
        return 0, own, True
    lanes = tx.local(Lanes)
    numbers: list[int] = json.loads(row.lanes)
    servers = _servers(row, lanes.known(tx, numbers), fleet)
    waiting = tx.local(Waiting)
    waiting.refresh(tx, now)
    who = (frozenset(worker.traits for worker in servers), row.lanes if not servers else "")
    ahead, work = waiting.ahead(who, lambda: _served_lanes(tx, servers, lanes) or set(numbers), row.rank)
    speed = sum(worker.speed for worker in servers)
    seconds = (work + row.waiting * row.things) / speed if speed else 0.0
    return ahead + 1, seconds + own, bool(servers) or bool(working)


def _servers(row: ViewRow, keys: list[LaneKey], fleet: Fleet) -> list[Live]:
    denied = frozenset[str](json.loads(row.workers)) if row.deny else frozenset[str]()
    demand = Demand(row.user_id, row.width * row.height, row.prompt, denied)
    return fleet.servers(keys, demand)


def _served_lanes(tx: Reading, servers: list[Live], lanes: Lanes) -> set[int]:
    """Every lane that a worker serves which can serve this request."""
    matches = tx.local(Matches)
    served: set[int] = set()
    for worker in servers:
        served |= matches.served(worker.traits, lanes.keys)
    return served


def _rest_of_running(fleet: Fleet, working: list[JobRow], now: float) -> float:
    """Seconds until the slowest of the running jobs is ready, judged by its worker's speed."""
    speeds = {worker.row.id: worker.speed for worker in fleet.live}
    rest = [
        job.things / speeds[job.worker_id] - (now - job.created) for job in working if speeds.get(job.worker_id, 0) > 0
    ]
    return max(0.0, *rest) if rest else 0.0
