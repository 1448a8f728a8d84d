"""Pictures whose edges fit each other: every convolution reads across the edge to the other side, for one batch."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from torch import nn


@contextmanager
def seamless(parts: Sequence[nn.Module]) -> Generator[None]:
    """Let the convolutions of these networks wrap around while inside, and be as before afterwards."""
    layers = [layer for part in parts for layer in part.modules() if isinstance(layer, nn.Conv2d)]
    plain = [layer for layer in layers if layer.padding_mode == "zeros"]
    for layer in plain:
        layer.padding_mode = "circular"
    try:
        yield
    finally:
        for layer in plain:
            layer.padding_mode = "zeros"
