"""Every table of the coordinator, for SQLite and PostgreSQL alike; the migrations make exactly these.

Kudos are integers, hundredths of one kudos. Times are seconds since the epoch. Ids of requests, jobs and workers are
UUIDs as text. JSON is kept as text: nothing searches inside it, and the hot statements read it without any detour.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, MetaData, String, Table, Text, text
from sqlalchemy.sql.schema import SchemaItem

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

UUID_LENGTH = 36
_Serial = BigInteger().with_variant(Integer, "sqlite")


def _table(name: str, *items: SchemaItem, **options: Any) -> Table:  # noqa: ANN401  # engine options
    return Table(name, metadata, *items, **options)


def _serial() -> Column[int]:
    return Column("id", _Serial, primary_key=True, autoincrement=True)


def _uuid(name: str = "id", *, key: bool = False, null: bool = False) -> Column[str]:
    return Column(name, String(UUID_LENGTH), primary_key=key, nullable=null)


def _number(name: str, default: int | None = 0) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=None if default is None else str(default))


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=text("false"))


def _time(name: str, *, null: bool = False) -> Column[float]:
    return Column(name, Double, nullable=null, server_default=None if null else "0")


def _words(name: str, default: str = "") -> Column[str]:
    return Column(name, Text, nullable=False, server_default=default)


users = _table(
    "users",
    _serial(),
    Column("name", String(100), nullable=False),
    _time("created"),
    _number("concurrency", 30),
    _number("floor"),
    *map(_flag, ("trusted", "moderator", "admin", "flagged", "service", "special", "customizer", "vpn", "education")),
    *map(_flag, ("deleted", "pseudonymous", "public_workers")),
    _number("worker_invited"),
    _number("suspicion"),
    _number("monthly"),
    _time("monthly_at", null=True),
    _words("contact"),
    _words("admin_comment"),
    _time("deleted_at", null=True),
    Column("passkey", String(64), nullable=True, index=True),
    _number("turn"),
    sqlite_autoincrement=True,
)
"""Accounts. Row 0 is the anonymous one. `passkey` is the hash of what lets a service speak for its end users; `turn`
changes with everything that spends or counts what is the account's."""

keys = _table(
    "keys",
    _serial(),
    Column("user_id", _Serial, nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("scope", String(20), nullable=False, server_default="all"),
    _words("name"),
    _time("created"),
    _time("revoked", null=True),
    _number("webhook_version", 1),
    Index(None, "user_id"),
)
"""API keys, hashed. `webhook_version` says which secret made from the key signs deliveries."""

workers = _table(
    "workers",
    _uuid(key=True),
    Column("kind", String(20), nullable=False),
    Column("name", String(100), nullable=False, unique=True),
    Column("user_id", _Serial, nullable=False),
    _time("created"),
    _time("last_seen"),
    _words("info"),
    *map(_flag, ("maintenance", "paused")),
    _words("maintenance_msg"),
    _words("agent"),
    _words("ip"),
    Column("session", String(64), nullable=True),
    _words("declared", "{}"),
    _number("threads", 1),
    _words("samples", "[]"),
    _number("fulfilled"),
    _number("things"),
    _number("kudos_generated"),
    _number("kudos_uptime"),
    _time("uptime"),
    _time("uptime_rewarded"),
    _number("aborted"),
    _time("aborted_since"),
    _number("uncompleted"),
    Column("team_id", String(UUID_LENGTH), nullable=True),
    Index(None, "last_seen"),
    Index(None, "user_id"),
)
"""Workers of all three kinds; `declared` is what the last pop said they can do."""

requests = _table(
    "requests",
    _uuid(key=True),
    Column("kind", String(20), nullable=False),
    Column("user_id", _Serial, nullable=False),
    _time("created"),
    _time("expires_at"),
    _number("rank", None),
    _words("lanes", "[]"),
    _words("redo", "[]"),
    Column("pool", String(16), nullable=False, server_default=""),
    *map(_number, ("n", "waiting", "processing", "finished", "restarted", "faults", "cancelled", "handed")),
    _flag("faulted"),
    _flag("stopped"),
    *map(_number, ("width", "height", "steps", "things", "price", "charge", "tax", "consumed", "held")),
    _words("models", "[]"),
    _words("payload", "{}"),
    _words("prompt"),
    _words("workers", "[]"),
    *map(_flag, ("deny", "nsfw", "trusted", "slow", "extra_slow", "shared", "r2", "batches")),
    Column("seed", String(30), nullable=True),
    _number("seed_step", 1),
    _words("sources", "{}"),
    Column("source_processing", String(20), nullable=False, server_default="img2img"),
    _words("ip"),
    _words("agent"),
    Column("webhook", Text, nullable=True),
    Column("webhook_key", String(64), nullable=True),
    _words("origin"),
    Column("proxied_account", Text, nullable=True),
    Index(None, "expires_at"),
    Index("ix_requests_pool", "pool", sqlite_where=text("waiting > 0"), postgresql_where=text("waiting > 0")),
    Index(
        "ix_requests_proxied",
        "user_id",
        "proxied_account",
        sqlite_where=text("waiting > 0 AND proxied_account IS NOT NULL"),
        postgresql_where=text("waiting > 0 AND proxied_account IS NOT NULL"),
    ),
    Index(
        "ix_requests_waiting", "user_id", "rank", sqlite_where=text("waiting > 0"), postgresql_where=text("waiting > 0")
    ),
)
"""Requests. `rank` orders the queue for ever, smallest first: 5000 per second of arrival less 1000 per kudos owned.

`n` pictures were asked for: `waiting` + `processing` + `finished` + `cancelled` = n. `handed` is the number of the next
picture that was never handed out, `redo` lists those that came back. `restarted` counts jobs that came back, `faults`
those of them that a worker failed at. `stopped`: nothing of it is handed out again. `price` is what a picture earns a
worker, `charge` what it costs, before the model's multiplier. `pool` stands for the models asked for where a limit is
counted for each.
"""

lanes = _table("lanes", _serial(), Column("key", String(2000), nullable=False, unique=True))
"""Distinct combinations of what workers filter by; rows are only ever added."""

queue = _table(
    "queue",
    Column("lane_id", _Serial, primary_key=True, autoincrement=False),
    Column("rank", BigInteger, primary_key=True, autoincrement=False),
    Column("request_id", String(UUID_LENGTH), primary_key=True),
    sqlite_with_rowid=False,
)
"""Where each request with waiting pictures stands: one row for each of its lanes."""

jobs = _table(
    "jobs",
    _uuid(key=True),
    _uuid("request_id"),
    _uuid("worker_id"),
    Column("owner_id", _Serial, nullable=False),
    Column("state", String(20), nullable=False),
    Column("model", Text, nullable=False),
    Column("seed", String(30), nullable=False),
    _number("place"),
    _number("things"),
    _number("reward"),
    _number("charge"),
    _time("created"),
    _time("deadline"),
    _time("finished", null=True),
    Column("session", String(64), nullable=True),
    Column("outcome", String(20), nullable=False, server_default="ok"),
    _words("metadata", "[]"),
    Index(None, "request_id"),
    Index(
        "ix_jobs_running",
        "worker_id",
        "deadline",
        sqlite_where=text("state = 'processing'"),
        postgresql_where=text("state = 'processing'"),
    ),
)
"""Single pictures that were handed to workers."""

ledger_events = _table(
    "ledger_events",
    _serial(),
    Column("key", String(200), nullable=False, unique=True),
    Column("kind", String(20), nullable=False),
    _time("at"),
    Column("model", Text, nullable=True),
    _number("things"),
    _flag("counted"),
    Index("ix_ledger_events_at", "at"),
    Index("ix_ledger_events_new", "id", sqlite_where=text("NOT counted"), postgresql_where=text("NOT counted")),
)
"""What happened to kudos, each once: `key` names the business act, so that repeating it changes nothing."""

ledger_postings = _table(
    "ledger_postings",
    _serial(),
    Column("event_id", _Serial, nullable=False),
    Column("account", _Serial, nullable=False),
    Column("kind", String(20), nullable=False),
    _number("amount"),
    _number("things"),
    _flag("folded"),
    Index(None, "event_id"),
    Index("ix_ledger_postings_new", "account", sqlite_where=text("NOT folded"), postgresql_where=text("NOT folded")),
)
"""The two or more sides of each event; they sum to zero. Amounts never change, `folded` says they are in the folds."""

ledger_folds = _table(
    "ledger_folds",
    Column("account", _Serial, primary_key=True, autoincrement=False),
    Column("kind", String(20), primary_key=True),
    *map(_number, ("amount", "things", "times")),
)
"""Sums of folded postings: a balance is its folds plus its postings that are not folded yet."""

idempotency = _table(
    "idempotency",
    Column("user_id", _Serial, primary_key=True, autoincrement=False),
    Column("scope", String(20), primary_key=True),
    Column("key", String(128), primary_key=True),
    _words("digest"),
    _words("answer"),
    _time("created"),
    Index(None, "created"),
)
"""First answers to acts that carry an Idempotency-Key."""

blob_wishes = _table("blob_wishes", Column("key", String(200), primary_key=True), _time("created"))
"""Pictures that are to be deleted from the blob store; a row goes when the picture is gone."""

webhooks = _table(
    "webhooks",
    _uuid(key=True),
    _words("address"),
    Column("key", String(64), nullable=True),
    _words("origin"),
    _flag("inline"),
    _words("body", "{}"),
    _time("created"),
    _time("due"),
    _number("attempts"),
    Index(None, "due"),
)
"""Deliveries to requesters' own servers, each named after its job; a row goes when it arrived or was given up."""

statistics = _table(
    "statistics",
    Column("kind", String(20), primary_key=True),
    Column("model", String(255), primary_key=True),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    *map(_number, ("times", "things")),
)
"""Finished jobs by model and hour."""

marks = _table("marks", Column("name", String(50), primary_key=True), _time("at"))
"""When each piece of periodic work was last done."""

modes = _table("modes", Column("name", String(50), primary_key=True), Column("on", Boolean, nullable=False))
"""Switches of the whole horde: maintenance, invite only, raid."""

filters = _table(
    "filters",
    _serial(),
    _words("regex"),
    _number("kind"),
    _words("replacement"),
    _words("description"),
    Column("user_id", _Serial, nullable=False),
    _time("created"),
)
"""Patterns over prompts that moderators added."""

blocks = _table(
    "blocks",
    Column("network", String(50), primary_key=True),
    _time("until"),
    Column("user_id", _Serial, nullable=True),
    _time("created"),
)
"""Networks from which nothing is taken for a while; `user_id` is the moderator, null where the house did it itself."""

offences = _table(
    "offences",
    Column("subject", String(300), primary_key=True),
    *map(_number, ("times",)),
    _time("since"),
    _time("until"),
)
"""How often somebody offended within a day, and until when nothing is taken from them.

A subject is an address (`address:…`) or an end user of a service (`proxied:ID:…`).
"""

refused_prompts = _table(
    "refused_prompts",
    _serial(),
    Column("user_id", _Serial, nullable=False),
    Column("subject", String(300), nullable=False),
    _words("prompt"),
    _words("matches", "[]"),
    _time("at"),
    Index(None, "at"),
)
"""Prompts that were refused, for moderators to look at; forgotten after a month."""

shared_keys = _table(
    "shared_keys",
    _uuid(key=True),
    Column("user_id", _Serial, nullable=False),
    _words("name"),
    _number("kudos"),
    _time("expiry", null=True),
    _number("utilized"),
    *(_number(name, -1) for name in ("max_pixels", "max_steps", "max_tokens")),
    _time("created"),
    Index(None, "user_id"),
)
"""Keys that others may use; the id is the key. `kudos` is the limit, whole, -1 = none; `utilized` is hundredths."""

shared_uses = _table("shared_uses", _uuid("request_id", key=True), _uuid("key_id"), Index(None, "key_id"))
"""Which requests that are still known were made with which shared key."""

teams = _table(
    "teams",
    _uuid(key=True),
    Column("name", String(100), nullable=False, unique=True),
    _words("info"),
    Column("user_id", _Serial, nullable=False),
    _time("created"),
)
"""Teams of workers; `user_id` made it."""

messages = _table(
    "messages",
    _uuid(key=True),
    _uuid("worker_id", null=True),
    Column("user_id", _Serial, nullable=False),
    _words("message"),
    _words("origin"),
    _time("created"),
    _time("expires"),
    Index(None, "expires"),
)
"""Messages to those who run a worker, or to all of them where `worker_id` is null; `user_id` wrote it."""
