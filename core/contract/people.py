"""Accounts and kudos: find_user, users, transfer, award."""

from __future__ import annotations

from pydantic import Field

from core.contract.base import Answer, Ask, Sparse, Whole


class KudosDetails(Answer):
    """Where an account's kudos came from and went."""

    accumulated: float = 0
    gifted: float = 0
    donated: float = 0
    admin: float = 0
    received: float = 0
    recurring: float = 0
    awarded: float = 0
    styled: float = 0


class ThingRecords(Answer):
    """Megapixelsteps and tokens."""

    megapixelsteps: float = 0
    tokens: Whole = 0


class AmountRecords(Answer):
    """Counts by kind."""

    image: Whole = 0
    text: Whole = 0
    interrogation: Whole = 0


class UserRecords(Answer):
    """What an account used, made and asked for, in total."""

    usage: ThingRecords = Field(default_factory=ThingRecords)
    contribution: ThingRecords = Field(default_factory=ThingRecords)
    fulfillment: AmountRecords = Field(default_factory=AmountRecords)
    request: AmountRecords = Field(default_factory=AmountRecords)
    style: AmountRecords = Field(default_factory=AmountRecords)


class Usage(Sparse):
    """Obsolete; sent empty."""

    megapixelsteps: float | None = None
    requests: Whole | None = None


class Contributions(Sparse):
    """Obsolete; sent empty."""

    megapixelsteps: float | None = None
    fulfillments: Whole | None = None


class UserStyle(Answer):
    """A style that the account owns."""

    name: str
    id: str
    type: str = "image"


class ActiveGenerations(Answer):
    """Ids of the requests that are under way."""

    text: list[str] = Field(default_factory=list[str])
    image: list[str] = Field(default_factory=list[str])
    alchemy: list[str] = Field(default_factory=list[str])


class MonthlyKudos(Answer):
    """What the account is given every month; `last_received` is a date."""

    amount: Whole = 0
    last_received: str | None = None


class UserDetails(Sparse):
    """An account. Fields that the caller may not see are left out."""

    username: str
    """`alias#id`."""
    id: int
    kudos: float = 0.0
    kudos_details: KudosDetails = Field(default_factory=KudosDetails)
    usage: Usage = Field(default_factory=Usage)
    contributions: Contributions = Field(default_factory=Contributions)
    records: UserRecords = Field(default_factory=UserRecords)
    concurrency: Whole = 30
    worker_invited: Whole = 0
    moderator: bool = False
    trusted: bool = False
    flagged: bool = False
    pseudonymous: bool = False
    worker_count: Whole = 0
    account_age: Whole = 0
    """Seconds."""
    service: bool = False
    deleted: bool = False
    education: bool = False
    customizer: bool = False
    styles: list[UserStyle] = Field(default_factory=list[UserStyle])
    worker_ids: list[str] | None = None
    sharedkey_ids: list[str] | None = None
    contact: str | None = None
    vpn: bool | None = None
    special: bool | None = None
    active_generations: ActiveGenerations | None = None
    evaluating_kudos: float | None = None
    monthly_kudos: MonthlyKudos | None = None
    suspicious: Whole | None = None
    admin_comment: str | None = None
    proxy_passkey: str | None = Field(default=None, repr=False)


class UserUpdate(Ask):
    """PUT users/{id}: what is set is changed."""

    kudos: float | None = None
    """Added to the balance."""
    concurrency: int | None = Field(default=None, ge=0, le=500)
    usage_multiplier: float | None = Field(default=None, ge=0.1, le=10)
    worker_invited: int | None = None
    moderator: bool | None = None
    public_workers: bool | None = None
    monthly_kudos: int | None = None
    username: str | None = Field(default=None, min_length=3, max_length=100)
    trusted: bool | None = None
    flagged: bool | None = None
    customizer: bool | None = None
    vpn: bool | None = None
    service: bool | None = None
    education: bool | None = None
    special: bool | None = None
    undelete: bool | None = None
    filtered: bool | None = None
    reset_suspicion: bool | None = None
    generate_proxy_passkey: bool = False
    contact: str | None = Field(default=None, min_length=5, max_length=500)
    admin_comment: str | None = Field(default=None, min_length=5, max_length=500)


class UserUpdated(Sparse):
    """What was changed, with its new value."""

    new_kudos: float | None = None
    concurrency: Whole | None = None
    usage_multiplier: float | None = None
    worker_invited: Whole | None = None
    moderator: bool | None = None
    public_workers: bool | None = None
    username: str | None = None
    monthly_kudos: Whole | None = None
    trusted: bool | None = None
    flagged: bool | None = None
    customizer: bool | None = None
    vpn: bool | None = None
    service: bool | None = None
    education: bool | None = None
    special: bool | None = None
    undeleted: bool | None = None
    new_suspicion: Whole | None = None
    contact: str | None = None
    admin_comment: str | None = None
    proxy_passkey: str | None = Field(default=None, repr=False)


class KudosTransfer(Ask):
    """POST kudos/transfer: to `alias#id` or to a shared key's id."""

    username: str
    amount: int = 100


class KudosTransferred(Answer):
    """How much went over, kudos."""

    transferred: float = 0.0


class KudosAward(Ask):
    """POST kudos/award."""

    username: str
    amount: int


class KudosAwarded(Answer):
    """How much was given, kudos."""

    awarded: float = 0.0
