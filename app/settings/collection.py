"""What is collected, and how missing values and history are asked for."""

from __future__ import annotations

from pydantic import Field, field_validator

from app.errors import ConfigurationError
from app.market.areas import find_place
from app.market.series import find_item
from app.settings.section import Listed, Section


class CollectionSettings(Section):
    """What is collected when a command does not say."""

    areas: Listed = Field(default=("DE_LU", "FR", "NL"), description="Areas by code or EIC, borders as FR>DE_LU.")
    items: Listed = Field(
        default=(
            "load_actual",
            "load_forecast_day_ahead",
            "load_forecast_week_ahead",
            "price_day_ahead",
            "generation_actual",
            "flow_physical",
            "imbalance_price",
        ),
        description="Data items; `gridkeeper items` lists them.",
    )

    @field_validator("areas")
    @classmethod
    def _known_areas(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                find_place(text)
            except ConfigurationError as error:
                raise ValueError(str(error)) from error
        return value

    @field_validator("items")
    @classmethod
    def _known_items(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                find_item(text)
            except ConfigurationError as error:
                raise ValueError(str(error)) from error
        return value


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


class BackfillSettings(Section):
    """How backfills are worked on; live collection and gaps go first."""

    concurrency: int = Field(
        default=96,
        ge=1,
        le=96,
        description="Most windows of one backfill under way at once, over all processes; how many there are follows what they take.",
    )
    share: float = Field(
        default=0.2,
        ge=0.01,
        le=0.4,
        description="Part of the request budget that backfill gets even while live collection wants all of it.",
    )
    lease_seconds: float = Field(
        default=60.0, ge=3, le=3600, description="Seconds after which a window of a dead process is taken over."
    )
    attempts: int = Field(
        default=5,
        ge=1,
        le=100,
        description="Attempts at a window the source does not answer, before it counts as failed.",
    )
    retry_seconds: float = Field(
        default=60.0, gt=0, le=3600, description="Seconds before the second attempt at a window; doubled each time."
    )
    poll_seconds: float = Field(
        default=2.0, ge=0.1, le=60, description="Seconds between two looks for windows of other processes."
    )
    memory_mb: int = Field(
        default=1024, ge=128, description="Megabytes the process may hold before backfill is cut down to one window."
    )
    history_days: int = Field(
        default=90, ge=1, le=3650, description="Days for which backfills that have ended are kept; open ones always."
    )
