"""Events and conversations: statements and rows for `memory.Store`."""

from __future__ import annotations

from dataclasses import dataclass

from core.db import Statement, Writing


@dataclass(frozen=True)
class TalkRow:
    """A conversation that has not ended; see core.chat.memory.OpenTalk."""

    key: str
    event: str
    kind: str | None
    state: str | None
    attempts: int


_BEGIN = Statement(
    "INSERT INTO talks (key, platform, event, attempts, begun) VALUES (:key, :platform, :event, 0, :now)"
    " ON CONFLICT (key) DO NOTHING"
)
_MEET = Statement(
    "INSERT INTO people (platform, id, name, first_seen, last_seen) VALUES (:platform, :person, :name, :now, :now)"
    " ON CONFLICT (platform, id) DO UPDATE SET name = excluded.name, last_seen = excluded.last_seen"
)
_HOLD = Statement("UPDATE talks SET kind = :kind, state = :state WHERE key = :key")
_END = Statement("UPDATE talks SET ended = :now, event = '', state = NULL WHERE key = :key AND ended IS NULL")
_ATTEMPT = Statement("UPDATE talks SET attempts = attempts + 1 WHERE platform = :platform AND ended IS NULL")
_OPEN = Statement(
    "SELECT key, event, kind, state, attempts FROM talks"
    " WHERE platform = :platform AND ended IS NULL ORDER BY begun, key"
)
_FORGET = Statement("DELETE FROM talks WHERE ended < :before")


def begin(tx: Writing, values: dict[str, object]) -> bool:
    """Keep an event and who it is from; False when it was kept before."""
    event = {name: values[name] for name in ("key", "platform", "event", "now")}
    if tx.run(_BEGIN, event) != 1:
        return False
    tx.run(_MEET, {name: values[name] for name in ("platform", "person", "name", "now")})
    return True


def hold(tx: Writing, values: dict[str, object]) -> None:
    """Keep how a conversation goes on."""
    tx.run(_HOLD, values)


def end(tx: Writing, values: dict[str, object]) -> None:
    """Keep the key only."""
    tx.run(_END, values)


def take_up(tx: Writing, platform: str) -> list[TalkRow]:
    """The open conversations, oldest first, each with one more attempt."""
    tx.run(_ATTEMPT, {"platform": platform})
    return [TalkRow(*row) for row in tx.all(_OPEN, {"platform": platform})]


def forget(tx: Writing, before: float) -> None:
    """Delete the keys of conversations that ended before that time."""
    tx.run(_FORGET, {"before": before})
