"""The contact sheet: one drawing of every thing, then a row of showpieces, each with its words underneath."""

from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

_COLUMNS = 8
_CELL = 96
_LABEL = 14


@dataclass(frozen=True)
class Entry:
    """One picture of the sheet and the words under it."""

    label: str
    picture: Image.Image


def contact_sheet(entries: list[Entry]) -> Image.Image:
    """Lay the entries out in rows of eight, every picture scaled to the same cell."""
    rows = -(-len(entries) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * _CELL, rows * (_CELL + _LABEL)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=9)
    for number, entry in enumerate(entries):
        x, y = number % _COLUMNS * _CELL, number // _COLUMNS * (_CELL + _LABEL)
        sheet.paste(entry.picture.resize((_CELL - 2, _CELL - 2), Image.Resampling.LANCZOS), (x + 1, y + 1))
        draw.text((x + 3, y + _CELL), entry.label[:22], fill="black", font=font)
    return sheet
