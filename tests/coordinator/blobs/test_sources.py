"""Pictures that clients send: bounded before they are unpacked, webp afterwards."""

from __future__ import annotations

import base64
import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image

from core.coordinator.blobs.guard import Fetcher
from core.coordinator.blobs.sources import Source, as_webp, read_source
from core.errors import InvalidRequest

LIMIT = 1_000_000
FETCHER = Fetcher(limit=LIMIT)


def packed(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def read(data: str, *, lossless: bool = False) -> Source:
    return await read_source(data, FETCHER, limit=LIMIT, lossless=lossless)


def bomb(width: int, height: int) -> bytes:
    """A PNG that claims a size and carries next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
async def test_every_common_format_becomes_webp(kind: str) -> None:
    """The size stays, the format is webp, an opaque picture has no alpha."""
    source = await read(text(packed(Image.new("RGB", (96, 64), "red"), kind)))
    with Image.open(BytesIO(source.data)) as opened:
        assert (opened.format, opened.size) == ("WEBP", (96, 64))
    assert (source.width, source.height, source.has_alpha) == (96, 64, False)


async def test_transparency_is_noticed_and_kept() -> None:
    """A picture with holes says so: inpainting uses them as its mask."""
    picture = Image.new("RGBA", (64, 64), (0, 0, 255, 255))
    picture.paste((0, 0, 0, 0), (10, 10, 20, 20))
    source = await read(text(packed(picture)), lossless=True)
    assert source.has_alpha
    with Image.open(BytesIO(source.data)) as opened:
        assert opened.convert("RGBA").getpixel((12, 12))[3] == 0
    assert not (await read(text(packed(Image.new("RGBA", (64, 64), (1, 2, 3, 255)))))).has_alpha


async def test_masks_keep_every_pixel() -> None:
    """Lossless means that no edge of a mask is smeared."""
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (17, 3, 40, 31))
    source = await read(text(packed(mask)), lossless=True)
    with Image.open(BytesIO(source.data)) as opened:
        assert opened.convert("L").tobytes() == mask.tobytes()


async def test_a_camera_held_sideways_is_set_upright() -> None:
    """The orientation note of a photograph is applied, not lost."""
    exif = Image.Exif()
    exif[0x0112] = 6
    source = await read(text(packed(Image.new("RGB", (100, 50)), "JPEG", exif=exif)))
    assert (source.width, source.height) == (50, 100)


@pytest.mark.parametrize("size", [(4000, 4000), (20000, 10), (9500, 9500), (30000, 30000)])
async def test_pixel_bombs_are_refused_unopened(size: tuple[int, int]) -> None:
    """A small file that claims a huge picture is refused by its header."""
    with pytest.raises(InvalidRequest) as caught:
        await read(text(bomb(*size)))
    assert caught.value.code == "SourceImageResolutionExceeded"


@pytest.mark.parametrize(
    "data",
    ["", "not base64!", "aGVsbG8=", text(b"GIF89a"), text(bomb(64, 64)[:40]), text(b"<svg/>"), "é", "data:,", "AAA"],
)
async def test_what_is_no_picture_is_refused(data: str) -> None:
    """Nonsense, torn files and unknown formats get one code."""
    with pytest.raises(InvalidRequest) as caught:
        await read(data)
    assert caught.value.code == "SourceImageUnreadable"


async def test_too_many_bytes_are_refused_before_decoding() -> None:
    """The bound on the file counts for base64 too."""
    with pytest.raises(InvalidRequest) as caught:
        await read("A" * (LIMIT * 2))
    assert caught.value.code == "SourceImageSizeExceeded"


async def test_finished_webp_is_kept_as_it_is() -> None:
    """A result that is webp keeps its bytes, so its metadata; another format is encoded again; junk is refused."""
    webp = packed(Image.new("RGB", (64, 64), "green"), "WEBP")
    assert await as_webp(webp) == webp
    assert (await as_webp(packed(Image.new("RGB", (64, 64)), "PNG")))[8:12] == b"WEBP"
    with pytest.raises(InvalidRequest):
        await as_webp(b"junk")
