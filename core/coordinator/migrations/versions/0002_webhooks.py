"""Deliveries to requesters' own servers, and the secrets that sign them."""

# pyright: reportUnknownArgumentType=false
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the queue of deliveries, and say on requests and keys what belongs to them."""
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("key", sa.String(length=64), nullable=True),
        sa.Column("origin", sa.Text(), server_default="", nullable=False),
        sa.Column("inline", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("body", sa.Text(), server_default="{}", nullable=False),
        sa.Column("created", sa.Double(), server_default="0", nullable=False),
        sa.Column("due", sa.Double(), server_default="0", nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_index(op.f("ix_webhooks_due"), "webhooks", ["due"], unique=False)
    op.add_column("keys", sa.Column("webhook_version", sa.BigInteger(), server_default="1", nullable=False))
    op.add_column("requests", sa.Column("webhook_key", sa.String(length=64), nullable=True))
    op.add_column("requests", sa.Column("origin", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    """Drop them; deliveries that are under way are lost."""
    op.drop_column("requests", "origin")
    op.drop_column("requests", "webhook_key")
    op.drop_column("keys", "webhook_version")
    op.drop_table("webhooks")
