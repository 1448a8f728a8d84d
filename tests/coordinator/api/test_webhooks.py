"""Webhooks: every finished picture is told to the requester's server, signed, again and again until it has it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

SECRET = "/api/largesse/v1/webhook-secret"
WEBHOOKS = {"limits": {"loopback_webhooks": True}}


@dataclass
class Server:
    """A requester's own server: it keeps what it is told, and answers what a test wants."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    """Answers to come; 200 after that."""
    told: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, request: web.Request) -> web.Response:
        async with self.news:
            self.told.append((dict(request.headers), await request.read()))
            self.news.notify_all()
        status = self.statuses.pop(0) if self.statuses else 200
        return web.Response(status=status, headers={"Location": self.url} if status in {301, 302} else None)

    async def got(self, number: int) -> list[tuple[dict[str, str], bytes]]:
        """What it was told, as soon as it is so much."""
        async with self.news, asyncio.timeout(20):
            await self.news.wait_for(lambda: len(self.told) >= number)
        return self.told


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    found = Server()
    app = web.Application()
    app.router.add_post("/hook", found.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield found
    await runner.cleanup()


def signed(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """What a receiver does, from the description alone."""
    stamp, mark = (part.split("=", 1)[1] for part in headers["X-Largesse-Signature"].split(","))
    expected = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(mark, expected) and abs(time.time() - int(stamp)) < 60


async def test_each_picture_is_told_and_signed(start: Any, server: Server, picture: bytes) -> None:
    """Two pictures, two deliveries with the fields of the contract; the address in them leads to the picture."""
    async with start(**WEBHOOKS) as horde:
        secret = (await horde.get(SECRET, horde.bots_key)).json["secret"]
        params = {"width": 64, "height": 64, "steps": 4, "n": 2}
        request = await horde.ask(horde.bots_key, webhook=server.url, params=params)
        jobs = [await horde.pop(), await horde.pop()]
        for job in jobs:
            await horde.deliver(job, picture)
        told = await server.got(2)
        bodies = [json.loads(body) for _, body in told]
        assert {body["id"] for body in bodies} == {job["id"] for job in jobs}
        for (headers, raw), body in zip(told, bodies, strict=True):
            assert set(body) == {
                "img", "seed", "worker_id", "worker_name", "model", "id", "censored", "gen_metadata", "request", "kudos"
            }  # fmt: skip
            assert (body["request"], body["worker_name"], body["model"]) == (request, "Tester", "little")
            assert body["kudos"] > 0
            assert headers["X-Largesse-Delivery"] == body["id"]
            assert headers["X-Largesse-Attempt"] == "1"
            assert signed(secret, headers, raw)
            assert not signed("whsec_other", headers, raw)
            assert (await horde.get(body["img"])).raw == picture


async def test_a_delivery_is_repeated_under_its_name(start: Any, server: Server, picture: bytes) -> None:
    """Refused and redirected attempts are made again, with the same id and body; after the 200 there is peace."""
    server.statuses = [500, 302]
    async with start(**WEBHOOKS) as horde:
        await horde.ask(horde.bots_key, webhook=server.url, r2=False)
        await horde.deliver(await horde.pop(), picture)
        told = await server.got(3)
        assert len({headers["X-Largesse-Delivery"] for headers, _ in told}) == 1
        assert [headers["X-Largesse-Attempt"] for headers, _ in told] == ["1", "2", "3"]
        assert len({body for _, body in told}) == 1
        assert base64.b64decode(json.loads(told[0][1])["img"]) == picture


async def test_deliveries_survive_a_restart(start: Any, server: Server, picture: bytes) -> None:
    """What could not be delivered before the coordinator stopped is delivered by the next one."""
    server.statuses = [503]
    async with start(**WEBHOOKS) as horde:
        await horde.ask(webhook=server.url)
        await horde.deliver(await horde.pop(), picture)
        await server.got(1)
    async with start(**WEBHOOKS):
        told = await server.got(2)
        assert "X-Largesse-Signature" not in told[1][0]  # the anonymous key has no secret


async def test_a_receiver_that_wants_no_more_is_left_alone(
    start: Any, server: Server, picture: bytes, until: Any
) -> None:
    """410 ends it, and so does the tenth failure: the queue is empty then."""
    server.statuses = [410]
    async with start(**WEBHOOKS) as horde:

        async def empty() -> bool:
            return await horde.value("SELECT count(*) FROM webhooks") == 0

        await horde.ask(webhook=server.url)
        await horde.deliver(await horde.pop(), picture)
        await server.got(1)
        await until(empty)
        server.statuses = [500, 500]
        await horde.ask(webhook=server.url)
        await horde.deliver(await horde.pop(), picture)
        await server.got(2)
        await horde.change("UPDATE webhooks SET attempts = 9")
        await until(empty)
        assert len(server.told) == 3


async def test_a_secret_can_be_renewed(start: Any, server: Server, picture: bytes) -> None:
    """The new one signs at once; each key has its own, the anonymous key none, a wrong key is nobody's."""
    async with start(**WEBHOOKS) as horde:
        first = (await horde.get(SECRET, horde.bots_key)).json["secret"]
        assert (await horde.get(SECRET, horde.bots_key)).json["secret"] == first
        second = (await horde.post(SECRET, {}, horde.bots_key)).json["secret"]
        assert second != first
        assert (await horde.get(SECRET, horde.worker_key)).json["secret"] not in {first, second}
        await horde.ask(horde.bots_key, webhook=server.url)
        await horde.deliver(await horde.pop(), picture)
        ((headers, body),) = await server.got(1)
        assert signed(second, headers, body)
        for method in ("GET", "POST"):
            refused = await horde.call(method, SECRET, "0000000000")
            assert (refused.status, refused.json["rc"]) == (403, "AnonForbidden")
        assert (await horde.get(SECRET, "x" * 22)).status == 401


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/hook",
        "https://127.0.0.1/hook",
        "https://[::1]/hook",
        "https://10.0.0.1/hook",
        "https://169.254.169.254/latest",
        "https://localhost/hook",
        "https://user:word@example.org/",
        "https://[broken/hook",
        "ftp://example.org/hook",
        "javascript:alert(1)",
        "https:///nowhere",
    ],
)
async def test_webhooks_lead_out_into_the_open(horde: Any, address: str) -> None:
    """Anything but https to the open internet is refused before the request costs anything."""
    body = {"prompt": "x", "models": ["little"], "webhook": address}
    answer = await horde.post("/api/v2/generate/async", body)
    assert (answer.status, answer.json["rc"]) == (400, "BadRequest")
