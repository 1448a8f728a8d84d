"""The verbs of a horde, for bots and workers: ask, follow, cancel, fetch; pop, report, upload, submit; kudos, figures.

    async with HordeClient("https://aihorde.net/api/", key, "Largesse:0.1:contact") as horde:
        accepted = await horde.generate(GenerateRequest(prompt="a red apple"))

What only our own coordinator has is left alone after a foreign horde has said once that it does not know it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote

import aiohttp
from pydantic import SecretStr, TypeAdapter, ValidationError

from core.client import pictures
from core.client.events import told
from core.client.faults import fault
from core.client.pictures import Pictures
from core.client.transport import Call, Patience, Transport, base_of
from core.contract import paths
from core.contract.base import Answer
from core.contract.codes import Rc
from core.contract.generate import AsyncResponse, CheckResponse, DryRunResponse, GenerateRequest, StatusResponse
from core.contract.keys import Registered, Registration
from core.contract.limits import ANONYMOUS_KEY
from core.contract.names import EventName
from core.contract.people import KudosTransfer, KudosTransferred, UserDetails
from core.contract.status import Heartbeat, ModelStatus, Performance
from core.contract.work import (
    PopRequest,
    PopResponse,
    ProgressRequest,
    ProgressResponse,
    SubmitRequest,
    SubmitResponse,
)
from core.contract.workers import WorkerDetails, WorkerUpdate, WorkerUpdated
from core.errors import HordeError, HordeRefused, HordeUnavailable, NotFound

A = TypeVar("A", bound=Answer)
_MODELS = TypeAdapter(list[ModelStatus])
_PATIENCE = Patience()
_JOB_GONE = {Rc.INVALID_JOB_ID.value, Rc.REQUEST_NOT_FOUND.value}


class HordeClient:
    """One horde, as one account. Every method raises the `core.errors` that the refusal means (`faults`).

    Args:
        base_url: "https://aihorde.net/api/", with or without the "/api/".
        api_key: the account's key; empty is the anonymous one. It stands in no log, error or repr.
        client_agent: `name:version:contact` of the program.
        session: for the calls (not the pictures); one of our own otherwise.
        patience: time limits and repeats.
        also_trusted: further addresses that belong to this horde, so that pictures may lie there even where that is
            no public network address (the coordinator's `public_url` on a local network).

    Raises:
        ConfigError: an address is none.
    """

    def __init__(
        self,
        base_url: str,
        api_key: SecretStr | str,
        client_agent: str,
        *,
        session: aiohttp.ClientSession | None = None,
        patience: Patience = _PATIENCE,
        also_trusted: tuple[str, ...] = (),
    ) -> None:
        key = api_key.get_secret_value() if isinstance(api_key, SecretStr) else api_key
        self._base = base_of(base_url)
        self._trusted = [self._base, *map(base_of, also_trusted)]
        self._api_key = SecretStr(key or ANONYMOUS_KEY)
        self._client_agent = client_agent
        self._given_session = session
        self._own_session: aiohttp.ClientSession | None = None
        self._patience = patience
        self._transport: Transport | None = None
        self._pictures: Pictures | None = None
        self._is_ours: bool | None = None
        self._takes_progress = True
        self._tells = True

    def __repr__(self) -> str:
        return f"HordeClient({str(self._base)!r})"

    async def __aenter__(self) -> Self:
        session = self._given_session
        if session is None:
            session = self._own_session = aiohttp.ClientSession()
        self._transport = Transport(
            self._base, session, api_key=self._api_key, client_agent=self._client_agent, patience=self._patience
        )
        self._pictures = Pictures(self._trusted, self._patience)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pictures is not None:
            await self._pictures.close()
        if self._own_session is not None:
            await self._own_session.close()
        self._transport = self._pictures = self._own_session = None

    def signed(self, api_key: SecretStr | str) -> HordeClient:
        """The same horde as another account, over the same connections: usable as long as this one is open."""
        key = api_key if isinstance(api_key, SecretStr) else SecretStr(api_key)
        other = HordeClient(str(self._base), key, self._client_agent, patience=self._patience)
        other._take_over(self, self._ready().signed(key))
        return other

    def _take_over(self, open_one: HordeClient, transport: Transport) -> None:
        """Use another one's connections, and what it has found out about the horde."""
        self._transport, self._pictures = transport, open_one._pictures
        self._is_ours, self._tells = open_one._is_ours, open_one._tells

    async def register(self, username: str) -> Registered:
        """Make an account (ours); its key is told only now. Not repeated: a lost answer leaves an account nobody uses.

        Raises:
            NotFound: a foreign horde, whose accounts are made on its page.
        """
        body = Registration(username=username).wire()
        return await self._ask(Registered, Call(method="POST", path=paths.OURS_USERS, body=body, repeatable=False))

    async def generate(self, request: GenerateRequest, *, idempotency_key: str | None = None) -> AsyncResponse:
        """Ask for pictures.

        With a key, a call whose outcome is unknown is repeated, and never makes a second request; on a foreign horde,
        which knows no such keys for requests, it is not repeated (HordeUnavailable).
        """
        repeatable = idempotency_key is not None and await self._is_largesse()
        headers = {paths.IDEMPOTENCY_KEY: idempotency_key} if idempotency_key else {}
        call = Call(
            method="POST", path=paths.GENERATE_ASYNC, body=request.wire(), headers=headers, repeatable=repeatable
        )
        return await self._ask(AsyncResponse, call)

    async def quote(self, request: GenerateRequest) -> float:
        """What the request would cost, kudos; nothing is asked for."""
        body = request.model_copy(update={"dry_run": True}).wire()
        call = Call(method="POST", path=paths.GENERATE_ASYNC, body=body, repeatable=True)
        return (await self._ask(DryRunResponse, call)).kudos

    async def check(self, request_id: str) -> CheckResponse:
        """How far a request is, without its pictures."""
        return await self._get(CheckResponse, paths.GENERATE_CHECK, id=request_id)

    async def events(self, request_id: str) -> AsyncGenerator[CheckResponse, None]:
        """How far a request is, told by the horde: at once, at every change, and at last when it is done.

        Ends without a word on a horde that has no such stream; `check` asks it instead.

        Raises:
            NotFound: there is no such request (any more).
            HordeUnavailable: the stream broke, or ended before its time; listen again, or ask.
            TooMany: too many streams are open; ask instead.
        """
        if not self._tells or not await self._is_largesse():
            return
        lines = self._ready().listen(_filled(paths.OURS_EVENTS, id=request_id))
        try:
            async with aclosing(lines), aclosing(told(lines)) as happenings:
                async for name, data in happenings:
                    if name == EventName.GONE:
                        raise fault(404, _decoded(data))
                    yield _understood(CheckResponse, _decoded(data))
                    if name == EventName.DONE:
                        return
        except (NotFound, HordeRefused) as error:
            if error.code in _JOB_GONE or getattr(error, "status", 405) != 405:
                raise
            self._tells = False
            return
        raise HordeUnavailable("The coordinator ended the stream.")

    async def status(self, request_id: str) -> StatusResponse:
        """How far a request is, with its pictures. Ask rarely (10 times a minute)."""
        return await self._get(StatusResponse, paths.GENERATE_STATUS, id=request_id)

    async def cancel(self, request_id: str) -> StatusResponse:
        """Give up a request; what is finished already comes back."""
        call = Call(method="DELETE", path=_filled(paths.GENERATE_STATUS, id=request_id), repeatable=True)
        return await self._ask(StatusResponse, call)

    async def fetch_picture(self, address_or_base64: str) -> bytes:
        """A picture that the horde gave as address or base64: WebP, PNG, JPEG or GIF, at most 50 MiB.

        Raises:
            NotFound: its address has expired.
            HordeRefused: it is no picture, too large, or its address may not be asked.
        """
        if address_or_base64.startswith(("http://", "https://")):
            return await self._ready_pictures().fetch(address_or_base64)
        return pictures.decode(address_or_base64)

    async def pop(self, request: PopRequest) -> PopResponse:
        """Ask for a job; `model` is None when there is none. Not repeated when the outcome is unknown."""
        call = Call(
            method="POST", path=paths.GENERATE_POP, body=request.wire(), repeatable=False, extra_time=request.wait
        )
        return await self._ask(PopResponse, call)

    async def submit(self, request: SubmitRequest) -> SubmitResponse:
        """Hand in a job.

        Repeated until it is answered; if the first attempt got through, the repeat is refused with the code
        `DuplicateGen`, which means success.
        """
        call = Call(method="POST", path=paths.GENERATE_SUBMIT, body=request.wire(), repeatable=True)
        return await self._ask(SubmitResponse, call)

    async def upload(self, address: str, picture: bytes) -> None:
        """Put a picture to the address that the pop gave for it."""
        await self._ready_pictures().deliver(address, picture)

    async def progress(self, request: ProgressRequest) -> ProgressResponse:
        """Say how far a job is; whether it is still wanted. Tried once, and never again on a horde that lacks it."""
        if not self._takes_progress:
            return ProgressResponse()
        call = Call(method="POST", path=paths.OURS_PROGRESS, body=request.wire(), repeatable=False, attempts=1)
        try:
            return await self._ask(ProgressResponse, call)
        except NotFound as error:
            if error.code in _JOB_GONE:
                return ProgressResponse(wanted=False)
        except HordeRefused as error:
            if error.status != 405:
                raise
        self._takes_progress = False
        return ProgressResponse()

    @property
    def takes_progress(self) -> bool:
        """Whether reports of steps reach anybody, as far as is known."""
        return self._takes_progress

    async def find_user(self) -> UserDetails:
        """The account that the key belongs to."""
        return await self._get(UserDetails, paths.FIND_USER)

    async def transfer(self, username: str, amount: int, *, idempotency_key: str) -> KudosTransferred:
        """Give kudos to `alias#id`; once, however often it is called with the same key."""
        body = KudosTransfer(username=username, amount=amount).wire()
        headers = {paths.IDEMPOTENCY_KEY: idempotency_key}
        call = Call(method="POST", path=paths.KUDOS_TRANSFER, body=body, headers=headers, repeatable=True)
        return await self._ask(KudosTransferred, call)

    async def worker(self, worker_id: str) -> WorkerDetails:
        """One worker."""
        return await self._get(WorkerDetails, paths.WORKER, id=worker_id)

    async def change_worker(self, worker_id: str, update: WorkerUpdate) -> WorkerUpdated:
        """Change a worker of this account."""
        path = _filled(paths.WORKER, id=worker_id)
        return await self._ask(WorkerUpdated, Call(method="PUT", path=path, body=update.wire(), repeatable=True))

    async def models(self) -> list[ModelStatus]:
        """The image models that workers offer now."""
        answer = await self._ready().send(
            Call(method="GET", path=paths.MODELS, query={"type": "image"}, repeatable=True)
        )
        try:
            return _MODELS.validate_python(answer)
        except ValidationError as error:
            raise _senseless() from error

    async def performance(self) -> Performance:
        """What waits and who works."""
        return await self._get(Performance, paths.PERFORMANCE)

    async def heartbeat(self) -> Heartbeat:
        """Whether the horde is there."""
        return await self._get(Heartbeat, paths.HEARTBEAT)

    async def _is_largesse(self) -> bool:
        """Whether this horde is a Largesse: it has our additions, and an Idempotency-Key makes generate repeatable."""
        if self._is_ours is None:
            try:
                await self._ready().send(Call(method="GET", path=paths.OURS_HEALTH, repeatable=True))
            except (NotFound, HordeRefused):
                self._is_ours = False
            else:
                self._is_ours = True
        return self._is_ours

    async def _get(self, model: type[A], path: str, **parts: str) -> A:
        return await self._ask(model, Call(method="GET", path=_filled(path, **parts), repeatable=True))

    async def _ask(self, model: type[A], call: Call) -> A:
        return _understood(model, await self._ready().send(call))

    def _ready(self) -> Transport:
        if self._transport is None:
            raise RuntimeError("a HordeClient is used inside `async with`")
        return self._transport

    def _ready_pictures(self) -> Pictures:
        if self._pictures is None:
            raise RuntimeError("a HordeClient is used inside `async with`")
        return self._pictures


def _understood(model: type[A], answer: object) -> A:
    try:
        return model.model_validate(answer)
    except ValidationError as error:
        raise _senseless() from error


def _decoded(data: str) -> object:
    try:
        return json.loads(data)
    except ValueError as error:
        raise _senseless() from error


def _filled(path: str, **parts: str) -> str:
    return path.format(**{name: quote(value, safe="") for name, value in parts.items()})


def _senseless() -> HordeError:
    return HordeError("The coordinator's answer is not what the API promises.", code="UnreadableAnswer")
