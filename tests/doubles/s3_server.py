"""A small S3 on loopback: checks every signature and expiry itself, as the services do, and keeps objects in memory."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote
from xml.etree import ElementTree as Xml
from xml.sax.saxutils import escape

from aiohttp import web

KEY_ID, SECRET, REGION = "test-key", "test-secret", "eu-test-1"
_NS = "{http://s3.amazonaws.com/doc/2006-03-01/}"


@dataclass
class Stored:
    """One object."""

    data: bytes
    kind: str
    modified: datetime


class Refusal(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


@dataclass
class S3Server:
    """The service; tests look into it and change what it does."""

    url: str = ""
    buckets: dict[str, dict[str, Stored]] = field(default_factory=dict)
    lifecycles: dict[str, str] = field(default_factory=dict)
    denied: dict[str, Refusal] = field(default_factory=dict)
    """Operations (`GET lifecycle`, `PUT object`, …) that are refused, and how."""
    away: bool = False
    """Cut every connection without an answer."""
    late: timedelta = timedelta()
    """How far its clock is ahead."""
    page: int = 1000
    calls: list[str] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.late

    def age(self, key: str, seconds: float) -> None:
        """Make an object older."""
        for bucket in self.buckets.values():
            if key in bucket:
                bucket[key].modified -= timedelta(seconds=seconds)

    def keys(self, bucket: str) -> set[str]:
        return set(self.buckets[bucket])

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if self.away:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        try:
            self._authorise(request, body)
            return self._answer(request, body)
        except Refusal as refusal:
            text = (
                "" if request.method == "HEAD" else f"<Error><Code>{refusal.code}</Code><Message>no</Message></Error>"
            )
            return web.Response(status=refusal.status, text=text, content_type="application/xml")

    def _authorise(self, request: web.Request, body: bytes) -> None:
        path, _, query = request.raw_path.partition("?")
        pairs = [
            (unquote(name), unquote(value)) for name, _, value in (p.partition("=") for p in query.split("&") if p)
        ]
        said = dict(pairs)
        if "X-Amz-Signature" in said:
            signature, credential, headers = (
                said[f"X-Amz-{name}"] for name in ("Signature", "Credential", "SignedHeaders")
            )
            moment, digest = said["X-Amz-Date"], "UNSIGNED-PAYLOAD"
            pairs = [pair for pair in pairs if pair[0] != "X-Amz-Signature"]
        else:
            fields = request.headers.get("Authorization", "").removeprefix("AWS4-HMAC-SHA256 ").split(", ")
            if len(fields) != 3:
                raise Refusal(403, "AccessDenied")
            credential, headers, signature = (text.partition("=")[2] for text in fields)
            moment, digest = request.headers["X-Amz-Date"], request.headers["X-Amz-Content-SHA256"]
            if digest not in {"UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()}:
                raise Refusal(400, "XAmzContentSHA256Mismatch")
        names = headers.split(";")
        canonical = "\n".join(
            [
                request.method,
                path,
                "&".join(f"{quote(n, safe='-_.~')}={quote(v, safe='-_.~')}" for n, v in sorted(pairs)),
                *(f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in names),
                "",
                headers,
                digest,
            ]
        )
        self._compare(credential, moment, canonical, signature)
        began = datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if "X-Amz-Expires" in said and self.now() > began + timedelta(seconds=int(said["X-Amz-Expires"])):
            raise Refusal(403, "AccessDenied")

    def _compare(self, credential: str, moment: str, canonical: str, signature: str) -> None:
        key_id, *scope = credential.split("/")
        if key_id != KEY_ID:
            raise Refusal(403, "InvalidAccessKeyId")
        if scope[1] != REGION:
            raise Refusal(400, "AuthorizationHeaderMalformed")
        text = "\n".join(["AWS4-HMAC-SHA256", moment, "/".join(scope), hashlib.sha256(canonical.encode()).hexdigest()])
        key = f"AWS4{SECRET}".encode()
        for part in scope:
            key = hmac.digest(key, part.encode(), "sha256")
        if not hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), signature):
            raise Refusal(403, "SignatureDoesNotMatch")

    def _answer(self, request: web.Request, body: bytes) -> web.Response:
        bucket, _, key = request.path.removeprefix("/").partition("/")
        what = "object" if key else next((name for name in ("lifecycle", "delete") if name in request.query), "bucket")
        call = f"{request.method} {what}"
        self.calls.append(call)
        if bucket not in self.buckets:
            raise Refusal(404, "NoSuchBucket")
        if call in self.denied:
            raise self.denied[call]
        match call:
            case "PUT object" if "X-Amz-Copy-Source" in request.headers:
                return self._copy(bucket, key, request.headers["X-Amz-Copy-Source"])
            case "PUT object":
                kind = request.headers.get("Content-Type", "binary/octet-stream")
                self.buckets[bucket][key] = Stored(body, kind, self.now())
                return web.Response(headers={"ETag": '"x"'})
            case "GET object" | "HEAD object":
                return self._get(bucket, key, request)
            case "DELETE object":
                self.buckets[bucket].pop(key, None)
                return web.Response(status=204)
            case "POST delete":
                return self._delete(bucket, body, request)
            case "GET bucket":
                return self._list(bucket, request)
            case "GET lifecycle":
                if bucket not in self.lifecycles:
                    raise Refusal(404, "NoSuchLifecycleConfiguration")
                return _xml(self.lifecycles[bucket])
            case "PUT lifecycle":
                _whole(body, request)
                self.lifecycles[bucket] = body.decode()
                return web.Response()
            case _:
                raise Refusal(501, "NotImplemented")

    def _copy(self, bucket: str, key: str, source: str) -> web.Response:
        origin, _, name = unquote(source).removeprefix("/").partition("/")
        if name not in self.buckets[origin]:
            raise Refusal(404, "NoSuchKey")
        self.buckets[bucket][key] = self.buckets[origin][name]
        return _xml("<CopyObjectResult><ETag>x</ETag></CopyObjectResult>")

    def _get(self, bucket: str, key: str, request: web.Request) -> web.Response:
        found = self.buckets[bucket].get(key)
        if found is None:
            raise Refusal(404, "NoSuchKey")
        kind = request.query.get("response-content-type", found.kind)
        return web.Response(body=found.data, headers={"Content-Type": kind})

    def _delete(self, bucket: str, body: bytes, request: web.Request) -> web.Response:
        _whole(body, request)
        for key in Xml.fromstring(body).iter(f"{_NS}Key"):  # noqa: S314  # our own client wrote it
            self.buckets[bucket].pop(key.text or "", None)
        return _xml("<DeleteResult/>")

    def _list(self, bucket: str, request: web.Request) -> web.Response:
        after, prefix = request.query.get("continuation-token", ""), request.query.get("prefix", "")
        names = sorted(name for name in self.buckets[bucket] if name.startswith(prefix) and name > after)
        size = min(self.page, int(request.query.get("max-keys", "1000")))
        page, more = names[:size], len(names) > size
        items = "".join(
            f"<Contents><Key>{escape(name)}</Key><Size>{len(self.buckets[bucket][name].data)}</Size><LastModified>"
            f"{self.buckets[bucket][name].modified:%Y-%m-%dT%H:%M:%S.000Z}</LastModified></Contents>"
            for name in page
        )
        token = f"<NextContinuationToken>{page[-1]}</NextContinuationToken>" if more else ""
        truncated = str(more).lower()
        return _xml(f"<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{token}{items}</ListBucketResult>")


def _xml(text: str) -> web.Response:
    return web.Response(text=text, content_type="application/xml")


def _whole(body: bytes, request: web.Request) -> None:
    """As older services demand: the body's MD5."""
    digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    if request.headers.get("Content-MD5") != digest:
        raise Refusal(400, "MissingContentMD5")


@asynccontextmanager
async def s3_service(*buckets: str) -> AsyncIterator[S3Server]:
    """A service with these buckets, empty."""
    server = S3Server(buckets={name: {} for name in buckets})
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


def s3_terms(server: S3Server, **changes: Any) -> dict[str, Any]:
    """The section `coordinator.blobs` that leads to this service."""
    return {
        "kind": "s3",
        "endpoint": server.url,
        "region": REGION,
        "bucket": "pictures",
        "shared_bucket": "given",
        "access_key_id": KEY_ID,
        "secret_access_key": SECRET,
        **changes,
    }
