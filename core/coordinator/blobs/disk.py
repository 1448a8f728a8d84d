"""Pictures in a folder, addressed by signed URLs that the coordinator itself serves (`api.pictures`).

A picture is written beside its place, flushed to the disk and renamed into it: readers see it whole or not at all,
and after a power cut it is whole or absent.
"""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator, Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from core.coordinator.blobs.keys import checked, result_of
from core.coordinator.blobs.signer import Access, Signer
from core.errors import InvalidRequest, NotFound, StorageFull

ROUTE = "/api/largesse/v1/blobs/"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_PIECE = 1 << 20
_UNFINISHED_AGE = 3600.0


class DiskBlobs:
    """The `BlobStore` of one machine."""

    def __init__(self, root: Path, signer: Signer) -> None:
        """Keep pictures below root, which is made when missing."""
        self._root = root
        self._signer = signer
        root.mkdir(parents=True, exist_ok=True)

    def get_url(self, key: str, *, origin: str) -> str:
        """See `BlobStore`."""
        return f"{origin}{ROUTE}{checked(key)}?{self._signer.query(Access.GET, key)}"

    def put_url(self, key: str, *, origin: str) -> str:
        """See `BlobStore`."""
        return f"{origin}{ROUTE}{checked(key)}?{self._signer.query(Access.PUT, key)}"

    def check(self, access: Access, key: str, *, expires: str, signature: str) -> int:
        """Seconds that an address remains valid; raises NotFound for a bad key and NotAllowed for a bad address."""
        return self._signer.check(access, checked(key), expires, signature)

    def path(self, key: str) -> Path:
        """Where the picture of that key lies, spread over 256 folders by the first two characters of its name."""
        room, name = checked(key).split("/")
        return self._root / room / name[:2].lower() / name

    async def write(self, key: str, data: bytes) -> None:
        """See `BlobStore`."""
        await asyncio.to_thread(_write, self.path(key), data)

    async def receive(self, key: str, chunks: AsyncIterator[bytes], *, limit: int) -> int:
        """Keep a picture that arrives piece by piece, a mebibyte of it in memory at most; the bytes kept.

        Raises:
            InvalidRequest: `PictureTooLarge`, there is more than limit; nothing is kept.
            StorageFull: there is no room left on the disk.
        """
        path, total, held = self.path(key), 0, bytearray()
        unfinished: _Unfinished | None = None
        try:
            async for chunk in chunks:
                total += len(chunk)
                if total > limit:
                    raise InvalidRequest(f"The picture is larger than {limit} bytes.", code="PictureTooLarge")
                held += chunk
                if len(held) >= _PIECE:
                    unfinished = unfinished or await asyncio.to_thread(_Unfinished, path)
                    await asyncio.to_thread(unfinished.add, bytes(held))
                    held.clear()
            if unfinished is None:  # the usual picture, for which one errand to a thread is enough
                await asyncio.to_thread(_write, path, bytes(held))
            else:
                await asyncio.to_thread(unfinished.finish, bytes(held))
        finally:
            if unfinished is not None:
                await asyncio.to_thread(unfinished.drop)
        return total

    async def read(self, key: str) -> bytes:
        """See `BlobStore`."""
        try:
            path = self.path(key)
            return _at_hand(path) or await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:
            raise NotFound("This picture is not there (any more).", code="PictureNotFound") from None

    async def exists(self, key: str) -> bool:
        """See `BlobStore`; asked without a thread, which would cost ten times what the answer costs."""
        return self.path(key).exists()

    async def delete(self, keys: Iterable[str]) -> None:
        """See `BlobStore`."""
        paths = [self.path(key) for key in keys]
        await asyncio.to_thread(_delete, paths)

    async def share(self, keys: Iterable[str]) -> None:
        """See `BlobStore`."""
        moves = [(self.path(result_of(key)), self.path(key)) for key in keys]
        await asyncio.to_thread(_move, moves)

    async def forget_older_than(self, seconds: float) -> int:
        """See `BlobStore`; uploads that broke off are cleared after an hour."""
        return await asyncio.to_thread(_forget, self._root, time.time() - seconds)


class _Unfinished:
    """A file beside its place; `finish` moves it there, `drop` removes what was not finished."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path.with_name(f".{path.name}.{token_hex(8)}.tmp")
        with _room_left():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = self._temporary.open("xb")

    def add(self, data: bytes) -> None:
        with _room_left():
            self._file.write(data)

    def finish(self, data: bytes) -> None:
        with _room_left():
            self._file.write(data)
            self._file.flush()
            os.fsync(self._file.fileno())
        self._file.close()
        self._temporary.replace(self._path)
        _flush_folder(self._path.parent)

    def drop(self) -> None:
        with _room_left_or_not():
            self._file.close()
        self._temporary.unlink(missing_ok=True)


@contextmanager
def _room_left() -> Generator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull("The coordinator's disk is full: the picture was not stored.") from error
        raise


@contextmanager
def _room_left_or_not() -> Generator[None]:
    """Closing flushes what is buffered, and the disk that was full a moment ago still is: that was said already."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise


def _write(path: Path, data: bytes) -> None:
    unfinished = _Unfinished(path)
    try:
        unfinished.finish(data)
    finally:
        unfinished.drop()


def _flush_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut; Windows has no such call and needs none."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _at_hand(path: Path) -> bytes | None:
    """A file that the system holds in memory, as it does with fresh pictures; None = the disk is needed."""
    if not hasattr(os, "RWF_NOWAIT"):
        return None
    handle = os.open(path, os.O_RDONLY)
    try:
        held = bytearray(os.fstat(handle).st_size)
        return bytes(held) if os.preadv(handle, [held], 0, os.RWF_NOWAIT) == len(held) else None
    except OSError:  # not in memory, or a file system that cannot tell
        return None
    finally:
        os.close(handle)


def _delete(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _move(moves: list[tuple[Path, Path]]) -> None:
    for source, target in moves:
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            source.replace(target)
            _flush_folder(target.parent)


def _forget(root: Path, before: float) -> int:
    """Remove results and sources last written before that moment, and uploads that broke off."""
    count = 0
    for room in ("results", "sources"):
        for path in (root / room).glob("*/*"):
            limit = time.time() - _UNFINISHED_AGE if path.name.startswith(".") else before
            if _modified(path) < limit:
                path.unlink(missing_ok=True)
                count += 1
    return count


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
