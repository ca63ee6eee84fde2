"""Checks of websites: how they run, and for how long their results are kept."""

from __future__ import annotations

from pydantic import Field

from app.settings.section import Section


class ProbeSettings(Section):
    """Checks of websites."""

    checks_days: int = Field(default=90, ge=1, le=3650, description="Days for which results of checks are kept.")
