"""Runs the migrations on the connection that `app.db.migrate` hands over."""

from __future__ import annotations

from alembic import context

from app.db.migrate import VERSION_TABLE
from app.db.timescale import include_name

context.configure(
    connection=context.config.attributes["connection"], version_table=VERSION_TABLE, include_name=include_name
)
with context.begin_transaction():
    context.run_migrations()
