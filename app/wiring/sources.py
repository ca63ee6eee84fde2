"""The lanes in which the source is asked: live work, gaps, backfill."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx
from dependency_injector import containers, providers

from app.clock import Clock
from app.collection.models import RunObserver
from app.collection.repository import RunRepository
from app.collection.service import CollectionService
from app.db.engine import Database
from app.db.rate_limit import PostgresBudget, token_id_of
from app.db.rate_limit_lanes import Lane, LaneBudget
from app.net.budget import Budget
from app.net.client import build_client
from app.settings import EntsoeSettings, Settings
from app.sources.entsoe.client import EntsoeClient, secret_headers
from app.sources.entsoe.responses import classify_response
from app.sources.entsoe.source import EntsoeSource
from app.timeseries.repository import TimeSeriesRepository

Echo = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class CollectionLane:
    """One way of asking the source; whoever takes a lane closes it."""

    http: httpx.AsyncClient
    source: EntsoeSource
    service: CollectionService

    async def aclose(self) -> None:
        await self.http.aclose()


def collection_lane(  # noqa: PLR0917  the container hands over the shared parts by position
    settings: EntsoeSettings,
    budget: Budget,
    time_series: TimeSeriesRepository,
    runs: RunRepository,
    clock: Clock,
    echo: Echo,
    observers: Sequence[RunObserver],
    *,
    concurrency: int,
) -> CollectionLane:
    """Each lane has a client of its own, so that none takes a slot of another."""
    http = build_client(
        settings,
        budget,
        classify_response,
        # A service of rules alone has no token; what asks without one is refused with the remedy by the platform.
        secret_headers=secret_headers(settings) if settings.token else {},
        concurrency=concurrency,
        on_wait=echo,
        clock=clock,
    )
    source = EntsoeSource(EntsoeClient(http, str(settings.base_url)), clock=clock)
    service = CollectionService(source, time_series, runs, clock, concurrency=concurrency, observers=observers)
    return CollectionLane(http, source, service)


def lane_budget(database: Database, settings: EntsoeSettings, lane: Lane, share: float) -> LaneBudget:
    rate, burst = settings.requests_per_minute, settings.burst
    return LaneBudget(database, token_id_of(settings), lane, requests_per_minute=rate, burst=burst, share=share)


class SourcesWiring(containers.DeclarativeContainer):
    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    database: providers.Dependency[Database] = providers.Dependency(instance_of=Database)
    clock: providers.Dependency[Clock] = providers.Dependency()
    echo: providers.Dependency[Echo] = providers.Dependency()
    storage = providers.DependenciesContainer()

    _entsoe = settings.provided.entsoe
    # Whoever wants to learn of runs appends itself, at any time.
    observers: providers.Singleton[list[RunObserver]] = providers.Singleton(list)
    live_budget: providers.Singleton[PostgresBudget] = providers.Singleton(PostgresBudget.of, database, _entsoe)
    # Gaps and re-polls yield to live requests and go before backfill.
    gap_budget: providers.Singleton[LaneBudget] = providers.Singleton(
        lane_budget, database, _entsoe, Lane.GAP, settings.provided.gaps.share
    )
    backfill_budget: providers.Singleton[LaneBudget] = providers.Singleton(
        lane_budget, database, _entsoe, Lane.BACKFILL, settings.provided.backfill.share
    )
    _shared = (storage.time_series, storage.runs, clock, echo, observers)
    live: providers.Singleton[CollectionLane] = providers.Singleton(
        collection_lane, _entsoe, live_budget, *_shared, concurrency=_entsoe.concurrency
    )
    gap: providers.Singleton[CollectionLane] = providers.Singleton(
        collection_lane, _entsoe, gap_budget, *_shared, concurrency=_entsoe.concurrency
    )
    backfill: providers.Singleton[CollectionLane] = providers.Singleton(
        collection_lane, _entsoe, backfill_budget, *_shared, concurrency=settings.provided.backfill.concurrency
    )
