"""A person sends a picture along: the new one starts from it."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from core.chat.types import Picture, Post
from core.errors import InvalidRequest
from core.generation import Size, read_source
from core.generation.sources import LONGEST_SIDE
from tests.bots.scripted import Room, ScriptedHorde, open_room


def drawn(width: int, height: int, form: str = "PNG", mode: str = "RGB") -> Picture:
    out = io.BytesIO()
    Image.new(mode, (width, height), 128).save(out, form)
    return Picture(out.getvalue(), mime=f"image/{form.lower()}", name=f"mine.{form.lower()}")


async def send(room: Room, text: str, *pictures: Picture) -> Post:
    task = await room.dispatch.call(room.platform, room.platform.call(text, pictures=pictures))
    assert task is not None
    await task
    return room.platform.posts[-1]


async def test_an_attached_picture_is_drawn_over(room: Room, horde: ScriptedHorde) -> None:
    """It goes to the horde as webp in base64, with the usual strength, in its own shape at the model's size."""
    post = await send(room, "draw it in oil", drawn(640, 320))
    body = horde.last.body
    with Image.open(io.BytesIO(base64.b64decode(body["source_image"]))) as source:
        assert (source.format, source.size) == ("WEBP", (640, 320))
    assert body["params"]["denoising_strength"] == 0.6
    assert (body["params"]["width"], body["params"]["height"]) == (192, 64)
    assert len(post.pictures) == 1


async def test_size_and_strength_can_be_chosen(room: Room, horde: ScriptedHorde) -> None:
    """What is said wins over the picture's shape."""
    await send(room, "draw it in oil --strength 0.3 --size 128x192", drawn(640, 320))
    params = horde.last.params
    assert (params["denoising_strength"], params["width"], params["height"]) == (0.3, 128, 192)


async def test_again_starts_from_the_same_picture(tmp_path: Path, horde: ScriptedHorde) -> None:
    """The picture is remembered with the request, also over a restart."""
    async with open_room(tmp_path, horde) as room:
        await send(room, "draw it in oil", drawn(64, 64))
        first = horde.last.body["source_image"]
        platform = room.platform
    async with open_room(tmp_path, horde, platform=platform) as room:
        for action in ("again", "variation"):
            await room.press(action)
            assert horde.last.body["source_image"] == first
    assert len(horde.requests) == 3


async def test_strength_without_a_picture_is_refused(room: Room, horde: ScriptedHorde) -> None:
    """It says what is missing, and nothing is asked of the horde."""
    post = await send(room, "draw a cat --strength 0.4")
    assert "attach" in post.text
    assert horde.requests == {}


@pytest.mark.parametrize(
    "picture",
    [Picture(b"no picture at all"), Picture(b"\x89PNG\r\n\x1a\n broken"), Picture(url="https://example.org/a.png"),
     replace(drawn(8, 8, "GIF", "L"), name="a.gif")],
)  # fmt: skip
async def test_what_is_no_picture_is_refused(picture: Picture) -> None:
    """Broken files, other kinds and mere addresses become a sentence."""
    with pytest.raises(InvalidRequest):
        await read_source(picture)


async def test_a_picture_that_unpacks_to_too_much_is_refused() -> None:
    """A small file that claims many pixels is not unpacked."""
    with pytest.raises(InvalidRequest, match="pixels"):
        await read_source(drawn(10_000, 9_000, "PNG", "1"))


async def test_large_transparent_and_turned_pictures_are_tidied() -> None:
    """At most so many pixels a side, no transparency, upright as the camera meant it."""
    source = await read_source(drawn(3000, 1000, "WEBP", "RGBA"))
    with Image.open(io.BytesIO(base64.b64decode(source.data))) as image:
        assert (image.mode, image.size) == ("RGB", (LONGEST_SIDE, LONGEST_SIDE // 3))
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    Image.new("RGB", (40, 20)).save(out, "JPEG", exif=exif.tobytes())
    assert (await read_source(Picture(out.getvalue()))).shape == 0.5


def test_shapes_become_sizes() -> None:
    """About the native number of pixels, in steps of 64, no narrower than 1 to 4."""
    from core.generation.sizes import shaped

    assert shaped(1.0, native=512) == Size(512, 512)
    assert shaped(1.5, native=512) == Size(640, 448)
    assert shaped(50.0, native=512) == shaped(4.0, native=512) == Size(1024, 256)
