"""A horde whose every move a test decides, and a room in which people talk to the bot that asks it.

The horde speaks the wire contract over loopback HTTP; the client, the house, the chat core and the bots' database are
the real ones. What the real coordinator does is tested with the real coordinator, in `test_drawing_for_real.py`.
"""

from __future__ import annotations

import asyncio
import io
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from aiohttp import web
from PIL import Image
from pydantic import SecretStr

from bots import REPERTOIRE
from core.chat.dispatch import Dispatch
from core.chat.testing import FakePlatform
from core.chat.types import Button, Post, Press
from core.contract import paths
from core.house import House, open_house
from core.settings import Bots
from core.store import Store

PATIENCE = 10.0
"""Seconds after which a test gives up waiting for something that should take milliseconds."""


async def until(true: Callable[[], object]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110  # what is waited for is on the other side of HTTP
            await asyncio.sleep(0.01)


def webp(words: str) -> bytes:
    """A small picture that depends on the words alone."""
    colour = tuple(uuid.uuid5(uuid.NAMESPACE_OID, words).bytes[:3])
    target = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(target, "WEBP", lossless=True)
    return target.getvalue()


@dataclass
class Asked:
    """A request as the horde got it, and what it says of it."""

    id: str
    body: dict[str, Any]
    key: str
    progress: dict[str, Any] = field(default_factory=dict[str, Any])
    drawn: int = 0
    censored: bool = False
    done: bool = False
    faulted: bool = False
    cancelled: bool = False
    checks: int = 0

    @property
    def params(self) -> dict[str, Any]:
        return self.body["params"]

    def waits(self, *, position: int, wait: int) -> None:
        """It stands in the queue."""
        self.progress = {"waiting": self.params.get("n", 1), "queue_position": position, "wait_time": wait}

    def runs(self, *, step: int, steps: int, wait: int = 0) -> None:
        """A worker is at it."""
        running = [{"id": "job", "step": step, "steps": steps, "model": "little", "worker_name": "W"}]
        self.progress = {"processing": 1, "running": running, "wait_time": wait}

    def finishes(self, *, drawn: int | None = None) -> None:
        """It is done, with so many pictures."""
        self.drawn = self.params.get("n", 1) if drawn is None else drawn
        self.done, self.progress = True, {}

    def fails(self, *, drawn: int = 0) -> None:
        """The workers gave up."""
        self.finishes(drawn=drawn)
        self.faulted = True


class ScriptedHorde:
    """Answers at once unless `patient`; then a test moves each request along."""

    def __init__(self) -> None:
        self.models: list[dict[str, Any]] = [model("little")]
        self.requests: dict[str, Asked] = {}
        self.patient = False
        self.away = False
        self.forgets = 0
        """So many requests to come are unknown as soon as they are accepted."""
        self.is_ours = True
        """It has our additions: a request sent twice under one key is one request."""
        self.file: bytes | None = None
        """What every picture is, instead of a WebP of its words."""
        self.seed: str | None = None
        """The seed it claims, instead of the one asked for."""
        self.losing = 0
        """So many answers to accepted requests to come are lost on the way."""
        self.refusal: tuple[int, dict[str, Any]] | None = None
        self.people: dict[str, tuple[str, float]] = {}
        """API key → `alias#id` and kudos."""
        self.workers: dict[str, dict[str, Any]] = {}
        """Workers by id; `key` is their owner's."""
        self.moved: dict[tuple[str, str], tuple[str, int]] = {}
        """Key and Idempotency-Key of a transfer → who got how much."""
        self.losing_transfers = self.too_fast = 0
        """So many transfers to come are done without an answer, or refused as going to and fro."""
        self.keys: list[str] = []
        """The API key of each request for pictures."""
        self.calls: list[str] = []
        self.url = ""

    @property
    def last(self) -> Asked:
        """The newest request."""
        return list(self.requests.values())[-1]

    async def asked(self, number: int = 1) -> Asked:
        """The request of that number, as soon as it is there."""
        await until(lambda: len(self.requests) >= number)
        return list(self.requests.values())[number - 1]

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Self]:
        app = web.Application(middlewares=[self._absence])
        app.router.add_post(paths.GENERATE_ASYNC, self._generate)
        app.router.add_get(paths.GENERATE_CHECK, self._check)
        app.router.add_get(paths.GENERATE_STATUS, self._status)
        app.router.add_delete(paths.GENERATE_STATUS, self._cancel)
        app.router.add_get(paths.MODELS, self._models)
        app.router.add_get(paths.PERFORMANCE, self._performance)
        app.router.add_get(paths.OURS_HEALTH, self._health)
        app.router.add_get(paths.FIND_USER, self._find_user)
        app.router.add_post(paths.OURS_USERS, self._register)
        app.router.add_post(paths.KUDOS_TRANSFER, self._transfer)
        app.router.add_get(paths.WORKER, self._worker)
        app.router.add_put(paths.WORKER, self._change_worker)
        app.router.add_get("/pictures/{id}/{number}", self._picture)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield self
        finally:
            await runner.cleanup()

    @web.middleware
    async def _absence(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        self.calls.append(f"{request.method} {request.path}")
        if self.away:
            return web.json_response({"message": "down"}, status=503)
        return await handler(request)

    async def _generate(self, request: web.Request) -> web.Response:
        if self.refusal:
            status, body = self.refusal
            return web.json_response(body, status=status)
        self.keys.append(request.headers["apikey"])
        key = request.headers.get(paths.IDEMPOTENCY_KEY, "")
        asked = next((each for each in self.requests.values() if self.is_ours and each.key == key), None)
        if asked is None:
            asked = Asked(str(uuid.uuid4()), await request.json(), key)
            self.requests[asked.id] = asked
            if not self.patient:
                asked.finishes()
        if self.losing and request.transport:
            self.losing -= 1
            request.transport.close()
        return web.json_response({"id": asked.id, "kudos": 2.5}, status=202)

    def _find(self, request: web.Request) -> Asked:
        asked = self.requests.get(request.match_info["id"])
        if asked is None or self.forgets:
            self.forgets = max(0, self.forgets - 1)
            body = '{"message": "gone", "rc": "RequestNotFound"}'
            raise web.HTTPNotFound(text=body, content_type="application/json")
        return asked

    async def _check(self, request: web.Request) -> web.Response:
        asked = self._find(request)
        asked.checks += 1
        return web.json_response(self._progress(asked))

    def _progress(self, asked: Asked) -> dict[str, Any]:
        return {
            "finished": asked.drawn,
            "processing": 0,
            "restarted": 0,
            "waiting": 0,
            "done": asked.done or asked.cancelled,
            "faulted": asked.faulted,
            "wait_time": 0,
            "queue_position": 0,
            "kudos": 1.25 * asked.drawn,
            "is_possible": True,
            **asked.progress,
        }

    async def _status(self, request: web.Request) -> web.Response:
        asked = self._find(request)
        seed = int(asked.params["seed"]) if asked.params["seed"].isdigit() else 77
        generations = [
            {
                "img": f"{self.url}/pictures/{asked.id}/{seed + number}",
                "seed": self.seed or str(seed + number),
                "id": str(uuid.uuid4()),
                "worker_id": "w",
                "worker_name": "W",
                "model": (asked.body["models"] or ["little"])[0],
                "state": "censored" if asked.censored else "ok",
                "censored": asked.censored,
            }
            for number in range(asked.drawn)
        ]
        return web.json_response({**self._progress(asked), "generations": generations, "shared": False})

    async def _cancel(self, request: web.Request) -> web.Response:
        self._find(request).cancelled = True
        return await self._status(request)

    async def _picture(self, request: web.Request) -> web.Response:
        asked = self._find(request)
        file = self.file or webp(f"{asked.body['prompt']} {request.match_info['number']}")
        return web.Response(body=file, content_type="image/webp")

    async def _models(self, _request: web.Request) -> web.Response:
        return web.json_response(self.models)

    async def _performance(self, _request: web.Request) -> web.Response:
        waiting = sum(not asked.done for asked in self.requests.values())
        return web.json_response({"queued_requests": waiting, "worker_count": len(self.models)})

    async def _find_user(self, request: web.Request) -> web.Response:
        who = self.people.get(request.headers["apikey"])
        if who is None:
            return web.json_response({"message": "No user of that key.", "rc": "InvalidAPIKey"}, status=401)
        mine = [each for each, worker in self.workers.items() if worker["key"] == request.headers["apikey"]]
        number = int(who[0].rpartition("#")[2])
        return web.json_response({"username": who[0], "id": number, "kudos": who[1], "worker_ids": mine})

    async def _worker(self, request: web.Request) -> web.Response:
        return web.json_response(self.workers[request.match_info["id"]])

    async def _change_worker(self, request: web.Request) -> web.Response:
        worker, asked = self.workers[request.match_info["id"]], await request.json()
        if worker["key"] != request.headers["apikey"]:
            return web.json_response({"message": "Not your worker.", "rc": "WrongCredentials"}, status=403)
        worker |= {"maintenance_mode": asked["maintenance"], "said": asked.get("maintenance_msg", "")}
        return web.json_response({"maintenance": asked["maintenance"]})

    async def _transfer(self, request: web.Request) -> web.Response:
        """As the contract has it: a name used again for the same moves nothing, for something else is refused."""
        asked, key = await request.json(), request.headers["apikey"]
        name, wanted = request.headers[paths.IDEMPOTENCY_KEY], (asked["username"], asked["amount"])
        if self.too_fast:
            self.too_fast -= 1
            return web.json_response({"message": "wait a minute", "rc": "TooFastKudosTransfers"}, status=400)
        if (key, name) not in self.moved:
            user, kudos = self.people[key]
            if kudos < asked["amount"]:
                return web.json_response({"message": "not that many", "rc": "KudosTransferNotEnough"}, status=400)
            self.people[key] = (user, kudos - asked["amount"])
            other = next(each for each, (user, _) in self.people.items() if user == asked["username"])
            self.people[other] = (asked["username"], self.people[other][1] + asked["amount"])
            self.moved[key, name] = wanted
        elif self.moved[key, name] != wanted:
            return web.json_response({"message": "used", "rc": "IdempotencyKeyConflict"}, status=400)
        if self.losing_transfers and request.transport:
            self.losing_transfers -= 1
            request.transport.close()
        return web.json_response({"transferred": asked["amount"]})

    async def _register(self, request: web.Request) -> web.Response:
        if not self.is_ours:
            return web.json_response({"message": "nothing here"}, status=404)
        number, key = len(self.people) + 100, f"made-key-{len(self.people)}-for-tests"
        self.people[key] = (f"{(await request.json())['username']}#{number}", 0.0)
        return web.json_response({"id": number, "username": self.people[key][0], "key": key}, status=201)

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"ok": True}, status=200 if self.is_ours else 404)


def model(name: str, *, count: int = 1, eta: int = 0) -> dict[str, Any]:
    """One entry of the list of models."""
    return {"name": name, "count": count, "performance": 1.0, "queued": 0, "jobs": 0, "eta": eta, "type": "image"}


@dataclass
class Room:
    """A place on a platform with the bot in it."""

    platform: FakePlatform
    dispatch: Dispatch[House]
    house: House

    async def say(self, text: str, *, person: str = "ann") -> list[Post]:
        """Somebody says something; what the bot answered, once it has."""
        before = len(self.platform.posts)
        task = await self.dispatch.call(self.platform, self.platform.call(text, person=self.platform.person(person)))
        assert task is not None
        async with asyncio.timeout(PATIENCE):
            await task
        return self.platform.posts[before:]

    async def start(self, text: str, *, person: str = "ann") -> asyncio.Task[Any]:
        """Somebody says something; the conversation is running when this returns."""
        task = await self.dispatch.call(self.platform, self.platform.call(text, person=self.platform.person(person)))
        assert task is not None
        return task

    async def press(self, action: str, *, person: str = "ann", post: int = -1) -> list[Post]:
        """Somebody presses a button of one of the bot's posts; what the bot answered."""
        shown = [each for each in self.platform.shown.values() if any(b.action == action for b in each.post.buttons)]
        target = shown[post]
        button = next(button for button in target.post.buttons if button.action == action)
        return await self._press(button, target.ref.message, person)

    async def _press(self, button: Button, message: str, person: str) -> list[Post]:
        before = list(self.platform.posts)
        ref = self.platform.shown[message].ref
        press = Press(
            f"press:{uuid.uuid4()}", button.action, button.arg, self.platform.person(person), self.platform.place(), ref
        )
        task = await self.dispatch.press(self.platform, press)
        assert task is not None
        async with asyncio.timeout(PATIENCE):
            await task
        return [post for post in self.platform.posts if post not in before]

    @property
    def progress(self) -> list[str]:
        """Everything the progress messages have said, whether they still stand or not."""
        everything = [*self.platform.deleted, *self.platform.shown.values()]
        shown = [each for each in everything if each.post.progress is not None]
        posts = [post for each in shown for post in (*each.history, each.post)]
        return [post.progress.text for post in posts if post.progress]


@asynccontextmanager
async def open_room(
    folder: Path,
    horde: ScriptedHorde,
    *,
    platform: FakePlatform | None = None,
    clock: Callable[[], float] = time.time,
    **settings: Any,
) -> AsyncIterator[Room]:
    """The bots as `run_bot.py` puts them together, on a platform in memory; leaving it is a shutdown."""
    bots = Bots(requests_per_minute=600, **settings)
    async with (
        await Store.open(f"sqlite:///{folder / 'bots.db'}") as store,
        open_house(
            bots, store, horde_url=horde.url, api_key=SecretStr("bots-key"), data_dir=folder, clock=clock
        ) as house,
    ):
        dispatch = Dispatch(REPERTOIRE, house, store, requests_per_minute=600, rules=house.places)
        room = Room(platform or FakePlatform(), dispatch, house)
        await dispatch.resume(room.platform)
        try:
            yield room
        finally:
            await dispatch.close()
