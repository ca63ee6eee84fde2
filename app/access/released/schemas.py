"""Released pictures as programs read them."""

from __future__ import annotations

from typing import Self

from app.access.released.models import ReleasedView, ViewKind
from app.market.areas import label
from app.schemas import Instant, Resource


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
