"""Brings one weights file from an https address to this disk: resumed, verified, and there only when it is whole.

Called by `core.worker.catalogue` before a model is offered; `core.worker.hub` does the same for repositories of the
model hub and shares the checks of this file.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import shutil
import sys
from collections.abc import Generator
from http import HTTPStatus
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from core import log
from core.errors import ModelUnusable, StorageFull

_CHUNK = 1 << 20
_SPARE = 256 << 20
_TRIES = 5
_TRIES_TO_CONNECT = 2
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=20, sock_read=60)
_logger = log.get(__name__)


async def fetch_file(url: str, target: Path, *, sha256: str = "", name: str = "") -> None:
    """Download a file, continuing where an earlier attempt stopped; `target` appears at once and whole, or not at all.

    Args:
        url: http(s) address.
        target: where it is to lie; its folder is made.
        sha256: 64 hex digits that it must have; empty = only its length is checked.
        name: what to call it in messages; empty = the file's name.

    Raises:
        ModelUnusable: it cannot be had (no network, refused, gone) or is not what it should be.
        StorageFull: the disk has no room for it.
    """
    name = name or target.name
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with disk_errors(name, target):
        await _download(url, part, name)
        await asyncio.to_thread(check_sum, part, sha256, name=name)
        part.replace(target)
        _mark(part).unlink(missing_ok=True)


def check_sum(file: Path, sha256: str, *, name: str) -> None:
    """Compare a file with its sha256 (empty = anything goes); a downloaded part that differs is removed.

    Raises:
        ModelUnusable: it differs.
    """
    if not sha256:
        return
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found == sha256.lower():
        return
    if file.suffix == ".part":
        file.unlink()
    raise ModelUnusable(
        f"The file {file} of {name!r} is damaged or another one: its sha256 is {found}, expected {sha256}."
    )


def check_room(folder: Path, size: int, *, name: str) -> None:
    """Is there room for `size` bytes and a little more?

    Raises:
        StorageFull: there is not; says how much is missing.
    """
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(there).free
    if free < size + _SPARE:
        raise StorageFull(
            f"There is no room for {name!r} in {folder}: it needs {size / 1e9:.1f} GB and {_SPARE / 1e9:.1f} GB to "
            f"spare, {free / 1e9:.1f} GB are free."
        )


async def _download(url: str, part: Path, name: str) -> None:
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        for attempt in range(_TRIES):
            try:
                await _attempt(session, url, part, name)
            except (aiohttp.ClientError, TimeoutError) as error:
                unreachable = isinstance(error, aiohttp.ClientConnectorError)
                if attempt + 1 >= (_TRIES_TO_CONNECT if unreachable else _TRIES):
                    raise ModelUnusable(
                        f"{name!r} cannot be downloaded from {url}: {error or 'no answer in time'}. Is the network "
                        "there? What has arrived is kept; starting again continues."
                    ) from None
                _logger.warning("download_interrupted", file=name, error=str(error), attempt=attempt + 1)
                await asyncio.sleep(min(0.2 * 4**attempt, 10))
            else:
                return


async def _attempt(session: aiohttp.ClientSession, url: str, part: Path, name: str) -> None:
    have, etag = _progress(part)
    headers = {"Range": f"bytes={have}-", "If-Range": etag} if have and etag else {}
    async with session.get(url, headers=headers) as answer:
        if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and answer.headers.get("Content-Range") == (
            f"bytes */{have}"
        ):
            return  # it had all arrived when an earlier start was ended
        if answer.status in (401, 403, 404, 410):
            raise ModelUnusable(f"{name!r} cannot be downloaded: {url} answers {answer.status} {answer.reason}.")
        answer.raise_for_status()
        have = have if answer.status == 206 else 0
        length = answer.content_length
        check_room(part.parent, length or 0, name=name)
        _mark(part).write_text(answer.headers.get("ETag", ""), encoding="utf-8")
        with part.open("ab" if have else "wb") as stream, _bar(name, have, length) as bar:
            async for chunk in answer.content.iter_chunked(_CHUNK):
                await asyncio.to_thread(stream.write, chunk)
                bar.advance(bar.task_ids[0], len(chunk))


def _mark(part: Path) -> Path:
    """The file beside a part that remembers which version of the remote file it is a part of."""
    return part.with_name(part.name + ".etag")


def _progress(part: Path) -> tuple[int, str]:
    """How many bytes have arrived earlier, and of which version."""
    mark = _mark(part)
    if not part.exists() or not mark.exists():
        return 0, ""
    return part.stat().st_size, mark.read_text(encoding="utf-8")


def _bar(name: str, have: int, length: int | None) -> Progress:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
    bar.add_task(name, total=None if length is None else have + length, completed=have)
    return bar


@contextlib.contextmanager
def disk_errors(name: str, target: Path) -> Generator[None]:
    """Around a download: what the disk has against it becomes StorageFull or ModelUnusable."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StorageFull(f"The disk is full: there is no room for {name!r} in {target.parent}.") from None
        raise ModelUnusable(f"{name!r} cannot be written to {target}: {error.strerror or error}.") from None
