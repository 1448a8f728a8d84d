"""What happens without anybody asking."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest


def pictures(data_dir: Path) -> list[Path]:
    return [path for path in (data_dir / "blobs").rglob("*") if path.is_file()]


async def test_an_old_request_goes_with_its_pictures(start: Any, picture: bytes, until: Any) -> None:
    """Once its time is over, the request is not found any more and its files are gone from the disk."""
    async with start(sweep_every=0.1) as horde:
        request = await horde.ask()
        await horde.deliver(await horde.pop(), picture)
        assert len(pictures(horde.data_dir)) == 1
        await horde.change("UPDATE requests SET expires_at = 1")

        async def gone() -> bool:
            answer = await horde.get(f"/api/v2/generate/check/{request}")
            return answer.status == 404 and not pictures(horde.data_dir)

        await until(gone)


async def test_the_job_of_a_silent_worker_wakes_the_next(start: Any, picture: bytes) -> None:
    """A worker that vanished loses its job, and a pop that waits gets it at once."""
    async with start(sweep_every=0.1) as horde:
        request = await horde.ask()
        lost = await horde.pop(name="Silent one")
        waiting = asyncio.create_task(horde.pop(name="Waiting one", wait=20))
        await asyncio.sleep(0.2)
        await horde.change("UPDATE jobs SET deadline = 1")
        job = await waiting
        assert job["id"] not in (None, lost["id"])
        assert (await horde.deliver(job, picture)).status == 200
        late = await horde.deliver(lost, picture)
        assert (late.status, late.json["rc"]) == (400, "AbortedGen")
        assert (await horde.get(f"/api/v2/generate/check/{request}")).json["done"]


async def test_a_sweep_that_fails_is_not_the_end(start: Any, until: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """While something stands in its way the sweeper says so, and goes on when it is gone."""
    async with start(sweep_every=0.1) as horde:
        await horde.change("ALTER TABLE requests RENAME TO hidden")

        async def said() -> bool:
            return "sweep_failed" in capfd.readouterr().out

        await until(said)
        await horde.change("ALTER TABLE hidden RENAME TO requests")
        assert (await horde.get("/api/largesse/v1/ready")).status == 200
        await horde.ask()
