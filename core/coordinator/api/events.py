"""A request as it goes, told by the server instead of asked for: server-sent events until it is done (ours).

Beside `generate.check`, with the same data. A stream begins with the whole state, so whoever lost one opens another and
has missed nothing; what other processes do to a request is seen at the next look at the latest.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from core import log
from core.contract.names import EventName
from core.contract.problems import ErrorBody
from core.coordinator.api.call import Call
from core.coordinator.api.generate import checked
from core.coordinator.rates import neighbourhood
from core.coordinator.rules import progress
from core.coordinator.rules.values import Progress
from core.errors import LargesseError, NotFound

_log = log.get(__name__)

MOST_OF_STRANGERS = 20
"""Streams that one address may have open at once."""
MOST_OF_FRIENDS = 2000
"""The same where an account came from that the horde trusts: bots follow what all their people asked for."""
_HEARTBEAT = 15.0
"""Seconds of silence after which a comment is sent, so that nobody between us takes the stream for dead."""
_LOOK_AGAIN = 2.0
"""Seconds after which the request is looked at even if nothing touched it: the queue before it moves."""
_GAP = 0.05
"""Least seconds between two looks."""
_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}


async def follow(call: Call) -> web.StreamResponse:
    """GET generate/events/{id} (ours): `progress` at once and at every change, `done` at the end; data as in check."""
    await call.known_user()
    found = await _look(call, call.part("id"))
    if call.request.method == "HEAD":
        return web.Response(headers=_HEADERS)
    most = MOST_OF_FRIENDS if call.rooms.rates.is_friend(call.address) else MOST_OF_STRANGERS
    with call.rooms.live.stream(neighbourhood(call.address), most=most):
        response = web.StreamResponse(headers=_HEADERS)
        await response.prepare(call.request)
        try:
            await _tell(call, response, found.id)
        except NotFound as error:
            await response.write(event(EventName.GONE, ErrorBody(message=str(error), rc=error.code).wire()))
        except (LargesseError, SQLAlchemyError, sqlite3.Error) as error:
            _log.warning("stream_broken_off", request=found.id, reason=str(error))
        except ConnectionError:
            _log.debug("listener_left", request=found.id)
    return response


async def _tell(call: Call, response: web.StreamResponse, request_id: str) -> None:
    said, said_at = None, time.monotonic()
    while True:
        change = call.rooms.live.change(request_id)
        found = await _look(call, request_id)
        state = checked(call.rooms, found).wire()
        if state != said:
            await response.write(event(EventName.DONE if found.done else EventName.PROGRESS, state))
            said, said_at = state, time.monotonic()
        elif time.monotonic() - said_at >= _HEARTBEAT:
            await response.write(b": still here\n\n")
            said_at = time.monotonic()
        if found.done or call.rooms.live.closing or not await _changed(call, change):
            return


async def _changed(call: Call, change: asyncio.Event) -> bool:
    """Wait until a new look may pay; False when the listener has gone away."""
    await asyncio.sleep(_GAP)
    try:
        async with asyncio.timeout(_LOOK_AGAIN):
            await change.wait()
    except TimeoutError:
        pass
    transport = call.request.transport
    return transport is not None and not transport.is_closing()


async def _look(call: Call, request_id: str) -> Progress:
    return await call.rooms.database.glance(lambda tx: progress.check(tx, request_id, now=time.time()))


def event(name: EventName, data: Mapping[str, Any]) -> bytes:
    """One event as it stands in the stream."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
