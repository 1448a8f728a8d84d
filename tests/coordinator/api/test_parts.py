"""The small parts under the API: masks, bodies, memory of answers, wake-ups, rate limits."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.coordinator.api import masks
from core.coordinator.api.bodies import MAX_DEPTH, decode
from core.coordinator.live import Live
from core.coordinator.memo import Memo
from core.coordinator.middleware import InvalidPayload
from core.coordinator.rates import GENERATE, Rates, Rule, Scope, neighbourhood
from core.errors import InvalidRequest, LargesseError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        ("id", {"id": 1}),
        ("id, kudos", {"id": 1, "kudos": 2}),
        ("{id,inner{a}}", {"id": 1, "inner": {"a": 3}}),
        ("list{x}", {"list": [{"x": 5}, {"x": 7}]}),
        ("missing", {"missing": None}),
        ("*", {"id": 1, "kudos": 2, "inner": {"a": 3, "b": 4}, "list": [{"x": 5, "y": 6}, {"x": 7}]}),
        ("post-processing", {"post-processing": None}),
    ],
)
def test_a_mask_leaves_what_is_wanted(mask: str, expected: object) -> None:
    """Keys, keys of objects inside, and of every object in a list."""
    data = {"id": 1, "kudos": 2, "inner": {"a": 3, "b": 4}, "list": [{"x": 5, "y": 6}, {"x": 7}]}
    assert masks.apply(masks.parse(mask), data) == expected


@pytest.mark.parametrize(
    "mask", ["", "{", "}", "a{", "a{b", "a}b", ",", "a,,b", "a b", "ä;", "{{{{{{{{{{a", "a" * 3000]
)
def test_a_mask_that_cannot_be_read_is_refused(mask: str) -> None:
    """A broken X-Fields header is the client's fault, said in a sentence."""
    with pytest.raises(InvalidRequest, match="X-Fields"):
        masks.parse(mask)


@given(JSON)
def test_decoded_bodies_hold_nothing_that_harms(value: object) -> None:
    """Whatever JSON arrives: either a refusal of ours, or an object of bounded depth and numbers, free of NUL."""
    raw = json.dumps({"value": value}).encode()
    try:
        document = decode(raw)
    except LargesseError:
        return
    shown = json.dumps(document, allow_nan=False)
    assert "\\u0000" not in shown.replace("\\\\", "")


@given(st.binary())
def test_any_bytes_are_decoded_or_refused(raw: bytes) -> None:
    """No body, however broken, raises anything but an error of ours."""
    try:
        assert isinstance(decode(raw), dict)
    except LargesseError as error:
        assert error.code in {"InvalidPayload", "NulByteInPayload"}  # noqa: PT017  # both ways are fine


def test_deep_json_is_refused() -> None:
    """Nesting has a bound, far below what any stack could mind."""
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(InvalidPayload):
            decode(b'{"a":' + b"[" * depth + b"]" * depth + b"}")
    assert decode(b'{"a":' + b"[" * (MAX_DEPTH - 2) + b"]" * (MAX_DEPTH - 2) + b"}")


async def test_an_answer_is_computed_once_for_all_who_ask() -> None:
    """Askers at the same time share one computation; later ones its result, until its time is over."""
    memo, calls = Memo(), 0

    async def make() -> int:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)
        return calls

    assert await asyncio.gather(*(memo.get(("k",), seconds=60, make=make) for _ in range(10))) == [1] * 10
    assert await memo.get(("k",), seconds=60, make=make) == 1
    assert await memo.get(("other",), seconds=0, make=make) == 2
    assert await memo.get(("other",), seconds=0, make=make) == 3


async def test_a_failure_is_not_remembered() -> None:
    """Who asked is told; the next one computes again."""
    memo, fail = Memo(), True

    async def make() -> str:
        if fail:
            raise InvalidRequest("no")
        return "yes"

    with pytest.raises(InvalidRequest):
        await memo.get(("k",), seconds=60, make=make)
    fail = False
    assert await memo.get(("k",), seconds=60, make=make) == "yes"


async def test_no_wake_up_is_missed() -> None:
    """An arrival taken before the wake-up is set by it; one taken after is not; closing sets all."""
    live = Live()
    before = live.arrival()
    live.wake()
    after = live.arrival()
    assert (before.is_set(), after.is_set()) == (True, False)
    live.close()
    assert after.is_set()
    assert live.arrival().is_set()


def test_steps_never_go_back() -> None:
    """Reports that arrive out of order do not turn a job back, and a finished job is forgotten."""
    live = Live()
    live.report("job", step=3, steps=10)
    live.report("job", step=2, steps=10)
    step = live.step("job")
    assert step is not None
    assert (step.step, step.steps) == (3, 10)
    live.report("job", step=99, steps=10)
    assert (live.step("job") or step).step == 10
    live.forget("job")
    assert live.step("job") is None


async def test_a_rule_counts_and_refuses() -> None:
    """Within the window so many calls pass, the next is refused in the words that clients know."""
    rates = Rates(enabled=True)
    rates.declare("GET /x", (Rule("3/hour"),))
    verdicts = [await rates.hit("GET /x", path="/x", address="1.2.3.4", key="") for _ in range(4)]
    assert [verdict.refused for verdict in verdicts] == [None, None, None, "3 per 1 hour"]
    assert [verdict.headers["X-RateLimit-Remaining"] for verdict in verdicts] == ["2", "1", "0", "0"]
    assert 0 < int(verdicts[3].headers["Retry-After"]) <= 3600
    assert (await rates.hit("GET /x", path="/x", address="1.2.3.5", key="")).refused is None


async def test_paths_and_keys_are_counted_apart() -> None:
    """A limit by path leaves other ids alone; a limit by key follows the key to other addresses."""
    rates = Rates(enabled=True)
    rates.declare("GET /x/{id}", (Rule("1/hour", Scope.PATH),))
    assert (await rates.hit("GET /x/{id}", path="/x/1", address="a", key="")).refused is None
    assert (await rates.hit("GET /x/{id}", path="/x/2", address="a", key="")).refused is None
    assert (await rates.hit("GET /x/{id}", path="/x/1", address="a", key="")).refused is not None
    rates.declare("POST /k", (Rule("1/hour", Scope.KEY),))
    assert (await rates.hit("POST /k", path="/k", address="a", key="key")).refused is None
    assert (await rates.hit("POST /k", path="/k", address="b", key="key")).refused is not None


async def test_friends_and_the_anonymous_have_limits_of_their_own() -> None:
    """Two requests a second for a stranger's key, more for an address that a trusted account uses."""
    rates = Rates(enabled=True)
    rates.declare("POST /g", GENERATE)
    strange = [await rates.hit("POST /g", path="/g", address="9.9.9.9", key="stranger") for _ in range(6)]
    assert any(verdict.refused == "2 per 1 second" for verdict in strange)
    rates.befriend("8.8.8.8")
    friendly = [await rates.hit("POST /g", path="/g", address="8.8.8.8", key="friend") for _ in range(5)]
    assert all(verdict.refused is None for verdict in friendly)


async def test_switched_off_limits_limit_nothing() -> None:
    """For load tests everything passes, without headers."""
    rates = Rates(enabled=False)
    rates.declare("GET /x", (Rule("1/hour"),))
    verdicts = [await rates.hit("GET /x", path="/x", address="a", key="") for _ in range(3)]
    assert all(verdict.refused is None and not verdict.headers for verdict in verdicts)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_a_household_is_one_address(address: str, expected: str) -> None:
    """All addresses of one IPv6 /64 are counted together."""
    assert neighbourhood(address) == expected
