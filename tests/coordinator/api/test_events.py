"""Streams of events: a request tells of itself, at once, at every change, until it is done or the server stops."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from core.contract.paths import OURS_EVENTS
from core.coordinator.api.events import MOST_OF_STRANGERS

ANONYMOUS = "0000000000"


class Stream:
    """An open stream, read event by event."""

    def __init__(self, response: Any) -> None:
        self.response = response

    async def next(self) -> tuple[str, dict[str, Any]]:
        """The next event; fails where the stream ends before it."""
        name = ""
        async with asyncio.timeout(10):
            while line := (await self.response.content.readline()).decode():
                if line.startswith("event: "):
                    name = line[7:].strip()
                elif line.startswith("data: "):
                    return name, json.loads(line[6:])
        raise EOFError

    async def until(self, name: str, **state: Any) -> dict[str, Any]:
        """Read on to the first event of that name whose data hold this."""
        while True:
            found, data = await self.next()
            if found == name and state.items() <= data.items():
                return data

    async def ended(self) -> bool:
        async with asyncio.timeout(5):
            return (await self.response.content.read()).strip() == b""


@asynccontextmanager
async def listening(horde: Any, request: str, key: str = ANONYMOUS) -> AsyncIterator[Stream]:
    async with horde.session.get(horde.url + OURS_EVENTS.format(id=request), headers={"apikey": key}) as response:
        assert response.status == 200, await response.text()
        assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        yield Stream(response)


async def test_a_request_tells_its_whole_life(horde: Any, picture: bytes) -> None:
    """Waiting, being drawn, each step and the end arrive by themselves; the end closes the stream."""
    await horde.pop()
    request = await horde.ask()
    async with listening(horde, request) as stream:
        name, first = await stream.next()
        assert (name, first["waiting"], first["queue_position"], first["done"]) == ("progress", 1, 1, False)
        job = await horde.pop()
        await stream.until("progress", processing=1, waiting=0)
        await horde.post(
            "/api/largesse/v1/generate/progress", {"id": job["id"], "step": 3, "steps": 4}, horde.worker_key
        )
        data = await stream.until("progress", processing=1)
        assert (data["running"][0]["step"], data["running"][0]["steps"]) == (3, 4)
        await horde.deliver(job, picture)
        done = await stream.until("done", done=True, finished=1)
        assert set(done) == set(first)
        assert await stream.ended()


async def test_the_end_arrives_at_once(horde: Any, picture: bytes) -> None:
    """Between the submit and the news of it lies far less than a poll."""
    request = await horde.ask()
    job = await horde.pop()
    async with listening(horde, request) as stream:
        await stream.next()
        loop = asyncio.get_running_loop()
        await horde.deliver(job, picture)
        begun = loop.time()
        await stream.until("done")
        assert loop.time() - begun < 0.5


async def test_a_late_listener_gets_the_whole_state(horde: Any, picture: bytes) -> None:
    """Who comes after the end is told the end, and that is all."""
    request = await horde.ask()
    await horde.deliver(await horde.pop(), picture)
    async with listening(horde, request) as stream:
        name, data = await stream.next()
        assert (name, data["finished"]) == ("done", 1)
        assert await stream.ended()


async def test_a_request_taken_back_is_done(horde: Any) -> None:
    """A cancelled request ends its stream."""
    request = await horde.ask()
    async with listening(horde, request) as stream:
        await stream.next()
        await horde.call("DELETE", f"/api/v2/generate/status/{request}")
        assert (await stream.until("done"))["waiting"] == 0


async def test_stopping_ends_every_stream(start: Any) -> None:
    """A coordinator that stops does not wait for listeners; the stream ends without a done."""
    async with start() as horde:
        request = await horde.ask()
        async with listening(horde, request) as stream:
            await stream.next()
            horde.stop.set()
            with pytest.raises(EOFError):
                await stream.until("done")


async def test_an_address_has_so_many_streams(horde: Any) -> None:
    """One more than allowed is refused with 429; an address that a trusted account uses has room for more."""
    request = await horde.ask()
    open_streams = [listening(horde, request) for _ in range(MOST_OF_STRANGERS)]
    for stream in open_streams:
        await (await stream.__aenter__()).next()
    refused = await horde.get(OURS_EVENTS.format(id=request))
    assert refused.status == 429
    async with listening(horde, request, horde.bots_key) as welcome:
        assert (await welcome.next())[0] == "progress"
    for stream in open_streams:
        await stream.__aexit__(None, None, None)


async def test_hostile_ids_and_keys_get_an_ordinary_refusal(horde: Any) -> None:
    """What is not there is a 404 before any stream begins, a wrong key a 401; HEAD opens no stream."""
    for name in ("nonsense", "9" * 40, "00000000-0000-0000-0000-000000000000"):
        answer = await horde.get(OURS_EVENTS.format(id=name))
        assert (answer.status, answer.json["rc"]) == (404, "RequestNotFound")
    request = await horde.ask()
    assert (await horde.get(OURS_EVENTS.format(id=request), "x" * 22)).status == 401
    assert (await horde.call("HEAD", OURS_EVENTS.format(id=request))).raw == b""
