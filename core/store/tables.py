"""The tables of bots.db, final in shape; `migrations` makes them, the rest of this room reads and writes them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, Integer, MetaData, Table, Text

METADATA = MetaData()

PEOPLE = Table(
    "people",
    METADATA,
    Column("platform", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("first_seen", Float, nullable=False),
    Column("last_seen", Float, nullable=False),
)
"""Everybody who ever addressed a bot."""

TALKS = Table(
    "talks",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("platform", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("kind", Text),
    Column("state", Text),
    Column("attempts", Integer, nullable=False),
    Column("begun", Float, nullable=False),
    Column("ended", Float),
)
"""Events: those not ended are taken up after a restart, the others only stand against being delivered twice."""

MESSAGES = Table(
    "messages",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("platform", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("message", Text),
    Column("person", Text, nullable=False),
    Column("about", Text),
    Column("first_picture", Integer, nullable=False),
    Column("buttons", Text, nullable=False),
    Column("begun", Float, nullable=False),
    Column("sent", Float),
)
"""The outbox and what stands: message NULL = under way, "" = refused or deleted."""

REQUESTS = Table(
    "requests",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("platform", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("wish", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created", Float, nullable=False),
)
"""What people asked to be drawn."""

PLACES = Table(
    "places",
    METADATA,
    Column("platform", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("rules", Text, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("changed", Float, nullable=False),
)
"""The rules of communities, as JSON."""
ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("horde_user", Text, nullable=False),
    Column("sealed", Text, nullable=False),
    Column("created", Float, nullable=False),
)
"""People with all their identities: `horde_user` and the sealed API key are empty where they have none."""

IDENTITIES = Table(
    "identities",
    METADATA,
    Column("platform", Text, primary_key=True),
    Column("person", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("linked", Float, nullable=False),
)
"""Who is whom: each identity belongs to one account at most."""

LINK_CODES = Table(
    "link_codes",
    METADATA,
    Column("code", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("expires", Float, nullable=False),
)
"""Digests of the codes that link an identity, used once."""

LINK_TRIES = Table(
    "link_tries",
    METADATA,
    Column("platform", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("at", Float, nullable=False),
)
"""Wrong codes."""

GIFTS = Table(
    "gifts",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("platform", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("private", Boolean, nullable=False),
    Column("message", Text, nullable=False),
    Column("emoji", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("giver", Text, nullable=False),
    Column("giver_name", Text, nullable=False),
    Column("receiver", Text, nullable=False),
    Column("receiver_name", Text, nullable=False),
    Column("amount", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("created", Float, nullable=False),
    Column("due", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("reason", Text, nullable=False),
)
"""Kudos given by emoji or words: one row for each message, giver and emoji."""

_OPEN = TALKS.c.ended.is_(None)
Index("talks_open", TALKS.c.platform, TALKS.c.begun, sqlite_where=_OPEN, postgresql_where=_OPEN)
Index("messages_standing", MESSAGES.c.platform, MESSAGES.c.place, MESSAGES.c.message)
Index("messages_recent", MESSAGES.c.platform, MESSAGES.c.place, MESSAGES.c.person, MESSAGES.c.sent)
Index("messages_about", MESSAGES.c.about)
_UNPAID = GIFTS.c.state.in_(("asked", "promised", "paying"))
Index("gifts_due", GIFTS.c.due, sqlite_where=_UNPAID, postgresql_where=_UNPAID)
Index("gifts_account", GIFTS.c.account, GIFTS.c.created)
Index("gifts_message", GIFTS.c.platform, GIFTS.c.place, GIFTS.c.message)
Index("requests_created", REQUESTS.c.created)
Index("requests_person", REQUESTS.c.platform, REQUESTS.c.person)
Index("identities_account", IDENTITIES.c.account)
Index("link_codes_account", LINK_CODES.c.account)
Index("link_tries_person", LINK_TRIES.c.platform, LINK_TRIES.c.person)
