"""What a picture says about itself."""

from __future__ import annotations

import io
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.worker import provenance
from core.worker.renderer import DrawJob

JOB = DrawJob(id="a", model="little", prompt='a <b> & "c" ü 🐸', negative_prompt="x\ny", width=64, height=64, seed=9)


@pytest.mark.parametrize("form", ["webp", "png"])
def test_parameters_come_back_exactly(form: Literal["webp", "png"]) -> None:
    """Markup, line breaks and emoji survive in both kinds of file."""
    values = provenance.parameters(JOB, scaled="lanczos", hires=False)
    data = provenance.encode(Image.new("RGB", (64, 64), "red"), values, form=form)
    assert provenance.read(data) == values
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size) == (form.upper(), (64, 64))


@given(st.dictionaries(st.text(max_size=8), st.text() | st.integers() | st.booleans() | st.none(), max_size=4))
def test_any_values_come_back(values: dict[str, provenance.Value]) -> None:
    """Whatever text people write."""
    assert provenance.read(provenance.encode(Image.new("RGB", (8, 8)), values)) == values


def test_common_tools_find_the_text_they_know() -> None:
    """EXIF UserComment of a webp and the text chunk of a PNG hold prompt, negative prompt and the labelled pairs."""
    values = provenance.parameters(JOB)
    webp = provenance.encode(Image.new("RGB", (64, 64)), values)
    with Image.open(io.BytesIO(webp)) as image:
        comment = image.getexif().get_ifd(0x8769)[0x9286]
    text = comment.removeprefix(b"UNICODE\0").decode("utf-16-be")
    assert text == provenance.as_text(values)
    assert text.splitlines()[1] == "Negative prompt: x"
    assert "Steps: 30, Sampler: k_euler_a, " in text
    assert "Seed: 9, Size: 64x64, Model: little" in text
    png = provenance.encode(Image.new("RGB", (64, 64)), values, form="png")
    with Image.open(io.BytesIO(png)) as image:
        assert image.info["parameters"] == text


def test_small_pictures_lose_nothing() -> None:
    """Pixel art of the little model stays exact."""
    image = Image.effect_noise((64, 64), 80).convert("RGB")
    with Image.open(io.BytesIO(provenance.encode(image, {}))) as back:
        assert back.convert("RGB").tobytes() == image.tobytes()


@pytest.mark.parametrize("data", [b"", b"no picture", b"RIFF\x04\0\0\0WEBP"])
def test_what_is_no_picture_of_ours_says_nothing(data: bytes) -> None:
    """Foreign or damaged files are empty, not an error."""
    assert provenance.read(data) == {}


def test_a_foreign_picture_says_nothing() -> None:
    """A file without our parameters, or with broken ones, reads as empty."""
    into = io.BytesIO()
    Image.new("RGB", (8, 8)).save(into, "WEBP", xmp=b"<largesse:parameters>{</largesse:parameters>")
    assert provenance.read(into.getvalue()) == {}
