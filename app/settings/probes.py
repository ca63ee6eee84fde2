"""Checks of websites: how they run, and for how long their results are kept."""

from __future__ import annotations

from pydantic import Field

from app.settings.section import Listed, Section


class ProbeSettings(Section):
    """Checks of websites."""

    concurrency: int = Field(default=50, ge=1, le=500, description="Websites that are checked at once.")
    per_host: int = Field(default=4, ge=1, le=50, description="Of these, websites of one host.")
    references: Listed = Field(
        default=(),
        description="Addresses, host:port, that are asked when a website cannot be reached: where none of them can either, "
        "this machine has no network. Without them it has none when nothing of three hosts and more can be reached.",
    )
    refuse_private: bool = Field(
        default=False,
        description="1: no check connects to a loopback or private address, for users who are not trusted.",
    )
    checks_days: int = Field(default=90, ge=1, le=3650, description="Days for which results of checks are kept.")
