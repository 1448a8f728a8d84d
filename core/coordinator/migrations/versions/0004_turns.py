"""A number on accounts that changes whenever somebody spends, so that spending can be made sure of without a lock."""

# pyright: reportUnknownArgumentType=false
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the number."""
    op.add_column("users", sa.Column("turn", sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("users", "turn")
