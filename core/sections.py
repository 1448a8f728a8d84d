"""Parts of the settings that stand alone: what every section is, and the sections that others hold.

`core.settings` builds the tree of them and is where everybody imports them from.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

Port = Annotated[int, Field(ge=0, le=65535)]


class Section(BaseModel):
    """One `[table]` of the file: unknown keys are errors, so that a typo never goes unnoticed."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Limits(Section):
    """What one request, one person or one address may ask of the coordinator (AI Horde's defaults)."""

    rate_limits: bool = Field(
        default=True, description="Switch all request-rate limits on or off (off: for load tests only)."
    )
    counters_url: SecretStr = Field(
        default=SecretStr(""),
        description="Redis or Valkey that counts calls for all processes, as redis://host:6379/0; empty = each counts "
        "its own.",
    )
    max_side: int = Field(default=3072, ge=64, le=16384, description="Largest width or height of a picture, pixels.")
    max_steps: int = Field(default=500, ge=1, le=10000, description="Most sampling steps of a request.")
    max_batch: int = Field(default=20, ge=1, le=100, description="Most pictures of one request.")
    max_prompt_words: int = Field(default=7500, ge=1, description="Most words of a prompt, the negative part included.")
    max_loras: int = Field(default=5, ge=0, description="Most LoRAs of a request.")
    max_textual_inversions: int = Field(default=20, ge=0, description="Most textual inversions of a request.")
    max_source_bytes: int = Field(default=5_000_000, ge=1000, description="Largest source picture, bytes.")
    max_body_bytes: int = Field(default=40_000_000, ge=1000, description="Largest HTTP body, bytes.")
    body_seconds: float = Field(
        default=60.0, gt=0, description="Seconds that the body of a call may take to arrive; then it is given up."
    )
    max_worker_models: int = Field(default=300, ge=1, description="Most models that count of what a worker declares.")
    concurrency: int = Field(default=30, ge=0, description="Pictures one account may have waiting.")
    anonymous_concurrency: int = Field(
        default=500, ge=0, description="Pictures all anonymous people may have waiting, a model."
    )
    loopback_webhooks: bool = Field(
        default=False, description="Let webhooks lead to this very machine, also over http (tests, private use)."
    )


class Gifts(Section):
    """Kudos that people give each other by emoji or with `tip` (docs/kudos.md)."""

    undo_seconds: int = Field(
        default=60, ge=0, le=86_400, description="Seconds in which a gift can be taken back by taking the emoji away."
    )
    claim_days: float = Field(
        default=7, gt=0, le=365, description="Days that somebody without an account has to claim what they were given."
    )
    confirm_above: int = Field(
        default=100, ge=0, description="Kudos above which an emoji alone is not enough: the giver is asked in private."
    )
    most_a_day: int = Field(default=1000, ge=1, description="Most kudos one person gives in a day.")
    most_to_one: int = Field(default=300, ge=1, description="Most kudos one person gives another in a day.")


class Blobs(Section):
    """Where pictures are kept: a folder of this machine, or buckets of a service that speaks S3 (docs/blobs.md)."""

    kind: Literal["disk", "s3"] = Field(
        default="disk", description="disk = the folder blobs in data_dir, s3 = the buckets named below."
    )
    keep_shared: bool = Field(
        default=False, description="Keep what people share for good, instead of removing it with its request."
    )
    endpoint: str = Field(
        default="", description="Address of the service, as workers and clients reach it; empty = AWS's own."
    )
    region: str = Field(default="us-east-1", min_length=1, description="Region of the buckets; auto at Cloudflare R2.")
    bucket: str = Field(default="", description="Bucket of what goes again: results and source pictures.")
    shared_bucket: str = Field(
        default="", description="Bucket of shared pictures that are kept; empty = below shared/ in the same one."
    )
    access_key_id: SecretStr = Field(default=SecretStr(""), description="Name of the key that opens the buckets.")
    secret_access_key: SecretStr = Field(default=SecretStr(""), description="The key that opens the buckets.")
    path_style: bool = Field(
        default=True, description="Bucket in the path of addresses (true), or in front of the host name (false)."
    )
    expire_days: int = Field(
        default=1, ge=1, le=365, description="Days after which the bucket itself removes results and sources."
    )
