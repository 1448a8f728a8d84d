"""When an account was deleted, and what lets a service speak for its end users."""

# pyright: reportUnknownArgumentType=false
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both to the accounts."""
    op.add_column("users", sa.Column("deleted_at", sa.Double(), nullable=True))
    op.add_column("users", sa.Column("passkey", sa.String(length=64), nullable=True))
    op.create_index(op.f("ix_users_passkey"), "users", ["passkey"], unique=False)


def downgrade() -> None:
    """Drop them; services need new passkeys afterwards."""
    op.drop_index(op.f("ix_users_passkey"), table_name="users")
    op.drop_column("users", "passkey")
    op.drop_column("users", "deleted_at")
