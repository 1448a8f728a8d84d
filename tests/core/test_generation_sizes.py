"""Sizes as people say them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidRequest
from core.generation.sizes import LARGEST, SMALLEST, STEP, TIMES, Size, read_size, rounded


@pytest.mark.parametrize(
    ("text", "native", "size"),
    [
        ("512x768", 512, Size(512, 768)),
        (f" 512 {TIMES} 768 ", 512, Size(512, 768)),
        ("512*768px", 512, Size(512, 768)),
        ("640 by 448", 512, Size(640, 448)),
        ("640", 512, Size(640, 640)),
        ("500x700", 512, Size(512, 704)),
        ("Portrait", 512, Size(512, 768)),
        ("landscape", 512, Size(768, 512)),
        ("portrait", 1024, Size(832, 1216)),
        ("wide", 1024, Size(1344, 768)),
        ("portrait", 128, Size(128, 192)),
        ("square", 128, Size(128, 128)),
    ],
)
def test_people_say_sizes_in_many_ways(text: str, native: int, size: Size) -> None:
    """Numbers with any of the usual signs, one number, and words measured by the model's native side are understood."""
    assert read_size(text, native=native) == size


@pytest.mark.parametrize("text", ["9000x9000", "16x16", "63", "3073x512", "0"])
def test_a_size_out_of_range_is_refused_with_the_range(text: str) -> None:
    """Beyond 64 to 3072 pixels nothing is corrected in silence: the sentence names the range."""
    with pytest.raises(InvalidRequest, match="64 to 3072 pixels"):
        read_size(text, native=512)


@pytest.mark.parametrize("text", ["big", "x", "512x", "-64x64", "1e3", "512x512x512"])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    """Something that is no size gets an example and the words that are understood."""
    with pytest.raises(InvalidRequest, match="512x768, or say square, portrait"):
        read_size(text, native=512)


@given(st.floats(SMALLEST, LARGEST), st.floats(SMALLEST, LARGEST))
def test_any_size_in_range_becomes_one_the_contract_takes(width: float, height: float) -> None:
    """Rounding moves a side by at most half a step and never leaves the bounds."""
    size = rounded(width, height)
    for wanted, got in ((width, size.width), (height, size.height)):
        assert got % STEP == 0
        assert SMALLEST <= got <= LARGEST
        assert abs(got - wanted) <= STEP / 2
