"""The endpoint's budget: waiting for the next window instead of running into a refusal."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from core.client import HordeClient
from core.client.budget import Budget, retry_after
from core.errors import TooMany
from tests.doubles.horde import FakeHorde


class Clock:
    """A clock that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def said(remaining: int, reset: float) -> dict[str, str]:
    return {"X-RateLimit-Remaining": str(remaining), "X-RateLimit-Reset": str(reset)}


def test_an_unknown_endpoint_is_free() -> None:
    """Before the first answer nothing is waited for."""
    assert Budget().take("/a") == 0


def test_calls_count_down_and_then_wait() -> None:
    """Calls under way count as well, and one path's window is not another's."""
    clock = Clock()
    budget = Budget(clock)
    budget.note("/a", said(2, 30))
    assert [budget.take("/a") for _ in range(3)] == [0, 0, 30]
    assert budget.take("/b") == 0
    clock.now += 31
    assert budget.take("/a") == 0


def test_a_time_of_day_is_read_by_the_other_sides_clock() -> None:
    """Reset as seconds since 1970 is compared with the Date of the same answer: clocks may differ."""
    budget = Budget(Clock())
    theirs = datetime(2020, 1, 1, tzinfo=UTC)
    headers = said(0, (theirs + timedelta(seconds=5)).timestamp()) | {"Date": format_datetime(theirs, usegmt=True)}
    budget.note("/a", headers)
    assert budget.take("/a") == 5


def test_windows_that_ended_are_forgotten() -> None:
    """A client that follows thousands of requests does not keep a window for each."""
    clock = Clock()
    budget = Budget(clock)
    for number in range(1000):
        budget.note(f"/check/{number}", said(9, 1))
        clock.now += 0.1
    assert len(budget._windows) <= 12


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("", None), ("soon", None), ("-3", None), ("nan", None), ("1e9", None)],
)
def test_retry_after_is_read(value: str, seconds: float | None) -> None:
    """Seconds, fractions of them, or nothing that can be used."""
    assert retry_after({"Retry-After": value}) == seconds


def test_retry_after_may_be_a_date() -> None:
    """Relative to the Date of the same answer."""
    now = datetime(2021, 5, 5, tzinfo=UTC)
    headers = {
        "Retry-After": format_datetime(now + timedelta(seconds=9), usegmt=True),
        "Date": format_datetime(now, usegmt=True),
    }
    assert retry_after(headers) == 9


async def test_the_next_window_is_waited_for(client: HordeClient, horde: FakeHorde) -> None:
    """With nothing left, the next call goes out when the window ends; other endpoints are not held up."""
    horde.headers = said(0, 0.3)
    await client.heartbeat()
    begun = time.monotonic()
    await client.performance()
    assert time.monotonic() - begun < 0.25
    await client.heartbeat()
    assert time.monotonic() - begun >= 0.25
    assert len(horde.seen) == 3


async def test_a_long_window_is_told_at_once(client: HordeClient, horde: FakeHorde) -> None:
    """Where the window is longer than we wait, the caller learns it, and the horde is left in peace."""
    horde.headers = said(0, 60)
    await client.heartbeat()
    with pytest.raises(TooMany) as caught:
        await client.heartbeat()
    assert caught.value.retry_after == pytest.approx(60, abs=1)
    assert len(horde.seen) == 1
