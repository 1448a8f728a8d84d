"""Calls to a service that speaks S3, through botocore: addresses are signed here, everything else goes by threads.

The one place that knows botocore. What a service answers becomes `Refused` here; `s3` says what that means for a
picture, `opening` what it means for the settings.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from core import log
from core.coordinator.blobs.signer import Access
from core.errors import ConfigError, HordeUnavailable
from core.settings import Blobs

if TYPE_CHECKING:
    from botocore.exceptions import ClientError  # pyright: ignore[reportMissingTypeStubs]

_log = log.get(__name__)

LONGEST_TTL = 604_800
"""Most seconds that a signed address of S3 may be valid."""
_THREADS = 16
_CONNECT_SECONDS = 3
_READ_SECONDS = 10
_METHODS = {Access.GET: "get_object", Access.PUT: "put_object"}
_AWAY = "The pictures of this horde cannot be reached right now; nothing is lost, try again in a moment."
_AGAIN = 5.0


class Refused(HordeUnavailable):
    """The service did not do what it was asked."""

    def __init__(self, reason: str, status: int) -> None:
        """reason: the service's own code, such as NoSuchKey, or what kept us from it. status: HTTP, 0 = no answer."""
        super().__init__(_AWAY, retry_after=_AGAIN)
        self.reason = reason
        self.status = status


class _Client(Protocol):
    """What is used of botocore's S3 client, which has no types; its operations are looked up by name."""

    def generate_presigned_url(self, ClientMethod: str, Params: Mapping[str, str], ExpiresIn: int) -> str:  # noqa: N803  # botocore's names
        """A signed address."""
        ...

    def close(self) -> None:
        """Give the connections back."""
        ...


class Buckets:
    """One connection pool to one service with one key."""

    def __init__(self, terms: Blobs, ttl: int) -> None:
        """Prepare to call the service of these settings; nothing is sent yet.

        Args:
            terms: where the service is and what opens it.
            ttl: seconds that signed addresses stay valid.

        Raises:
            ConfigError: botocore is not installed, or the endpoint is no address.
        """
        self._client = _client(terms)
        self._ttl = ttl
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="s3")

    def sign(self, access: Access, bucket: str, key: str) -> str:
        """An address that lets whoever holds it read or write one picture for ttl seconds; no Content-Type is signed.

        Pictures are read as image/webp, whatever type their writer claimed.
        """
        params = {"Bucket": bucket, "Key": key}
        if access is Access.GET:
            params["ResponseContentType"] = "image/webp"
        return self._client.generate_presigned_url(_METHODS[access], Params=params, ExpiresIn=self._ttl)

    async def call(self, operation: str, **params: object) -> Mapping[str, Any]:
        """What the service answers to an operation of botocore's S3 client; a `Body` in it is read already.

        Raises:
            Refused: it answered with an error, or not at all.
        """
        from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, partial(self._do, operation, params))
        except ClientError as error:
            raise _refused(error) from error
        except BotoCoreError as error:
            _log.warning("bucket_away", operation=operation, reason=type(error).__name__)
            raise Refused(type(error).__name__, 0) from error

    def _do(self, operation: str, params: Mapping[str, object]) -> Mapping[str, Any]:
        answer: dict[str, Any] = getattr(self._client, operation)(**params)
        if "Body" in answer:
            with answer["Body"] as body:
                answer["Body"] = body.read()
        return answer

    def close(self) -> None:
        """Let running calls end and give the connections back."""
        self._threads.shutdown()
        self._client.close()


def _client(terms: Blobs) -> _Client:
    try:
        from botocore.config import Config  # pyright: ignore[reportMissingTypeStubs]
        from botocore.session import Session  # pyright: ignore[reportMissingTypeStubs]
    except ImportError as error:
        raise ConfigError(
            'coordinator.blobs.kind: "s3" needs the library botocore: pip install ".[s3]", or set kind to "disk".'
        ) from error
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if terms.path_style else "virtual"},
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 2},
        max_pool_connections=_THREADS,
        # More would be added to every address and every upload, and services other than AWS's refuse some of it.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    try:
        client: Any = Session().create_client(  # pyright: ignore[reportUnknownMemberType]
            "s3",
            region_name=terms.region,
            endpoint_url=terms.endpoint or None,
            aws_access_key_id=terms.access_key_id.get_secret_value(),
            aws_secret_access_key=terms.secret_access_key.get_secret_value(),
            config=config,
        )
    except ValueError as error:
        raise ConfigError(f"coordinator.blobs: {str(error).rstrip('.')}; allowed: https://host or empty.") from error
    for operation in ("DeleteObjects", "PutBucketLifecycleConfiguration"):
        client.meta.events.register(f"before-call.s3.{operation}", _add_md5)
    return client


def _add_md5(params: dict[str, Any], **_: object) -> None:
    """Older services know no other proof that a list of keys arrived whole, and demand one."""
    digest = hashlib.md5(params["body"], usedforsecurity=False).digest()
    params["headers"]["Content-MD5"] = base64.b64encode(digest).decode()


def _refused(error: ClientError) -> Refused:
    answer: Mapping[str, Any] = error.response
    reason = str(answer.get("Error", {}).get("Code", ""))
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if status != 404:
        _log.warning("bucket_refused", operation=error.operation_name, reason=reason, status=status)
    return Refused(reason, status)
