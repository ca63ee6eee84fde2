"""Series as programs read them."""

from __future__ import annotations

from app.schemas import Resource


class SeriesIdentity(Resource):
    """What tells a series from the others of its item and area; "" where nothing does."""

    psr_type: str
    direction: str
    business_type: str
    contract: str
    sequence: str
    flow_direction: str
    category: str
    unit_eic: str
