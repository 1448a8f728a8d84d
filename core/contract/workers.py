"""Workers as others see them, and what their owners may change."""

from __future__ import annotations

from pydantic import Field

from core.contract.base import Answer, Ask, Sparse, Whole


class WorkerKudos(Answer):
    """What a worker earned by pictures and by being there."""

    generated: float = 0.0
    uptime: Whole = 0


class TeamLite(Answer):
    """The team of a worker; both null where it has none."""

    name: str | None = None
    id: str | None = None


class WorkerMessage(Sparse):
    """A message to a worker's owner; `expiry` is hours."""

    worker_id: str | None = None
    message: str
    origin: str | None = None
    expiry: Whole | None = None


class WorkerDetails(Sparse):
    """A worker. What does not apply to its type or may not be seen is left out."""

    type: str = "image"
    """A `WorkerType`."""
    name: str
    id: str
    online: bool = False
    requests_fulfilled: Whole = 0
    kudos_rewards: float = 0.0
    kudos_details: WorkerKudos = Field(default_factory=WorkerKudos)
    performance: str = "No requests fulfilled yet"
    threads: Whole = 1
    uptime: Whole = 0
    """Seconds."""
    maintenance_mode: bool = False
    paused: bool | None = None
    info: str | None = None
    nsfw: bool = False
    owner: str | None = None
    ipaddr: str | None = None
    trusted: bool = False
    flagged: bool = False
    suspicious: Whole | None = None
    uncompleted_jobs: Whole = 0
    models: list[str] = Field(default_factory=list[str])
    forms: list[str] | None = None
    team: TeamLite = Field(default_factory=TeamLite)
    contact: str | None = None
    bridge_agent: str = "unknown:0:unknown"
    max_pixels: Whole | None = None
    megapixelsteps_generated: Whole | None = None
    img2img: bool | None = None
    painting: bool | None = None
    post_processing: bool | None = Field(default=None, alias="post-processing")
    lora: bool | None = None
    controlnet: bool | None = None
    sdxl_controlnet: bool | None = None
    max_length: Whole | None = None
    max_context_length: Whole | None = None
    tokens_generated: float | None = None
    messages: list[WorkerMessage] | None = None


class WorkerUpdate(Ask):
    """PUT workers/{id}: what is set is changed; team "" leaves the team."""

    maintenance: bool | None = None
    maintenance_msg: str | None = None
    paused: bool | None = None
    info: str | None = Field(default=None, max_length=1000)
    name: str | None = Field(default=None, min_length=5, max_length=100)
    team: str | None = Field(default=None, max_length=36)


class WorkerUpdated(Sparse):
    """What was changed, with its new value."""

    maintenance: bool | None = None
    paused: bool | None = None
    info: str | None = None
    name: str | None = None
    team: str | None = None


class WorkerDeleted(Answer):
    """The worker that is gone."""

    deleted_id: str
    deleted_name: str
