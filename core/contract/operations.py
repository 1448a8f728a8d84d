"""What moderators do: filters over prompts, addresses from which nothing is taken."""

from __future__ import annotations

from pydantic import Field

from core.contract.base import Answer, Ask, Sparse, Text


class NewFilter(Ask):
    """PUT filters."""

    regex: str = Field(min_length=1, max_length=1000)
    filter_type: int = Field(ge=10, le=29)
    description: str = Field(default="", max_length=1000)
    replacement: str = Field(default="", max_length=1000)


class FilterUpdate(Ask):
    """PATCH filters/{id}: what is set is changed."""

    regex: str | None = Field(default=None, min_length=1, max_length=1000)
    filter_type: int | None = Field(default=None, ge=10, le=29)
    description: str | None = Field(default=None, max_length=1000)
    replacement: str | None = Field(default=None, max_length=1000)


class FilterDetails(Sparse):
    """A filter; `user` is who added it."""

    id: str
    regex: str
    filter_type: int = Field(ge=10, le=29)
    description: str | None = None
    replacement: str = ""
    user: str = ""


class PromptToTest(Ask):
    """POST filters: what would the filters say?"""

    prompt: str = Field(min_length=1, max_length=10_000)
    filter_type: int | None = Field(default=None, ge=10, le=29)


class PromptSuspicion(Answer):
    """How many groups of filters matched, and which words."""

    suspicion: Text = "0"
    matches: list[str] = Field(default_factory=list[str])


class FilterRegex(Answer):
    """All patterns of one type in one."""

    filter_type: int = Field(ge=10, le=29)
    regex: str


class NewTimeout(Ask):
    """POST operations/ipaddr: an address or a network."""

    ipaddr: str = Field(min_length=7, max_length=40)
    hours: int = Field(ge=1, le=720)


class TimeoutToEnd(Ask):
    """DELETE operations/ipaddr."""

    ipaddr: str = Field(min_length=7, max_length=40)


class IpTimeout(Answer):
    """A network from which nothing is taken for so many more seconds."""

    ipaddr: str = Field(min_length=7, max_length=40)
    seconds: int


class WorkerTimeout(Ask):
    """PUT operations/block_worker_ipaddr/{id}."""

    days: int = Field(ge=1, le=30)
