"""How the replica for reads is, beside the other figures of each process."""

# ruff: noqa: S608  statements are made of constants

from __future__ import annotations

from alembic import op

revision = "0153"
down_revision = "0152"
branch_labels = None
depends_on = None

COLUMNS = {
    "read_replica": "text",
    "read_replica_lag_seconds": "double precision",
    "read_replica_away_seconds": "double precision",
    "read_replica_problem": "text",
}
COMMENTS = (
    "comment on column service_metrics.read_replica is 'host, port and database; null where the process has none'",
    "comment on column service_metrics.read_replica_lag_seconds is 'how old its values are at most; null where nobody can say'",
    "comment on column service_metrics.read_replica_away_seconds is 'for so long the primary has answered in its place; 0 while it is used'",
    "comment on column service_metrics.read_replica_problem is 'why it is not used; null while it is'",
)
BEFORE = (
    "leader", "cpu_cores", "resident_bytes", "memory_available_bytes", "memory_total_bytes", "disk_free_bytes",
    "disk_total_bytes", "loop_lag_seconds", "tasks", "open_descriptors", "max_descriptors", "pool_used", "pool_size",
    "probe_seconds", "metrics_waiting", "metrics_dropped",
)  # fmt: skip


def _view(names: tuple[str, ...]) -> str:
    values = ", ".join(
        f"('{name}', {name}{'::integer' if name == 'leader' else ''}::double precision)" for name in names
    )
    return f"""
        create or replace view v_service_metrics as
        select at, instance, name, value
        from service_metrics
        cross join lateral (values {values}) as measured (name, value)
        where value is not null
    """


def upgrade() -> None:
    op.execute(
        f"alter table service_metrics {', '.join(f'add column {name} {kind}' for name, kind in COLUMNS.items())}"
    )
    for comment in COMMENTS:
        op.execute(comment)
    op.execute(_view((*BEFORE, "read_replica_lag_seconds", "read_replica_away_seconds")))


def downgrade() -> None:
    op.execute(_view(BEFORE))
    op.execute(f"alter table service_metrics {', '.join(f'drop column {name}' for name in COLUMNS)}")
