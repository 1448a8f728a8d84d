"""Runs the migrations of bots.db over the connection that `core.db` hands in."""

from __future__ import annotations

from alembic import context

from core.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
