"""The tables of states and history: the original's as they are, so that its database goes on being used, and two of ours."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, DateTime, Float, Index, Integer, MetaData, String, Table, Text

METADATA = MetaData()

EXECUTIONS = Table(
    "sqlsentinel_executions",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("alert_name", String(255), nullable=False, index=True),
    Column("executed_at", DateTime, nullable=False, index=True),
    Column("execution_duration_ms", Float, nullable=False),
    Column("status", String(50), nullable=False),
    Column("actual_value", Float),
    Column("threshold", Float),
    Column("query", Text, nullable=False),
    Column("error_message", Text),
    Column("triggered_by", String(50), nullable=False),
    Column("notification_sent", Boolean, nullable=False, default=False),
    Column("notification_error", Text),
    Column("context_data", Text),
)

STATES = Table(
    "sqlsentinel_state",
    METADATA,
    Column("alert_name", String(255), primary_key=True),
    Column("last_executed_at", DateTime),
    Column("last_alert_at", DateTime),
    Column("last_ok_at", DateTime),
    Column("consecutive_alerts", Integer, nullable=False, default=0),
    Column("consecutive_oks", Integer, nullable=False, default=0),
    Column("current_status", String(50)),
    Column("silenced_until", DateTime),
    Column("escalation_count", Integer, nullable=False, default=0),
    Column("notification_failures", Integer, nullable=False, default=0),
    Column("last_notification_channel", String(50)),
    Column("updated_at", DateTime, nullable=False),
)

CONFIGS = Table(
    "sqlsentinel_configs",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("alert_name", String(255), nullable=False, index=True),
    Column("config_hash", String(64), nullable=False),
    Column("config_yaml", Text, nullable=False),
    Column("loaded_at", DateTime, nullable=False),
    Column("active", Boolean, nullable=False, default=True),
)
"""The original makes it and uses it for nothing; it is there for who reads the schema."""

NOTIFIED = Table(
    "sqlsentinel_notified",
    METADATA,
    Column("alert_name", String(255), primary_key=True),
    Column("due_since", DateTime),
    Column("notified_at", DateTime),
    Column("notified", Boolean, nullable=False, default=False),
)
"""What the state of the original does not know: whether people were notified."""

PAUSED = Table(
    "sqlsentinel_paused",
    METADATA,
    Column("alert_name", String(255), primary_key=True),
    Column("paused_at", DateTime, nullable=False),
)
"""Alerts that are not asked until somebody resumes them."""

OUTBOX = Table(
    "sqlsentinel_outbox",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("execution_id", Integer, nullable=False),
    Column("alert_name", String(255), nullable=False),
    Column("target", Integer, nullable=False),
    Column("channel", String(50), nullable=False),
    Column("message", Text, nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("due_at", DateTime),
    Column("attempts", Integer, nullable=False, default=0),
    Column("sent_at", DateTime),
    Column("error", Text),
    Index("sqlsentinel_outbox_due", "due_at"),
)
"""Messages, written with the state that they tell of; without `due_at` they are sent or given up. No secret is in it."""
