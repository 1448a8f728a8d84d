"""Opens the blob store that the settings name, and says in a sentence why it cannot be used; called once by `app`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from core.coordinator.blobs.buckets import LONGEST_TTL, Buckets, Refused
from core.coordinator.blobs.disk import DiskBlobs
from core.coordinator.blobs.lifecycle import see_to_expiry
from core.coordinator.blobs.s3 import S3Blobs
from core.coordinator.blobs.signer import Signer
from core.coordinator.blobs.store import BlobStore
from core.errors import ConfigError
from core.settings import Blobs, Settings

FOLDER = "blobs"
"""Folder of pictures in data_dir."""
_NEEDED = ("bucket", "access_key_id", "secret_access_key")
_PROBE = "results/probe.webp"
_WRONG_KEY = {"InvalidAccessKeyId", "SignatureDoesNotMatch"}
_WRONG_REGION = {"AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException"}


@asynccontextmanager
async def open_blobs(settings: Settings, secret: bytes) -> AsyncGenerator[BlobStore]:
    """The store of `coordinator.blobs`.

    Args:
        settings: all of them.
        secret: the coordinator's; signs the addresses of pictures on disk.

    Raises:
        ConfigError: something is missing in the settings, or the buckets cannot be used as they are.
    """
    terms = settings.coordinator.blobs
    if terms.kind == "disk":
        yield DiskBlobs(settings.general.data_dir / FOLDER, Signer(secret, settings.coordinator.blob_ttl))
        return
    _refuse_gaps(settings)
    buckets = Buckets(terms, settings.coordinator.blob_ttl)
    try:
        shared = terms.shared_bucket or terms.bucket
        for bucket in dict.fromkeys((terms.bucket, shared)):
            await _try(buckets, terms, bucket)
        await see_to_expiry(buckets, terms.bucket, terms.expire_days)
        limit = settings.coordinator.limits.max_body_bytes
        yield S3Blobs(buckets, bucket=terms.bucket, shared_bucket=shared, limit=limit)
    finally:
        await asyncio.to_thread(buckets.close)


def _refuse_gaps(settings: Settings) -> None:
    values = settings.coordinator.blobs.model_dump(mode="json")
    missing = [f"coordinator.blobs.{name}" for name in _NEEDED if not values[name]]
    if missing:
        raise ConfigError(f'coordinator.blobs.kind is "s3", which needs {", ".join(missing)} as well.')
    if settings.coordinator.blob_ttl > LONGEST_TTL:
        raise ConfigError(
            f"coordinator.blob_ttl: found {settings.coordinator.blob_ttl}; allowed with pictures in S3: "
            f"at most {LONGEST_TTL} (seven days)."
        )


async def _try(buckets: Buckets, terms: Blobs, bucket: str) -> None:
    """List, write and remove, as will be needed later."""
    try:
        await buckets.call("list_objects_v2", Bucket=bucket, MaxKeys=1)
        await buckets.call("put_object", Bucket=bucket, Key=_PROBE, Body=b"")
        await buckets.call("delete_object", Bucket=bucket, Key=_PROBE)
    except Refused as refused:
        raise ConfigError(_sentence(refused, terms, bucket)) from refused


def _sentence(refused: Refused, terms: Blobs, bucket: str) -> str:
    place = terms.endpoint or f"AWS in {terms.region}"
    if refused.reason == "ParamValidationError":
        return f"coordinator.blobs: {bucket!r} is not a name that a bucket can have."
    if refused.status == 0:
        return (
            f"coordinator.blobs.endpoint: {place} does not answer ({refused.reason}); "
            "is the service running, and the address right?"
        )
    if refused.reason == "NoSuchBucket":
        return f"coordinator.blobs: there is no bucket {bucket!r} at {place}; make it there, or name another."
    if refused.reason in _WRONG_KEY:
        return (
            f"coordinator.blobs.access_key_id, secret_access_key: {place} does not know this key, "
            "or the secret does not belong to it."
        )
    if refused.reason in _WRONG_REGION:
        return f"coordinator.blobs.region: {place} says that {terms.region!r} is not the region of bucket {bucket!r}."
    if refused.status in {401, 403}:
        return (
            f"coordinator.blobs: the key may not list, write and remove in bucket {bucket!r} at {place} "
            f"({refused.reason}); docs/blobs.md lists the rights it needs."
        )
    return f"coordinator.blobs: bucket {bucket!r} at {place} cannot be used: {refused.reason} ({refused.status})."
