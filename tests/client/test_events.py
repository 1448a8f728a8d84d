"""What a horde tells by itself: taken apart, ended, missing, refused, broken."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.client import HordeClient
from core.client.events import told
from core.errors import HordeError, HordeUnavailable, NotFound, TooMany
from tests.doubles.horde import CHECKED, FakeHorde, Fault

PROGRESS = b"event: progress\ndata: " + json.dumps(CHECKED).encode() + b"\n\n"
DONE = b"event: done\ndata: " + json.dumps({**CHECKED, "done": True, "finished": 1}).encode() + b"\n\n"
GONE = b'event: gone\ndata: {"message": "no such request", "rc": "RequestNotFound"}\n\n'


async def test_states_arrive_until_the_last(largesse: FakeHorde, home: HordeClient) -> None:
    """Each event is one state, comments are none, and nothing after the end is listened to."""
    whole = b": hello\n\n" + PROGRESS + b": still here\n\n" + DONE + PROGRESS
    largesse.told = [whole[at : at + 7] for at in range(0, len(whole), 7)]
    states = [state async for state in home.events("abc")]
    assert [(state.done, state.finished) for state in states] == [(False, 0), (True, 1)]
    assert largesse.paths()[-1] == "/api/largesse/v1/generate/events/abc"


async def test_a_foreign_horde_is_asked_nothing(horde: FakeHorde, client: HordeClient) -> None:
    """A horde without our additions tells nothing, and is bothered once."""
    for _ in range(3):
        assert [state async for state in client.events("abc")] == []
    assert horde.paths() == ["/api/largesse/v1/health"]


async def test_a_horde_without_streams_is_left_alone(largesse: FakeHorde, home: HordeClient) -> None:
    """An older Largesse says 404 without a code; it is not tried again."""
    for _ in range(3):
        assert [state async for state in home.events("abc")] == []
    assert largesse.paths().count("/api/largesse/v1/generate/events/abc") == 1


async def test_a_request_that_is_gone_is_not_found(largesse: FakeHorde, home: HordeClient) -> None:
    """Also when it goes while somebody listens."""
    largesse.told = [PROGRESS, GONE]
    with pytest.raises(NotFound):
        _ = [state async for state in home.events("abc")]


@pytest.mark.parametrize(
    ("pieces", "error"),
    [
        ([PROGRESS], HordeUnavailable),
        ([PROGRESS[:20]], HordeUnavailable),
        ([b"data: " + b"x" * 300_000], HordeUnavailable),
        ([b"event: done\ndata: {nonsense\n\n"], HordeError),
        ([b"event: done\ndata: [1]\n\n"], HordeError),
    ],
)
async def test_a_broken_stream_is_an_error(
    largesse: FakeHorde, home: HordeClient, pieces: list[bytes], error: type[Exception]
) -> None:
    """Ended too early, cut in the middle, without measure or senseless: said, never taken for the end."""
    largesse.told = pieces
    with pytest.raises(error):
        _ = [state async for state in home.events("abc")]


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Fault.RATE_LIMITED, TooMany), (Fault.OVERLOADED, HordeUnavailable), (Fault.HALF, HordeUnavailable)],
)
async def test_a_refused_stream_may_be_tried_again(
    largesse: FakeHorde, home: HordeClient, fault: Fault, error: type[Exception]
) -> None:
    """A refusal of the moment is no reason to give streams up."""
    largesse.told = [DONE]
    assert len([state async for state in home.events("abc")]) == 1
    largesse.faults.append(fault)
    with pytest.raises(error):
        _ = [state async for state in home.events("abc")]
    assert len([state async for state in home.events("abc")]) == 1


@given(st.lists(st.binary(max_size=12), max_size=12))
async def test_any_lines_are_taken_apart(pieces: list[bytes]) -> None:
    """Whatever a horde sends as a stream, nothing but text comes out."""

    async def lines():  # noqa: ANN202  # an asynchronous generator
        for piece in pieces:
            yield piece + b"\n"

    async for name, data in told(lines()):
        assert isinstance(name, str)
        assert isinstance(data, str)
