"""What goes into the rules and what comes out of them: frozen values without any behaviour but names.

The HTTP side turns these into the contract's responses; kudos are in kudos with two decimals here, in integer
hundredths only inside the ledger and the tables. Times are seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from core.contract.names import KeyScope


class Kind(StrEnum):
    """What a worker does and a request wants."""

    IMAGE = "image"
    """Draws pictures."""
    TEXT = "text"
    """Writes text."""
    ALCHEMY = "interrogation"
    """Looks at pictures or works them over."""


@dataclass(frozen=True, slots=True)
class User:
    """An account as far as the rules ask about it; never its key, never its balance."""

    id: int
    """0 is the anonymous account that everybody without a key shares."""
    name: str
    created: float
    concurrency: int
    floor: float
    """The balance never falls below this, kudos."""
    trusted: bool = False
    moderator: bool = False
    admin: bool = False
    flagged: bool = False
    service: bool = False
    special: bool = False
    customizer: bool = False
    vpn: bool = False
    education: bool = False
    deleted: bool = False
    pseudonymous: bool = True
    public_workers: bool = False
    worker_invited: int = 0
    suspicion: int = 0
    contact: str = ""
    admin_comment: str = ""
    monthly: float = 0.0
    """Kudos granted each month."""
    scope: KeyScope = KeyScope.ALL
    """What the key is for by which the account was found."""

    @property
    def anonymous(self) -> bool:
        """Is this the account that everybody without a key shares?"""
        return self.id == 0

    @property
    def unique_name(self) -> str:
        """`alias#id`, the name by which others address this account."""
        return f"{self.name}#{self.id}"


@dataclass(frozen=True, slots=True)
class StoredSources:
    """Source pictures that the HTTP side has put into the blob store already."""

    picture: str | None = None
    mask: str | None = None
    extra: tuple[tuple[str, float], ...] = ()
    """Key and strength of each extra source picture."""
    has_alpha: bool = False
    """The picture carries its own mask as an alpha channel."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning in the answer to a request that was accepted all the same."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to a request."""

    id: str
    kudos: float
    """What it will cost at most, the tax included."""
    warnings: tuple[Notice, ...]
    is_possible: bool
    replayed: bool
    """The same Idempotency-Key had been accepted before; nothing new was made."""

    @property
    def message(self) -> str | None:
        """The sentence that old clients show: set when nobody can serve the request."""
        return next((notice.message for notice in self.warnings if notice.code == "NoAvailableWorker"), None)


@dataclass(frozen=True, slots=True)
class Running:
    """A picture that a worker is drawing now; its steps are known to the process that the worker reports to."""

    id: str
    model: str
    worker_id: str
    worker_name: str
    started: float


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a request is."""

    id: str
    finished: int
    processing: int
    restarted: int
    waiting: int
    done: bool
    faulted: bool
    wait_time: int
    """Estimated seconds until the last picture is there."""
    queue_position: int
    """1 = next; 0 = nothing of it waits."""
    kudos: float
    """Paid so far."""
    is_possible: bool
    running: tuple[Running, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture of a request."""

    id: str
    blob: str
    """Key of the picture in the blob store."""
    seed: str
    worker_id: str
    worker_name: str
    model: str
    state: str
    """`ok`, `censored` or `csam`."""
    censored: bool
    metadata: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Status:
    """How far a request is, and its pictures."""

    progress: Progress
    pictures: tuple[Picture, ...]
    shared: bool
    r2: bool
    """The requester wants addresses; False = the pictures themselves, base64."""


@dataclass(frozen=True, slots=True)
class JobOffer:
    """One picture that a worker is to draw."""

    id: str
    seed: str
    blob: str
    """Key under which the picture is to be uploaded."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A batch of pictures of one request, handed to one worker."""

    request_id: str
    worker_id: str
    jobs: tuple[JobOffer, ...]
    model: str
    ttl: int
    """Seconds until the jobs count as lost."""
    payload: Mapping[str, Any]
    """The fields of the contract's JobPayload."""
    source_processing: str
    sources: StoredSources


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is no job for this worker now."""

    worker_id: str
    skipped: Mapping[str, int] = field(default_factory=dict[str, int])
    """Reason → waiting pictures that were not offered because of it."""
    busy: bool = False
    """Somebody else had a hand on what would fit, just now: it pays to ask again at once."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A job came back."""

    reward: float
    request_id: str
    done: bool
    """Nothing of the request waits or runs any more."""
    requeued: bool
    """The picture went back into the queue: wake waiting workers."""
    mail: bool = False
    """The requester's own server is to be told of it: wake the courier."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What one round of the sweeper did."""

    stale: int
    """Jobs that came back from workers that fell silent."""
    purged: int
    """Requests that were forgotten with their pictures."""
    requeued: bool
    """Something went back into the queue: wake waiting workers."""
