"""A coordinator that is nothing but its worker side: hands out prepared jobs and remembers all that comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Self

from aiohttp import web
from aiohttp.test_utils import TestServer

from core.contract import paths

NO_JOB: dict[str, Any] = {"id": None, "ids": [], "model": None, "payload": {}, "skipped": {}, "messages": []}


class PopServer:
    """Listens on a loopback port; `stop` and `start` again keep the port and the memory.

    Attributes:
        pops: bodies of all pops, oldest first.
        submits: bodies of all submits.
        reports: bodies of all progress reports.
        uploads: job id → bytes that were PUT.
        unwanted: job ids whose progress reports are answered with wanted = false.
        refuse_pop: (status, body) that pops get instead of a job; None = jobs.
        retry_after: seconds that a refused pop is told to wait; empty = nothing is said of it.
        refuse_submit: the same for submits, which are remembered all the same.
        refuse_upload: status that uploads get; 0 = they are taken.
        takes_reports: False = there is no such address, as on other hordes.
        pictures: name → bytes, served under /pictures/ as source pictures.
    """

    def __init__(self) -> None:
        self.pops: list[dict[str, Any]] = []
        self.submits: list[dict[str, Any]] = []
        self.reports: list[dict[str, Any]] = []
        self.uploads: dict[str, bytes] = {}
        self.unwanted: set[str] = set()
        self.refuse_pop: tuple[int, dict[str, str]] | None = None
        self.retry_after = ""
        self.refuse_submit: tuple[int, dict[str, str]] | None = None
        self.refuse_upload = 0
        self.takes_reports = True
        self.pictures: dict[str, bytes] = {}
        self._offers: list[dict[str, Any]] = []
        self._changed = asyncio.Event()
        self._server: TestServer | None = None
        self._port: int | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen."""
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post(paths.GENERATE_POP, self._pop)
        app.router.add_post(paths.GENERATE_SUBMIT, self._submit)
        app.router.add_post(paths.OURS_PROGRESS, self._report)
        app.router.add_put("/upload/{id}", self._upload)
        app.router.add_get("/pictures/{name}", self._picture)
        self._server = TestServer(app, port=self._port)
        await self._server.start_server(shutdown_timeout=0.1)
        self._port = self._server.port

    async def stop(self) -> None:
        """Be away: nobody answers any more."""
        if self._server is not None:
            await self._server.close()
            self._server = None

    @property
    def url(self) -> str:
        """Base address, without a slash at its end."""
        return f"http://127.0.0.1:{self._port}"

    def offer(self, *ids: str, prompt: str = "a cat", upload: bool = True, **changes: Any) -> None:
        """Prepare one pop's worth of jobs; `changes` go into the payload, or beside it where they are known there."""
        beside = {key: changes.pop(key) for key in ("model", "source_image", "source_mask", "seeds") if key in changes}
        payload = {"prompt": prompt, "ddim_steps": 4, "n_iter": len(ids), "seed": "7", "width": 64, "height": 64}
        uploads = [f"{self.url}/upload/{job}" for job in ids] if upload else None
        self._offers.append(
            {
                **NO_JOB,
                "id": ids[0],
                "ids": list(ids),
                "model": "little",
                "ttl": 150,
                "payload": payload | changes,
                "r2_upload": uploads[0] if uploads else None,
                "r2_uploads": uploads,
            }
            | beside
        )
        self._change()

    async def until(self, true: Callable[[], bool], *, seconds: float = 20) -> None:
        """Wait for something to have arrived."""
        async with asyncio.timeout(seconds):
            while not true():
                await self._changed.wait()

    def states(self) -> dict[str, list[str]]:
        """Job id → the states it was submitted with."""
        found: dict[str, list[str]] = {}
        for submit in self.submits:
            found.setdefault(submit["id"], []).append(submit.get("state", "ok"))
        return found

    def _change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _pop(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.pops.append(body)
        self._change()
        if self.refuse_pop:
            status, answer = self.refuse_pop
            headers = {"Retry-After": self.retry_after} if self.retry_after else {}
            return web.json_response(answer, status=status, headers=headers)
        try:
            async with asyncio.timeout(body.get("wait", 0)):
                while not self._offers:
                    await self._changed.wait()
        except TimeoutError:
            return web.json_response(NO_JOB)
        return web.json_response(self._offers.pop(0))

    async def _submit(self, request: web.Request) -> web.Response:
        self.submits.append(await request.json())
        self._change()
        if self.refuse_submit:
            status, answer = self.refuse_submit
            return web.json_response(answer, status=status)
        return web.json_response({"reward": 1.0})

    async def _report(self, request: web.Request) -> web.Response:
        if not self.takes_reports:
            raise web.HTTPNotFound
        body = await request.json()
        self.reports.append(body)
        self._change()
        return web.json_response({"wanted": body["id"] not in self.unwanted})

    async def _upload(self, request: web.Request) -> web.Response:
        if self.refuse_upload:
            return web.Response(status=self.refuse_upload)
        self.uploads[request.match_info["id"]] = await request.read()
        self._change()
        return web.Response()

    async def _picture(self, request: web.Request) -> web.Response:
        if request.match_info["name"] not in self.pictures:
            raise web.HTTPNotFound
        return web.Response(body=self.pictures[request.match_info["name"]], content_type="image/webp")
