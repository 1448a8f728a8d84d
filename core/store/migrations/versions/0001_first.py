"""The first tables: people, talks, messages, requests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "people",
        sa.Column("platform", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("first_seen", sa.Float, nullable=False),
        sa.Column("last_seen", sa.Float, nullable=False),
    )
    op.create_table(
        "talks",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("kind", sa.Text),
        sa.Column("state", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("begun", sa.Float, nullable=False),
        sa.Column("ended", sa.Float),
    )
    unended = sa.text("ended IS NULL")
    op.create_index("talks_open", "talks", ["platform", "begun"], sqlite_where=unended, postgresql_where=unended)
    op.create_table(
        "messages",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("message", sa.Text),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("about", sa.Text),
        sa.Column("first_picture", sa.Integer, nullable=False),
        sa.Column("buttons", sa.Text, nullable=False),
        sa.Column("begun", sa.Float, nullable=False),
        sa.Column("sent", sa.Float),
    )
    op.create_index("messages_standing", "messages", ["platform", "place", "message"])
    op.create_index("messages_recent", "messages", ["platform", "place", "person", "sent"])
    op.create_index("messages_about", "messages", ["about"])
    op.create_table(
        "requests",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("wish", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
    )
    op.create_index("requests_created", "requests", ["created"])


def downgrade() -> None:
    for table in ("requests", "messages", "talks", "people"):
        op.drop_table(table)
