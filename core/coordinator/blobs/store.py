"""What a blob store is to the rest of the coordinator: `disk` is the one for a single machine, `s3` for many."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class BlobStore(Protocol):
    """Pictures by key (`blobs.keys`).

    Every method raises NotFound for a key that is not the name of a picture, and HordeUnavailable when the store
    cannot be reached; then nothing was changed.
    """

    def get_url(self, key: str, *, origin: str) -> str:
        """An address to read the picture from, valid for `coordinator.blob_ttl` seconds.

        origin: scheme, host and port under which the asker reached the coordinator; stores elsewhere ignore it.
        """
        ...

    def put_url(self, key: str, *, origin: str) -> str:
        """An address to PUT the picture to, without a Content-Type, valid for `coordinator.blob_ttl` seconds."""
        ...

    async def write(self, key: str, data: bytes) -> None:
        """Keep the picture; it is there whole or not at all. Raises StorageFull."""
        ...

    async def read(self, key: str) -> bytes:
        """The picture. Raises NotFound."""
        ...

    async def exists(self, key: str) -> bool:
        """Whether the picture is there."""
        ...

    async def delete(self, keys: Iterable[str]) -> None:
        """Forget the pictures; those that are not there count as forgotten."""
        ...

    async def share(self, keys: Iterable[str]) -> None:
        """Move results to where shared pictures stay for good; what is not there counts as moved.

        keys: where they go (`keys.shared_key`).
        """
        ...

    async def forget_older_than(self, seconds: float) -> int:
        """Forget results and sources that no request can be waiting for any more; how many there were."""
        ...
