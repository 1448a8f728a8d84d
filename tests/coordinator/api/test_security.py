"""What attackers try on a coordinator, by name; docs/public.md lists where the rest is held."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any
from urllib.parse import urlsplit

import pytest

ASYNC = "/api/v2/generate/async"
SCRIPT = "<script>alert(1)</script>"


async def raw(horde: Any, *pieces: bytes, pause: float = 0.0) -> bytes:
    """What comes back over a bare connection for these bytes."""
    where = urlsplit(horde.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        async with asyncio.timeout(10):
            return await reader.read(65536)
    finally:
        writer.close()


async def test_slow_bodies_are_cut(start: Any) -> None:
    """Whoever dribbles a body gets 408 when its time is over, and others are served meanwhile."""
    async with start(limits={"body_seconds": 0.3}) as horde:
        head = f"POST {ASYNC} HTTP/1.1\r\nHost: x\r\napikey: 0000000000\r\nContent-Length: 1000\r\n\r\n".encode()
        slow = asyncio.create_task(raw(horde, head, b'{"prompt', b'": "'))
        assert (await horde.get("/api/v2/status/heartbeat")).status == 200
        answer = await slow
        assert answer.startswith(b"HTTP/1.1 408")
        assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {
            "message": "The body of this call took too long to arrive."
        }


async def test_slow_uploads_are_cut(start: Any, picture: bytes) -> None:
    """The same for a picture: nothing of it stays, and the worker can send it again."""
    async with start(limits={"body_seconds": 0.3}) as horde:
        await horde.ask()
        job = await horde.pop()
        path = job["r2_upload"].removeprefix(horde.url)
        head = f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(picture)}\r\n\r\n".encode()
        assert (await raw(horde, head, picture[:10])).startswith(b"HTTP/1.1 408")
        assert not [file for file in (horde.data_dir / "blobs").rglob("*") if file.is_file()]
        assert (await horde.deliver(job, picture)).status == 200


@pytest.mark.parametrize("header", ["Client-Agent", "Proxied-For", "X-Fields", "Idempotency-Key", "Origin", "Host"])
async def test_headers_cannot_be_injected(horde: Any, header: str) -> None:
    """Line breaks in a header are no header of ours: the call is refused or answered without what was smuggled in."""
    smuggled = f"GET /api/v2/status/modes HTTP/1.1\r\nHost: x\r\n{header}: a\rX-Evil: 1\r\n\r\n".encode()
    answer = await raw(horde, smuggled)
    assert b"X-Evil" not in answer.partition(b"\r\n\r\n")[0]
    encoded = await horde.get("/api/v2/status/models/x%0d%0aX-Evil:%201")
    assert encoded.status == 200
    assert "X-Evil" not in encoded.headers


async def test_two_lengths_are_refused(horde: Any) -> None:
    """A body whose end is told in two ways is not read at all, so that no second call hides in it."""
    both = f"POST {ASYNC} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert (await raw(horde, both.encode())).split(b" ")[1] == b"400"


async def test_no_page_trusts_a_cookie(horde: Any) -> None:
    """No answer sets a cookie and none is looked at, so there is nothing that another site could ride on."""
    for path in ("/", "/api/", "/api/v2/find_user"):
        answer = await horde.get(
            path, headers={"Cookie": f"apikey={horde.worker_key}", "Origin": "https://evil.example"}
        )
        assert "Set-Cookie" not in answer.headers
        assert "Access-Control-Allow-Credentials" not in answer.headers
    assert (await horde.get("/api/v2/find_user", headers={"Cookie": f"apikey={horde.worker_key}"})).status == 401


async def test_what_people_write_never_becomes_a_page(horde: Any) -> None:
    """Names of workers and models, prompts and paths are shown as text or as JSON that no browser runs."""
    await horde.ask(models=[SCRIPT], prompt=SCRIPT)
    await horde.pop(name=SCRIPT, models=[SCRIPT])
    for path in ("/", "/api/", f"/api/v2/status/models/{SCRIPT}", f"/{SCRIPT}", "/api/v2/workers"):
        answer = await horde.get(path.replace("<", "%3C").replace(">", "%3E"))
        if answer.headers["Content-Type"].startswith("text/html"):
            assert SCRIPT.encode() not in answer.raw
            assert re.search(r"script-src|default-src 'none'", answer.headers["Content-Security-Policy"])
        else:
            assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_how_long_a_refusal_takes_says_nothing_of_keys(horde: Any) -> None:
    """Only hashes are compared: a key that differs in its last sign from a real one is looked up like any other."""
    near = horde.worker_key[:-1] + ("A" if horde.worker_key[-1] != "A" else "B")
    for wrong in (near, "B" * 22):
        answer = await horde.get("/api/v2/find_user", wrong)
        assert (answer.status, answer.json["rc"]) == (401, "InvalidAPIKey")
    keys = await horde.value("SELECT count(*) FROM keys WHERE length(hash) = 64")
    assert keys == await horde.value("SELECT count(*) FROM keys")
    for column in ("hash", "name"):
        found = f"SELECT count(*) FROM keys WHERE {column} LIKE '%{near[:6]}%'"  # noqa: S608  # our own key
        assert await horde.value(found) == 0
