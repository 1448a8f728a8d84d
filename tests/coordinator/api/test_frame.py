"""What stands around every answer: headers, errors in one shape, limits."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any
from uuid import uuid4

import pytest


async def test_every_answer_has_the_contract_headers(horde: Any) -> None:
    """Node, request id and CORS on good answers, refusals, unknown paths, pages and pictures alike."""
    for path in ("/api/v2/status/heartbeat", f"/api/v2/generate/check/{uuid4()}", "/nowhere", "/", "/api/"):
        answer = await horde.get(path)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Horde-Node"].split(":")[1] == horde.url.rpartition(":")[2]
        assert len(answer.headers["X-Request-Id"]) == 16
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert (await horde.get("/api/v2/status/heartbeat")).headers["Content-Type"] == "application/json; charset=utf-8"


async def test_browsers_may_ask_from_anywhere(horde: Any) -> None:
    """The preflight allows the contract's methods and headers; no cookie is ever involved."""
    asked = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    answer = await horde.call("OPTIONS", "/api/v2/generate/async", headers=asked)
    assert answer.status == 204
    assert {"POST", "GET", "OPTIONS", "PUT", "DELETE", "PATCH"} <= set(
        answer.headers["Access-Control-Allow-Methods"].split(", ")
    )
    assert "apikey" in answer.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Set-Cookie" not in answer.headers


async def test_errors_have_one_shape(horde: Any) -> None:
    """Unknown paths, wrong methods and refusals are JSON with a message."""
    missing = await horde.get("/api/v2/nothing")
    assert (missing.status, set(missing.json)) == (404, {"message"})
    wrong = await horde.call("PATCH", "/api/v2/generate/async")
    assert (wrong.status, set(wrong.json)) == (405, {"message"})
    refused = await horde.get(f"/api/v2/generate/check/{uuid4()}")
    assert (refused.status, refused.json["rc"]) == (404, "RequestNotFound")


async def test_fields_can_be_picked(horde: Any) -> None:
    """X-Fields trims objects and lists; a broken one is refused."""
    request = await horde.ask()
    picked = await horde.get(f"/api/v2/generate/check/{request}", headers={"X-Fields": "done,waiting"})
    assert picked.json == {"done": False, "waiting": 1}
    broken = await horde.get(f"/api/v2/generate/check/{request}", headers={"X-Fields": "{{"})
    assert broken.status == 400


async def test_limits_are_said_and_kept(start: Any) -> None:
    """Each answer tells what remains; the one too many is a 429 without rc that says when to come back."""
    async with start(rate_limits=True) as horde:
        body = {"prompt": "x", "models": ["little"], "params": {"width": 64, "height": 64}}
        answers = await asyncio.gather(*(horde.post("/api/v2/generate/async", body) for _ in range(8)))
        assert all("X-RateLimit-Limit" in answer.headers for answer in answers)
        assert all("X-RateLimit-Remaining" in answer.headers for answer in answers)
        assert all("Retry-After" in answer.headers for answer in answers)
        limited = [answer for answer in answers if answer.status == 429]
        assert limited
        assert limited[0].json == {"message": "2 per 1 second"}
        assert (await horde.get("/api/v2/status/heartbeat")).status == 200


async def test_check_is_limited_by_request(start: Any) -> None:
    """Ten looks a second at one request; another request has its own count."""
    async with start(rate_limits=True) as horde:
        first, second = f"/api/v2/generate/check/{uuid4()}", f"/api/v2/generate/check/{uuid4()}"
        statuses = [answer.status for answer in await asyncio.gather(*(horde.get(first) for _ in range(25)))]
        assert 429 in statuses
        assert (await horde.get(second)).status == 404


async def test_trusted_neighbours_may_ask_more(start: Any) -> None:
    """Once the house's service account came from an address, two a second no longer hold there."""
    async with start(rate_limits=True) as horde:
        await horde.get("/api/v2/find_user", horde.bots_key)
        body = {"prompt": "x", "models": ["little"], "params": {"width": 64, "height": 64}}
        answers = [await horde.post("/api/v2/generate/async", body, horde.bots_key) for _ in range(6)]
        assert [answer.status for answer in answers] == [202] * 6


async def test_limits_can_be_switched_off(horde: Any) -> None:
    """With the one setting off, a hundred calls pass and no limit is spoken of."""
    answers = await asyncio.gather(*(horde.get("/api/v2/status/modes") for _ in range(100)))
    assert {answer.status for answer in answers} == {200}
    assert "X-RateLimit-Limit" not in answers[0].headers


async def test_a_body_has_a_largest_size(start: Any) -> None:
    """More than the setting allows is a 413, packed or not, and the server goes on."""
    async with start(limits={"max_body_bytes": 50_000}) as horde:
        large = await horde.post("/api/v2/generate/async", {"prompt": "x" * 60_000})
        assert large.status == 413
        packed = gzip.compress(b'{"prompt": "' + b"x" * 60_000 + b'"}')
        bomb = await horde.call(
            "POST", "/api/v2/generate/async", "0000000000", data=packed, headers={"Content-Encoding": "gzip"}
        )
        assert bomb.status in {400, 413}
        assert (await horde.get("/api/v2/status/heartbeat")).status == 200


async def test_a_fault_says_nothing_of_the_inside(horde: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """What nobody expected is a bare 500 whose request id leads to the log, and the coordinator goes on."""
    await horde.change("ALTER TABLE requests RENAME TO hidden")
    answer = await horde.get(f"/api/v2/generate/check/{uuid4()}")
    assert (answer.status, answer.json) == (500, {"message": "Internal Server Error"})
    logged = capfd.readouterr().out
    assert answer.headers["X-Request-Id"] in logged
    assert "call_failed" in logged
    assert (await horde.get("/api/largesse/v1/health")).status == 200
