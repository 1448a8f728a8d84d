"""Puts one coordinator process together and runs it: database, blobs, accounts, routes, pages, sweeper, courier.

`run_bot.py` calls `serve`; tests that want the bare application call `create_app`.
"""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from core import log
from core.coordinator.api.openapi import document
from core.coordinator.api.routes import ENDPOINTS, add_routes
from core.coordinator.api.status import front_figures, performance_figures
from core.coordinator.auth import Accounts
from core.coordinator.blobs.guard import Fetcher
from core.coordinator.blobs.opening import open_blobs
from core.coordinator.counters import Counters
from core.coordinator.courier import run_courier
from core.coordinator.exchange import lively, run_exchange
from core.coordinator.keys import hash_key, house_keys, load_secret
from core.coordinator.memo import Memo
from core.coordinator.metrics import Metrics, exposed
from core.coordinator.middleware import add_headers, frame
from core.coordinator.pages.views import add_pages
from core.coordinator.peers import Peers
from core.coordinator.rates import Rates
from core.coordinator.rooms import ROOMS, VERSION, Rooms
from core.coordinator.rules import accounts, protection, reference, schema
from core.coordinator.shield import Shield
from core.coordinator.sweeper import run_sweeper
from core.db import Database, Writing
from core.errors import ConfigError
from core.settings import Settings

_log = log.get(__name__)

METRICS: web.AppKey[Metrics] = web.AppKey("metrics", Metrics)
DATABASE_FILE = "coordinator.db"
BOTS_ENDOWMENT = 100_000.0
"""Kudos that the bots' account starts with, so that large pictures, which are paid in advance, can be asked for."""
SERVICE_CONCURRENCY = 500
"""Pictures that everybody whom the bots speak for may have waiting together; each of them has a limit of their own."""
_DRAIN_SECONDS = 10.0
_BACKLOG = 1024
_AT_A_TIME = 8
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  # what people listen on


def create_app(settings: Settings) -> web.Application:
    """The whole coordinator but its sweeper; it opens the database when it is started, and closes it at the end."""
    terms = settings.coordinator
    rates = Rates(enabled=terms.limits.rate_limits, counters=Counters(terms.limits.counters_url.get_secret_value()))
    metrics = Metrics()
    app = web.Application(
        middlewares=[frame(rates, Peers(terms.trusted_proxies), metrics, version=VERSION)],
        client_max_size=terms.limits.max_body_bytes,
    )
    app[METRICS] = metrics
    app.on_response_prepare.append(add_headers)
    add_routes(app, rates)
    add_pages(app, lambda: document(ENDPOINTS, title=terms.name), front_figures)

    async def furnished(app: web.Application) -> AsyncIterator[None]:
        data_dir = settings.general.data_dir
        secret, known = load_secret(data_dir, terms.secret), reference.load(terms.reference_file)
        written = protection.read_file(terms.filter_file)
        database = await open_database(settings)
        try:
            await database.write(lambda tx: _furnish(tx, data_dir, secret))
            async with open_blobs(settings, secret) as blobs:
                app[ROOMS] = Rooms(
                    terms=terms,
                    database=database,
                    blobs=blobs,
                    accounts=Accounts(database, secret),
                    rates=rates,
                    fetcher=Fetcher(limit=terms.limits.max_source_bytes),
                    live=lively(database),
                    memo=Memo(),
                    reference=known,
                    shield=Shield(database, written),
                )
                yield
        finally:
            await database.close()
            await rates.close()

    app.cleanup_ctx.append(furnished)
    return app


async def open_database(settings: Settings) -> Database:
    """The coordinator's database, migrated to this version's tables.

    Raises:
        ConfigError: it cannot be opened, is damaged, or was last used by a newer Largesse.
    """
    from alembic.util import CommandError

    embedded = f"sqlite:///{(settings.general.data_dir / DATABASE_FILE).as_posix()}"
    database = await Database.open(settings.coordinator.database_url or embedded)
    try:
        await schema.prepare(database)
    except CommandError as error:
        await database.close()
        raise ConfigError(
            "coordinator.database_url: this database was last used by a newer Largesse than this one "
            f"({error}); start that one, or restore an older copy of the database."
        ) from error
    except (SQLAlchemyError, sqlite3.DatabaseError, OSError) as error:
        await database.close()
        raise ConfigError(
            f"coordinator.database_url: the database cannot be used: {_cause(error)}. If it is damaged, restore a copy."
        ) from error
    return database


def _cause(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().rstrip(".")


def _furnish(tx: Writing, data_dir: Path, secret: bytes) -> None:
    """Make the house's own two accounts, once: the worker's is trusted, the bots' serves others."""
    keys = house_keys(data_dir)
    worker, bots = hash_key(secret, keys.worker), hash_key(secret, keys.bots)
    if accounts.find_by_key(tx, worker) is None:
        accounts.create(tx, name="largesse worker", key_hash=worker, now=time.time(), trusted=True)
    if accounts.find_by_key(tx, bots) is None:
        accounts.create(
            tx,
            name="largesse bots",
            key_hash=bots,
            now=time.time(),
            service=True,
            kudos=BOTS_ENDOWMENT,
            concurrency=SERVICE_CONCURRENCY,
        )


async def serve(
    settings: Settings,
    *,
    ready: Callable[[str], None],
    stop: asyncio.Event,
    listening: socket.socket | None = None,
) -> None:
    """Run a coordinator until `stop` is set, then let running calls finish.

    Args:
        settings: all of them; `general.data_dir` and `coordinator` are used.
        ready: called once with the address under which this process can be reached on this machine.
        stop: set it to end: long polls answer at once, other calls have ten seconds.
        listening: a bound port that other processes answer as well; None = the one of the settings is opened.

    Raises:
        ConfigError: the port is taken, or the database or the kept keys cannot be used.
    """
    app = create_app(settings)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_DRAIN_SECONDS)
    try:
        await runner.setup()
        terms = settings.coordinator
        shared = listening or bind(terms.host, terms.port)
        address = await _listen(runner, terms.host, shared)
        figures = exposed(
            app[METRICS],
            lambda: performance_figures(app[ROOMS]),
            host=terms.metrics_host,
            port=terms.metrics_port,
        )
        async with figures, asyncio.TaskGroup() as group:
            sweeper = group.create_task(run_sweeper(app[ROOMS]))
            courier = group.create_task(run_courier(app[ROOMS]))
            exchange = group.create_task(run_exchange(app[ROOMS]))
            _log.info("coordinator_listens", url=address)
            ready(address)
            await stop.wait()
            sweeper.cancel()
            courier.cancel()
            exchange.cancel()
    finally:
        if ROOMS in app:
            app[ROOMS].live.close()
        await runner.cleanup()
    _log.info("coordinator_stopped")


def bind(host: str, port: int) -> socket.socket:
    """A port of this machine, opened; connections to it wait until a process answers.

    Raises:
        ConfigError: it is taken, or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"coordinator.port: cannot listen on {host}:{port} ({error.strerror or error}); "
            "another program, perhaps another Largesse, uses it: choose another port, or 0 for any free one."
        ) from error


def near_address(host: str, port: int) -> str:
    """How a port is reached from this machine."""
    near = _EVERYWHERE.get(host, host)
    return f"http://[{near}]:{port}" if ":" in near else f"http://{near}:{port}"


async def _listen(runner: web.AppRunner, host: str, listening: socket.socket) -> str:
    """Answer calls; a few at a time are accepted, so that several processes share a burst."""
    await web.SockSite(runner, listening, backlog=_AT_A_TIME).start()
    listening.listen(_BACKLOG)
    return near_address(host, listening.getsockname()[1])
