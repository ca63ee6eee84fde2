"""Every provider of the container builds what its declaration says; the type checker does not look at arguments."""

from __future__ import annotations

import typing
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest
from dependency_injector import providers

import app.container
from app.collection.models import Outcome, Work
from app.collection.service import CollectionService
from app.container import Container
from app.db.engine import Database
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval
from app.sandbox.server import SandboxServer
from app.sandbox.settings import SANDBOX_TOKEN, SandboxSettings
from app.scheduling.jobs.declaration import DECLARED
from app.scheduling.models import RunTrigger, Ticket
from app.settings import DatabaseSettings, EntsoeSettings, Settings
from tests.support.scheduler_factory import rows
from tests.support.store_factory import opened


@pytest.fixture
async def container(database_url: str) -> AsyncIterator[Container]:
    database = Database(DatabaseSettings(), database_url)
    settings = Settings(entsoe=EntsoeSettings(token="hunter2"))  # type: ignore[arg-type]  # pydantic makes it a secret
    built = Container(settings=settings, database=database, echo=lambda _text: None)
    yield built
    await built.http_client().aclose()
    await database.close()


async def test_every_provider_resolves_to_its_declared_type(container: Container) -> None:
    declared = {name: note.partition("[")[2].removesuffix("]") for name, note in Container.__annotations__.items()}
    assert declared.keys() == Container.providers.keys() - {"__self__"}
    for name in declared.keys() - {"echo"}:
        built = getattr(container, name)()
        expected = eval(declared[name], vars(app.container))
        assert isinstance(built, typing.get_origin(expected) or expected), name
        if isinstance(Container.providers[name], providers.Singleton):
            assert getattr(container, name)() is built, name


async def test_the_token_shows_in_no_representation(container: Container) -> None:
    shown = repr(container.http_client()) + repr(dict(container.http_client().headers)) + repr(vars(container.budget()))
    assert "hunter2" not in shown


_LANES = "select theoretical_arrival is not null, gap_due is not null, backfill_due is not null from token_budgets"


@pytest.mark.parametrize(
    ("collection", "lanes"),
    [
        ("collection", (True, False, False)),
        ("gap_collection", (True, True, False)),
        ("backfill_collection", (True, False, True)),
    ],
)
async def test_live_work_gaps_and_backfill_ask_in_their_own_lanes_of_the_budget(
    database_url: str, collection: str, lanes: tuple[bool, ...]
) -> None:
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(SandboxServer(SandboxSettings()))
        settings = Settings.model_validate(
            {
                "sandbox": True,
                "entsoe": {"base_url": sandbox.url, "token": SANDBOX_TOKEN},
                "database": {"url": database_url},
            }
        )
        database = await stack.enter_async_context(opened(database_url))
        built = Container(settings=settings, database=database, echo=lambda _text: None)
        for client in (built.http_client, built.gap_http, built.backfill_http):
            stack.push_async_callback(client().aclose)
        day = Interval(datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 3, 2, tzinfo=UTC))
        service: CollectionService = getattr(built, collection)()
        run = await service.collect(Work(DataItem.LOAD_ACTUAL, find_place("FR"), day))
        assert run.outcome is Outcome.STORED
        assert await rows(database, _LANES) == [lanes]


async def test_every_kind_of_job_of_the_plan_has_a_handler(container: Container) -> None:
    assert container.jobs().handlers().keys() == DECLARED.keys()


async def test_the_job_that_looks_for_anomalies_tells_what_it_found(container: Container) -> None:
    ticket = Ticket("metric_anomalies", "metric_anomalies", {}, datetime(2026, 3, 1, tzinfo=UTC), RunTrigger.CRON)
    report = await container.jobs().handlers()["metric_anomalies"](ticket)
    assert report.summary == "0 unusual hours within the last day"
