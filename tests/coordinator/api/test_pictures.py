"""Picture addresses over HTTP: what the signature opens, ranges, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from core.coordinator.blobs.signer import Access, Signer
from core.coordinator.keys import load_secret
from core.settings import Coordinator


async def finished(horde: Any, picture: bytes) -> str:
    """The address of a finished picture."""
    request = await horde.ask()
    await horde.deliver(await horde.pop(), picture)
    return (await horde.get(f"/api/v2/generate/status/{request}")).json["generations"][0]["img"]


async def test_parts_of_a_picture_can_be_had(horde: Any, picture: bytes) -> None:
    """A range request gives that range; HEAD gives the size."""
    address = await finished(horde, picture)
    part = await horde.get(address, headers={"Range": "bytes=4-11"})
    assert (part.status, part.raw) == (206, picture[4:12])
    head = await horde.call("HEAD", address)
    assert (head.status, int(head.headers["Content-Length"]), head.raw) == (200, len(picture), b"")


async def test_a_picture_is_not_sent_twice(horde: Any, picture: bytes) -> None:
    """Who has it already is told so."""
    address = await finished(horde, picture)
    etag = (await horde.get(address)).headers["ETag"]
    again = await horde.get(address, headers={"If-None-Match": etag})
    assert (again.status, again.raw) == (304, b"")


@pytest.mark.parametrize("change", ["signature", "expires", "access", "none", "twice"])
async def test_a_changed_address_opens_nothing(horde: Any, picture: bytes, change: str) -> None:
    """Without the right signature there is neither reading nor writing, and the picture stays."""
    address = await finished(horde, picture)
    bare, _, query = address.partition("?")
    expires, _, signature = query.partition("&")
    other = {
        "signature": f"{bare}?{expires}&signature={'0' * 64}",
        "expires": f"{bare}?expires=99999999999&{signature}",
        "access": address,
        "none": bare,
        "twice": f"{bare}?{expires}&signature=x&{signature}",
    }[change]
    method = "PUT" if change == "access" else "GET"
    answer = await horde.call(method, other, data=b"x" if method == "PUT" else None)
    assert (answer.status, answer.json["rc"]) == (403, "BadSignature")
    assert (await horde.get(address)).raw == picture


async def test_an_expired_address_says_so(horde: Any, picture: bytes) -> None:
    """After its time an address asks to fetch the status again."""
    address = await finished(horde, picture)
    key = address.partition("/blobs/")[2].partition("?")[0]
    secret = load_secret(horde.data_dir, Coordinator().secret)
    late = Signer(secret, -5).query(Access.GET, key)
    answer = await horde.get(f"{address.partition('?')[0]}?{late}")
    assert (answer.status, answer.json["rc"]) == (403, "AddressExpired")


@pytest.mark.parametrize(
    "key",
    [
        "..%2f..%2fsecret",
        "results/..%2f..%2f..%2fsecret",
        "results%2f..%2f..%2fcoordinator.db",
        "%2e%2e/%2e%2e/secret",
        "results/aaaa.png",
        "../../secret",
        "%5c..%5csecret.webp",
        "results/aaaa.webp%0a",
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_nothing_beside_the_pictures_is_reached(horde: Any, method: str, key: str) -> None:
    """Paths that lead elsewhere are not found, even signed by the right secret."""
    secret = load_secret(horde.data_dir, Coordinator().secret)
    query = Signer(secret, 600).query(Access(method), key)
    answer = await horde.call(method, f"/api/largesse/v1/blobs/{key}?{query}", data=b"x" if method == "PUT" else None)
    assert answer.status in {403, 404, 405}
    assert [path for path in (horde.data_dir / "blobs").rglob("*") if path.is_file()] == []


async def test_a_missing_picture_is_not_found(horde: Any, picture: bytes) -> None:
    """A good address whose picture is gone answers 404 as JSON."""
    address = await finished(horde, picture)
    for path in (horde.data_dir / "blobs").rglob("*.webp"):
        path.unlink()
    answer = await horde.get(address)
    assert (answer.status, answer.json["rc"]) == (404, "PictureNotFound")


@pytest.mark.parametrize("declared", [True, False])
async def test_too_large_an_upload_is_refused(start: Any, declared: bool) -> None:
    """Over the limit, with or without a Content-Length, nothing is kept."""
    async with start(limits={"max_body_bytes": 10_000}) as horde:
        await horde.ask()
        job = await horde.pop()

        async def pieces() -> Any:
            for _ in range(20):
                yield b"x" * 1_000

        data = b"x" * 20_000 if declared else pieces()
        answer = await horde.call("PUT", job["r2_upload"], data=data)
        assert (answer.status, answer.json["rc"]) == (413, "PictureTooLarge")
        assert [path for path in (horde.data_dir / "blobs").rglob("*") if path.is_file()] == []


async def test_an_upload_needs_no_content_type(horde: Any, picture: bytes) -> None:
    """Workers PUT the bytes and nothing else, and take only 200 for success; again is fine."""
    await horde.ask()
    job = await horde.pop()
    for _ in range(2):
        put = await horde.call("PUT", job["r2_upload"], data=picture, skip_auto_headers=["Content-Type"])
        assert (put.status, put.raw) == (200, b"")
