"""Accounts: people, the identities that they linked, and the codes that link them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("horde_user", sa.Text, nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
    )
    op.create_table(
        "identities",
        sa.Column("platform", sa.Text, primary_key=True),
        sa.Column("person", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("linked", sa.Float, nullable=False),
    )
    op.create_index("identities_account", "identities", ["account"])
    op.create_table(
        "link_codes",
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("expires", sa.Float, nullable=False),
    )
    op.create_index("link_codes_account", "link_codes", ["account"])
    op.create_table(
        "link_tries",
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_index("link_tries_person", "link_tries", ["platform", "person"])
    op.create_index("requests_person", "requests", ["platform", "person"])


def downgrade() -> None:
    op.drop_index("requests_person", "requests")
    for table in ("link_tries", "link_codes", "identities", "accounts"):
        op.drop_table(table)
