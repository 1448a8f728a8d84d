"""Stopping, starting again, and what stands in the way of a start."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigError


async def test_a_restart_keeps_everything(start: Callable[..., Any], picture: bytes) -> None:
    """Keys, waiting requests, running jobs, finished pictures and balances are there after a restart."""
    async with start() as horde:
        key = horde.worker_key
        done, waiting = await horde.ask(), None
        await horde.deliver(await horde.pop(), picture)
        running = await horde.ask()
        job = await horde.pop()
        waiting = await horde.ask()
        kudos = (await horde.get("/api/v2/find_user", key)).json["kudos"]
    async with start() as horde:
        assert horde.worker_key == key
        assert (await horde.get("/api/v2/find_user", key)).json["kudos"] == kudos
        status = (await horde.get(f"/api/v2/generate/status/{done}")).json
        assert (await horde.get(status["generations"][0]["img"])).raw == picture
        assert (await horde.get(f"/api/v2/generate/check/{waiting}")).json["waiting"] == 1
        await horde.call("PUT", job["r2_upload"].replace(job["r2_upload"].split("/api/")[0], horde.url), data=picture)
        body = {"id": job["id"], "generation": "R2", "seed": 1}
        assert (await horde.post("/api/v2/generate/submit", body, key)).status == 200
        assert (await horde.get(f"/api/v2/generate/check/{running}")).json["done"]


async def test_a_taken_port_is_said(start: Callable[..., Any]) -> None:
    """A second coordinator on the same port stops with a sentence that names the setting."""
    async with start() as horde:
        port = int(horde.url.rpartition(":")[2])
        with pytest.raises(ConfigError, match=rf"coordinator\.port.*{port}"):
            async with start(port=port):
                pass
        assert (await horde.get("/api/v2/status/heartbeat")).status == 200


async def test_a_newer_database_is_refused(start: Callable[..., Any], tmp_path: Path) -> None:
    """Tables of a later version are not touched."""
    async with start():
        pass
    with sqlite3.connect(tmp_path / "data" / "coordinator.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'from the future'")
    database.close()
    with pytest.raises(ConfigError, match="newer Largesse"):
        async with start():
            pass


@pytest.mark.parametrize(
    "content", [b"this is not a database, not at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000]
)
async def test_a_damaged_database_is_refused(start: Callable[..., Any], tmp_path: Path, content: bytes) -> None:
    """What is no database, or a torn one, stops the start with a sentence and stays as it is."""
    path = tmp_path / "data" / "coordinator.db"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"database"):
        async with start():
            pass
    assert path.read_bytes() == content


async def test_a_data_folder_that_cannot_be_is_said(start: Callable[..., Any], tmp_path: Path) -> None:
    """A file where the folder should be is a sentence with its name."""
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(ConfigError, match="data"):
        async with start():
            pass


async def test_the_public_address_is_used_where_it_is_set(start: Callable[..., Any]) -> None:
    """Behind a proxy, picture addresses start with what the settings say; else with how one came here."""
    async with start(public_url="https://horde.example.org/") as horde:
        request = await horde.ask()
        job = await horde.pop()
        assert job["r2_upload"].startswith("https://horde.example.org/api/largesse/v1/blobs/results/")
        assert request
    async with start() as horde:
        await horde.ask()
        odd = await horde.post(
            "/api/v2/generate/pop",
            {"name": "Tester", "models": ["little"], "bridge_agent": "Largesse worker:1:x"},
            horde.worker_key,
            headers={"Host": "neighbour:1234"},
        )
        assert odd.json["r2_upload"].startswith("http://neighbour:1234/")


def test_a_start_is_quick_and_light() -> None:
    """Importing the coordinator loads neither torch nor what only pictures and pages need."""
    unwanted = ("torch", "PIL", "jinja2", "alembic")
    code = f"import sys, core.coordinator.app; print(*[name for name in {unwanted!r} if name in sys.modules])"
    root = Path(__file__).parents[3]
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
