"""Suites of requests: the steps of each run, and a run that somebody asks for."""

from __future__ import annotations

from alembic import op

from app.db.migrations.views import create_views, drop_views

revision = "0136"
down_revision = "0135"
branch_labels = None
depends_on = None

VIEWS = {
    "v_interface_steps": (
        "One row for each request of each run of a suite",
        """
        select
            o.service_id,
            s.name as service,
            r.operation_id,
            o.name as suite,
            o.origin,
            r.at,
            step.*
        from interface_results as r
        join interface_operations as o using (operation_id)
        join interface_services as s using (service_id)
        cross join lateral jsonb_to_recordset(r.steps) as step (
            number integer, name text, request text, cleanup boolean, skipped boolean, ok boolean, reason text,
            status smallint, dns_ms real, connect_ms real, tls_ms real, first_byte_ms real, total_ms real, bytes bigint,
            address text, message text
        )
        where r.steps is not null
        """,
    ),
}


def upgrade() -> None:
    op.execute("alter table interface_results add column steps jsonb")
    op.execute("comment on column interface_results.steps is 'of a suite: what came of each of its requests'")
    op.execute("alter table interface_services add column requested_suite text not null default ''")
    op.execute(
        "comment on column interface_services.requested_suite is 'that the run that was asked for is of; empty: all'"
    )
    create_views(VIEWS)


def downgrade() -> None:
    drop_views(VIEWS)
    op.execute("alter table interface_services drop column requested_suite")
    op.execute("alter table interface_results drop column steps")
