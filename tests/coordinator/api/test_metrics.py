"""Figures for Prometheus, and the id by which a call is found in the log."""

from __future__ import annotations

import socket
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from core.errors import ConfigError


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


async def figures(horde: Any, port: int) -> dict[tuple[str, ...], float]:
    answer = await horde.get(f"http://127.0.0.1:{port}/metrics")
    assert answer.status == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.raw.decode())
        for sample in family.samples
    }


async def test_figures_are_told_on_a_port_of_their_own(start: Any, port: int) -> None:
    """Calls by endpoint and status, never by path, so that ids make no new series; what waits and who works."""
    async with start(metrics_port=port) as horde:
        await horde.pop()
        await horde.ask()
        for _ in range(3):
            await horde.get(f"/api/v2/generate/check/{uuid4()}")
        seen = await figures(horde, port)
        assert seen["largesse_calls_total", "GET /api/v2/generate/check/{id}", "404"] == 3
        assert seen["largesse_calls_total", "POST /api/v2/generate/async", "202"] == 1
        assert seen["largesse_call_seconds_count", "POST /api/v2/generate/async"] == 1
        assert (seen["largesse_worker_count",], seen["largesse_queued_requests",]) == (1, 1)
        assert seen["largesse_database_up",] == 1
        assert (await horde.get("/metrics")).status == 404, "strangers are not told"


async def test_a_port_that_is_taken_is_a_sentence(start: Any, port: int) -> None:
    """The coordinator does not start without the figures that its operator asked for."""
    with socket.create_server(("127.0.0.1", port)), pytest.raises(ConfigError, match=r"coordinator\.metrics_port"):
        async with start(metrics_port=port):
            pass
