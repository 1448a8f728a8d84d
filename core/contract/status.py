"""The state of the horde: heartbeat, performance, models, news, modes, totals."""

from __future__ import annotations

from pydantic import Field

from core.contract.base import Answer, Ask, Sparse, Whole


class Heartbeat(Sparse):
    """Whether the coordinator is well: `message` is OK, DOWN or OVERLOADED."""

    message: str = "OK"
    version: str | None = None
    queue: Whole | None = None
    threads: Whole | None = None
    active_count: Whole | None = None
    db_connection: str | None = None


class Performance(Answer):
    """What waits and who works."""

    queued_requests: Whole = 0
    queued_text_requests: Whole = 0
    worker_count: Whole = 0
    text_worker_count: Whole = 0
    thread_count: Whole = 0
    text_thread_count: Whole = 0
    queued_megapixelsteps: float = 0
    past_minute_megapixelsteps: float = 0
    queued_forms: float = 0
    interrogator_count: Whole = 0
    interrogator_thread_count: Whole = 0
    queued_tokens: float = 0
    past_minute_tokens: float = 0


class ModelStatus(Answer):
    """A model: `count` threads offer it; `queued` and `performance` are pixelsteps (per second); `eta` is seconds."""

    name: str
    count: Whole = 0
    performance: float = 0
    queued: float = 0
    jobs: float = 0
    eta: Whole = 0
    type: str = "image"


class News(Sparse):
    """A piece of news; `date_published` is YYYY-MM-DD."""

    date_published: str = ""
    newspiece: str = ""
    title: str = ""
    importance: str = ""
    tags: list[str] = Field(default_factory=list[str])
    more_info_urls: list[str] = Field(default_factory=list[str])


class HordeDocument(Sparse):
    """What the operator tells everybody, in the format that was asked for."""

    html: str | None = None
    markdown: str | None = None


class Modes(Sparse):
    """How the horde is run at the moment."""

    maintenance_mode: bool = False
    invite_only_mode: bool = False
    raid_mode: bool | None = None


class ModesUpdate(Ask):
    """PUT status/modes: what is set is changed."""

    maintenance_mode: bool | None = None
    invite_only_mode: bool | None = None
    raid_mode: bool | None = None


class ImagePeriod(Answer):
    """Pictures and pixelsteps of one period."""

    images: Whole = 0
    ps: Whole = 0


class ImageTotals(Answer):
    """Pictures made lately."""

    minute: ImagePeriod = Field(default_factory=ImagePeriod)
    hour: ImagePeriod = Field(default_factory=ImagePeriod)
    day: ImagePeriod = Field(default_factory=ImagePeriod)
    month: ImagePeriod = Field(default_factory=ImagePeriod)
    total: ImagePeriod = Field(default_factory=ImagePeriod)


class TextPeriod(Answer):
    """Texts and tokens of one period."""

    requests: Whole = 0
    tokens: Whole = 0


class TextTotals(Answer):
    """Texts made lately."""

    minute: TextPeriod = Field(default_factory=TextPeriod)
    hour: TextPeriod = Field(default_factory=TextPeriod)
    day: TextPeriod = Field(default_factory=TextPeriod)
    month: TextPeriod = Field(default_factory=TextPeriod)
    total: TextPeriod = Field(default_factory=TextPeriod)


class ModelTotals(Answer):
    """How often each model was used."""

    day: dict[str, Whole] = Field(default_factory=dict[str, int])
    month: dict[str, Whole] = Field(default_factory=dict[str, int])
    total: dict[str, Whole] = Field(default_factory=dict[str, int])
