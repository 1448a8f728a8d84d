"""A finished picture as its requester gets it: an address, base64, or "N/A"; for the status and for webhooks."""

from __future__ import annotations

import base64

from core.contract.names import JobState
from core.coordinator.blobs.store import BlobStore
from core.errors import NotFound

NOT_AVAILABLE = "N/A"


async def shown(blobs: BlobStore, key: str, *, state: str, as_address: bool, origin: str) -> str:
    """An address or base64; "N/A" for what nobody may have, and for a hidden picture that no worker sent.

    Args:
        blobs: where pictures lie.
        key: the picture's key.
        state: how its job ended, a `JobState`.
        as_address: an address is wanted, not the picture itself.
        origin: scheme, host and port that the address begins with.
    """
    if state == JobState.CSAM:
        return NOT_AVAILABLE
    if as_address:
        there = state == JobState.OK or await blobs.exists(key)
        return blobs.get_url(key, origin=origin) if there else NOT_AVAILABLE
    try:
        return base64.b64encode(await blobs.read(key)).decode()
    except NotFound:
        return NOT_AVAILABLE
