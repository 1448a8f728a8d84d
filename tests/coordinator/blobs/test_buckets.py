"""Buckets in particular: what is signed, who may come in, what expires by itself, and sentences when it fails."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from yarl import URL

from core.coordinator.blobs.buckets import Buckets
from core.coordinator.blobs.keys import result_key, shared_key
from core.coordinator.blobs.opening import open_blobs
from core.coordinator.blobs.signer import Access
from core.coordinator.blobs.store import BlobStore
from core.errors import ConfigError, HordeUnavailable, InvalidRequest, StorageFull
from core.settings import Blobs, Coordinator, General, Limits, Settings
from tests.doubles.s3_server import SECRET, Refusal, S3Server, s3_service, s3_terms

JOB = "3f0c6c4e-2f4b-4bb9-a9b9-0f5f4b8f6f11"
KEY = result_key(JOB)
LIMIT = 100_000


@pytest.fixture
async def server() -> AsyncIterator[S3Server]:
    async with s3_service("pictures", "given") as service:
        yield service


def opened(tmp_path: Path, server: S3Server, **changes: Any) -> AbstractAsyncContextManager[BlobStore]:
    terms = Coordinator(blobs=Blobs(**s3_terms(server, **changes)), limits=Limits(max_body_bytes=LIMIT))
    return open_blobs(Settings(general=General(data_dir=tmp_path), coordinator=terms), b"secret")


@pytest.fixture
async def blobs(tmp_path: Path, server: S3Server) -> AsyncIterator[BlobStore]:
    async with opened(tmp_path, server) as found:
        server.calls.clear()
        yield found


async def visit(method: str, url: str, data: bytes | None = None, **headers: str) -> tuple[int, str, bytes]:
    """Status, Content-Type and body of a call with exactly these headers."""
    async with (
        aiohttp.ClientSession(skip_auto_headers=["Content-Type"]) as session,
        session.request(method, URL(url, encoded=True), data=data, headers=headers) as response,
    ):
        return response.status, response.content_type, await response.read()


def test_no_content_type_is_signed(blobs: BlobStore, server: S3Server) -> None:
    """Of a request only its host is signed, and no checksum is asked for; so says every address; nothing is called."""
    for url in (blobs.put_url(KEY, origin=""), blobs.get_url(KEY, origin="")):
        query = parse_qs(urlsplit(url).query)
        assert query["X-Amz-SignedHeaders"] == ["host"]
        assert query["X-Amz-Expires"] == ["1800"]
        assert not [name for name in query if "checksum" in name.lower()]
        assert SECRET not in url
    assert server.calls == []


@pytest.mark.parametrize(
    ("changes", "address"),
    [
        ({"endpoint": "https://s3.example.org"}, "https://s3.example.org/pictures/"),
        ({"endpoint": "https://s3.example.org", "path_style": False}, "https://pictures.s3.example.org/"),
        ({"endpoint": "", "path_style": False}, "https://pictures.s3.eu-test-1.amazonaws.com/"),
        ({"endpoint": ""}, "https://s3.eu-test-1.amazonaws.com/pictures/"),
    ],
)
def test_addresses_lead_to_the_bucket(server: S3Server, changes: dict[str, Any], address: str) -> None:
    """In the path or in front of the host, at the service's own address or at AWS's of the region."""
    buckets = Buckets(Blobs(**s3_terms(server, **changes)), 600)
    assert buckets.sign(Access.PUT, "pictures", KEY).startswith(f"{address}{KEY}?")
    buckets.close()


def test_without_the_library_a_sentence_names_the_extra() -> None:
    """The coordinator imports without botocore; only buckets need it, and say what to install."""
    code = (
        "import sys, asyncio; sys.modules['botocore'] = None\n"
        "import core.coordinator.app\n"
        "from core.coordinator.blobs.buckets import Buckets\n"
        "from core.errors import ConfigError\n"
        "from core.settings import Blobs\n"
        "try: Buckets(Blobs(), 60)\n"
        "except ConfigError as error: print(error)\n"
    )
    root = Path(__file__).parents[3]
    said = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout
    assert ".[s3]" in said


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "image/webp"}, {"Content-Type": "text/html"}])
async def test_whatever_a_worker_says_it_sends_is_a_picture(blobs: BlobStore, headers: dict[str, str]) -> None:
    """An upload needs no Content-Type, answers 200, and is read as image/webp even if its sender called it a page."""
    assert (await visit("PUT", blobs.put_url(KEY, origin=""), b"data", **headers))[0] == 200
    assert await visit("GET", blobs.get_url(KEY, origin="")) == (200, "image/webp", b"data")


@pytest.mark.parametrize("change", ["method", "key", "bucket", "expires", "signature", "none", "kind"])
async def test_a_changed_address_opens_nothing(blobs: BlobStore, server: S3Server, change: str) -> None:
    """An address is good for one picture and one access only."""
    await blobs.write(KEY, b"before")
    await blobs.write(shared_key(JOB), b"before")
    get, put = blobs.get_url(KEY, origin=""), blobs.put_url(KEY, origin="")
    attempts = {
        "method": [("PUT", get), ("GET", put), ("DELETE", put)],
        "key": [("PUT", put.replace(JOB, "0" * 36))],
        "bucket": [("PUT", put.replace("/pictures/results/", "/given/shared/"))],
        "expires": [("GET", get.replace("X-Amz-Expires=1800", "X-Amz-Expires=604800"))],
        "signature": [("GET", re.sub("X-Amz-Signature=.*", "X-Amz-Signature=" + "0" * 64, get))],
        "none": [("GET", get.partition("?")[0]), ("PUT", put.partition("?")[0])],
        "kind": [("GET", get.replace("image%2Fwebp", "text%2Fhtml"))],
    }[change]
    for method, url in attempts:
        assert url not in {get, put} or change == "method"
        assert (await visit(method, url, b"x" if method == "PUT" else None))[0] == 403
    assert (server.keys("pictures"), server.keys("given")) == ({KEY}, {shared_key(JOB)})
    assert await blobs.read(KEY) == b"before"


async def test_an_address_expires(blobs: BlobStore, server: S3Server) -> None:
    """After blob_ttl seconds neither reading nor writing is possible any more, just before that both are."""
    get, put = blobs.get_url(KEY, origin=""), blobs.put_url(KEY, origin="")
    server.late = timedelta(seconds=1795)
    assert (await visit("PUT", put, b"data"))[0] == 200
    assert (await visit("GET", get))[0] == 200
    server.late = timedelta(seconds=1805)
    assert (await visit("PUT", put, b"more"))[0] == 403
    assert (await visit("GET", get))[0] == 403


async def test_shared_pictures_have_a_bucket_of_their_own(blobs: BlobStore, server: S3Server) -> None:
    """The service copies from one bucket to the other by itself, and the address of it leads to the other."""
    await blobs.write(KEY, b"data")
    server.calls.clear()
    await blobs.share([shared_key(JOB)])
    assert "GET object" not in server.calls
    assert (server.keys("pictures"), server.keys("given")) == (set(), {shared_key(JOB)})
    assert await visit("GET", blobs.get_url(shared_key(JOB), origin="")) == (200, "image/webp", b"data")


async def test_one_bucket_will_do(tmp_path: Path, server: S3Server) -> None:
    """Without a bucket for them shared pictures lie below shared/ in the other, where nothing expires."""
    async with opened(tmp_path, server, shared_bucket="") as blobs:
        await blobs.write(KEY, b"data")
        await blobs.share([shared_key(JOB)])
        server.age(shared_key(JOB), 1_000_000)
        assert await blobs.forget_older_than(86_400) == 0
    assert server.keys("pictures") == {shared_key(JOB)}
    assert "shared" not in server.lifecycles["pictures"]


async def test_too_large_an_upload_is_removed(blobs: BlobStore, server: S3Server) -> None:
    """A bucket takes uploads of any size; the first look at one over the limit says so and removes it."""
    assert (await visit("PUT", blobs.put_url(KEY, origin=""), b"x" * (LIMIT + 1)))[0] == 200
    with pytest.raises(InvalidRequest) as caught:
        await blobs.exists(KEY)
    assert caught.value.code == "PictureTooLarge"
    assert server.keys("pictures") == set()


async def test_the_bucket_expires_what_goes_again(tmp_path: Path, server: S3Server) -> None:
    """The first start sets two rules, a later one leaves them alone, one with another setting changes them."""
    for _ in range(2):
        async with opened(tmp_path, server, expire_days=3):
            pass
    rules = server.lifecycles["pictures"]
    assert re.findall(r"<Prefix>(.*?)</Prefix>", rules) == ["results/", "sources/"]
    assert (rules.count("<Days>3</Days>"), rules.count("<Status>Enabled</Status>")) == (2, 2)
    assert server.calls.count("PUT lifecycle") == 1
    assert "given" not in server.lifecycles
    async with opened(tmp_path, server, expire_days=4):
        assert server.lifecycles["pictures"].count("<Days>4</Days>") == 2


async def test_rules_of_others_stay(tmp_path: Path, server: S3Server) -> None:
    """Whoever owns the bucket may have rules of their own."""
    server.lifecycles["pictures"] = (
        "<LifecycleConfiguration><Rule><ID>theirs</ID><Filter><Prefix>logs/</Prefix></Filter><Status>Enabled</Status>"
        "<Expiration><Days>9</Days></Expiration></Rule></LifecycleConfiguration>"
    )
    async with opened(tmp_path, server):
        assert re.findall("<ID>(.*?)</ID>", server.lifecycles["pictures"]) == [
            "theirs", "largesse-results", "largesse-sources",
        ]  # fmt: skip


@pytest.mark.parametrize("call", ["GET lifecycle", "PUT lifecycle"])
@pytest.mark.parametrize("refusal", [Refusal(403, "AccessDenied"), Refusal(501, "NotImplemented")])
async def test_without_such_rules_it_starts_with_a_warning(
    tmp_path: Path, server: S3Server, capfd: pytest.CaptureFixture[str], call: str, refusal: Refusal
) -> None:
    """A service that knows no expiry, or a key that may not set it: the sweeper does it, and the log says so."""
    server.denied[call] = refusal
    async with opened(tmp_path, server) as blobs:
        await blobs.write(KEY, b"data")
    assert "bucket_expiry_not_set" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bucket": ""}, ["coordinator.blobs.bucket", "needs"]),
        ({"access_key_id": "", "secret_access_key": ""}, ["access_key_id", "secret_access_key", "needs"]),
        ({"bucket": "elsewhere"}, ["no bucket 'elsewhere'"]),
        ({"shared_bucket": "elsewhere"}, ["no bucket 'elsewhere'"]),
        ({"access_key_id": "stranger"}, ["access_key_id", "does not know this key"]),
        ({"secret_access_key": "wrong-secret"}, ["secret_access_key", "does not belong"]),
        ({"region": "mars-1"}, ["coordinator.blobs.region", "'mars-1'"]),
        ({"endpoint": "http://127.0.0.1:9"}, ["coordinator.blobs.endpoint", "127.0.0.1:9", "does not answer"]),
        ({"endpoint": "not an address"}, ["coordinator.blobs", "not an address"]),
        ({"bucket": "in valid"}, ["in valid"]),
    ],
)
async def test_what_cannot_be_used_is_said_at_the_start(
    tmp_path: Path, server: S3Server, changes: dict[str, str], words: list[str]
) -> None:
    """A sentence names the setting; no secret is in it."""
    with pytest.raises(ConfigError) as caught:
        async with opened(tmp_path, server, **changes):
            pass
    assert [word for word in words if word not in str(caught.value)] == []
    assert SECRET not in str(caught.value)
    assert "wrong-secret" not in str(caught.value)


@pytest.mark.parametrize("call", ["GET bucket", "PUT object", "DELETE object"])
async def test_a_key_with_too_few_rights_is_said_at_the_start(tmp_path: Path, server: S3Server, call: str) -> None:
    """What will be needed later is tried at once."""
    server.denied[call] = Refusal(403, "AccessDenied")
    with pytest.raises(ConfigError, match="may not list, write and remove in bucket 'pictures'"):
        async with opened(tmp_path, server):
            pass


async def test_addresses_of_s3_last_a_week_at_most(tmp_path: Path, server: S3Server) -> None:
    """A longer blob_ttl than the service honours is refused."""
    terms = Coordinator(blobs=Blobs(**s3_terms(server)), blob_ttl=604_801)
    with pytest.raises(ConfigError, match=r"coordinator\.blob_ttl"):
        async with open_blobs(Settings(general=General(data_dir=tmp_path), coordinator=terms), b"secret"):
            pass


async def test_away_is_said_and_passes(blobs: BlobStore, server: S3Server) -> None:
    """While the service cuts every connection each call says so; afterwards all is as before."""
    await blobs.write(KEY, b"data")
    server.away = True
    for call in (
        blobs.write(KEY, b"more"),
        blobs.read(KEY),
        blobs.exists(KEY),
        blobs.delete([KEY]),
        blobs.share([shared_key(JOB)]),
        blobs.forget_older_than(0),
    ):
        with pytest.raises(HordeUnavailable, match="cannot be reached right now"):
            await call
    server.away = False
    assert await blobs.read(KEY) == b"data"


@pytest.mark.parametrize("refusal", [Refusal(503, "SlowDown"), Refusal(500, "InternalError"), Refusal(403, "Denied")])
async def test_refusals_at_run_time_are_no_answers_about_pictures(
    blobs: BlobStore, server: S3Server, refusal: Refusal
) -> None:
    """A service in trouble, or a key that was revoked, never makes a picture look missing."""
    await blobs.write(KEY, b"data")
    server.denied = {"HEAD object": refusal, "GET object": refusal}
    with pytest.raises(HordeUnavailable):
        await blobs.exists(KEY)
    with pytest.raises(HordeUnavailable):
        await blobs.read(KEY)


@pytest.mark.parametrize("refusal", [Refusal(507, "XMinioStorageFull"), Refusal(403, "QuotaExceeded")])
async def test_a_full_bucket_is_said(blobs: BlobStore, server: S3Server, refusal: Refusal) -> None:
    """No room is StorageFull, as with a disk."""
    server.denied["PUT object"] = refusal
    with pytest.raises(StorageFull):
        await blobs.write(KEY, b"data")
