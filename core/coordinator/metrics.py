"""Figures of one process for Prometheus, on a port of their own, which strangers need not reach.

The middleware counts calls here; what waits and who works is looked up when somebody asks.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from core.contract.status import Performance
from core.errors import ConfigError, HordeUnavailable

PATH = "/metrics"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)
Look = Callable[[], Awaitable[Performance]]


class Metrics:
    """The figures."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._calls = Counter(
            "largesse_calls", "Calls that were answered.", ["endpoint", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "largesse_call_seconds", "Time to answer.", ["endpoint"], registry=self._registry, buckets=_BUCKETS
        )
        self._horde = {
            name: Gauge(f"largesse_{name}", sentence, registry=self._registry)
            for name, sentence in (
                ("queued_requests", "Pictures that wait."),
                ("queued_megapixelsteps", "Work that waits."),
                ("past_minute_megapixelsteps", "Work that was delivered in the last minute."),
                ("worker_count", "Image workers that are there."),
                ("thread_count", "Pictures that they draw at once."),
            )
        }
        self._up = Gauge("largesse_database_up", "Whether the database answers.", registry=self._registry)

    def answered(self, endpoint: str, status: int, seconds: float) -> None:
        """Count a call of an endpoint (`METHOD /path/{pattern}`)."""
        self._calls.labels(endpoint, status).inc()
        self._seconds.labels(endpoint).observe(seconds)

    async def exposition(self, look: Look) -> bytes:
        """All figures in Prometheus' format."""
        try:
            seen = await look()
        except HordeUnavailable:
            self._up.set(0)
        else:
            self._up.set(1)
            for name, gauge in self._horde.items():
                gauge.set(getattr(seen, name))
        return generate_latest(self._registry)


@asynccontextmanager
async def exposed(metrics: Metrics, look: Look, *, host: str, port: int) -> AsyncGenerator[None]:
    """Answer `/metrics` on a port while the block runs; port 0 = not at all.

    Raises:
        ConfigError: the port is taken.
    """
    if not port:
        yield
        return

    async def answer(_request: web.Request) -> web.Response:
        body = await metrics.exposition(look)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get(PATH, answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise ConfigError(f"coordinator.metrics_port: cannot listen on {host}:{port} ({error.strerror}).") from error
    try:
        yield
    finally:
        await runner.cleanup()
