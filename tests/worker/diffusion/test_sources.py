"""Drawing over a picture, and over a part of it."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from core.errors import RenderError
from core.worker.renderer import DrawJob, Drawn

Jobs = Callable[..., DrawJob]
Draw = Callable[..., list[Drawn]]
Pixels = Callable[[Drawn], np.ndarray]
Encoded = Callable[[Image.Image], bytes]
SIDE = 32


@pytest.fixture
def picture(encoded: Encoded) -> bytes:
    """A red square on blue."""
    image = Image.new("RGB", (SIDE, SIDE), "blue")
    image.paste("red", (8, 8, 24, 24))
    return encoded(image)


def half_mask() -> Image.Image:
    """White, to be redrawn, on the right half."""
    mask = Image.new("L", (SIDE, SIDE), 0)
    mask.paste(255, (SIDE // 2, 0, SIDE, SIDE))
    return mask


def test_source_and_strength_shape_the_picture(job: Jobs, draw: Draw, pixels: Pixels, picture: bytes) -> None:
    """A source changes what is drawn, and so does how much of it may change."""
    none = pixels(draw(job())[0])
    little = pixels(draw(job(source_image=picture, denoising_strength=0.3))[0])
    much = pixels(draw(job(source_image=picture, denoising_strength=1.0))[0])
    assert np.abs(little - none).max() > 0
    assert np.abs(little - much).max() > 0


@pytest.mark.parametrize("sampler", ["k_euler_a", "k_heun", "k_dpmpp_2m", "k_dpmpp_sde", "DDIM", "lcm"])
@pytest.mark.parametrize(("steps", "strength"), [(1, 0.01), (49, 1 / 49), (3, 0.2), (4, 1.0)])
def test_too_little_strength_for_a_step_is_one_step(
    job: Jobs, draw: Draw, picture: bytes, sampler: str, steps: int, strength: float
) -> None:
    """Steps times strength below one would be no step at all; it is raised to one."""
    drawn = draw(job(source_image=picture, denoising_strength=strength, steps=steps, sampler=sampler))
    assert len(drawn) == 1


def test_sources_in_a_batch_give_what_they_give_alone(
    job: Jobs, draw: Draw, pixels: Pixels, picture: bytes, encoded: Encoded
) -> None:
    """Each picture of a batch starts from its own source."""
    other = encoded(Image.new("RGBA", (SIDE * 2, SIDE), (0, 200, 0, 128)))
    jobs = [job(0, source_image=picture), job(1, source_image=other)]
    together = [pixels(drawn) for drawn in draw(*jobs)]
    alone = [pixels(draw(one)[0]) for one in jobs]
    assert max(np.abs(one - two).max() for one, two in zip(together, alone, strict=True)) <= 2


@pytest.mark.parametrize("processing", ["inpainting", "img2img"])
def test_outside_of_the_mask_nothing_changes(
    job: Jobs, draw: Draw, pixels: Pixels, picture: bytes, encoded: Encoded, processing: str
) -> None:
    """Black parts of the mask come back as they were, white parts are drawn anew."""
    asked = job(source_image=picture, source_mask=encoded(half_mask()), source_processing=processing)
    drawn = pixels(draw(asked)[0])
    source = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
    assert np.abs(drawn[:, :8] - source[:, :8]).max() <= 1
    assert np.abs(drawn[:, 20:] - source[:, 20:]).mean() > 5


def test_transparent_parts_are_the_mask_where_there_is_none(
    job: Jobs, draw: Draw, pixels: Pixels, encoded: Encoded
) -> None:
    """Outpainting and inpainting without a mask redraw what is transparent."""
    image = Image.new("RGBA", (SIDE, SIDE), (255, 0, 0, 255))
    image.paste((0, 0, 0, 0), (SIDE // 2, 0, SIDE, SIDE))
    drawn = pixels(draw(job(source_image=encoded(image), source_processing="outpainting"))[0])
    assert np.abs(drawn[:, :8] - np.array([255, 0, 0])).max() <= 1
    assert np.abs(drawn[:, 20:] - np.array([255, 0, 0])).mean() > 5


def test_inpainting_without_any_mask_gets_its_sentence(job: Jobs, draw: Draw, picture: bytes) -> None:
    """Neither mask nor transparency: nothing could be redrawn."""
    with pytest.raises(RenderError, match="mask or a transparent part"):
        draw(job(source_image=picture, source_processing="inpainting"))


def test_remix_is_refused(job: Jobs, draw: Draw, picture: bytes) -> None:
    """What this worker cannot do it says, instead of drawing something else."""
    with pytest.raises(RenderError, match="does not do remix yet"):
        draw(job(source_image=picture, source_processing="remix"))


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n cut off"])
def test_source_that_is_no_picture_gets_its_sentence(job: Jobs, draw: Draw, data: bytes) -> None:
    """Damaged sources are the job's fault, told in words."""
    with pytest.raises(RenderError, match="source picture cannot be read"):
        draw(job(source_image=data))
