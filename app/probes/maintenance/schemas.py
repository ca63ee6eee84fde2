"""Planned maintenance as programs read and write it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from app.errors import ConfigurationError
from app.kit.durations import parse_duration, show_duration
from app.market.holidays import DayType
from app.probes.maintenance.begin import parse_begin
from app.probes.maintenance.models import MaintenanceDraft, MaintenancePlan, checked_plan
from app.probes.websites.fields import Name, Text, WebsiteLabels
from app.schemas import Instant, RequestBody, Resource

_Number = Annotated[int, Field(ge=1, le=2**63 - 1)]


class WebsiteMaintenanceBody(RequestBody):
    """A maintenance that is to be planned: for one website or for all with the labels, once or by cron."""

    name: Name = Field(description="What it is.", examples=["Sunday updates"])
    duration: str = Field(description="How long it lasts.", examples=["2h"], max_length=40)
    website_id: _Number | None = Field(default=None, description="The website it is for.")
    labels: WebsiteLabels = Field(
        default={}, description="All websites that have these labels; without any and without a number, every website."
    )
    starts_at: str | None = Field(
        default=None,
        description="When it begins, where it is once: an instant, or a day or local time in `zone`.",
        examples=["2026-10-04T22:00:00Z"],
        max_length=100,
    )
    cron: str = Field(
        default="", description="When it begins, where it comes again.", examples=["0 3 * * 0"], max_length=200
    )
    zone: str = Field(
        default="UTC",
        description="The time zone of the cron expression, and of a begin without an offset.",
        max_length=60,
    )
    days: DayType = Field(default=DayType.ALL, description="On which days the cron expression counts.")
    country: str = Field(default="", description="Whose holidays count, as `DE` or `DE BY`.", max_length=20)
    note: Text = Field(default="", description="For people.")

    def draft(self, now: datetime) -> MaintenanceDraft:
        """ConfigurationError that names what is wrong with it."""
        begin = None
        if self.starts_at is not None:
            zone = self.zone if "zone" in self.model_fields_set else None
            begin = parse_begin(self.starts_at, zone, now, names=("starts_at:", "zone:"))
        try:
            length = parse_duration(self.duration)
        except ConfigurationError as error:
            raise ConfigurationError(f"duration: {error}") from None
        draft = MaintenanceDraft(
            self.name, length, self.website_id, self.labels, begin, self.cron, self.zone,
            self.days, self.country, self.note,
        )  # fmt: skip
        return checked_plan(draft)


class WebsiteMaintenanceResource(Resource):
    """A planned maintenance; `next_at` is when it begins next within the weeks that are planned ahead."""

    id: int
    name: str
    duration: str
    website_id: int | None
    labels: dict[str, str]
    starts_at: Instant | None
    cron: str
    zone: str
    days: DayType
    country: str
    note: str
    author: str
    created_at: Instant
    removed_at: Instant | None
    active: bool
    next_at: Instant | None

    @classmethod
    def of(cls, plan: MaintenancePlan, now: datetime) -> Self:
        draft = plan.draft
        return cls(
            id=plan.plan_id,
            name=draft.name,
            duration=show_duration(draft.duration),
            website_id=draft.website_id,
            labels=dict(draft.labels),
            starts_at=draft.starts_at,
            cron=draft.cron,
            zone=draft.zone,
            days=draft.days,
            country=draft.country,
            note=draft.note,
            author=plan.author,
            created_at=plan.created_at,
            removed_at=plan.removed_at,
            active=plan.active(now),
            next_at=plan.next_start(now),
        )


class PlannedMaintenanceResource(WebsiteMaintenanceResource):
    """A maintenance as it was just planned, with what may not be meant of it: `warnings` are sentences."""

    warnings: list[str]

    @classmethod
    def with_warnings(cls, plan: MaintenancePlan, warnings: Sequence[str], now: datetime) -> Self:
        return cls(**WebsiteMaintenanceResource.of(plan, now).model_dump(), warnings=list(warnings))
