"""What was unusual about the collection."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLES = (
    """
    create table metric_anomalies (
        metric      text not null check (metric in ('latency', 'volume', 'failures')),
        item        text not null,
        area        text not null,
        hour        timestamptz not null,
        value       double precision not null,
        expected    double precision not null,
        score       double precision not null check (score >= 1),
        detected_at timestamptz not null,
        primary key (hour, metric, item, area)
    )
    """,
    "comment on table metric_anomalies is 'Hours in which the collection of an item and area went unusually; kept as long as rollups'",
    "comment on column metric_anomalies.area is 'an EIC, or OUT>IN for a border; empty for all areas of the item together'",
    "comment on column metric_anomalies.value is 'seconds a request (latency), new values of 24 or 6 hours (volume), share of failed runs (failures)'",
    "comment on column metric_anomalies.expected is 'the same by what the weeks before suggest'",
    "comment on column metric_anomalies.score is '1 is worth a look, more is more so'",
    "comment on column metric_anomalies.detected_at is 'when the hour was first found unusual'",
)

VIEW = """
    select
        anomaly.hour,
        anomaly.metric,
        anomaly.item,
        case when strpos(anomaly.area, '>') > 0
            then coalesce(out_place.code, split_part(anomaly.area, '>', 1)) || '>' else ''
        end || coalesce(place.code, split_part(anomaly.area, '>', -1)) as area,
        anomaly.area as area_eic,
        anomaly.value,
        anomaly.expected,
        anomaly.score,
        anomaly.detected_at
    from metric_anomalies as anomaly
    left join areas as place on place.eic = split_part(anomaly.area, '>', -1)
    left join areas as out_place on strpos(anomaly.area, '>') > 0 and out_place.eic = split_part(anomaly.area, '>', 1)
"""


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    op.execute(f"create view v_metric_anomalies as {VIEW}")
    op.execute(
        "comment on view v_metric_anomalies is 'Hours in which the collection of an item and area went unusually'"
    )


def downgrade() -> None:
    op.execute("drop view v_metric_anomalies")
    op.execute("drop table metric_anomalies")
