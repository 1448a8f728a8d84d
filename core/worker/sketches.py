"""Small looks at a picture that is still being drawn: how often one is made, and how small its file is.

The renderers make them between two steps; `reports` sends the newest of each job along with its steps.
"""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

from core.worker.renderer import OnPreview

if TYPE_CHECKING:
    from PIL import Image

FIRST, EVERY = 0.4, 1.0
"""Seconds into the drawing until the first one, and least seconds between two."""
SHARE = 0.1
"""Most of the drawing time that may go into them."""
SIDE = 128
"""Pixels of the longer side."""
MOST_BYTES = 4_000
"""Of one file: it travels inside a report, and on to other processes as one message."""
_QUALITIES = (75, 50, 25, 5)


class Sketches:
    """The previews of one batch; `on_preview` None = nobody wants any."""

    def __init__(self, on_preview: OnPreview | None) -> None:
        self._on_preview = on_preview
        self._due = self._begun = time.monotonic() + FIRST

    def due(self) -> bool:
        """Whether now is a time to make some. What is made until the next question counts as their cost."""
        self._begun = time.monotonic()
        return self._on_preview is not None and self._begun >= self._due

    def show(self, job_id: str, image: Image.Image) -> None:
        """Hand one on, made small."""
        if self._on_preview is not None and (file := small(image)):
            self._on_preview(job_id, file)
        now = time.monotonic()
        self._due = now + max(EVERY, (now - self._begun) / SHARE)


def small(image: Image.Image) -> bytes:
    """A webp file of at most `MOST_BYTES`; empty where not even the coarsest is so small."""
    from PIL import Image

    shown = image.convert("RGB")
    shown.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
    for quality in _QUALITIES:
        into = io.BytesIO()
        shown.save(into, "WEBP", quality=quality, method=2)
        if into.tell() <= MOST_BYTES:
            return into.getvalue()
    return b""
