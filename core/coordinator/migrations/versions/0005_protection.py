"""What protects a coordinator that strangers use: filters, blocked networks, offences and refused prompts."""

# pyright: reportUnknownArgumentType=false
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the four tables, and find a service's end users among what waits."""
    op.create_table(
        "filters",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("regex", sa.Text(), server_default="", nullable=False),
        sa.Column("kind", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("replacement", sa.Text(), server_default="", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("user_id", _SERIAL, nullable=False),
        sa.Column("created", sa.Double(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_filters")),
    )
    op.create_table(
        "blocks",
        sa.Column("network", sa.String(length=50), nullable=False),
        sa.Column("until", sa.Double(), server_default="0", nullable=False),
        sa.Column("user_id", _SERIAL, nullable=True),
        sa.Column("created", sa.Double(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("network", name=op.f("pk_blocks")),
    )
    op.create_table(
        "offences",
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("times", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("since", sa.Double(), server_default="0", nullable=False),
        sa.Column("until", sa.Double(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_offences")),
    )
    op.create_table(
        "refused_prompts",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("user_id", _SERIAL, nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("prompt", sa.Text(), server_default="", nullable=False),
        sa.Column("matches", sa.Text(), server_default="[]", nullable=False),
        sa.Column("at", sa.Double(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refused_prompts")),
    )
    op.create_index(op.f("ix_refused_prompts_at"), "refused_prompts", ["at"], unique=False)
    waiting = sa.text("waiting > 0 AND proxied_account IS NOT NULL")
    op.create_index(
        "ix_requests_proxied",
        "requests",
        ["user_id", "proxied_account"],
        unique=False,
        sqlite_where=waiting,
        postgresql_where=waiting,
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_requests_proxied", table_name="requests")
    op.drop_table("refused_prompts")
    op.drop_table("offences")
    op.drop_table("blocks")
    op.drop_table("filters")
