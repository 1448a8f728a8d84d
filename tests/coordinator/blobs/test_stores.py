"""What every blob store does alike: the same tests over the folder and over buckets."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from core.coordinator.blobs.keys import result_key, shared_key, source_key
from core.coordinator.blobs.opening import FOLDER, open_blobs
from core.coordinator.blobs.store import BlobStore
from core.errors import NotFound
from core.settings import Blobs, Coordinator, General, Settings
from tests.doubles.s3_server import s3_service, s3_terms

JOB = "3f0c6c4e-2f4b-4bb9-a9b9-0f5f4b8f6f11"
KEY = result_key(JOB)


@dataclass(frozen=True)
class Place:
    """A store and what a test does behind its back."""

    blobs: BlobStore
    age: Callable[[str, float], None]
    """Make what lies under a key older by seconds."""


@pytest.fixture(params=["disk", "s3"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async with s3_service("pictures", "given") as server:
        terms = s3_terms(server) if request.param == "s3" else {}
        settings = Settings(general=General(data_dir=tmp_path), coordinator=Coordinator(blobs=Blobs(**terms)))

        def age_file(key: str, seconds: float) -> None:
            past = time.time() - seconds
            os.utime(next((tmp_path / FOLDER).rglob(key.rpartition("/")[2])), (past, past))

        async with open_blobs(settings, b"secret") as blobs:
            server.page = 3  # so that listings come in several pages
            yield Place(blobs, server.age if terms else age_file)


@pytest.fixture
def blobs(place: Place) -> BlobStore:
    return place.blobs


async def test_what_is_written_can_be_read(blobs: BlobStore) -> None:
    """A picture comes back as it was, and a second one replaces it."""
    await blobs.write(KEY, b"first")
    await blobs.write(KEY, b"second" * 100_000)
    assert await blobs.exists(KEY)
    assert await blobs.read(KEY) == b"second" * 100_000


async def test_missing_pictures_are_said_to_be_missing(blobs: BlobStore) -> None:
    """Reading raises NotFound, deleting and moving what is not there is no fault."""
    with pytest.raises(NotFound) as caught:
        await blobs.read(KEY)
    assert caught.value.code == "PictureNotFound"
    await blobs.delete([KEY, shared_key(JOB), KEY])
    await blobs.share([shared_key(JOB)])
    assert not await blobs.exists(KEY)


async def test_many_pictures_go_at_once(blobs: BlobStore) -> None:
    """More keys than one call takes are all deleted, of every kind, and none else."""
    gone = [result_key(f"gone-{index}") for index in range(4)] + [source_key(JOB, "src"), shared_key(JOB)]
    for key in [*gone, KEY]:
        await blobs.write(key, b"data")
    await blobs.delete([*gone, *(result_key(f"never-{index}") for index in range(1200))])
    assert [await blobs.exists(key) for key in gone] == [False] * 6
    assert await blobs.exists(KEY)


async def test_shared_pictures_move(blobs: BlobStore) -> None:
    """A shared result lies under its shared key afterwards and nowhere else; moving it again changes nothing."""
    await blobs.write(KEY, b"data")
    for _ in range(2):
        await blobs.share([shared_key(JOB)])
        assert await blobs.read(shared_key(JOB)) == b"data"
        assert not await blobs.exists(KEY)


async def test_old_pictures_go(place: Place) -> None:
    """Age decides for results and sources, however many; shared pictures stay, young ones stay."""
    old = [result_key(f"old-{index}") for index in range(7)] + [source_key(JOB, "src")]
    for key in [*old, KEY, shared_key(JOB)]:
        await place.blobs.write(key, b"data")
    for key in [*old, shared_key(JOB)]:
        place.age(key, 100_000)
    assert await place.blobs.forget_older_than(86_400) == 8
    assert [await place.blobs.exists(key) for key in old] == [False] * 8
    assert await place.blobs.exists(KEY)
    assert await place.blobs.exists(shared_key(JOB))


@pytest.mark.parametrize("key", ["../secret", "results/aa.png", "other/aaaa.webp", "results/a b.webp", ""])
async def test_only_names_of_pictures_are_keys(blobs: BlobStore, key: str) -> None:
    """No method takes what is not the name of a picture."""
    with pytest.raises(NotFound):
        blobs.get_url(key, origin="http://h:1")
    with pytest.raises(NotFound):
        blobs.put_url(key, origin="http://h:1")
    with pytest.raises(NotFound):
        await blobs.write(key, b"x")
    with pytest.raises(NotFound):
        await blobs.read(key)
    with pytest.raises(NotFound):
        await blobs.exists(key)
    with pytest.raises(NotFound):
        await blobs.delete([key])
    with pytest.raises(NotFound):
        await blobs.share([key])


def test_upload_addresses_of_one_pop_sort_like_their_jobs(blobs: BlobStore) -> None:
    """All share one beginning followed by the id: clients that sort ids and addresses apart still match them."""
    jobs = [f"{letter * 8}-2f4b-4bb9-a9b9-0f5f4b8f6f11" for letter in "c0f91a"]
    urls = [blobs.put_url(result_key(job), origin="http://h:1") for job in jobs]
    common = urls[0].partition(jobs[0])[0]
    assert [url.removeprefix(common)[:36] for url in sorted(urls)] == sorted(jobs)
    assert all(urlsplit(url).path.endswith(".webp") for url in urls)
