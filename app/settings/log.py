"""What is logged."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.settings.section import Section


class LogSettings(Section):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is shown."
    )
    format: Literal["console", "json"] = Field(default="console", description="Lines for people, or JSON for machines.")
