"""Keys that others may use up to a limit, and what is being drawn with them."""

# pyright: reportUnknownArgumentType=false
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "shared_keys",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", _SERIAL, nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("kudos", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("expiry", sa.Double(), nullable=True),
        sa.Column("utilized", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("max_pixels", sa.BigInteger(), server_default="-1", nullable=False),
        sa.Column("max_steps", sa.BigInteger(), server_default="-1", nullable=False),
        sa.Column("max_tokens", sa.BigInteger(), server_default="-1", nullable=False),
        sa.Column("created", sa.Double(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shared_keys")),
    )
    op.create_index(op.f("ix_shared_keys_user_id"), "shared_keys", ["user_id"], unique=False)
    op.create_table(
        "shared_uses",
        sa.Column("request_id", sa.String(length=36), nullable=False),
        sa.Column("key_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_shared_uses")),
    )
    op.create_index(op.f("ix_shared_uses_key_id"), "shared_uses", ["key_id"], unique=False)


def downgrade() -> None:
    """Drop them."""
    op.drop_table("shared_uses")
    op.drop_table("shared_keys")
