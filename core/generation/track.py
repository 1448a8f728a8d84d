"""A request from the moment it is written down to its pictures: sent once, followed, fetched, or given up in words.

Second half of step 4 and step 11 of a picture's way. Everything that a restart needs is in the `Ticket`, which is
written down before each thing that leaves; `fulfil` starts from whatever the ticket says has happened already.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from core import log
from core.client.pictures import kind_of
from core.client.transport import PERHAPS_DONE
from core.contract.codes import Rc
from core.contract.generate import AsyncResponse, CheckResponse, Generation, StatusResponse
from core.errors import HordeError, HordeUnavailable, InvalidRequest, LargesseError, NotFound, RenderError, TooMany
from core.generation.progress import Glimpse, Stage, duration, seen
from core.generation.ticket import Notebook, Ticket
from core.generation.told import Told
from core.house import House
from core.house.words import listed

Answer = TypeVar("Answer")

FIRST_LOOK, SLOWEST_LOOK = 0.2, 2.0
"""Seconds between two looks at a request: quick at first, slower while nothing happens."""

LONGEST_PAUSE = 60.0
"""Seconds: a horde that asks for more is looked at all the same, for the person may take the request back."""

LAST_WORD = 30.0
"""Seconds in which what is finished is taken from a request that is given up."""

LAST_LOOK = 2.0
"""Seconds for a request whose time is over already, after a long stop of the bots: it may be finished."""

_SAYS_NOTHING = {HordeUnavailable.code, TooMany.code}
_log = log.get(__name__)


@dataclass(frozen=True)
class Drawn:
    """One finished picture: its file, the seed that draws it again, and who drew it with which model."""

    picture: bytes = field(repr=False)
    seed: str
    model: str
    worker: str
    censored: bool

    @property
    def mime(self) -> str:
        """What kind of file it is, by its bytes: some hordes give other kinds than WebP."""
        return kind_of(self.picture) or "image/webp"


@dataclass(frozen=True)
class Outcome:
    """How a request ended: the pictures there are (perhaps fewer than asked for), kudos paid, seconds it took."""

    pictures: tuple[Drawn, ...]
    asked: int
    kudos: float
    seconds: float
    taken_back: bool


Tell = Callable[[Glimpse], Awaitable[None]]


async def fulfil(house: House, ticket: Ticket, notebook: Notebook, *, tell: Tell) -> Outcome:
    """Bring a request to its end, from wherever the ticket says it stands.

    Raises:
        RenderError: the workers failed and there is no picture at all.
        HordeError: the horde refused, lost the request twice, or did not manage in the time allowed.
        UserError: the horde said what is wrong with the request.
    """
    tracking = _Tracking(house, ticket, notebook, tell)
    patience = max(LAST_LOOK, ticket.begun + house.settings.give_up_after - house.clock())
    try:
        async with asyncio.timeout(patience):
            return await tracking.run()
    except TimeoutError:
        return await tracking.give_up()


class _Tracking:
    """One request being followed; the ticket grows as things happen."""

    def __init__(self, house: House, ticket: Ticket, notebook: Notebook, tell: Tell) -> None:
        self.house, self.ticket, self.notebook, self.tell = house, ticket, notebook, tell
        self.away = False
        self.pause = FIRST_LOOK
        self.glimpse: Glimpse | None = None
        self.reason = ""

    async def run(self) -> Outcome:
        while True:
            if self.ticket.horde_id is None and not await self._send():
                return self._outcome((), kudos=0.0, taken_back=True)
            try:
                return await self._until_done(str(self.ticket.horde_id))
            except NotFound:
                await self._lost()

    async def give_up(self) -> Outcome:
        """Tell the horde that nobody waits any more, so that nothing is drawn in vain; take what is finished.

        Raises:
            HordeError: nothing is.
        """
        if self.ticket.horde_id is not None:
            try:
                async with asyncio.timeout(LAST_WORD):
                    return await self._collect(self.ticket.horde_id, cancel=True)
            except (LargesseError, TimeoutError) as error:
                _log.info("request_given_up", request=self.ticket.horde_id, reason=str(error))
        waited = duration(self.house.settings.give_up_after)
        raise HordeError(f"I gave up after {waited}: nobody drew it in that time. Please try again later.")

    async def _send(self) -> bool:
        """Hand the request over; False where the person took it back before the horde had it."""
        await self._show(Glimpse(Stage.SENDING, total=self.ticket.total))
        while not await self.notebook.taken_back():
            if answer := await self._ask(self._generate(), HordeUnavailable):
                self.reason = answer.message or ""
                self.ticket = replace(self.ticket, horde_id=answer.id)
                await self.notebook.keep(self.ticket)
                return True
            await self._rest()
        return False

    async def _generate(self) -> AsyncResponse:
        """Ask the horde.

        Raises:
            InvalidRequest: also when nobody who is online could draw it; says what to change.
            HordeError: it may have the request, or not, and it is one that would draw it twice.
        """
        try:
            return await self.house.horde.generate(self.ticket.wanted, idempotency_key=self.ticket.key)
        except InvalidRequest as error:
            if error.code != Rc.NO_VALID_WORKERS:
                raise
            raise InvalidRequest(_impossible(self.ticket), code=error.code) from error
        except HordeUnavailable as error:
            if error.code != PERHAPS_DONE:
                raise
            raise HordeError(
                "The horde did not answer, and may have taken the request all the same. So that nothing is paid twice "
                "I did not send it again; please ask once more if you like."
            ) from error

    async def _until_done(self, horde_id: str) -> Outcome:
        async with Told(self.house.horde, horde_id) as told:
            while not await self.notebook.taken_back():
                if check := await self._look(told, horde_id):
                    if check.done or check.faulted:
                        return await self._collect(horde_id)
                    await self._report(check)
                await told.news(self.pause)
                self._slow_down()
        return await self._collect(horde_id, cancel=True, taken_back=True)

    async def _look(self, told: Told, horde_id: str) -> CheckResponse | None:
        """How far it is: what the horde told, else what it answers; None where there is nothing new."""
        if check := told.take():
            self.away = False
        elif not told.live:
            check = await self._ask(self.house.horde.check(horde_id), HordeUnavailable, TooMany)
        return check

    async def _ask(self, question: Awaitable[Answer], *bearable: type[LargesseError]) -> Answer | None:
        """An answer, or None where the horde is away for now: said once, and asked again by whoever asked."""
        try:
            answer = await question
        except bearable as error:
            if not self.away:
                self.away = True
                _log.info("horde_away", request=self.ticket.horde_id, reason=error.code)
                reason = "" if error.code in _SAYS_NOTHING else str(error)
                await self._show(Glimpse(Stage.AWAY, total=self.ticket.total, reason=reason))
            self.pause = max(self.pause, min(getattr(error, "retry_after", None) or 0.0, LONGEST_PAUSE))
            return None
        self.away = False
        return answer

    async def _rest(self) -> None:
        """Wait before the next look, longer each time that nothing happened."""
        await asyncio.sleep(self.pause)
        self._slow_down()

    def _slow_down(self) -> None:
        self.pause = min(SLOWEST_LOOK, self.pause * 1.3)

    async def _report(self, check: CheckResponse) -> None:
        glimpse = replace(seen(check, total=self.ticket.total), reason=self.reason)
        if glimpse != self.glimpse:
            self.pause = FIRST_LOOK
            await self._show(glimpse)

    async def _show(self, glimpse: Glimpse) -> None:
        self.glimpse = glimpse
        await self.tell(glimpse)

    async def _lost(self) -> None:
        """The horde knows nothing of the request (any more): send it once more, under a key written down first."""
        if self.ticket.losses and not await self.notebook.taken_back():
            raise HordeError("The horde lost the request twice. Please ask again in a while.")
        _log.warning("request_lost", request=self.ticket.horde_id)
        self.ticket = replace(self.ticket, key=uuid.uuid4().hex, horde_id=None, losses=1)
        await self.notebook.keep(self.ticket)

    async def _collect(self, horde_id: str, *, cancel: bool = False, taken_back: bool = False) -> Outcome:
        """Take what is finished, and `cancel` the rest; the horde is asked for it until it answers."""
        horde = self.house.horde
        await self._show(Glimpse(Stage.LANDING, total=self.ticket.total))
        while True:
            question = horde.cancel(horde_id) if cancel else horde.status(horde_id)
            if status := await self._ask(question, HordeUnavailable, TooMany):
                break
            await self._rest()
        pictures = [picture for each in status.generations if (picture := await self._fetch(each))]
        if not pictures and not taken_back:
            raise RenderError(_why_none(status))
        return self._outcome(tuple(pictures), kudos=status.kudos, taken_back=taken_back)

    async def _fetch(self, generation: Generation) -> Drawn | None:
        """One picture at once, for its address expires; None where it is gone already."""
        while True:
            try:
                data = await self._ask(self.house.horde.fetch_picture(generation.img), HordeUnavailable, TooMany)
            except LargesseError as error:
                _log.warning("picture_lost", generation=generation.id, reason=error.code)
                return None
            if data is not None:
                return Drawn(data, generation.seed, generation.model, generation.worker_name, generation.censored)
            await self._rest()

    def _outcome(self, pictures: tuple[Drawn, ...], *, kudos: float, taken_back: bool) -> Outcome:
        seconds = max(0.0, self.house.clock() - self.ticket.begun)
        return Outcome(pictures, self.ticket.total, kudos, seconds, taken_back)


def _impossible(ticket: Ticket) -> str:
    models = listed([str(name) for name in ticket.request.get("models") or ["any model"]], last="or")
    steps = ticket.request["params"]["steps"]
    return (
        f"Nobody who is online can draw {ticket.size} in {steps} steps with {models}. "
        "Ask for a smaller size, fewer steps or another model."
    )


def _why_none(status: StatusResponse) -> str:
    if status.faulted:
        return "The workers tried and failed. Please ask again, perhaps for a smaller picture or fewer steps."
    if status.generations:
        return "The picture was drawn but could not be fetched. Please ask again."
    return "The horde finished the request without a picture. Please ask again."
