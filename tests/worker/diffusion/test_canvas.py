"""Sizes: what is drawn for what was asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.worker.diffusion import canvas

SIDES = st.integers(1, 48).map(lambda blocks: blocks * 64)


@pytest.mark.parametrize(
    ("asked", "native", "drawn"),
    [
        ((64, 64), 64, (64, 64)),
        ((512, 512), 64, (64, 64)),
        ((768, 512), 64, (80, 56)),
        ((512, 1024), 64, (48, 88)),
        ((3072, 64), 64, (96, 32)),
        ((64, 64), 128, (128, 128)),
        ((1024, 576), 512, (1024, 576)),
        ((640, 640), 1024, (640, 640)),
    ],
)
def test_small_models_draw_near_their_own_size(asked: tuple[int, int], native: int, drawn: tuple[int, int]) -> None:
    """Below a native side of 256 the shape is kept and the size is the model's; other models draw what is asked."""
    plan = canvas.plan(*asked, native=native)
    assert plan.drawn == drawn
    assert plan.asked == asked
    assert plan.is_scaled == (asked != drawn)


@given(SIDES, SIDES, st.sampled_from([32, 64, 128, 512, 1024]))
def test_drawn_sides_are_always_multiples_of_eight_in_range(width: int, height: int, native: int) -> None:
    """Whatever is asked, the network gets sides it can work with, a small model none far beyond its own."""
    plan = canvas.plan(width, height, native=native)
    assert plan.width % 8 == plan.height % 8 == 0
    assert min(plan.drawn) >= 8
    if native < canvas.SMALL_BELOW:
        assert max(plan.drawn) <= native * 1.5 + 4


def test_fit_crops_instead_of_distorting() -> None:
    """A circle stays a circle: the shape is met by cropping."""
    wide = Image.new("RGB", (80, 56), "white")
    wide.paste("black", (0, 0, 4, 56))
    fitted = canvas.fit(wide, (560, 560))
    assert fitted.size == (560, 560)
    assert fitted.getpixel((0, 280)) == (255, 255, 255)
