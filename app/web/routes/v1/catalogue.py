"""What is known before anything is collected: areas, borders and data items."""

from __future__ import annotations

from app.schemas import Page
from app.web.dependencies import READ_LIMITED, api_router
from app.web.paging import Paging
from app.wiring.catalog import (
    AreaResource,
    BorderResource,
    CatalogueItemResource,
    known_areas,
    known_borders,
    known_items,
)

router = api_router("catalogue")


@router.get("/areas", openapi_extra=READ_LIMITED)
async def list_areas(paging: Paging) -> Page[AreaResource]:
    """List the known areas: code, EIC, kinds, zone, validity."""
    return paging.of(known_areas(), lambda area: (area.code,), lambda area: area)


@router.get("/borders", openapi_extra=READ_LIMITED)
async def list_borders(paging: Paging) -> Page[BorderResource]:
    """List the known borders, each in both directions."""
    return paging.of(known_borders(), lambda border: (border.code,), lambda border: border)


@router.get("/items", openapi_extra=READ_LIMITED)
async def list_items(paging: Paging) -> Page[CatalogueItemResource]:
    """List the data items: article, documents, limits, deadline, and which areas or borders have them."""
    return paging.of(known_items(), lambda item: (item.item,), lambda item: item)
