"""Every provider of the container builds what its declaration says; the type checker does not look at arguments."""

from __future__ import annotations

import typing
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from dependency_injector import providers

import app.container
from app.container import Container
from app.db.engine import Database
from app.scheduling.models import Ticket, Trigger
from app.scheduling.plan import Kind
from app.settings import DatabaseSettings, EntsoeSettings, Settings


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


async def test_every_kind_of_job_of_the_plan_has_a_handler(container: Container) -> None:
    assert container.jobs().handlers().keys() == {kind.value for kind in Kind}


async def test_the_job_that_looks_for_anomalies_tells_what_it_found(container: Container) -> None:
    ticket = Ticket("metric_anomalies", "metric_anomalies", {}, datetime(2026, 3, 1, tzinfo=UTC), Trigger.CRON)
    report = await container.jobs().metric_anomalies(ticket)
    assert report.summary == "0 unusual hours within the last day"
