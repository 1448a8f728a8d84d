"""A strict Matrix app as the human: matrix-js-sdk in a node process, allowed to trust signed devices only.

Installed at the first use from the pinned `strict/package.json` into a folder of the user's cache, never into the
checkout; tests that need it skip with a reason where node, npm or the registry is missing.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.synapse_server import Account, SynapseServer

HERE = Path(__file__).with_name("strict")
PATIENCE = 60.0


def installed() -> Path:
    """The folder with the client and its library; skips the test where it cannot be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        pytest.skip("node and npm are not installed: there is no strict client to talk to")
    files = [HERE / "package.json", HERE / "client.mjs"]
    digest = hashlib.sha256(b"".join(each.read_bytes() for each in files)).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "largesse" / f"strict-{digest}"
    if not (cache / "ready").exists():
        cache.mkdir(parents=True, exist_ok=True)
        for each in files:
            shutil.copy(each, cache)
        command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
        done = subprocess.run(command, cwd=cache, capture_output=True, timeout=170, check=False)
        if done.returncode:
            pytest.skip(f"matrix-js-sdk cannot be installed: {done.stderr.decode()[-300:]}")
        (cache / "ready").touch()
    return cache


class Strict:
    """The app; `events` are what it read, in its words."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = itertools.count()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._changed = asyncio.Condition()
        self.events: list[dict[str, Any]] = []

    async def do(self, verb: str, **values: Any) -> dict[str, Any]:
        """One of the verbs of client.mjs."""
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": number, "do": verb, **values}).encode() + b"\n")
        async with asyncio.timeout(PATIENCE):
            return await self._answers[number]

    async def until(self, true: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Wait for an event, seen before or yet to come."""
        found: list[dict[str, Any]] = []

        def look() -> bool:
            found[:] = [each for each in self.events if true(each)]
            return bool(found)

        try:
            async with asyncio.timeout(PATIENCE), self._changed:
                await self._changed.wait_for(look)
        except TimeoutError:
            raise AssertionError(json.dumps(self.events[-6:], indent=1)) from None
        return found[-1]

    async def read(self) -> None:
        """Take in what the app says."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            said = json.loads(line)
            if "event" in said:
                self.events.append(said["event"])
                async with self._changed:
                    self._changed.notify_all()
            elif "error" in said:
                self._answers.pop(said["id"]).set_exception(AssertionError(said["error"]))
            else:
                self._answers.pop(said["id"]).set_result(said["ok"])


@asynccontextmanager
async def strict_client(server: SynapseServer, account: Account, **start: str) -> AsyncIterator[Strict]:
    """An app with a fresh device of this account, running for a block; `recovery` restores the account's identity."""
    folder = await asyncio.to_thread(installed)
    process = await asyncio.create_subprocess_exec(
        "node", "client.mjs", cwd=folder, limit=2**24,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    app = Strict(process)
    reading = asyncio.create_task(app.read())
    try:
        await app.do(
            "start", url=server.url, user=account.user_id, token=account.access_token, device=account.device_id,
            password=account.password, **start,
        )  # fmt: skip
        yield app
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
