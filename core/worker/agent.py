"""The worker's side of the talk with one coordinator: pops jobs ahead of need and sees to it that each is settled.

`pool` runs it. Jobs go to `waiting`, come back from the easels by `finished` and `failed`, and leave by `delivery`.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace

from core import log
from core.client.horde import HordeClient
from core.contract.codes import Rc
from core.contract.names import Capability, MetadataType, MetadataValue
from core.contract.work import JobPayload, PopRequest, PopResponse, SubmittedMetadata
from core.errors import ConfigError, HordeRefused, HordeUnavailable, InvalidRequest, LargesseError, StorageFull, TooMany
from core.settings import Worker
from core.worker.addons import Addons
from core.worker.delivery import Delivery
from core.worker.jobs import CAPABILITIES, Held, held
from core.worker.pace import Pace
from core.worker.renderer import DrawJob, Drawn, ModelEntry
from core.worker.waiting import Waiting

AGENT = "Largesse worker:0.1.0:unknown"
_AT_ONCE = 0.5
_MAINTENANCE = "maintenance mode"
_NO_SUCH_MODELS = "we cannot accept workers serving"
_WRONG_KEY = (Rc.INVALID_API_KEY, Rc.WRONG_CREDENTIALS, Rc.ANON_FORBIDDEN_WORKER, Rc.DELETED_USER)
_NOT_WELCOME = (Rc.WORKER_INVITE_ONLY, Rc.TOO_MANY_WORKERS, Rc.TOO_MANY_WORKERS_TRUSTED)
_BAD = 400
_logger = log.get(__name__)


class Agent:
    """One worker on one coordinator, whatever the number of its devices.

    Args:
        client: signed with the key of the worker's owner.
        settings: name, limits and wishes.
        models: what is offered, by name.
        addons: LoRAs and textual inversions that are at hand.
        waiting: where jobs are put.
        devices: how many draw at the same time.
        pace: pauses.
    """

    def __init__(
        self,
        client: HordeClient,
        *,
        settings: Worker,
        models: Mapping[str, ModelEntry],
        addons: Addons,
        waiting: Waiting,
        devices: int,
        pace: Pace,
    ) -> None:
        self._client = client
        self._settings = settings
        self._models = models
        self._offered = list(models)
        self._addons = addons
        self._can = (*CAPABILITIES, *addons.capabilities())
        self._waiting = waiting
        self._devices = devices
        self._pace = pace
        self._delivery = Delivery(client, pace)
        self._deliveries: set[asyncio.Task[None]] = set()
        self._session = str(uuid.uuid4())
        self._open: set[str] = set()
        self._unsure = False
        self._welcome = False
        self._trouble = ""

    async def fetch(self) -> None:
        """Keep `waiting` filled, for ever; cancel it to stop taking work.

        Raises:
            ConfigError: the coordinator will never give work to a worker with this key, name or list of models.
        """
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            amount = await self._waiting.room()
            asked = loop.time()
            try:
                offer = await self._client.pop(self._request(amount))
            except LargesseError as error:
                failures += 1
                self._unsure = self._unsure or isinstance(error, HordeUnavailable)
                await asyncio.sleep(self._pause(error, failures))
                continue
            self._fine(offer)
            failures = 0
            jobs = held(offer, self._dressed)
            if jobs:
                await self._receive(jobs)
            elif loop.time() - asked < _AT_ONCE:
                await asyncio.sleep(self._pace.idle * random.uniform(0.7, 1.3))  # noqa: S311  # jitter

    def finished(self, held: Held, drawn: Drawn) -> None:
        """Hand a picture in, in the background."""
        self._deliver(held, self._delivery.picture(held, drawn))

    def failed(self, held: Held, *, reason: str) -> None:
        """Give a job back, in the background."""
        self._deliver(held, self._delivery.fault(held, reason=reason))

    def dropped(self, held: Held) -> None:
        """The coordinator has closed the job itself: there is nothing to hand in."""
        self._open.discard(held.job.id)
        _logger.info("job_cancelled", job=held.job.id)

    def withdraw(self, model: str, *, reason: str) -> None:
        """Offer a model no more."""
        if model in self._offered:
            self._offered.remove(model)
            _logger.error("model_withdrawn", model=model, reason=reason, left=self._offered)

    async def settle(self) -> None:
        """Wait until everything that was handed to `finished` and `failed` is settled, `pace.drain` seconds at most."""
        if self._deliveries:
            _, late = await asyncio.wait(set(self._deliveries), timeout=self._pace.drain)
            if late:
                _logger.error("pictures_left_behind", pictures=len(late), why="the coordinator did not take them")

    async def close(self) -> None:
        """Stop every delivery."""
        running = set(self._deliveries)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _renew_session(self) -> None:
        """A pop whose answer was lost may have given us jobs that we never saw: a new session gives them back at once.

        It would give back what we do hold as well, so it waits until we hold nothing.
        """
        if self._unsure and not self._open:
            self._session, self._unsure = str(uuid.uuid4()), False

    def _request(self, amount: int) -> PopRequest:
        self._renew_session()
        if not self._offered:
            raise ConfigError("None of this worker's models can be used any more; see the log for each one's reason.")
        mine = self._settings
        return PopRequest(
            name=mine.name,
            models=self._offered,
            bridge_agent=AGENT,
            priority_usernames=mine.priority_usernames,
            nsfw=mine.nsfw,
            max_pixels=mine.max_pixels,
            blacklist=mine.blacklist,
            threads=min(self._devices, 50),
            amount=amount,
            allow_img2img=True,
            allow_painting=True,
            allow_post_processing=False,
            allow_controlnet=False,
            allow_lora=Capability.LORA in self._can,
            capabilities=[str(capability) for capability in self._can],
            wait=self._pace.long_poll,
            session=self._session,
        )

    def _dressed(self, job: DrawJob, payload: JobPayload) -> DrawJob:
        """The job with the LoRAs and textual inversions that its request asks for."""
        model = self._models.get(job.model)
        if model is None:
            return job
        return self._addons.dress(job, family=model.family, loras=payload.loras or [], inversions=payload.tis or [])

    async def _receive(self, jobs: Sequence[Held]) -> None:
        """Fetch the source pictures, the same for all jobs of a pop, then let the jobs wait for a device."""
        first = jobs[0]
        self._open.update(job.job.id for job in jobs)
        _logger.info("jobs_popped", jobs=[job.job.id for job in jobs], model=first.job.model)
        try:
            source = await self._client.fetch_picture(first.source) if first.source else None
            mask = await self._client.fetch_picture(first.mask) if first.mask else None
        except asyncio.CancelledError:
            for job in jobs:
                self.failed(job, reason="this worker stops")
            raise
        except LargesseError as error:
            note = SubmittedMetadata(type=MetadataType.SOURCE_IMAGE, value=MetadataValue.DOWNLOAD_FAILED)
            for job in jobs:
                self._deliver(job, self._delivery.fault(job, reason=f"source picture: {error}", notes=(note,)))
            return
        for job in jobs:
            job.job = replace(job.job, source_image=source, source_mask=mask)
        self._waiting.put(jobs)

    def _deliver(self, held: Held, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(self._guarded(held, work))
        self._deliveries.add(task)
        task.add_done_callback(self._deliveries.discard)

    async def _guarded(self, held: Held, work: Coroutine[None, None, None]) -> None:
        """A delivery that stumbles over a slip of ours must not take the other pictures along."""
        try:
            await work
        except Exception:
            _logger.exception("delivery_failed", job=held.job.id)
        finally:
            self._open.discard(held.job.id)

    def _fine(self, offer: PopResponse) -> None:
        if self._trouble or not self._welcome:
            _logger.info("coordinator_gives_work", worker=self._settings.name)
        self._welcome, self._trouble = True, ""
        for message in offer.messages:
            _logger.warning("message_from_the_horde", message=message.message, origin=message.origin)

    def _pause(self, error: LargesseError, failures: int) -> float:
        """Say what is wrong, once for each trouble, and how long to wait; raise what waiting does not mend."""
        words = str(error).lower()
        if isinstance(error, ConfigError | StorageFull):
            raise error
        if isinstance(error, HordeUnavailable | TooMany):
            self._say("coordinator_away", error, advice="It is tried again until it answers; nothing is lost.")
            growing = min(self._pace.retry_first * 2 ** min(failures - 1, 10), self._pace.retry_most)
            asked = min(error.retry_after or 0.0, self._pace.refused)
            return max(growing * random.uniform(0.5, 1.0), asked)  # noqa: S311  # jitter
        if _MAINTENANCE in words:
            self._say("worker_in_maintenance", error, advice="Its owner or a moderator has to end the maintenance.")
            return self._pace.refused
        if not self._welcome:
            self._refuse(error, words)
        self._say("pop_refused", error, advice="It is tried again, slowly.")
        return self._pace.refused

    def _refuse(self, error: LargesseError, words: str) -> None:
        """Refusals of the very first pop that come from the settings end the worker with a sentence."""
        name = self._settings.name
        if _NO_SUCH_MODELS in words:
            raise ConfigError(f"The horde knows none of the models {', '.join(self._offered)} (worker.models): {error}")
        if error.code in _WRONG_KEY or "wrong credentials" in words:
            raise ConfigError(
                f"The horde does not accept this key for the worker {name!r}: {error} Set worker.api_key to its "
                "owner's key, or worker.name to a name that nobody has."
            )
        invalid = isinstance(error, InvalidRequest) or (isinstance(error, HordeRefused) and error.status == _BAD)
        if error.code in _NOT_WELCOME or invalid:
            raise ConfigError(f"The horde gives no work to the worker {name!r} with these settings: {error}")

    def _say(self, event: str, error: LargesseError, *, advice: str) -> None:
        if self._trouble != event:
            self._trouble = event
            _logger.warning(event, answer=str(error), code=error.code, advice=advice)
