"""What the house knows of the people on all platforms together: who is whom, and what they entrusted to it, sealed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.house.gifts import GiftBook
from core.house.people import People
from core.house.seal import Seal


@dataclass(frozen=True)
class Community:
    """People, whatever platform they are on."""

    people: People
    """Their accounts and identities."""
    seal: Seal
    """Keeps their API keys."""
    gifts: GiftBook
    """What they give each other."""
    emoji: Mapping[str, int]
    """What an emoji is worth, kudos, where a community says nothing else."""
