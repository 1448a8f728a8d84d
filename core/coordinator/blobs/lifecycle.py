"""Has the bucket itself expire what goes again, so that nothing piles up while no coordinator runs; for `opening`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core import log
from core.coordinator.blobs.buckets import Buckets, Refused
from core.coordinator.blobs.keys import TRANSIENT

_log = log.get(__name__)

_OURS = "largesse-"


async def see_to_expiry(buckets: Buckets, bucket: str, days: int) -> None:
    """Add our rules to the bucket's own, unless they are there; other people's rules stay.

    A service that has no such rules, or a key that may not set them, is worth a warning and no more: the sweeper
    removes what is old as well.

    Args:
        buckets: how the service is reached.
        bucket: where results and sources lie.
        days: after how many days they go; S3 knows no smaller unit.
    """
    try:
        found = await _rules(buckets, bucket)
        wanted = [*(rule for rule in found if not str(rule.get("ID")).startswith(_OURS)), *_ours(days)]
        if not _same(found, wanted):
            await buckets.call(
                "put_bucket_lifecycle_configuration", Bucket=bucket, LifecycleConfiguration={"Rules": wanted}
            )
            _log.info("bucket_expiry_set", bucket=bucket, days=days)
    except Refused as refused:
        _log.warning("bucket_expiry_not_set", bucket=bucket, reason=refused.reason, days=days)


async def _rules(buckets: Buckets, bucket: str) -> Sequence[Mapping[str, Any]]:
    try:
        answer = await buckets.call("get_bucket_lifecycle_configuration", Bucket=bucket)
    except Refused as refused:
        if refused.reason == "NoSuchLifecycleConfiguration":
            return []
        raise
    return answer.get("Rules", [])


def _ours(days: int) -> list[dict[str, Any]]:
    return [
        {
            "ID": f"{_OURS}{prefix.strip('/')}",
            "Status": "Enabled",
            "Filter": {"Prefix": prefix},
            "Expiration": {"Days": days},
        }
        for prefix in TRANSIENT
    ]


def _same(found: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]) -> bool:
    """Whether each rule is there already; services may add fields of their own to what was set."""
    known = {rule.get("ID"): rule for rule in found}
    return len(found) == len(wanted) and all(rule.items() <= known.get(rule["ID"], {}).items() for rule in wanted)
