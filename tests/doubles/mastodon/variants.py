"""How servers of the fediverse differ in what our adapter meets: ids, streams, keys, reactions, missing calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_ULID = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_FLAKE = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _digits(number: int, alphabet: str, length: int) -> str:
    text = ""
    for _ in range(length):
        number, rest = divmod(number, len(alphabet))
        text = alphabet[rest] + text
    return text


def snowflake(number: int) -> str:
    return str(117440000000000000 + number * 3)


def ulid(number: int) -> str:
    return "01JH7QK" + _digits(number, _ULID, 19)


def flake(number: int) -> str:
    return "Avx" + _digits(number, _FLAKE, 15)


@dataclass(frozen=True)
class Variant:
    """One kind of server."""

    name: str
    version: str
    status_id: Callable[[int], str] = snowflake
    notification_id: Callable[[int], str] = str
    sse: bool = True
    websocket: bool = True
    keeps_keys: bool = True
    """Honours Idempotency-Key."""
    edits: bool = True
    second_instance: bool = True
    """Has /api/v2/instance."""
    second_media: bool = True
    """Has /api/v2/media."""
    rate_headers: bool = True
    reaction: str = ""
    """What its emoji reactions are called."""
    missing: int = 404
    """How it answers to calls that it does not have."""


MASTODON = Variant("mastodon", "4.7.3")
GOTOSOCIAL = Variant(
    "gotosocial", "0.20.1+git-8a3f1c2", ulid, ulid, sse=False, keeps_keys=False, missing=404, rate_headers=True
)
AKKOMA = Variant(
    "akkoma", "2.7.2 (compatible; Akkoma 3.16.0-develop)", flake, str, sse=False, reaction="pleroma:emoji_reaction",
    second_instance=False, rate_headers=False,
)  # fmt: skip
FEDIBIRD = Variant("fedibird", "3.4.1+fedibird", reaction="emoji_reaction", second_instance=False)
TAKAHE = Variant(
    "takahe", "takahe/0.11.0", sse=False, websocket=False, keeps_keys=False, edits=False, missing=405,
    rate_headers=False, second_media=False,
)  # fmt: skip
VARIANTS = (MASTODON, GOTOSOCIAL, AKKOMA, FEDIBIRD, TAKAHE)
