"""A real coordinator on a free port over a folder of the test's own, and a small client that hides nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from yarl import URL

from core.coordinator.app import serve
from core.coordinator.people import add_user
from core.db import Database, Statement
from core.settings import Coordinator, General, Limits, Settings

ANONYMOUS = "0000000000"
MODEL = "little"
AGENT = "Largesse worker:1:https://example.org"


@dataclass(frozen=True)
class Answer:
    """What came back over the wire."""

    status: int
    headers: Any
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)


class Horde:
    """A running coordinator as its clients and workers see it."""

    def __init__(self, url: str, session: aiohttp.ClientSession, settings: Settings, stop: asyncio.Event) -> None:
        data_dir = settings.general.data_dir
        self.database_url = settings.coordinator.database_url or f"sqlite:///{data_dir / 'coordinator.db'}"
        self.url = url
        self.stop = stop
        self.session = session
        self.data_dir = data_dir
        keys = json.loads((data_dir / "house-keys.json").read_text())
        self.worker_key: str = keys["worker"]
        self.bots_key: str = keys["bots"]

    async def call(self, method: str, path: str, key: str | None = None, **more: Any) -> Answer:
        headers = {**({"apikey": key} if key is not None else {}), **more.pop("headers", {})}
        address = path if path.startswith("http") else self.url + path
        async with self.session.request(method, URL(address, encoded=True), headers=headers, **more) as response:
            return Answer(response.status, response.headers, await response.read())

    async def change(self, statement: str) -> None:
        """Change the database behind the coordinator's back, as time or an operator would."""
        async with await Database.open(self.database_url) as database:
            await database.write(lambda tx: tx.run(Statement(statement)))

    async def value(self, statement: str) -> Any:
        """Look into the database: one value."""
        async with await Database.open(self.database_url) as database:
            return await database.read(lambda tx: tx.value(Statement(statement)))

    async def get(self, path: str, key: str | None = None, **more: Any) -> Answer:
        return await self.call("GET", path, key, **more)

    async def post(self, path: str, body: Any, key: str | None = ANONYMOUS, **more: Any) -> Answer:
        return await self.call("POST", path, key, json=body, **more)

    async def account(self, name: str, **roles: Any) -> tuple[int, str]:
        """An account made by the command beside the running coordinator: its number and key."""
        said: list[str] = []
        terms = Coordinator(port=0, database_url=self.database_url)
        settings = Settings(general=General(data_dir=self.data_dir), coordinator=terms)
        assert await add_user(settings, name, tell=said.append, **roles) == 0
        return int(said[0].rpartition("#")[2]), said[1].removeprefix("key: ")

    async def ask(self, key: str = ANONYMOUS, **fields: Any) -> str:
        """Ask for a picture; its request id."""
        body = {"prompt": "a red apple", "models": [MODEL], "params": {"width": 64, "height": 64, "steps": 4}, **fields}
        answer = await self.post("/api/v2/generate/async", body, key)
        assert answer.status == 202, answer.raw
        return answer.json["id"]

    async def pop(self, **fields: Any) -> dict[str, Any]:
        """Ask for a job as the house's worker."""
        body = {"name": "Tester", "models": [MODEL], "bridge_agent": AGENT, "max_pixels": 1 << 20, **fields}
        answer = await self.post("/api/v2/generate/pop", body, self.worker_key)
        assert answer.status == 200, answer.raw
        return answer.json

    async def deliver(self, job: dict[str, Any], picture: bytes, **fields: Any) -> Answer:
        """Upload the picture of a job and hand it in, for each picture of the job; the last answer."""
        answer = Answer(0, {}, b"")
        for job_id, address in zip(job["ids"], job["r2_uploads"], strict=True):
            put = await self.call("PUT", address, data=picture, skip_auto_headers=["Content-Type"])
            assert (put.status, put.raw) == (200, b"")
            body = {"id": job_id, "generation": "R2", "seed": 1, **fields}
            answer = await self.post("/api/v2/generate/submit", body, self.worker_key)
        return answer


def make_settings(data_dir: Path, *, rate_limits: bool = False, **coordinator: Any) -> Settings:
    limits = Limits(rate_limits=rate_limits, **coordinator.pop("limits", {}))
    terms = Coordinator(port=coordinator.pop("port", 0), limits=limits, **coordinator)
    return Settings(general=General(data_dir=data_dir), coordinator=terms)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Horde]:
    """Start a coordinator, stop it at the end; what it raises comes out here."""
    listens: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    task = asyncio.create_task(serve(settings, ready=listens.set_result, stop=stop))
    await asyncio.wait([task, listens], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    try:
        async with aiohttp.ClientSession() as session:
            yield Horde(await listens, session, settings, stop)
    finally:
        stop.set()
        await task


ON_BOTH = {
    "test_admins",
    "test_breadth",
    "test_events",
    "test_every_call",
    "test_frame",
    "test_keys",
    "test_lifecycle",
    "test_members",
    "test_people",
    "test_protection",
    "test_refusals",
    "test_refusals_of_async",
    "test_sdk",
    "test_shared_keys",
    "test_sweeper",
    "test_teams",
}
"""Modules that are run on PostgreSQL as well; the others are about what no database knows: files, buckets, news."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of some modules once on each engine."""
    if metafunc.module.__name__.rpartition(".")[2] in ON_BOTH and "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", ["sqlite", "postgres"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "sqlite")


@pytest.fixture
def database(engine: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings that lead to the test's own database; none for the file in its folder."""
    return {} if engine == "sqlite" else {"database_url": request.getfixturevalue("database_url")}


@pytest.fixture
async def horde(tmp_path: Path, database: dict[str, str]) -> AsyncIterator[Horde]:
    """A coordinator without rate limits."""
    async with running(make_settings(tmp_path / "data", **database)) as found:
        yield found


@pytest.fixture(scope="module")
def shared_database(engine: str, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Likewise, for a coordinator that many tests share."""
    if engine == "sqlite":
        yield {}
        return
    server = request.getfixturevalue("postgres")
    name = server.create(request.getfixturevalue("postgres_template"))
    yield {"database_url": server.address(name)}
    server.drop(name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory, shared_database: dict[str, str]) -> AsyncIterator[Horde]:
    """One coordinator for all tests of a module that leave nothing behind which the others mind."""
    async with running(make_settings(tmp_path_factory.mktemp("shared"), **shared_database)) as found:
        yield found


@pytest.fixture
def start(tmp_path: Path, database: dict[str, str]) -> Callable[..., Any]:
    """A coordinator with settings of the test's own, on the same folder each time it is started."""
    return lambda **options: running(make_settings(tmp_path / "data", **{**database, **options}))


@pytest.fixture(scope="session")
def picture() -> bytes:
    """A small webp file."""
    from PIL import Image

    out = BytesIO()
    Image.new("RGB", (64, 64), "red").save(out, "WEBP")
    return out.getvalue()


@pytest.fixture
def until() -> Callable[..., Any]:
    """Asks a question again until the answer is yes; the test fails when it is not within ten seconds."""

    async def ask(question: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(10):
            while not await question():  # noqa: ASYNC110  # the other side has no event to wait for
                await asyncio.sleep(0.05)

    return ask
