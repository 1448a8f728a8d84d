"""Pictures on disk: whole or not at all, where they belong, and gone when they are old."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from core.coordinator.blobs.disk import DiskBlobs
from core.coordinator.blobs.keys import result_key, source_key
from core.coordinator.blobs.signer import Access, Signer
from core.errors import InvalidRequest, NotFound

JOB = "3f0c6c4e-2f4b-4bb9-a9b9-0f5f4b8f6f11"
KEY = result_key(JOB)


@pytest.fixture
def blobs(tmp_path: Path) -> DiskBlobs:
    return DiskBlobs(tmp_path / "blobs", Signer(b"secret", 600))


async def pieces(data: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in data:
        yield piece


def files(blobs: DiskBlobs) -> list[Path]:
    root = blobs.path(KEY).parents[2]
    return [path for path in root.rglob("*") if path.is_file()]


async def test_what_is_written_can_be_read(blobs: DiskBlobs) -> None:
    """A picture comes back as it was, and a second one replaces it."""
    await blobs.write(KEY, b"first")
    await blobs.write(KEY, b"second")
    assert await blobs.exists(KEY)
    assert await blobs.read(KEY) == b"second"
    assert len(files(blobs)) == 1


async def test_a_picture_in_pieces_is_kept_whole(blobs: DiskBlobs) -> None:
    """Pieces, more of them than are held in memory, end up in order."""
    data = [bytes([index]) * 700_000 for index in range(5)]
    assert await blobs.receive(KEY, pieces(data), limit=4_000_000) == 3_500_000
    assert await blobs.read(KEY) == b"".join(data)


async def test_too_large_a_picture_leaves_nothing(blobs: DiskBlobs) -> None:
    """Over the limit the upload is refused, nothing half-written stays, and what was there before is unharmed."""
    await blobs.write(KEY, b"before")
    with pytest.raises(InvalidRequest) as caught:
        await blobs.receive(KEY, pieces([b"x" * 1_200_000] * 3), limit=2_000_000)
    assert caught.value.code == "PictureTooLarge"
    assert await blobs.read(KEY) == b"before"
    assert len(files(blobs)) == 1


async def test_an_upload_that_breaks_off_leaves_nothing(blobs: DiskBlobs) -> None:
    """When the sender goes away in the middle there is no picture and no rest of one."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await blobs.receive(KEY, broken(), limit=4_000_000)
    assert files(blobs) == []


async def test_missing_pictures_are_said_to_be_missing(blobs: DiskBlobs) -> None:
    """Reading raises NotFound, deleting what is not there is no fault."""
    with pytest.raises(NotFound):
        await blobs.read(KEY)
    await blobs.delete([KEY])
    assert not await blobs.exists(KEY)


async def test_old_pictures_and_broken_uploads_go(blobs: DiskBlobs) -> None:
    """Age decides for results and sources; shared pictures stay; a young one stays; old rests of uploads go."""
    old, young = result_key("aa" + JOB[2:]), result_key("bb" + JOB[2:])
    source, shared = source_key(JOB, "src"), f"shared/{JOB}.webp"
    for key in (old, young, source, shared):
        await blobs.write(key, b"data")
    rest = blobs.path(old).with_name(".rest.tmp")
    rest.write_bytes(b"half")
    past = time.time() - 100_000
    for path in (blobs.path(old), blobs.path(source), blobs.path(shared), rest):
        os.utime(path, (past, past))
    assert await blobs.forget_older_than(86_400) == 3
    assert {path.name for path in files(blobs)} == {blobs.path(young).name, blobs.path(shared).name}


def test_upload_addresses_of_one_pop_sort_like_their_jobs(blobs: DiskBlobs) -> None:
    """All share one beginning followed by the id: clients that sort ids and addresses apart still match them."""
    jobs = ["c" * 32, "0" * 32, "9" * 32]
    urls = [blobs.put_url(result_key(job), origin="http://h:1") for job in jobs]
    assert [next(job for job in jobs if job in url) for url in sorted(urls)] == sorted(jobs)


async def test_a_worker_address_opens_its_picture(blobs: DiskBlobs) -> None:
    """The address that is handed out carries what the check asks for."""
    url = blobs.put_url(KEY, origin="http://h:1")
    path, _, query = url.partition("?")
    said = dict(pair.split("=") for pair in query.split("&"))
    assert path.endswith(KEY)
    assert blobs.check(Access.PUT, KEY, **said) > 0


FULL = """
import asyncio, resource, signal, sys
from pathlib import Path
from core.coordinator.blobs.disk import DiskBlobs
from core.coordinator.blobs.signer import Signer
from core.errors import StorageFull

async def main():
    blobs = DiskBlobs(Path(sys.argv[1]), Signer(b"s", 60))
    await blobs.write("results/old.webp", b"old")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        await blobs.write("results/old.webp", b"x" * 200_000)
    except StorageFull as error:
        print(error)
    print(await blobs.read("results/old.webp"))
    print([path.name for path in Path(sys.argv[1]).rglob("*") if path.is_file()])

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the system has no limit on file sizes")
def test_a_full_disk_is_said_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    """When the system refuses to write more, StorageFull says so, the old picture stays and no rest remains."""
    root = Path(__file__).parents[3]
    result = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], cwd=root, capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines() == [
        "The coordinator's disk is full: the picture was not stored.",
        "b'old'",
        "['old.webp']",
    ]
