"""Released pictures as programs read them."""

from __future__ import annotations

from typing import Self

from pydantic import Field

from app.access.released.models import ReleasedView, ViewKind, ViewRequest
from app.market.areas import label
from app.schemas import Instant, RequestBody, Resource


class ReleasedViewResource(Resource):
    """A picture that is released; its address is shown once, when it is."""

    name: str
    kind: ViewKind
    series_id: int | None
    item: str
    area: str
    days: int
    hint: str
    created_at: Instant
    created_by: str
    revoked_at: Instant | None

    @classmethod
    def of(cls, view: ReleasedView) -> Self:
        asked = view.request
        return cls(
            name=asked.name,
            kind=asked.kind,
            series_id=asked.series_id,
            item=asked.item,
            area=label(asked.area) if asked.area else "",
            days=asked.days,
            hint=view.hint,
            created_at=view.created_at,
            created_by=view.created_by,
            revoked_at=view.revoked_at,
        )


class NewReleasedViewResource(ReleasedViewResource):
    """A picture that was just released, with its address."""

    address: str

    @classmethod
    def with_address(cls, view: ReleasedView, address: str) -> Self:
        return cls(**ReleasedViewResource.of(view).model_dump(), address=address)


class ViewRequestBody(RequestBody):
    """A picture that is to be released."""

    name: str = Field(max_length=60, description="Name by which it is listed and revoked.", examples=["load-of-france"])
    kind: ViewKind = Field(description="What it shows.")
    series_id: int | None = Field(
        default=None, ge=1, le=2**31 - 1, description="Number of the series, of a chart or a value."
    )
    item: str = Field(default="", max_length=200, description="Data item, of freshness.")
    area: str = Field(default="", max_length=200, description="Area, or border as `FR>DE_LU`, of freshness.")
    days: int = Field(default=7, description="Days of a chart.")

    def request(self, item: str, eic: str) -> ViewRequest:
        """What is asked for, with item and area as they are stored."""
        return ViewRequest(self.name, self.kind, self.series_id, item, eic, self.days).checked()
