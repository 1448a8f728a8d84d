"""A client's calls: ask for pictures, see how far they are, fetch them, give up; rules: `requests`, `progress`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from aiohttp import web

from core.contract.generate import (
    AsyncResponse,
    CheckResponse,
    DryRunResponse,
    GenerateRequest,
    Generation,
    Metadata,
    RequestWarning,
    Running,
    StatusResponse,
)
from core.contract.limits import LIMITS
from core.coordinator.api.call import UNKNOWN_AGENT, Call
from core.coordinator.api.shared_keys import find_shared
from core.coordinator.blobs.keys import source_key
from core.coordinator.blobs.results import shown
from core.coordinator.blobs.sources import read_source
from core.coordinator.rooms import Rooms
from core.coordinator.rules import progress, protection, requests, shared_keys
from core.coordinator.rules.shared_keys import SharedKey
from core.coordinator.rules.values import Accepted, Notice, Picture, Progress, Status, StoredSources, User
from core.db import Writing
from core.errors import InvalidRequest, LargesseError


async def accept(call: Call) -> web.Response:
    """POST generate/async: 202 with the id, or 200 with the price alone for a dry run."""
    call.key()
    body = await call.body(GenerateRequest)
    user, shared = await _payer(call, body)
    terms, database = call.rooms.terms, call.rooms.database
    if body.dry_run:
        kudos = await database.read(
            lambda tx: requests.quote(tx, terms=terms, user=user, request=body, now=time.time())
        )
        return call.reply(DryRunResponse(kudos=kudos))
    if shared is not None:
        body = body.model_copy(update={"proxied_account": None})  # only the service itself speaks for others
    admitted = await _admitted(call, user if shared is None else shared_keys.stranger(user), body)
    accepted = await _replayed(call, user) or await _accept_new(call, user, shared, admitted)
    return call.reply(_accepted(accepted, call.rooms.reference.warnings(body)), status=202)


async def _payer(call: Call, body: GenerateRequest) -> tuple[User, SharedKey | None]:
    """Who pays for a request, and the shared key by which that is so."""
    found = await find_shared(call, call.key())
    if found is None:
        return await call.user(), None
    return await call.rooms.database.read(lambda tx: shared_keys.payer(tx, found, body, now=time.time()))


async def _admitted(call: Call, user: User, body: GenerateRequest) -> GenerateRequest:
    """The request as the house lets it in: nobody who is kept out, nothing that nobody may ask for."""
    admitted = await call.rooms.shield.admit(body, user=user, address=call.address)
    end_user, most = body.proxied_account, call.rooms.terms.limits.concurrency
    if user.service and end_user is not None:
        await call.rooms.database.read(
            lambda tx: protection.refuse_busy(tx, user=user, end_user=end_user, wanted=body.params.n, most=most)
        )
    return admitted


async def _replayed(call: Call, user: User) -> Accepted | None:
    key = call.idempotency_key
    if key is None:
        return None
    return await call.rooms.database.glance(lambda tx: requests.replay(tx, user=user, idempotency_key=key))


async def _accept_new(call: Call, user: User, shared: SharedKey | None, body: GenerateRequest) -> Accepted:
    request_id = requests.new_id()
    stored: list[str] = []
    try:
        sources = await _store_sources(call, body, request_id, stored)

        def work(tx: Writing) -> Accepted:
            accepted = requests.accept(
                tx,
                terms=call.rooms.terms,
                user=user,
                request=body,
                sources=sources,
                ip=call.address,
                idempotency_key=call.idempotency_key,
                client_agent=call.agent,
                now=time.time(),
                request_id=request_id,
                key_hash=call.rooms.accounts.hashed(call.key()) if body.webhook else None,
                origin=call.origin,
            )
            if shared is not None:
                shared_keys.charge(tx, shared, accepted)
            return accepted

        accepted = await call.rooms.database.optimistic(work)
    except LargesseError:
        await call.rooms.blobs.delete(stored)
        raise
    if accepted.replayed:
        await call.rooms.blobs.delete(stored)
    else:
        call.rooms.live.wake()
    return accepted


async def _store_sources(call: Call, body: GenerateRequest, request_id: str, stored: list[str]) -> StoredSources | None:
    """Put the source pictures of a request into the blob store; `stored` names what is there, also when this fails."""
    if len(body.extra_source_images) > LIMITS.max_extra_source_images:
        raise InvalidRequest(
            f"At most {LIMITS.max_extra_source_images} extra source images are possible.",
            code="TooManyExtraSourceImages",
        )
    if not (body.source_image or body.source_mask or body.extra_source_images):
        return None
    picture, alpha = await _store(call, body.source_image, source_key(request_id, "src"), stored)
    mask, _ = await _store(call, body.source_mask, source_key(request_id, "msk"), stored, lossless=True)
    extra: list[tuple[str, float]] = []
    for index, image in enumerate(body.extra_source_images):
        key, _ = await _store(call, image.image, source_key(request_id, f"extra_{index}"), stored)
        if key is not None:
            extra.append((key, image.strength))
    return StoredSources(picture=picture, mask=mask, extra=tuple(extra), has_alpha=alpha)


async def _store(
    call: Call, text: str | None, key: str, stored: list[str], *, lossless: bool = False
) -> tuple[str | None, bool]:
    if not text:
        return None, False
    limit = call.rooms.terms.limits.max_source_bytes
    source = await read_source(text, call.rooms.fetcher, limit=limit, lossless=lossless)
    await call.rooms.blobs.write(key, source.data)
    stored.append(key)
    return key, source.has_alpha


def _accepted(accepted: Accepted, advice: Sequence[Notice]) -> AsyncResponse:
    notices = (*accepted.warnings, *advice)
    warnings = [RequestWarning(code=notice.code, message=notice.message) for notice in notices]
    return AsyncResponse(
        id=accepted.id,
        kudos=accepted.kudos,
        message=accepted.message,
        warnings=warnings or None,
        is_possible=accepted.is_possible,
    )


async def check(call: Call) -> web.Response:
    """GET generate/check/{id}: the counts alone, cheap enough to ask every second."""
    if call.agent == UNKNOWN_AGENT:
        await call.rooms.shield.refuse(call.address)
    wanted = call.part("id")
    found = await call.rooms.database.glance(lambda tx: progress.check(tx, wanted, now=time.time()))
    return call.reply(checked(call.rooms, found))


def checked(rooms: Rooms, found: Progress) -> CheckResponse:
    """How far a request is, with the steps that this process was told of."""
    return CheckResponse.model_validate(_counts(rooms, found))


async def status(call: Call) -> web.Response:
    """GET generate/status/{id}: the counts and every finished picture."""
    wanted = call.part("id")
    found = await call.rooms.database.glance(lambda tx: progress.status(tx, wanted, now=time.time()))
    return call.reply(await _status(call, found))


async def cancel(call: Call) -> web.Response:
    """DELETE generate/status/{id}: nothing more is drawn; what is finished comes with the answer."""
    wanted = call.part("id")
    found = await call.rooms.database.write(lambda tx: requests.cancel(tx, wanted, now=time.time()))
    call.rooms.live.touch(found.progress.id)
    return call.reply(await _status(call, found))


async def _status(call: Call, found: Status) -> StatusResponse:
    pictures = [await _generation(call, picture, as_address=found.r2) for picture in found.pictures]
    return StatusResponse.model_validate(
        {**_counts(call.rooms, found.progress), "generations": pictures, "shared": found.shared}
    )


def _counts(rooms: Rooms, found: Progress) -> dict[str, object]:
    return {
        "finished": found.finished,
        "processing": found.processing,
        "restarted": found.restarted,
        "waiting": found.waiting,
        "done": found.done,
        "faulted": found.faulted,
        "wait_time": found.wait_time,
        "queue_position": found.queue_position,
        "kudos": found.kudos,
        "is_possible": found.is_possible,
        "running": list(_running(rooms, found)),
    }


def _running(rooms: Rooms, found: Progress) -> Iterable[Running]:
    for job in found.running:
        step = rooms.live.step(job.id)
        yield Running(
            id=job.id,
            step=step.step if step is not None else 0,
            steps=step.steps if step is not None else 0,
            model=job.model,
            worker_name=job.worker_name,
            preview=step.preview if step is not None else None,
        )


async def _generation(call: Call, picture: Picture, *, as_address: bool) -> Generation:
    img = await shown(call.rooms.blobs, picture.blob, state=picture.state, as_address=as_address, origin=call.origin)
    return Generation(
        img=img,
        seed=picture.seed,
        id=picture.id,
        worker_id=picture.worker_id,
        worker_name=picture.worker_name,
        model=picture.model,
        state=picture.state,
        censored=picture.censored,
        gen_metadata=[Metadata.model_validate(note) for note in picture.metadata],
    )
