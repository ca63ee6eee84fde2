"""Every provider of the container builds what its declaration says; the type checker does not look at arguments."""

from __future__ import annotations

import subprocess
import sys
import typing
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from importlib import import_module

import pytest
from dependency_injector import containers, providers

from app.collection.models import Outcome, Work
from app.db.engine import Database
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval
from app.sandbox.server import SandboxServer
from app.sandbox.settings import SANDBOX_TOKEN, SandboxSettings
from app.scheduling.jobs.declaration import DECLARED
from app.scheduling.models import RunTrigger, Ticket
from app.settings import DatabaseSettings, EntsoeSettings, Settings
from app.wiring.container import Container
from app.wiring.sources import CollectionLane
from tests.support.scheduler_factory import rows
from tests.support.store_factory import opened

HANDED_OVER = (providers.Dependency, providers.DependenciesContainer)


@pytest.fixture
async def container(database_url: str) -> AsyncIterator[Container]:
    database = Database(DatabaseSettings(), database_url)
    settings = Settings(entsoe=EntsoeSettings(token="hunter2"))  # type: ignore[arg-type]  # pydantic makes it a secret
    built = Container(settings=settings, database=database, echo=lambda _text: None)
    yield built
    await built.sources().live().aclose()
    await database.close()


async def test_every_provider_of_every_domain_resolves_to_its_declared_type(container: Container) -> None:
    check_types(container, Container)
    domains = {name: note for name, note in declared_types(Container).items() if note.endswith("Wiring")}
    assert len(domains) == 14
    for name, note in domains.items():
        check_types(getattr(container, name)(), getattr(import_module(f"app.wiring.{name}"), note))


def declared_types(wiring: type[containers.DeclarativeContainer]) -> dict[str, str]:
    return {name: note.partition("[")[2].removesuffix("]") for name, note in wiring.__annotations__.items()}


def check_types(container: containers.Container, wiring: type[containers.DeclarativeContainer]) -> None:
    """Whatever the domain builds; what another one hands over is checked there."""
    declared, module = declared_types(wiring), vars(sys.modules[wiring.__module__])
    for name, provider in wiring.providers.items():
        if name.startswith("_") or isinstance(provider, HANDED_OVER) or declared[name].endswith("Wiring"):
            continue
        built, expected = getattr(container, name)(), eval(declared[name], module)
        assert isinstance(built, typing.get_origin(expected) or expected), name
        if isinstance(provider, providers.Singleton):
            assert getattr(container, name)() is built, name


LOADED = """
import sys
from app.wiring.container import Container
from app.db.engine import Database
from app.settings import DatabaseSettings, Settings
container = Container(settings=Settings(), database=Database(DatabaseSettings(), "postgresql://"), echo=print)
container.{asked}
print(*sorted(name for name in sys.modules if name.startswith("app.wiring.")))
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("asked", "loaded"),
    [
        ("storage().time_series()", {"storage"}),
        ("storage().job_runs()", {"storage"}),
        ("alerting().administration()", {"storage", "alerting"}),
        ("monitoring().service()", {"catalog", "monitoring"}),
        ("quality().rows()", {"catalog", "storage", "quality"}),
        ("collection().backfills()", {"catalog", "storage", "collection"}),
    ],
)
def test_a_domain_is_loaded_when_it_is_first_needed(asked: str, loaded: set[str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LOADED.format(asked=asked)], capture_output=True, text=True, check=True, timeout=60
    )
    assert set(ran.stdout.split()) == {f"app.wiring.{name}" for name in {"container", *loaded}}


async def test_the_token_shows_in_no_representation(container: Container) -> None:
    shown = (
        repr(container.sources().live().http)
        + repr(dict(container.sources().live().http.headers))
        + repr(vars(container.sources().live_budget()))
    )
    assert "hunter2" not in shown


_LANES = "select theoretical_arrival is not null, gap_due is not null, backfill_due is not null from token_budgets"


@pytest.mark.parametrize(
    ("name", "lanes"),
    [
        ("live", (True, False, False)),
        ("gap", (True, True, False)),
        ("backfill", (True, False, True)),
    ],
)
async def test_live_work_gaps_and_backfill_ask_in_their_own_lanes_of_the_budget(
    database_url: str, name: str, lanes: tuple[bool, ...]
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
        lane: CollectionLane = getattr(built.sources(), name)()
        stack.push_async_callback(lane.aclose)
        day = Interval(datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 3, 2, tzinfo=UTC))
        run = await lane.service.collect(Work(DataItem.LOAD_ACTUAL, find_place("FR"), day))
        assert run.outcome is Outcome.STORED
        assert await rows(database, _LANES) == [lanes]


async def test_every_kind_of_job_of_the_plan_has_a_handler(container: Container) -> None:
    assert container.scheduling().jobs().handlers().keys() == DECLARED.keys()


async def test_the_job_that_looks_for_anomalies_tells_what_it_found(container: Container) -> None:
    ticket = Ticket("metric_anomalies", "metric_anomalies", {}, datetime(2026, 3, 1, tzinfo=UTC), RunTrigger.CRON)
    report = await container.scheduling().jobs().handlers()["metric_anomalies"](ticket)
    assert report.summary == "0 unusual hours within the last day"
