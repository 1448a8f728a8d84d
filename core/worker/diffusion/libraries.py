"""Keeps diffusers and transformers quiet: no bars, no banners; what they warn of goes into our log.

`render` calls `quiet` before anything of theirs is imported, and everything that runs their code does so inside
`overheard`.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from tqdm import tqdm

from core import log
from core.errors import OutOfMemory, RenderError

Foreign = Any
"""An object of diffusers or transformers, which come without complete types."""

_logger = log.get(__name__)
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def quiet() -> None:
    """Let both libraries say errors only; their own variables win where somebody has set them."""
    # Read by the libraries while they are imported, so it has to come before.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
    # Its own lock is a semaphore between processes, which a device process that ends abruptly leaves behind; one
    # process shows no bars to share.
    tqdm.set_lock(threading.RLock())
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    of_diffusers.disable_progress_bar()
    of_transformers.disable_progress_bar()


@contextmanager
def overheard() -> Generator[None]:
    """Send Python warnings of the libraries to our log at DEBUG: they address their users' authors, not our users."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("default")
        try:
            yield
        finally:
            for warning in heard:
                _pass_on(warning.category.__name__, str(warning.message)[:300])


@contextmanager
def memory_guarded(doing: str) -> Generator[None]:
    """Turn every library's way to say that memory has run out into OutOfMemory.

    Args:
        doing: completes "There was not enough memory …", e.g. "to load the model 'x' on cuda:0".

    Raises:
        OutOfMemory: memory ran out inside; what was cached on the card has been given back.
    """
    try:
        yield
    except RenderError:
        raise
    except (RuntimeError, MemoryError) as error:
        if not isinstance(error, torch.OutOfMemoryError | MemoryError) and not _means_memory(str(error)):
            raise
        release_cached()
        raise OutOfMemory(f"There was not enough memory {doing}.") from error


@cache  # once is enough for what is said at every step
def _pass_on(kind: str, text: str) -> None:
    _logger.debug("library_warned", kind=kind, text=text)


def release_cached() -> None:
    """Give memory that torch keeps for later back to the card."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _means_memory(text: str) -> bool:
    return any(words in text.lower() for words in _NO_MEMORY)
