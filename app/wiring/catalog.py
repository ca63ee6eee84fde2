"""The catalogue of the source that is collected."""

from __future__ import annotations

from app.sources.catalog import Catalog
from app.sources.entsoe.catalog import EntsoeCatalog

CATALOG: Catalog = EntsoeCatalog()
