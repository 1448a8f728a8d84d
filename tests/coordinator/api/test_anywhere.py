"""The whole life of pictures through the coordinator, once with a folder and once with buckets behind it."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.errors import ConfigError
from tests.doubles.s3_server import S3Server, s3_service, s3_terms


@dataclass(frozen=True)
class Kind:
    """A kind of store and a look behind it."""

    start: Callable[..., AbstractAsyncContextManager[Any]]
    pictures: Callable[[], set[str]]
    """Keys of all pictures that are kept."""


@pytest.fixture(params=["disk", "s3"])
async def kind(request: pytest.FixtureRequest, start: Any, tmp_path: Path) -> AsyncIterator[Kind]:
    async with s3_service("pictures", "given") as server:
        terms = s3_terms(server) if request.param == "s3" else {}

        def on_disk() -> set[str]:
            root = tmp_path / "data" / "blobs"
            return {f"{path.relative_to(root).parts[0]}/{path.name}" for path in root.rglob("*") if path.is_file()}

        def in_buckets() -> set[str]:
            assert not (tmp_path / "data" / "blobs").exists()
            assert not [key for key in server.keys("pictures") if key.startswith("shared/")]
            return server.keys("pictures") | server.keys("given")

        def started(*, keep_shared: bool = False, **options: Any) -> Any:
            return start(blobs={**terms, "keep_shared": keep_shared}, **options)

        yield Kind(started, in_buckets if terms else on_disk)


@pytest.fixture
async def server() -> AsyncIterator[S3Server]:
    async with s3_service("pictures", "given") as service:
        yield service


async def test_a_batch_goes_all_the_way(kind: Kind, picture: bytes) -> None:
    """Asked for, uploaded without a Content-Type, handed in, and read by the address in the status, as webp."""
    async with kind.start() as horde:
        request = await horde.ask(params={"width": 64, "height": 64, "steps": 4, "n": 3})
        job = await horde.pop(amount=3)
        assert len(job["r2_uploads"]) == 3
        data = {job_id: picture + job_id.encode() for job_id in job["ids"]}
        for job_id, address in zip(sorted(job["ids"]), sorted(job["r2_uploads"]), strict=True):
            put = await horde.call("PUT", address, data=data[job_id], skip_auto_headers=["Content-Type"])
            assert (put.status, put.raw) == (200, b"")
            body = {"id": job_id, "generation": "R2", "seed": 1}
            assert (await horde.post("/api/v2/generate/submit", body, horde.worker_key)).status == 200
        status = (await horde.get(f"/api/v2/generate/status/{request}")).json
        assert status["done"]
        for generation in status["generations"]:
            got = await horde.get(generation["img"])
            assert (got.status, got.headers["Content-Type"], got.raw) == (200, "image/webp", data[generation["id"]])


async def test_what_comes_as_base64_lies_in_the_store(kind: Kind, picture: bytes) -> None:
    """A worker may send the picture along; a requester without r2 gets it as base64."""
    async with kind.start() as horde:
        request = await horde.ask(r2=False)
        job = await horde.pop()
        body = {"id": job["id"], "generation": base64.b64encode(picture).decode(), "seed": 1}
        assert (await horde.post("/api/v2/generate/submit", body, horde.worker_key)).status == 200
        assert kind.pictures() == {f"results/{job['id']}.webp"}
        shown = (await horde.get(f"/api/v2/generate/status/{request}")).json["generations"][0]["img"]
        assert base64.b64decode(shown) == picture


async def test_nobody_is_paid_for_a_picture_that_is_not_there(kind: Kind, picture: bytes) -> None:
    """Handing in without uploading is refused; after uploading it is fine."""
    async with kind.start() as horde:
        await horde.ask()
        job = await horde.pop()
        body = {"id": job["id"], "generation": "R2", "seed": 1}
        early = await horde.post("/api/v2/generate/submit", body, horde.worker_key)
        assert (early.status, early.json["rc"]) == (400, "PictureMissing")
        assert (await horde.deliver(job, picture)).status == 200


async def test_sources_are_kept_once_as_webp(kind: Kind, until: Any) -> None:
    """Source and mask are encoded again, workers get an address of each, and both go with their request."""
    png = BytesIO()
    Image.new("RGB", (64, 64), "blue").save(png, "PNG")
    text = base64.b64encode(png.getvalue()).decode()
    async with kind.start(sweep_every=0.1) as horde:
        request = await horde.ask(source_image=text, source_mask=text, source_processing="inpainting")
        names = {f"sources/{request}_src.webp", f"sources/{request}_msk.webp"}
        assert kind.pictures() == names
        job = await horde.pop(capabilities=["r2", "img2img", "painting"])
        for address in (job["source_image"], job["source_mask"]):
            with Image.open(BytesIO((await horde.get(address)).raw)) as opened:
                assert (opened.format, opened.size) == ("WEBP", (64, 64))
        assert kind.pictures() == names
        await horde.change("UPDATE requests SET expires_at = 1")

        async def gone() -> bool:
            return kind.pictures() == set()

        await until(gone)


@pytest.mark.parametrize("keep_shared", [True, False])
async def test_what_remains_of_an_old_request(kind: Kind, picture: bytes, until: Any, keep_shared: bool) -> None:
    """Shared pictures that were shown stay where that is wanted; all else goes with its request."""
    async with kind.start(sweep_every=0.1, keep_shared=keep_shared) as horde:
        await horde.ask(horde.bots_key, shared=True)
        shown = await horde.pop()
        await horde.deliver(shown, picture)
        await horde.ask(horde.bots_key, shared=True)
        note = {"type": "censorship", "value": "nsfw"}
        await horde.deliver(await horde.pop(), picture, gen_metadata=[note])
        await horde.ask(horde.bots_key, shared=False)
        await horde.deliver(await horde.pop(), picture)
        assert len(kind.pictures()) == 3
        await horde.change("UPDATE requests SET expires_at = 1")
        rest = {f"shared/{shown['id']}.webp"} if keep_shared else set[str]()

        async def gone() -> bool:
            return kind.pictures() == rest

        await until(gone)


async def test_with_buckets_away_nothing_is_half_done(start: Any, server: S3Server, picture: bytes, until: Any) -> None:
    """What needs the store answers 503 and can be repeated; the rest goes on; nothing is paid twice."""
    source = base64.b64encode(picture).decode()
    async with start(blobs=s3_terms(server), sweep_every=0.1) as horde:
        plain = await horde.ask(r2=False)
        job = await horde.pop()
        for address in job["r2_uploads"]:
            await horde.call("PUT", address, data=picture)
        body = {"id": job["id"], "generation": "R2", "seed": 1}
        server.away = True
        refused = [
            await horde.post("/api/v2/generate/submit", body, horde.worker_key),
            await horde.post(
                "/api/v2/generate/async",
                {"prompt": "x", "models": ["little"], "source_image": source},
                horde.bots_key,
            ),
        ]
        assert [(answer.status, answer.json["rc"]) for answer in refused] == [(503, "HordeUnavailable")] * 2
        assert (await horde.get(f"/api/v2/generate/check/{plain}")).json["processing"] == 1
        other = await horde.ask()  # needs no store
        assert (await horde.pop())["id"] is not None
        await horde.change(f"UPDATE requests SET expires_at = 1 WHERE id = '{other}'")  # noqa: S608  # our own id

        async def forgotten() -> bool:
            return (await horde.get(f"/api/v2/generate/check/{other}")).status == 404

        await until(forgotten)
        server.away = False
        first = await horde.post("/api/v2/generate/submit", body, horde.worker_key)
        again = await horde.post("/api/v2/generate/submit", body, horde.worker_key)
        assert (first.status, again.json["rc"]) == (200, "DuplicateGen")
        server.away = True
        assert (await horde.get(f"/api/v2/generate/status/{plain}")).status == 503
        server.away = False
        shown = (await horde.get(f"/api/v2/generate/status/{plain}")).json["generations"][0]["img"]
        assert base64.b64decode(shown) == picture


async def test_what_nobody_may_have_is_settled_with_buckets_away(start: Any, server: S3Server, picture: bytes) -> None:
    """The worker is answered as ever, nobody is shown the picture, and it goes with its request at the latest."""
    async with start(blobs=s3_terms(server), sweep_every=0.1) as horde:
        request = await horde.ask()
        job = await horde.pop()
        await horde.call("PUT", job["r2_upload"], data=picture)
        server.away = True
        body = {"id": job["id"], "generation": "R2", "seed": 1, "state": "csam"}
        assert (await horde.post("/api/v2/generate/submit", body, horde.worker_key)).status == 200
        shown = (await horde.get(f"/api/v2/generate/status/{request}")).json["generations"][0]
        assert (shown["img"], shown["state"]) == ("N/A", "csam")


async def test_no_picture_is_served_from_here_when_buckets_have_them(start: Any, server: S3Server) -> None:
    """The coordinator's own picture addresses lead nowhere, whoever signs them."""
    async with start(blobs=s3_terms(server)) as horde:
        for method in ("GET", "PUT"):
            answer = await horde.call(method, "/api/largesse/v1/blobs/results/aaaa.webp?expires=9&signature=x")
            assert (answer.status, answer.json["rc"]) == (404, "PictureNotFound")


async def test_wrong_buckets_keep_it_from_starting(start: Any, server: S3Server) -> None:
    """The coordinator does not come up half: it says what is wrong with the settings."""
    with pytest.raises(ConfigError, match="no bucket 'nowhere'"):
        async with start(blobs=s3_terms(server, bucket="nowhere")):
            pass
