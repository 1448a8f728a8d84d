"""The names of blobs: one key is one picture, `room/name.webp`; every other text is refused before it meets a disk."""

from __future__ import annotations

import re

from core.errors import NotFound

SHARED = "shared/"
TRANSIENT = ("results/", "sources/")
"""What every key begins with that goes again."""
_KEY = re.compile(r"(results|sources|shared)/[A-Za-z0-9_-]{2,100}\.webp", re.ASCII)


def result_key(job_id: str) -> str:
    """The key of the finished picture of one job."""
    return f"results/{job_id}.webp"


def source_key(request_id: str, part: str) -> str:
    """The key of something a request starts from; part: `src`, `msk` or `extra_<i>`."""
    return f"sources/{request_id}_{part}.webp"


def shared_key(job_id: str) -> str:
    """The key under which the finished picture of one job stays when it is shared."""
    return f"{SHARED}{job_id}.webp"


def is_shared(key: str) -> bool:
    """Whether the key is one of the shared pictures, which stay."""
    return key.startswith(SHARED)


def result_of(shared: str) -> str:
    """The key of the result that goes to that shared key."""
    return "results/" + shared.removeprefix(SHARED)


def checked(key: str) -> str:
    """The key itself.

    Raises:
        NotFound: it is not the name of a picture (a path, another ending, odd characters).
    """
    if not _KEY.fullmatch(key):
        raise NotFound("There is no picture of that name.", code="PictureNotFound")
    return key
