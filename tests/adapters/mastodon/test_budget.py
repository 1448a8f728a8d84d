"""What a server still allows: by its own headers, or by Mastodon's limits where it says nothing."""

from __future__ import annotations

import pytest

from adapters.mastodon.budget import USUAL, Budget, Kind, kind_of


class Clock:
    """Stands still until told."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def headers(left: int, reset: str, **more: str) -> dict[str, str]:
    return {"X-RateLimit-Remaining": str(left), "X-RateLimit-Reset": reset, "X-RateLimit-Limit": "300", **more}


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/api/v1/statuses", Kind.POST),
        ("PUT", "/api/v1/statuses/1", Kind.POST),
        ("DELETE", "/api/v1/statuses/1", Kind.DELETE),
        ("GET", "/api/v1/statuses/1", Kind.CALL),
        ("POST", "/api/v2/media", Kind.MEDIA),
        ("GET", "/api/v1/media/1", Kind.CALL),
        ("POST", "/api/v1/statuses/1/favourite", Kind.CALL),
    ],
)
def test_calls_count_in_windows_of_their_own(method: str, path: str, kind: Kind) -> None:
    """As Mastodon counts them."""
    assert kind_of(method, path) is kind


def test_a_server_that_says_nothing_has_mastodons_limits() -> None:
    """Thirty uploads in half an hour; then the rest of that time is to be waited for."""
    clock = Clock()
    budget = Budget(clock)
    assert [budget.take(Kind.MEDIA) for _ in range(30)] == [0.0] * 30
    clock.now += 1800
    assert budget.left(Kind.MEDIA) == 0, "those thirty have not come back yet"
    for _ in range(30):
        budget.back(Kind.MEDIA)
    clock.now += 100
    assert budget.take(Kind.MEDIA) == 1700
    clock.now += 1700
    assert budget.take(Kind.MEDIA) == 0.0


def test_a_window_whose_end_is_about_to_be_told_is_asked_for_again_soon() -> None:
    """A server's windows may be far shorter than the usual ones: nobody is sent away for hours on a guess."""
    budget = Budget(clock := Clock())
    budget.take(Kind.POST)
    budget.note(Kind.POST, {**headers(2, "1"), "X-RateLimit-Limit": "3"})
    budget.back(Kind.POST)
    clock.now += 1
    assert [budget.take(Kind.POST) for _ in range(4)] == [0.0, 0.0, 0.0, 1.0]
    budget.note(Kind.POST, {**headers(2, "5"), "X-RateLimit-Limit": "3"})
    budget.back(Kind.POST)
    assert budget.take(Kind.POST) == 5.0


@pytest.mark.parametrize("reset", ["2026-11-25T09:00:30.5Z", "2026-11-25T09:00:30.5+00:00", "1795597230", "30"])
def test_the_window_is_the_servers(reset: str) -> None:
    """Its end is read by its own clock, in each of the ways that servers write it."""
    budget = Budget(clock := Clock())
    assert budget.take(Kind.CALL) == 0.0
    budget.note(Kind.CALL, headers(1, reset, Date="Wed, 25 Nov 2026 09:00:00 GMT"))
    budget.back(Kind.CALL)
    assert budget.take(Kind.CALL) == 0.0
    assert 29 <= budget.take(Kind.CALL) <= 31
    clock.now += 31
    assert budget.take(Kind.CALL) == 0.0


def test_calls_under_way_are_counted() -> None:
    """What was sent and not answered yet may not be in the number that an answer tells."""
    budget = Budget(Clock())
    for _ in range(5):
        budget.take(Kind.CALL)
    budget.note(Kind.CALL, headers(10, "30"))
    assert budget.left(Kind.CALL) == 6


def test_a_refusal_closes_the_window() -> None:
    """Until its reset, or a minute where it says none; headers that are nonsense change nothing."""
    budget = Budget(Clock())
    budget.note(Kind.POST, headers(5, "soon"))
    assert budget.left(Kind.POST) == USUAL[Kind.POST][0]
    assert budget.exhausted(Kind.POST, {}) == 60.0
    assert budget.take(Kind.POST) == 60.0
    assert budget.exhausted(Kind.POST, {"Retry-After": "5"}) == 5.0
