"""One source of noise per picture, so that a picture is the same alone, in a batch, and on the next start."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """A generator for each seed (0 to 2**63 - 1).

    They live on the CPU whatever the device is: the same seed then gives the same noise on every kind of card.
    """
    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
