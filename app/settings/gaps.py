"""How missing values are asked for."""

from __future__ import annotations

from pydantic import Field

from app.settings.sections import Section


class GapSettings(Section):
    """How long and how often a value that is due and not there is asked for."""

    asks: int = Field(
        default=6,
        ge=1,
        le=100,
        description="Answers after its deadline without a value, at growing distances, until it counts as missing.",
    )
    horizon_days: int = Field(
        default=7,
        ge=1,
        le=60,
        description="Days after its deadline for which a value is asked for daily at least; then at growing distances.",
    )
    share: float = Field(
        default=0.2,
        ge=0.01,
        le=0.4,
        description="Part of the request budget that filling gaps gets even while live collection wants all of it.",
    )
