"""A worker's calls: pop a job (waiting for one if it likes), report steps, hand in; rules: `dispatch`, `settle`."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from uuid import UUID

from aiohttp import web

from core.contract.generate import ExtraSourceImage
from core.contract.names import JobState, MetadataType, MetadataValue
from core.contract.work import (
    JobPayload,
    PopMessage,
    PopRequest,
    PopResponse,
    ProgressRequest,
    ProgressResponse,
    Skipped,
    SubmitRequest,
    SubmitResponse,
)
from core.coordinator.api.call import Call
from core.coordinator.api.teams import told
from core.coordinator.blobs.keys import result_key
from core.coordinator.blobs.sources import as_webp, unpack
from core.coordinator.rules import dispatch, settle
from core.coordinator.rules.values import Nothing, Offer, User
from core.errors import HordeUnavailable, InvalidRequest, NotFound

UPLOADED = "R2"
"""What a worker says in `generation` when it has PUT the picture to its address."""
_LOOK_AGAIN = 2.0
"""Seconds after which a waiting pop looks again even if nobody woke it: word from another process may get lost."""
_HURRIES, _HURRY = 20, 0.01
"""How often, and after how many seconds, a pop looks again when others were just taking what it could have."""


async def pop(call: Call) -> web.Response:
    """POST generate/pop: a job, or none; with `wait`, an answer as soon as there is a job."""
    call.key()
    body = await call.body(PopRequest)
    user = await call.user()
    await call.rooms.shield.refuse(call.address)
    until = time.monotonic() + body.wait
    hurries = 0
    while True:
        arrival = call.rooms.live.arrival()
        offer = await call.rooms.database.optimistic(
            lambda tx: dispatch.offer(tx, terms=call.rooms.terms, user=user, pop=body, ip=call.address, now=time.time())
        )
        left = until - time.monotonic()
        if isinstance(offer, Offer):
            call.rooms.live.touch(offer.request_id)
            return call.reply(_job(call, offer, await told(call.rooms, offer.worker_id)))
        if offer.busy and hurries < _HURRIES and not call.rooms.live.closing:
            hurries += 1
            await asyncio.sleep(_HURRY)
            continue
        hurries = 0
        if left <= 0 or call.rooms.live.closing or not await _woken(call, arrival, left):
            return call.reply(_no_job(offer, await told(call.rooms, offer.worker_id)))


async def _woken(call: Call, arrival: asyncio.Event, left: float) -> bool:
    """Wait for work; False when the worker has gone away meanwhile, so that nothing is handed to nobody."""
    try:
        async with asyncio.timeout(min(left, _LOOK_AGAIN)):
            await arrival.wait()
    except TimeoutError:
        pass
    transport = call.request.transport
    return transport is not None and not transport.is_closing()


def _no_job(nothing: Nothing, messages: list[PopMessage]) -> PopResponse:
    return PopResponse(skipped=Skipped.model_validate(dict(nothing.skipped)), messages=messages)


def _job(call: Call, offer: Offer, messages: list[PopMessage]) -> PopResponse:
    blobs, origin, sources = call.rooms.blobs, call.origin, offer.sources
    uploads = [blobs.put_url(job.blob, origin=origin) for job in offer.jobs]
    extra = [
        ExtraSourceImage(image=blobs.get_url(key, origin=origin), strength=strength) for key, strength in sources.extra
    ]
    return PopResponse(
        id=offer.jobs[0].id,
        ids=[job.id for job in offer.jobs],
        model=offer.model,
        ttl=offer.ttl,
        payload=JobPayload.model_validate(dict(offer.payload)),
        source_image=blobs.get_url(sources.picture, origin=origin) if sources.picture else None,
        source_processing=offer.source_processing,
        source_mask=blobs.get_url(sources.mask, origin=origin) if sources.mask else None,
        extra_source_images=extra or None,
        r2_upload=uploads[0],
        r2_uploads=uploads,
        seeds=[job.seed for job in offer.jobs],
        messages=messages,
    )


async def submit(call: Call) -> web.Response:
    """POST generate/submit: the picture was uploaded ("R2") or comes along as base64; pays the worker."""
    call.key()
    body = await call.body(SubmitRequest)
    user = await call.user()
    body = body.model_copy(update={"id": _job_id(body.id)})
    if body.state is not JobState.FAULTED:
        await _keep_picture(call, user, body)
    settled = await call.rooms.database.optimistic(
        lambda tx: settle.settle(tx, terms=call.rooms.terms, user=user, submit=body, now=time.time())
    )
    call.rooms.live.forget(body.id)
    call.rooms.live.touch(settled.request_id)
    if _forbidden(body):
        with suppress(HordeUnavailable):  # settled; nobody is shown it, and it goes with its request
            await call.rooms.blobs.delete([result_key(body.id)])
    if settled.mail:
        call.rooms.live.mail.set()
    if settled.requeued:
        call.rooms.live.wake()
    return call.reply(SubmitResponse(reward=settled.reward))


def _forbidden(body: SubmitRequest) -> bool:
    """Whether the worker says that nobody may have what it drew; then it is not kept, whatever was uploaded."""
    noted = any(note.type is MetadataType.CENSORSHIP and note.value is MetadataValue.CSAM for note in body.gen_metadata)
    return noted or body.state is JobState.CSAM


async def _keep_picture(call: Call, user: User, body: SubmitRequest) -> None:
    """See to it that the picture is in the store before anybody is paid for it; a hidden one may be missing."""
    key, needed = result_key(body.id), body.state is JobState.OK
    uploaded = body.generation == UPLOADED
    if _forbidden(body) or (uploaded and (not needed or await call.rooms.blobs.exists(key))):
        return
    await call.rooms.database.read(lambda tx: settle.inspect(tx, user=user, job_id=body.id))
    if uploaded:
        raise InvalidRequest(
            "The picture of this job was not uploaded: PUT it to its r2_upload address first.", code="PictureMissing"
        )
    if needed or body.generation:
        raw = unpack(body.generation, call.rooms.terms.limits.max_body_bytes)
        await call.rooms.blobs.write(key, await as_webp(raw))


async def report(call: Call) -> web.Response:
    """POST generate/progress (ours): step k of n is done; the answer says whether the picture is still wanted."""
    call.key()
    body = await call.body(ProgressRequest)
    user = await call.user()
    job_id = _job_id(body.id)
    request = await call.rooms.database.read(lambda tx: settle.wanted(tx, user=user, job_id=job_id))
    if request is not None:
        call.rooms.live.report(job_id, step=body.step, steps=body.steps, preview=body.preview)
        call.rooms.live.touch(request)
    return call.reply(ProgressResponse(wanted=request is not None))


def _job_id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise NotFound(f"Processing Job with ID {text[:64]} does not exist.", code="InvalidJobID") from None
