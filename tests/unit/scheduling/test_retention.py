"""What is deleted when stands in one table, in code and in the documents."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from app.scheduling.jobs.retention import RETENTIONS, retention_table
from app.settings import Settings

ROOT = Path(__file__).parents[3]
DELETED_BY_EVENT = {
    "areas": "written anew from the list of the code",
    "asked_ranges": "a backfill is cancelled",
    "interface_documents": "the service has the document no more",
    "mtu_history": "a resolution is decided anew",
    "notification_events": "what was recorded of an event is not to be sent after all",
    "quality_findings": "a scan finds them no more",
    "quality_scores": "a scan computes them anew",
    "rule_states": "the rule is no more",
    "scheduler_jobs": "the plan names the job no more",
    "website_maintenance": "the website is deleted, or what was planned is removed before it began",
    "website_maintenance_times": "what was planned is removed before they began",
    "website_region_states": "the website is deleted, or names the region no more",
    "website_states": "the website is deleted",
    "website_windows": "the website is deleted",
}


def test_the_documents_say_what_is_deleted_when() -> None:
    assert retention_table() in (ROOT / "docs/data-model.md").read_text()


def test_each_age_is_a_setting_of_days_or_fixed() -> None:
    settings = Settings()
    for retention in RETENTIONS:
        if isinstance(retention.kept, timedelta):
            continue
        for name in retention.kept.split():
            section, field = name.split(".")
            assert field in type(getattr(settings, section)).model_fields
            assert field.endswith("_days")


def test_each_setting_of_how_long_something_is_kept_has_its_table() -> None:
    kept = re.compile(r"\b(kept|erased|deleted)\b")
    named = {
        f"{section}.{field}"
        for section, value in Settings()
        for field, about in getattr(type(value), "model_fields", {}).items()
        if field.endswith("_days") and kept.search(about.description or "")
    }
    assert named <= {name for one in RETENTIONS if isinstance(one.kept, str) for name in one.kept.split()}


def test_nothing_is_deleted_that_the_table_does_not_name() -> None:
    named = {retention.table for retention in RETENTIONS} | DELETED_BY_EVENT.keys()
    deleted = {
        table: str(path.relative_to(ROOT))
        for path in (ROOT / "app").rglob("*.py")
        for table in re.findall(r"(?i)\bdelete\s+from\s+(\w+)", path.read_text())
    }
    assert {table: path for table, path in deleted.items() if table not in named} == {}
