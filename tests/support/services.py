"""Services of one database as the wiring makes them, for tests that need no container."""

from __future__ import annotations

from typing import Any

from app.collection.corrections import CorrectionService
from app.collection.gaps.coverage import CoverageService
from app.collection.gaps.repository import GapRepository
from app.collection.gaps.service import GapService
from app.collection.repository import AnswerRepository
from app.db.engine import Database
from app.quality.repository import QualityRepository
from app.quality.scan import QualityScanner
from app.reporting.publication_delays import LatenessReader
from app.reporting.quality.service import QualityReporting
from app.timeseries.repository import TimeSeriesRepository
from app.timeseries.stored_units import StoredUnitsRepository
from app.wiring.catalog import CATALOG


def gap_service(database: Database, **chosen: Any) -> GapService:
    return GapService(
        TimeSeriesRepository(database), StoredUnitsRepository(database), GapRepository(database), CATALOG, **chosen
    )


def correction_service(database: Database) -> CorrectionService:
    return CorrectionService(
        TimeSeriesRepository(database), StoredUnitsRepository(database), AnswerRepository(database), CATALOG
    )


def coverage_service(database: Database, **chosen: Any) -> CoverageService:
    return CoverageService(
        TimeSeriesRepository(database),
        StoredUnitsRepository(database),
        **{"publication": CATALOG.publication, **chosen},
    )


def quality_scanner(database: Database, *, gaps: GapService | None = None, **chosen: Any) -> QualityScanner:
    return QualityScanner(
        TimeSeriesRepository(database),
        StoredUnitsRepository(database),
        gaps or gap_service(database),
        GapRepository(database),
        QualityRepository(database),
        **{"publication": CATALOG.publication, **chosen},
    )


def quality_reporting(database: Database, **chosen: Any) -> QualityReporting:
    rows = QualityRepository(database)
    lateness = LatenessReader(GapRepository(database), rows, CATALOG.publication)
    return QualityReporting(database, rows, TimeSeriesRepository(database), lateness, **chosen)
