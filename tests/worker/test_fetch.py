"""Downloads over a loopback server that breaks, lies and refuses."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from core.errors import ModelUnusable, StorageFull
from core.worker import fetch
from core.worker.hub import fetch_hub

DATA = bytes(range(256)) * 4096
SUM = hashlib.sha256(DATA).hexdigest()


class Files:
    """Serves DATA; breaks the connection after `cut` bytes as often as `breaks` says."""

    def __init__(self) -> None:
        self.breaks = 0
        self.etag = '"v1"'
        self.ranges: list[str] = []
        self.status = 200

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.ranges.append(request.headers.get("Range", ""))
        if self.status != 200:
            return web.Response(status=self.status)
        start = 0
        if self.ranges[-1] == f"bytes={len(DATA)}-" and request.headers.get("If-Range") == self.etag:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{len(DATA)}"})
        if (ask := request.headers.get("Range")) and request.headers.get("If-Range") == self.etag:
            start = int(ask.removeprefix("bytes=").rstrip("-"))
        response = web.StreamResponse(status=206 if start else 200, headers={"ETag": self.etag})
        response.content_length = len(DATA) - start
        await response.prepare(request)
        if self.breaks:
            self.breaks -= 1
            await response.write(DATA[start : start + 100_000])
            assert request.transport is not None
            request.transport.close()
            return response
        await response.write(DATA[start:])
        return response


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
async def url(files: Files) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/x.safetensors", files.answer)
    async with TestServer(app) as server:
        yield str(server.make_url("/x.safetensors"))


async def test_a_broken_download_continues(files: Files, url: str, tmp_path: Path) -> None:
    """After each break the rest is asked for, not the whole; nothing half lies under the name."""
    files.breaks = 2
    target = tmp_path / "deep" / "x.safetensors"
    await fetch.fetch_file(url, target, sha256=SUM)
    assert target.read_bytes() == DATA
    assert files.ranges[0] == ""
    assert all(ask.startswith("bytes=") for ask in files.ranges[1:])
    assert len(files.ranges) == 3
    assert list(target.parent.iterdir()) == [target]


async def test_a_file_that_changed_meanwhile_is_begun_again(files: Files, url: str, tmp_path: Path) -> None:
    """Parts of two versions are never glued together."""
    part = tmp_path / "x.safetensors.part"
    part.write_bytes(b"old")
    (tmp_path / "x.safetensors.part.etag").write_text('"v0"', encoding="utf-8")
    await fetch.fetch_file(url, tmp_path / "x.safetensors", sha256=SUM)
    assert (tmp_path / "x.safetensors").read_bytes() == DATA
    assert files.ranges == ["bytes=3-"]


async def test_a_download_that_had_all_arrived_is_taken(files: Files, url: str, tmp_path: Path) -> None:
    """A process that is killed while it compares the sums leaves a whole part; there is no rest to ask for."""
    (tmp_path / "x.safetensors.part").write_bytes(DATA)
    (tmp_path / "x.safetensors.part.etag").write_text(files.etag, encoding="utf-8")
    await fetch.fetch_file(url, tmp_path / "x.safetensors", sha256=SUM)
    assert (tmp_path / "x.safetensors").read_bytes() == DATA
    assert len(files.ranges) == 1


async def test_wrong_bytes_are_not_kept(url: str, tmp_path: Path) -> None:
    """A file with another sha256 is refused, named, and leaves neither itself nor its part behind."""
    with pytest.raises(ModelUnusable, match=f"sha256 is {SUM}, expected {'0' * 64}"):
        await fetch.fetch_file(url, tmp_path / "x.safetensors", sha256="0" * 64)
    assert not (tmp_path / "x.safetensors").exists()
    assert not (tmp_path / "x.safetensors.part").exists()


async def test_a_refusal_is_not_repeated(files: Files, url: str, tmp_path: Path) -> None:
    """404 is said at once."""
    files.status = 404
    with pytest.raises(ModelUnusable, match="answers 404"):
        await fetch.fetch_file(url, tmp_path / "x.safetensors")
    assert len(files.ranges) == 1


async def test_no_network_is_said(unused_tcp_port: int, tmp_path: Path) -> None:
    """Where nobody answers, the sentence asks for the network and tells that starting again continues."""
    with pytest.raises(ModelUnusable, match="Is the network there"):
        await fetch.fetch_file(f"http://127.0.0.1:{unused_tcp_port}/x.safetensors", tmp_path / "x.safetensors")


def test_room_is_looked_at_first(tmp_path: Path) -> None:
    """A model that is bigger than the free room is refused before a byte is fetched."""
    fetch.check_room(tmp_path / "not" / "yet", 1, name="small")
    with pytest.raises(StorageFull, match="no room for 'huge'"):
        fetch.check_room(tmp_path, 10**18, name="huge")


HUB_FILES = {
    "model_index.json": b"{}",
    "unet/config.json": b'{"a": 1}',
    "unet/diffusion_pytorch_model.fp16.safetensors": DATA,
    "unet/diffusion_pytorch_model.safetensors": b"the big one",
    "checkpoint.safetensors": b"everything in one",
}
COMMIT = "c" * 40


class Hub:
    """The few calls of the model hub that its library makes."""

    def __init__(self) -> None:
        self.files = dict(HUB_FILES)
        self.fetched: list[str] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/api/models/o/m/revision/{rev}", self.info)
        app.router.add_get("/api/models/o/m/tree/{rev}", self.tree)
        app.router.add_get("/o/m/resolve/{rev}/{file:.+}", self.file)
        return app

    async def info(self, _request: web.Request) -> web.Response:
        return web.json_response({"id": "o/m", "sha": COMMIT, "siblings": [{"rfilename": name} for name in HUB_FILES]})

    async def tree(self, _request: web.Request) -> web.Response:
        return web.json_response([self._entry(name, data) for name, data in HUB_FILES.items()])

    def _entry(self, name: str, data: bytes) -> dict[str, object]:
        entry: dict[str, object] = {"type": "file", "path": name, "size": len(data), "oid": _blob(data)}
        if name.endswith(".safetensors"):
            entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 1}
        return entry

    async def file(self, request: web.Request) -> web.Response:
        name = request.match_info["file"]
        data = self.files[name]
        if request.method == "GET":
            self.fetched.append(name)
        etag = hashlib.sha256(HUB_FILES[name]).hexdigest() if name.endswith("safetensors") else _blob(HUB_FILES[name])
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT, "X-Linked-Size": str(len(data))}
        return web.Response(body=data, headers=headers)


def _blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


FETCH = """
import asyncio, sys
from pathlib import Path
from core.errors import LargesseError
from core.worker.hub import fetch_hub
try:
    asyncio.run(fetch_hub("o/m", Path(sys.argv[1]), revision="main", variant=sys.argv[2], size=1))
except LargesseError as error:
    print(type(error).__name__, error)
"""


async def from_hub(endpoint: str, target: Path, *, variant: str = "fp16") -> str:
    """Fetch in a process of its own: the hub's library reads its environment at import."""
    root = Path(__file__).parents[2]
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(target.parent / "hf"), "PYTHONPATH": str(root)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FETCH, str(target), variant, env=environment, stdout=subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode()


async def test_a_hub_repository_arrives_whole(tmp_path: Path) -> None:
    """The folder holds the wanted precision and the small files, not the other weights, and only under its own name."""
    hub = Hub()
    async with TestServer(hub.app()) as server:
        assert await from_hub(str(server.make_url("")).rstrip("/"), tmp_path / "model") == ""
    names = {path.relative_to(tmp_path / "model").as_posix() for path in (tmp_path / "model").rglob("*.*")}
    assert {name for name in names if not name.startswith(".cache")} == {
        "model_index.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.fp16.safetensors",
    }
    assert not (tmp_path / "model.part").exists()
    assert json.loads((tmp_path / "model/unet/config.json").read_text(encoding="utf-8")) == {"a": 1}


async def test_damaged_files_of_the_hub_are_refused(tmp_path: Path) -> None:
    """A file of the right length and other bytes than the hub's hash says is removed, named, and fetched again."""
    hub = Hub()
    name = "unet/diffusion_pytorch_model.fp16.safetensors"
    hub.files[name] = DATA[:-1] + b"!"
    async with TestServer(hub.app()) as server:
        endpoint = str(server.make_url("")).rstrip("/")
        said = await from_hub(endpoint, tmp_path / "model")
        assert said.startswith("ModelUnusable")
        assert name in said
        assert not (tmp_path / "model").exists()
        hub.files[name] = DATA
        assert await from_hub(endpoint, tmp_path / "model") == ""
    assert hub.fetched.count(name) == 2
    assert hub.fetched.count("unet/config.json") == 1


async def test_a_hub_that_is_away_is_said(unused_tcp_port: int, tmp_path: Path) -> None:
    """Without the hub there is a sentence, and nothing that looks like a model."""
    said = await from_hub(f"http://127.0.0.1:{unused_tcp_port}", tmp_path / "model")
    assert said.startswith("ModelUnusable The model 'o/m' cannot be downloaded from the hub")
    assert not (tmp_path / "model").exists()


async def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """The disk's refusal is a sentence, so that the worker leaves the model out and goes on with the others."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ModelUnusable, match="'o/m' cannot be written"):
        await fetch_hub("o/m", tmp_path / "file" / "model")
