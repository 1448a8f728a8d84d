"""Around every call: a request id, rate limits, the headers of the contract, and errors as `{message, rc}`.

What a handler raises becomes an answer here and nowhere else; what nobody expected becomes a 500 with the request id
in the log and in the header, and nothing about the inside in the body.
"""

from __future__ import annotations

import itertools
import json
import logging
import time
from collections.abc import Mapping
from secrets import token_hex
from typing import Any

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from core import log
from core.contract.codes import Rc
from core.coordinator.metrics import Metrics
from core.coordinator.peers import Peers, parse
from core.coordinator.rates import Rates
from core.coordinator.rooms import ROOMS
from core.errors import (
    HordeError,
    HordeUnavailable,
    InvalidRequest,
    LargesseError,
    NotAllowed,
    NotEnoughKudos,
    NotFound,
    StorageFull,
    TooMany,
)

_log = log.get(__name__)
_level = logging.getLogger(__name__)
_PROCESS = token_hex(4)
_numbers = itertools.count(1)
"""Together they name every call of every process."""

REQUEST_ID = "X-Request-Id"
ADDRESS: web.RequestKey[str] = web.RequestKey("address", str)
"""The address of whoever asks, behind proxies that are trusted and services that speak for others."""
_ADDED: web.RequestKey[dict[str, str]] = web.RequestKey("added headers", dict[str, str])
_METHODS = "POST, GET, OPTIONS, PUT, DELETE, PATCH"
_ALLOWED = "apikey, Client-Agent, X-Fields, Proxied-For, Proxy-Authorization, Idempotency-Key, Content-Type, Accept"
_EXPOSED = f"Horde-Node, {REQUEST_ID}, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"

_STATUS_OF_OURS = {"PictureTooLarge": 413}
_STATUS_OF_CLASS: tuple[tuple[type[LargesseError], int], ...] = (
    (TooMany, 429),
    (NotEnoughKudos, 403),
    (NotFound, 404),
    (NotAllowed, 403),
    (InvalidRequest, 400),
    (StorageFull, 507),
    (HordeUnavailable, 503),
    (HordeError, 400),
)


class InvalidPayload(InvalidRequest):
    """Input payload validation failed"""  # noqa: D415  # the very words that clients look for

    code = "InvalidPayload"

    def __init__(self, errors: Mapping[str, str]) -> None:
        """errors: sentences by the dotted path of the field they are about."""
        super().__init__()
        self.errors = dict(errors)


def status_of(error: LargesseError) -> int:
    """The HTTP status of an error of the house."""
    known = Rc.read(error.code)
    if known is not None:
        return known.status
    if error.code in _STATUS_OF_OURS:
        return _STATUS_OF_OURS[error.code]
    return next((status for kind, status in _STATUS_OF_CLASS if isinstance(error, kind)), 500)


def frame(rates: Rates, peers: Peers, metrics: Metrics, *, version: str) -> Middleware:
    """The one middleware of the coordinator; version: said in every answer, with the host and port that gave it."""

    @web.middleware
    async def framed(request: web.Request, handler: Handler) -> web.StreamResponse:
        name, began = f"{_PROCESS}{next(_numbers):08x}", time.monotonic()
        headers = {"Horde-Node": f"{_node(request)}:{version}", REQUEST_ID: name}
        request[_ADDED] = headers
        structlog.contextvars.bind_contextvars(request_id=name)  # each connection has a context of its own
        request[ADDRESS] = peers.origin(request.remote or "", request.headers.getall("X-Forwarded-For", ()))
        response = await _answered(request, handler, rates, headers)
        metrics.answered(_endpoint(request), response.status, time.monotonic() - began)
        if _level.isEnabledFor(logging.DEBUG):
            _log.debug(
                "answered",
                method=request.method,
                path=request.rel_url.raw_path,
                status=response.status,
                milliseconds=round((time.monotonic() - began) * 1000, 1),
            )
        return response

    return framed


def _node(request: web.Request) -> str:
    name = request.transport.get_extra_info("sockname") if request.transport is not None else None
    return f"{name[0]}:{name[1]}" if name else "unknown:0"


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Just before an answer leaves (signal `on_response_prepare`): the contract's headers."""
    response.headers.update(request.get(_ADDED, {}))
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Access-Control-Allow-Origin", "*")
    response.headers.setdefault("Access-Control-Expose-Headers", _EXPOSED)
    response.headers["Server"] = "Largesse"


async def _answered(
    request: web.Request, handler: Handler, rates: Rates, headers: dict[str, str]
) -> web.StreamResponse:
    if request.method == "OPTIONS":
        return _preflight()
    try:
        await _hear_service(request)
        verdict = await rates.hit(
            _endpoint(request),
            path=request.path,
            address=request[ADDRESS],
            key=request.headers.get("apikey", ""),
        )
        headers.update(verdict.headers)
        if verdict.refused is not None:
            return problem(429, verdict.refused)
        return await handler(request)
    except InvalidPayload as error:
        return _json(400, {"errors": error.errors, "message": str(error)})
    except LargesseError as error:
        if error.code == Rc.INVALID_API_KEY:
            await rates.wrong_key(request[ADDRESS])
        return _worded(error)
    except web.HTTPException as error:
        return _framework(request, error)
    except web.RequestPayloadError:
        return problem(400, "The body of this call could not be read: it broke off or is packed wrongly.")
    except Exception:  # noqa: BLE001  # the one place where what nobody expected becomes an answer
        if request.transport is None or request.transport.is_closing():
            return problem(500, "Nobody is listening any more")
        _log.exception("call_failed", method=request.method, path=request.rel_url.raw_path)
        return problem(500, "Internal Server Error")


async def _hear_service(request: web.Request) -> None:
    """Take a service's word for whom it speaks, where it proves that it is one (`Proxied-For`)."""
    passkey, end_user = request.headers.get("Proxy-Authorization"), request.headers.get("Proxied-For", "")
    if passkey and parse(end_user) is not None and await request.app[ROOMS].accounts.vouches(passkey):
        request[ADDRESS] = end_user


def problem(status: int, message: str, rc: str | None = None) -> web.Response:
    """An error answer: `{"message": …}` and, where there is one, the code `rc`."""
    return _json(status, {"message": message} if rc is None else {"message": message, "rc": rc})


def _worded(error: LargesseError) -> web.Response:
    status = status_of(error)
    if status >= 500:
        _log.warning("call_could_not_be_served", status=status, code=error.code, reason=str(error))
    response = problem(status, str(error), error.code)
    wait = getattr(error, "retry_after", None)
    if isinstance(wait, (int, float)):
        response.headers["Retry-After"] = str(max(1, round(wait)))
    return response


def _framework(request: web.Request, error: web.HTTPException) -> web.StreamResponse:
    if error.status < 400:
        raise error
    sentences = {
        404: f"There is nothing at {request.rel_url.raw_path[:200]}.",
        405: f"{request.method} is not possible here.",
        408: "The body of this call took too long to arrive.",
        413: "The body of this call is too large.",
    }
    response = problem(error.status, sentences.get(error.status, error.reason))
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


def _preflight() -> web.Response:
    return web.Response(
        status=204,
        headers={
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": _ALLOWED,
            "Access-Control-Max-Age": "86400",
        },
    )


def _endpoint(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return f"{request.method} {resource.canonical if resource is not None else '*'}"


def _json(status: int, body: dict[str, Any]) -> web.Response:
    return web.json_response(body, status=status, dumps=json.dumps)
