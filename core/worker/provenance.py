"""How a picture says where it comes from: its parameters inside the file, for people's tools and for our own.

Every renderer encodes its pictures here. The widely used "parameters" text goes into EXIF UserComment (webp) or a PNG
text chunk of that name; the same values as JSON go into XMP, from which `read` gets them back exactly.
"""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, cast

from core.worker.renderer import DrawJob

if TYPE_CHECKING:
    from PIL import Image

SOFTWARE = "Largesse"
_LOSSLESS_UP_TO = 256 * 256
_EXIF_POINTER, _USER_COMMENT, _SOFTWARE_TAG = 0x8769, 0x9286, 0x0131
_XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:largesse="urn:largesse:1">'
    "<largesse:parameters>{json}</largesse:parameters></rdf:Description></rdf:RDF></x:xmpmeta>"
)
_XMP_VALUE = re.compile(r"<largesse:parameters>(.*?)</largesse:parameters>", re.DOTALL)
_LABELS = {
    "steps": "Steps",
    "sampler": "Sampler",
    "cfg_scale": "CFG scale",
    "seed": "Seed",
    "size": "Size",
    "model": "Model",
    "clip_skip": "Clip skip",
    "denoising_strength": "Denoising strength",
}

Value = str | int | float | bool | None


def parameters(job: DrawJob, **more: Value) -> dict[str, Value]:
    """What a finished picture is to say about itself: the job's values, the made-up or changed ones over them.

    Args:
        job: what was asked for.
        more: what else is true of the picture, e.g. `scaled`; wins over the job's values.
    """
    values: dict[str, Value] = {
        "prompt": job.prompt,
        "negative_prompt": job.negative_prompt,
        "steps": job.steps,
        "sampler": job.sampler,
        "karras": job.karras,
        "cfg_scale": job.cfg_scale,
        "seed": job.seed,
        "size": f"{job.width}x{job.height}",
        "model": job.model,
    }
    if job.clip_skip != 1:
        values["clip_skip"] = job.clip_skip
    if job.tiling:
        values["tiling"] = True
    if job.source_image is not None:
        values |= {"source_processing": job.source_processing, "denoising_strength": job.denoising_strength}
    if job.hires_fix:
        values |= {"hires_fix": True, "hires_denoising_strength": job.hires_denoising_strength}
    return values | more


def as_text(values: Mapping[str, Value]) -> str:
    """The "parameters" text: the prompt, the negative prompt, then one line of `Label: value` pairs."""
    lines = [str(values.get("prompt", ""))]
    if negative := values.get("negative_prompt"):
        lines.append(f"Negative prompt: {negative}")
    pairs = [
        f"{_LABELS.get(key, key)}: {value}"
        for key, value in values.items()
        if key not in ("prompt", "negative_prompt") and value is not None
    ]
    return "\n".join([*lines, ", ".join([*pairs, f"Version: {SOFTWARE}"])])


def encode(image: Image.Image, values: Mapping[str, Value], *, form: Literal["webp", "png"] = "webp") -> bytes:
    """The picture as a file that carries its parameters.

    Args:
        image: any size, RGB or RGBA.
        values: what `parameters` made.
        form: webp (lossless up to 256 x 256 pixels, visually lossless above) or png.
    """
    into = io.BytesIO()
    if form == "webp":
        lossless = image.width * image.height <= _LOSSLESS_UP_TO
        image.save(
            into, "WEBP", lossless=lossless, quality=75 if lossless else 95, exif=_exif(values), xmp=_xmp(values)
        )
    else:
        from PIL.PngImagePlugin import PngInfo

        texts = PngInfo()
        texts.add_itxt("parameters", as_text(values))
        texts.add_itxt("XML:com.adobe.xmp", _xmp(values).decode())
        image.save(into, "PNG", pnginfo=texts)
    return into.getvalue()


def read(picture: bytes) -> dict[str, Value]:
    """The parameters inside a webp or PNG file of ours; empty where it has none."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(picture)) as image:
            found: Any = image.info.get("xmp", b"")
    except (UnidentifiedImageError, OSError):
        return {}
    text = found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)
    match = _XMP_VALUE.search(text)
    if match is None:
        return {}
    try:
        values = json.loads(html.unescape(match[1]))
    except ValueError:
        return {}
    return cast("dict[str, Value]", values) if isinstance(values, dict) else {}


def _xmp(values: Mapping[str, Value]) -> bytes:
    # ASCII only, so that neither XML nor a tool's idea of the encoding can change the text.
    return _XMP.format(json=html.escape(json.dumps(dict(values)), quote=False)).encode("ascii")


def _exif(values: Mapping[str, Value]) -> bytes:
    from PIL import Image

    exif = Image.Exif()
    exif[_SOFTWARE_TAG] = SOFTWARE
    text = as_text(values).encode("utf-16-be", "surrogatepass")
    exif.get_ifd(_EXIF_POINTER)[_USER_COMMENT] = b"UNICODE\0" + text
    return exif.tobytes()
