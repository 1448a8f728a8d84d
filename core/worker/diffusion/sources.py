"""The pictures that a job starts from: decoded, brought to the canvas, with the mask of what is to be redrawn.

Coordinators check sources when they accept a request; they are read here again, because a worker trusts nobody.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageFilter, ImageOps, UnidentifiedImageError

from core.errors import RenderError
from core.worker.diffusion.canvas import Canvas, fit
from core.worker.renderer import DrawJob

_MOST_PIXELS = 64_000_000
_MASKED = ("inpainting", "outpainting")
_FEATHER = 1 / 128


@dataclass(frozen=True, slots=True)
class Source:
    """A start picture (RGB) and its mask (L, 255 = redraw, None = all of it), both in the canvas' drawn size."""

    image: Image.Image
    mask: Image.Image | None


def prepare(job: DrawJob, canvas: Canvas) -> Source | None:
    """What the job starts from; None where it starts from nothing.

    Raises:
        RenderError: the picture or its mask cannot be read, is needed and missing, or of a kind that is not done here.
    """
    if job.source_image is None:
        return None
    if job.source_processing not in ("img2img", *_MASKED):
        raise RenderError(f"This worker does not do {job.source_processing} yet.")
    image = _open(job.source_image, "source picture")
    mask = _mask(job, image)
    return Source(
        image=fit(_flat(image), canvas.drawn),
        mask=None if mask is None else fit(mask, canvas.drawn),
    )


def blend(drawn: Image.Image, source: Source) -> Image.Image:
    """Put what was not to be redrawn back, as it was, with a soft seam outside of it."""
    if source.mask is None:
        return drawn
    seam = max(1.0, max(drawn.size) * _FEATHER)
    soft = ImageChops.lighter(source.mask, source.mask.filter(ImageFilter.GaussianBlur(seam)))
    return Image.composite(drawn, source.image, soft)


def _mask(job: DrawJob, image: Image.Image) -> Image.Image | None:
    if job.source_mask is not None:
        return _open(job.source_mask, "mask").convert("L").resize(image.size)
    if job.source_processing not in _MASKED:
        return None
    if "A" not in image.getbands():
        raise RenderError(f"For {job.source_processing} there has to be a mask or a transparent part in the picture.")
    return ImageOps.invert(image.getchannel("A"))


def _flat(image: Image.Image) -> Image.Image:
    if "A" not in image.getbands():
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, (127, 127, 127, 255))
    return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")


def _open(data: bytes, what: str) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data)) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise RenderError(f"The {what} is too large: {opened.width} x {opened.height} pixels.")
            upright = ImageOps.exif_transpose(opened)
            return upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise RenderError(f"The {what} cannot be read as an image.") from error
