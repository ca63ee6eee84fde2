"""How regions see a website, as programs read it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from app.probes.regions.models import RegionView
from app.probes.websites.models import Website, WebsiteStatus
from app.probes.websites.schemas import WebsiteResource
from app.schemas import Instant, Resource


class WebsiteRegionResource(Resource):
    """How one region sees a website; `unknown`: it has no vote, because it is silent or its own machine sees nothing."""

    region: str
    status: WebsiteStatus
    status_since: Instant
    reason: str
    failures: int
    checked_at: Instant | None
    next_check_at: Instant
    paused_until: Instant | None

    @classmethod
    def of(cls, view: RegionView, now: datetime) -> Self:
        state = view.state
        return cls(
            region=view.region,
            status=view.status(now),
            status_since=state.since(now),
            reason=state.reason,
            failures=state.failures,
            checked_at=state.checked_at,
            next_check_at=state.due_at,
            paused_until=state.break_until if state.break_until and state.break_until > now else None,
        )


class WebsiteDetailResource(WebsiteResource):
    """A website with how each of its regions sees it."""

    seen_by: list[WebsiteRegionResource]

    @classmethod
    def seen(cls, website: Website, views: Sequence[RegionView], now: datetime) -> Self:
        regions = [WebsiteRegionResource.of(one, now) for one in views]
        return cls(**dict(WebsiteResource.of(website, now)), seen_by=regions)
