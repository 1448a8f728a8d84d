"""Brings a repository of the model hub, or one file of it, to this disk, by the hub's own library.

Called by `core.worker.catalogue`. Interrupted downloads continue; every file is compared with the hash that the hub
itself states for it; the folder gets its name only when it is whole.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from typing import Any

from core.errors import ModelUnusable
from core.worker.fetch import check_room, disk_errors

_SMALL = ["*.json", "*.txt", "*.model", "*.jinja"]
_OTHER_KINDS = ["*.fp16*", "*.bf16*", "*.non_ema*"]
_NONE: list[str] = []


class _Stopped(OSError):
    """The download was called off."""


async def fetch_hub(
    repository: str, target: Path, *, revision: str = "", variant: str = "", file: str = "", size: int = 0
) -> None:
    """Download a diffusers repository or one file of it; `target` appears whole or not at all.

    The environment variables of the hub's library hold, HF_ENDPOINT and HF_TOKEN among them.

    Args:
        repository: "owner/name".
        target: folder that is to hold the files; "<target>.part" is used until they are all there.
        revision: branch, tag or commit; empty = main.
        variant: e.g. "fp16": take the weight files of that kind; empty = the plain ones.
        file: take this one file of the repository only.
        size: bytes it will need, roughly; 0 = unknown.

    Raises:
        ModelUnusable: it cannot be had or is damaged.
        StorageFull: the disk has no room for it.
    """
    check_room(target.parent, size, name=repository)
    part = target.with_name(target.name + ".part")
    stop = threading.Event()
    allow, ignore = ([file], _NONE) if file else _patterns(variant)
    with disk_errors(repository, target):
        part.mkdir(parents=True, exist_ok=True)
        try:
            await asyncio.to_thread(
                _snapshot, repository, part, revision or "main", allow=allow, ignore=ignore, stop=stop
            )
        except asyncio.CancelledError:
            stop.set()
            raise
        part.replace(target)


def _patterns(variant: str) -> tuple[list[str], list[str]]:
    """What to take and what to leave: not the checkpoints at the top of a repository, not the other precisions."""
    if variant:
        return [*_SMALL, f"*/*.{variant}*.safetensors"], _NONE
    return [*_SMALL, "*/*.safetensors"], _OTHER_KINDS


def _snapshot(
    repository: str, part: Path, revision: str, *, allow: list[str], ignore: list[str], stop: threading.Event
) -> None:
    import httpx2
    import huggingface_hub as library
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, XetDownloadError

    try:
        # Resolved first: given a branch and no network, the library would take a part of a folder for the whole.
        api = library.HfApi()
        commit = api.model_info(repository, revision=revision).sha or ""
        api.snapshot_download(  # pyright: ignore[reportUnknownMemberType]
            repository,
            revision=commit,
            local_dir=part,
            allow_patterns=allow,
            ignore_patterns=ignore,
            tqdm_class=_bar(stop),
        )
        verified = api.verify_repo_checksums(repository, revision=commit, local_dir=part)
    except (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        XetDownloadError,
        httpx2.HTTPError,
    ) as error:
        raise ModelUnusable(
            f"The model {repository!r} cannot be downloaded from the hub: {str(error).strip().splitlines()[0]} "
            "What has arrived is kept; starting again continues."
        ) from None
    for damaged in verified.mismatches:
        (part / damaged["path"]).unlink(missing_ok=True)
    if verified.mismatches:
        names = ", ".join(damaged["path"] for damaged in verified.mismatches)
        raise ModelUnusable(f"Files of {repository!r} arrived damaged and were removed: {names}. Start again.")


def _bar(stop: threading.Event) -> type[Any]:
    """The hub's progress bar, silent where nobody looks, which also calls the download off when asked to."""
    from huggingface_hub.utils import tqdm

    def update(self: Any, n: float | None = 1) -> object:  # noqa: ANN401  # the library's bar is typed in part only
        if stop.is_set():
            raise _Stopped
        return tqdm.update(self, n)

    def silent(*args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # likewise
        kwargs["disable"] = not sys.stderr.isatty()
        tqdm.__init__(*args, **kwargs)  # pyright: ignore[reportUnknownMemberType]

    return type("Bar", (tqdm,), {"update": update, "__init__": silent})
