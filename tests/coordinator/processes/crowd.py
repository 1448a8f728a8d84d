"""A crowd over real HTTP: people who ask and workers who draw, as stubborn as real ones, and what they remember.

They behave as the house's own client and worker do: a call that broke is made again (asking with the same
Idempotency-Key, handing in until somebody acknowledges), and a worker whose pop broke begins a new session, so that
what it was given and never saw goes back.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import Counter
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from PIL import Image
from yarl import URL

ANONYMOUS = "0000000000"
SMALL = {"width": 64, "height": 64, "steps": 4}
PATIENCE = 60.0


def _picture() -> bytes:
    out = BytesIO()
    Image.new("RGB", (64, 64), "red").save(out, "WEBP")
    return out.getvalue()


PICTURE = _picture()


class Crowd:
    """Everybody who talks to one horde."""

    def __init__(self, url: str, data_dir: Path) -> None:
        keys = json.loads((data_dir / "house-keys.json").read_text())
        self.url = url
        self.worker_key: str = keys["worker"]
        self.bots_key: str = keys["bots"]
        self.given: Counter[str] = Counter()
        """How often each job id was given out."""
        self.paid: Counter[str] = Counter()
        """How often each job was paid, as workers were told."""
        self.broken = 0
        """Calls that had to be made again."""

    async def __aenter__(self) -> Self:
        # A new connection for each call: the processes share them.
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        self.session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=40))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.session.close()

    async def once(self, method: str, path: str, key: str = ANONYMOUS, **more: Any) -> tuple[int, Any]:
        """One call; raises aiohttp's errors."""
        address = URL(path if path.startswith("http") else self.url + path, encoded=True)
        headers = {"apikey": key, **more.pop("headers", {})}
        async with self.session.request(method, address, headers=headers, **more) as response:
            raw = await response.read()
            return response.status, json.loads(raw) if raw else None

    async def call(self, method: str, path: str, key: str = ANONYMOUS, **more: Any) -> tuple[int, Any]:
        """A call that is made again until somebody answers it."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    status, answer = await self.once(method, path, key, **more)
                except (aiohttp.ClientError, TimeoutError):
                    status, answer = 0, None
                if 0 < status < 500:
                    return status, answer
                self.broken += 1
                await asyncio.sleep(0.05)

    async def ask(self, n: int = 1, key: str = ANONYMOUS, **params: Any) -> str:
        """Ask for pictures, once whatever breaks; the id of the request."""
        body = {"prompt": "a red apple", "models": ["little"], "params": {**SMALL, "n": n, **params}}
        name = {"Idempotency-Key": uuid.uuid4().hex}
        status, answer = await self.call("POST", "/api/v2/generate/async", key, json=body, headers=name)
        assert status == 202, answer
        return answer["id"]

    async def follow(self, request: str) -> dict[str, Any]:
        """Wait until a request is done; its status."""
        async with asyncio.timeout(PATIENCE):
            while True:
                status, answer = await self.call("GET", f"/api/v2/generate/check/{request}")
                assert status == 200, answer
                if answer["done"]:
                    return (await self.call("GET", f"/api/v2/generate/status/{request}"))[1]
                await asyncio.sleep(0.1)

    async def person(self, requests: int, n: int) -> list[dict[str, Any]]:
        """Somebody who asks for pictures one after the other; what came of it."""
        return [await self.follow(await self.ask(n, self.bots_key)) for _ in range(requests)]

    async def worker(self, name: str, *, times: int = 1) -> None:
        """A worker that draws until it is cancelled and hands each picture in so many times at once."""
        session = uuid.uuid4().hex
        while True:
            body = {
                "name": name, "models": ["little"], "amount": 2, "max_pixels": 1 << 20, "wait": 2, "session": session,
                "bridge_agent": "Largesse worker:1:https://example.org",
            }  # fmt: skip
            try:
                status, job = await self.once("POST", "/api/v2/generate/pop", self.worker_key, json=body)
            except (aiohttp.ClientError, TimeoutError):
                status, job = 0, None
            if status != 200:
                assert status == 0 or status >= 500, job
                session = uuid.uuid4().hex
                self.broken += 1
                await asyncio.sleep(0.05)
                continue
            for job_id, address in zip(job["ids"] or (), job["r2_uploads"] or (), strict=True):
                self.given[job_id] += 1
                await self.call("PUT", address, data=PICTURE, skip_auto_headers=["Content-Type"])
                await asyncio.gather(*(self._hand_in(job_id) for _ in range(times)))

    async def _hand_in(self, job_id: str) -> None:
        body = {"id": job_id, "generation": "R2", "seed": 1}
        status, answer = await self.call("POST", "/api/v2/generate/submit", self.worker_key, json=body)
        assert status == 200 or answer["rc"] in {"DuplicateGen", "AbortedGen"}, answer
        self.paid[job_id] += status == 200
