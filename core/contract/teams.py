"""Teams of workers, and messages to those who run workers."""

from __future__ import annotations

from pydantic import Field

from core.contract.base import Answer, Ask, Sparse, Whole
from core.contract.workers import TeamLite


class NewTeam(Ask):
    """POST teams."""

    name: str = Field(min_length=3, max_length=100)
    info: str | None = Field(default=None, min_length=3, max_length=1000)


class TeamUpdate(Ask):
    """PATCH teams/{id}: what is set is changed."""

    name: str | None = Field(default=None, min_length=3, max_length=100)
    info: str | None = Field(default=None, min_length=3, max_length=1000)


class TeamChanged(Sparse):
    """A team that was made or changed."""

    id: str | None = None
    name: str | None = None
    info: str | None = None


class TeamDeleted(Answer):
    """The team that is gone."""

    deleted_id: str | None = None
    deleted_name: str | None = None


class TeamModel(Answer):
    """A model that workers of a team offer, and how many threads do."""

    name: str
    count: Whole = 0


class TeamWorker(Answer):
    """A worker of a team."""

    type: str = "image"
    name: str
    id: str
    online: bool = False


class TeamDetails(TeamLite):
    """A team: what its workers made together."""

    info: str | None = None
    creator: str = ""
    """`alias#id`."""
    contributions: float = 0
    """Megapixelsteps."""
    requests_fulfilled: Whole = 0
    kudos: float = 0
    performance: float = 0
    """Megapixelsteps per second of a worker, on the average."""
    speed: float = 0
    """Megapixelsteps per second of all that are there."""
    uptime: Whole = 0
    """Seconds, of all workers together."""
    worker_count: Whole = 0
    workers: list[TeamWorker] = Field(default_factory=list[TeamWorker])
    models: list[TeamModel] = Field(default_factory=list[TeamModel])


class NewMessage(Ask):
    """POST workers/messages: to one worker, or by moderators to all."""

    worker_id: str | None = Field(default=None, min_length=36, max_length=36)
    message: str = Field(min_length=1, max_length=10_240)
    origin: str | None = Field(default=None, min_length=1, max_length=255)
    expiry: int = Field(default=12, ge=1, le=720)
    """Hours."""


class Message(Sparse):
    """A message; `expiry` is the hours that are left."""

    id: str | None = None
    worker_id: str | None = None
    message: str
    origin: str | None = None
    expiry: Whole | None = None
