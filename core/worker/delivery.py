"""Hands pictures in: upload, submit, again until the coordinator has settled the job one way or the other.

`agent` starts one delivery for each picture and goes on; a coordinator that is away or restarts loses nothing, because
the picture is kept here and offered until it is taken.
"""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from core import log
from core.client.horde import HordeClient
from core.contract.names import JobState, MetadataType, MetadataValue
from core.contract.work import SubmitRequest, SubmittedMetadata
from core.errors import HordeUnavailable, LargesseError, TooMany
from core.worker.jobs import Held
from core.worker.pace import Pace
from core.worker.renderer import Drawn

UPLOADED = "R2"
_NO_PICTURE = "faulted"
_PICTURE_MISSING = "PictureMissing"
_LONGEST_REF = 255
_T = TypeVar("_T")
_logger = log.get(__name__)


class Delivery:
    """The way of finished pictures to one coordinator."""

    def __init__(self, client: HordeClient, pace: Pace) -> None:
        self._client = client
        self._pace = pace

    async def picture(self, held: Held, drawn: Drawn) -> None:
        """Hand a picture in; returns when it is settled, or given up after `pace.keep` seconds."""
        generation = await self._upload(held, drawn)
        state = JobState.CENSORED if drawn.censored else JobState.OK
        request = SubmitRequest(
            id=held.job.id, generation=generation, seed=drawn.seed, state=state, gen_metadata=notes(drawn)
        )
        if await self._submit(request) == _PICTURE_MISSING:
            await self._submit(request.model_copy(update={"generation": _as_text(drawn)}))

    async def fault(self, held: Held, *, reason: str, notes: tuple[SubmittedMetadata, ...] = ()) -> None:
        """Give a job back, so that another worker, or this one later, may draw it."""
        _logger.warning("job_given_back", job=held.job.id, reason=reason)
        await self._submit(
            SubmitRequest(
                id=held.job.id,
                generation=_NO_PICTURE,
                seed=held.job.seed,
                state=JobState.FAULTED,
                gen_metadata=list(notes),
            )
        )

    async def _upload(self, held: Held, drawn: Drawn) -> str:
        """PUT the picture; where its address has expired or is refused, it travels inside the submit instead."""
        if held.upload:
            try:
                await self._until_taken(lambda: self._client.upload(held.upload, drawn.picture), job=held.job.id)
            except LargesseError as error:
                _logger.warning("upload_refused", job=held.job.id, code=error.code, error=str(error))
            else:
                return UPLOADED
        return _as_text(drawn)

    async def _submit(self, request: SubmitRequest) -> str:
        """Hand in; returns the code of the refusal that settled it, empty when it was taken."""
        try:
            answer = await self._until_taken(lambda: self._client.submit(request), job=request.id)
        except HordeUnavailable:
            _logger.error("job_lost_to_a_silent_coordinator", job=request.id)  # noqa: TRY400  # the trace says nothing
        except LargesseError as error:
            # Already submitted, aborted, unknown by now, not ours: in each case it is settled on the other side.
            _logger.info("job_settled_already", job=request.id, code=error.code, answer=str(error))
            return error.code
        else:
            _logger.info("job_submitted", job=request.id, state=request.state.value, reward=answer.reward)
        return ""

    async def _until_taken(self, send: Callable[[], Awaitable[_T]], *, job: str) -> _T:
        """Send until there is an answer that is not "later"; a definite refusal is raised."""
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + self._pace.keep, self._pace.retry_first
        while True:
            try:
                return await send()
            except (HordeUnavailable, TooMany) as error:
                if loop.time() >= until:
                    raise
                asked = min(error.retry_after or 0.0, self._pace.refused)
                wait = max(pause * random.uniform(0.5, 1.0), asked)  # noqa: S311  # jitter
                _logger.info("delivery_waits", job=job, seconds=round(wait, 1), reason=str(error))
                await asyncio.sleep(wait)
                pause = min(2 * pause, self._pace.retry_most)


def _as_text(drawn: Drawn) -> str:
    return base64.b64encode(drawn.picture).decode("ascii")


def notes(drawn: Drawn) -> list[SubmittedMetadata]:
    """What the requester is to know of a picture, as the contract has it."""
    said = [
        SubmittedMetadata(
            type=MetadataType.INFORMATION, value=MetadataValue.SEE_REF, ref=f"{name}: {text}"[:_LONGEST_REF]
        )
        for name, text in drawn.metadata.items()
    ]
    said += [
        SubmittedMetadata(type=MetadataType(left.kind), value=MetadataValue(left.why), ref=left.name[:_LONGEST_REF])
        for left in drawn.unused
    ]
    if drawn.censored:
        said.append(SubmittedMetadata(type=MetadataType.CENSORSHIP, value=MetadataValue.NSFW))
    return said
