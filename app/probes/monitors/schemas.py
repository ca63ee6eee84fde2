"""A website with what its checks have shown of late, as programs read it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from app.probes.regions.models import RegionView
from app.probes.regions.schemas import WebsiteDetailResource
from app.probes.websites.models import CheckRecord, StatusWindow, Website
from app.probes.websites.schemas import WebsiteCheckResource, WebsiteWindowResource


class ShownWebsiteResource(WebsiteDetailResource):
    """A website with its last results and downtimes, and the maintenance that is under way."""

    maintenance: str
    checks: list[WebsiteCheckResource]
    downtimes: list[WebsiteWindowResource]

    @classmethod
    def shown(
        cls,
        website: Website,
        regions: Sequence[RegionView],
        found: tuple[str, Sequence[CheckRecord], Sequence[StatusWindow]],
        now: datetime,
    ) -> Self:
        """`found` are the maintenance in words, the results and the downtimes."""
        maintenance, checks, downtimes = found
        return cls(
            **dict(WebsiteDetailResource.seen(website, regions, now)),
            maintenance=maintenance,
            checks=[WebsiteCheckResource.of(one) for one in checks],
            downtimes=[WebsiteWindowResource.of(one, now) for one in downtimes],
        )
