"""What a person is told of a request on its way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.generate import CheckResponse, Running
from core.generation import Glimpse, Stage, duration
from core.generation.progress import seen


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "1 s"), (4.4, "4 s"), (89, "89 s"), (100, "2 min"), (3600, "60 min"), (7200, "2 h"), (7800, "2 h 10 min")],
)
def test_time_is_told_as_people_do(seconds: float, said: str) -> None:
    """Seconds, then minutes, then hours."""
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("check", "total", "text"),
    [
        (
            CheckResponse(done=False, waiting=1, queue_position=3, wait_time=12),
            1,
            "Number 3 in the queue, about 12 s …",
        ),
        (CheckResponse(done=False, waiting=1), 1, "In the queue …"),
        (CheckResponse(done=False, processing=1), 1, "Drawing …"),
        (
            CheckResponse(done=False, processing=1, running=[Running(id="a", step=7, steps=12)], wait_time=1),
            1,
            "Drawing: step 7 of 12 …",
        ),
        (
            CheckResponse(
                done=False, processing=1, finished=1, running=[Running(id="a", step=1, steps=8)], wait_time=9
            ),
            3,
            "Drawing: picture 2 of 3, step 1 of 8, about 9 s left …",
        ),
    ],
)
def test_each_stage_has_its_words(check: CheckResponse, total: int, text: str) -> None:
    """Position and time while it waits, pictures and steps while it is drawn."""
    assert seen(check, total=total).text == text


def test_a_request_nobody_can_do_says_the_reason_of_the_horde() -> None:
    """What the horde knows is passed on, with what the person can do."""
    glimpse = Glimpse(Stage.STUCK, reason="No worker offers SDXL.")
    assert glimpse.text == "No worker offers SDXL. It waits until somebody comes; say “cancel” to take it back."


@given(
    finished=st.integers(0, 20),
    processing=st.integers(0, 20),
    step=st.integers(0, 500),
    steps=st.integers(0, 500),
    total=st.integers(1, 20),
)
def test_a_fraction_is_always_one(finished: int, processing: int, step: int, steps: int, total: int) -> None:
    """Whatever a horde answers, the bar stays between empty and full."""
    running = [Running(id="a", step=step, steps=steps)]
    check = CheckResponse(done=False, finished=finished, processing=processing, running=running)
    fraction = seen(check, total=total).fraction
    assert fraction is None or 0 <= fraction <= 1
    assert seen(check, total=total).text
