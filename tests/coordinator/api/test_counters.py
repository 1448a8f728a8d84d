"""Calls counted in a real Redis or Valkey, by several processes of one horde."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis.asyncio

from core.coordinator.counters import Counters
from core.coordinator.rates import Rates, Rule, Scope
from core.errors import ConfigError
from tests.doubles import redis_server
from tests.doubles.redis_server import RedisServer


@pytest.fixture
def server() -> Iterator[RedisServer]:
    if redis_server.program() is None:
        pytest.skip("neither valkey-server nor redis-server is installed")
    with RedisServer() as running:
        yield running


def rates_of(server: RedisServer, rule: Rule) -> Rates:
    made = Rates(enabled=True, counters=Counters(server.url))
    made.declare("GET /x", (rule,))
    return made


async def ask(rates: Rates, *, address: str = "1.2.3.4", key: str = "") -> Any:
    return await rates.hit("GET /x", path="/x", address=address, key=key)


async def test_processes_share_their_counters(server: RedisServer) -> None:
    """What one process let through counts in the other; words and headers are those of counting in memory."""
    one, other = rates_of(server, Rule("3/hour")), rates_of(server, Rule("3/hour"))
    verdicts = [await ask(rates) for rates in (one, other, one, other)]
    assert [verdict.refused for verdict in verdicts] == [None, None, None, "3 per 1 hour"]
    assert [verdict.headers["X-RateLimit-Remaining"] for verdict in verdicts] == ["2", "1", "0", "0"]
    assert {verdict.headers["X-RateLimit-Limit"] for verdict in verdicts} == {"3"}
    assert 0 < int(verdicts[3].headers["Retry-After"]) <= 3600
    await one.close()
    await other.close()


async def test_no_key_is_written_there(server: RedisServer) -> None:
    """A limit by API key is counted under a hash: who reads the server learns no key."""
    rates = rates_of(server, Rule("3/hour", Scope.KEY))
    await ask(rates, key="AAAABBBBCCCCDDDDEEEEFF")
    async with redis.asyncio.Redis.from_url(server.url) as client:
        names: list[bytes] = await client.keys("*")
    assert names
    assert not any(b"AAAABBBB" in name for name in names)
    await rates.close()


async def test_a_server_that_is_away_stops_nobody(server: RedisServer, capfd: pytest.CaptureFixture[str]) -> None:
    """Meanwhile the process counts by itself and says so once; when the server is back, it counts there again."""
    rates = rates_of(server, Rule("2/hour"))
    assert (await ask(rates)).refused is None
    server.kill()
    assert [(await ask(rates)).refused for _ in range(3)] == [None, None, "2 per 1 hour"]
    assert capfd.readouterr().out.count("shared_counters_away") == 1
    server.start()
    rates._counters._away_until = 0.0  # as if five seconds had passed
    assert (await ask(rates)).refused is None, "an empty server was asked"
    await rates.close()


async def test_a_horde_counts_there(server: RedisServer, start: Any) -> None:
    """The one setting moves the counters of a running coordinator: the 429 is the same, and the server knows why."""
    limits = {"counters_url": server.url}
    async with start(rate_limits=True, limits=limits) as horde:
        body = {"prompt": "x", "models": ["little"], "params": {"width": 64, "height": 64}}
        answers = [await horde.post("/api/v2/generate/async", body) for _ in range(8)]
        refused = [answer for answer in answers if answer.status == 429]
        assert refused
        assert refused[0].json == {"message": "2 per 1 second"}
    async with redis.asyncio.Redis.from_url(server.url) as client:
        assert any(b"generate/async" in name for name in await client.keys("*"))


@pytest.mark.parametrize("url", ["http://localhost", "localhost:6379", "redis"])
def test_a_wrong_address_is_a_sentence(url: str) -> None:
    """An address of something else is refused at the start, by the name of its setting."""
    with pytest.raises(ConfigError, match=r"coordinator\.limits\.counters_url"):
        Counters(url)
