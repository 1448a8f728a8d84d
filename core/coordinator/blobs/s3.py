"""Pictures in buckets of a service that speaks S3; workers and clients go there themselves, by signed addresses.

Results and sources lie in one bucket, which also expires them by itself (`lifecycle`); shared ones in another.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from core.coordinator.blobs.buckets import Buckets, Refused
from core.coordinator.blobs.keys import TRANSIENT, checked, is_shared, result_of
from core.coordinator.blobs.signer import Access
from core.errors import InvalidRequest, NotFound, StorageFull

_AT_ONCE = 1000
"""Most keys of one DeleteObjects call and of one page of a listing, set by S3."""
_FULL = {"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "StorageFull", "InsufficientStorage"}
_GONE = {"NoSuchKey", "404"}


class S3Blobs:
    """The `BlobStore` of any number of machines."""

    def __init__(self, buckets: Buckets, *, bucket: str, shared_bucket: str, limit: int) -> None:
        """Keep pictures in buckets that `opening` has looked at; limit: most bytes that a worker may upload."""
        self._buckets = buckets
        self._bucket = bucket
        self._shared = shared_bucket
        self._limit = limit

    def get_url(self, key: str, *, origin: str) -> str:
        """See `BlobStore`."""
        del origin
        return self._buckets.sign(Access.GET, self._home(key), key)

    def put_url(self, key: str, *, origin: str) -> str:
        """See `BlobStore`."""
        del origin
        return self._buckets.sign(Access.PUT, self._home(key), key)

    async def write(self, key: str, data: bytes) -> None:
        """See `BlobStore`."""
        with _worded():
            await self._buckets.call("put_object", Bucket=self._home(key), Key=key, Body=data, ContentType="image/webp")

    async def read(self, key: str) -> bytes:
        """See `BlobStore`."""
        with _worded():
            answer = await self._buckets.call("get_object", Bucket=self._home(key), Key=key)
        return answer["Body"]

    async def exists(self, key: str) -> bool:
        """See `BlobStore`. What a worker uploaded over the limit is removed.

        Raises:
            InvalidRequest: `PictureTooLarge`, it was removed; the bucket itself takes uploads of any size.
        """
        bucket = self._home(key)
        try:
            with _worded():
                answer = await self._buckets.call("head_object", Bucket=bucket, Key=key)
        except NotFound:
            return False
        if answer["ContentLength"] > self._limit:
            await self.delete([key])
            raise InvalidRequest(f"The picture is larger than {self._limit} bytes.", code="PictureTooLarge")
        return True

    async def delete(self, keys: Iterable[str]) -> None:
        """See `BlobStore`."""
        homes: defaultdict[str, list[str]] = defaultdict(list)
        for key in dict.fromkeys(keys):
            homes[self._home(key)].append(key)
        for bucket, inside in homes.items():
            for start in range(0, len(inside), _AT_ONCE):
                await self._remove(bucket, inside[start : start + _AT_ONCE])

    async def share(self, keys: Iterable[str]) -> None:
        """See `BlobStore`. The service copies, several at a time; nothing passes through the coordinator."""
        moves = {result_of(checked(key)): key for key in keys}
        await asyncio.gather(*(self._copy(source, target) for source, target in moves.items()))
        await self.delete(moves)

    async def forget_older_than(self, seconds: float) -> int:
        """See `BlobStore`."""
        count = 0
        for room in TRANSIENT:
            async for page in self._pages(room):
                old = _older(page, datetime.now(UTC) - timedelta(seconds=seconds))
                await self._remove(self._bucket, old)
                count += len(old)
        return count

    async def _copy(self, source: str, target: str) -> None:
        origin = {"Bucket": self._bucket, "Key": source}
        with suppress(NotFound), _worded():
            await self._buckets.call("copy_object", Bucket=self._home(target), Key=target, CopySource=origin)

    async def _pages(self, prefix: str) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        more: dict[str, str] = {}
        while True:
            answer = await self._buckets.call("list_objects_v2", Bucket=self._bucket, Prefix=prefix, **more)
            yield answer.get("Contents", ())
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    async def _remove(self, bucket: str, keys: Sequence[str]) -> None:
        if not keys:
            return
        wanted = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        answer = await self._buckets.call("delete_objects", Bucket=bucket, Delete=wanted)
        for failed in answer.get("Errors", ()):
            if failed.get("Code") not in _GONE:
                raise Refused(str(failed.get("Code")), 200)

    def _home(self, key: str) -> str:
        return self._shared if is_shared(checked(key)) else self._bucket


def _older(page: Sequence[Mapping[str, Any]], moment: datetime) -> list[str]:
    return [item["Key"] for item in page if item["LastModified"] < moment]


@contextmanager
def _worded() -> Generator[None]:
    """A picture that is not there and a bucket that is full are no fault of the service."""
    try:
        yield
    except Refused as refused:
        if refused.reason in _GONE:
            raise NotFound("This picture is not there (any more).", code="PictureNotFound") from None
        if refused.reason in _FULL or refused.status == 507:
            raise StorageFull("The bucket of pictures is full: the picture was not stored.") from refused
        raise
