"""Gifts: kudos given by emoji or words, one row for each message, giver and emoji."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TEXTS = ("platform", "place", "message", "emoji", "account", "giver", "giver_name", "receiver", "receiver_name")


def upgrade() -> None:
    op.create_table(
        "gifts",
        sa.Column("id", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in _TEXTS),
        sa.Column("private", sa.Boolean, nullable=False),
        sa.Column("amount", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("due", sa.Float, nullable=False),
        sa.Column("expires", sa.Float, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    unpaid = sa.text("state IN ('asked', 'promised', 'paying')")
    op.create_index("gifts_due", "gifts", ["due"], sqlite_where=unpaid, postgresql_where=unpaid)
    op.create_index("gifts_account", "gifts", ["account", "created"])
    op.create_index("gifts_message", "gifts", ["platform", "place", "message"])


def downgrade() -> None:
    op.drop_table("gifts")
