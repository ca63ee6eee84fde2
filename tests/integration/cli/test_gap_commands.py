"""`gridkeeper gaps` and `gridkeeper coverage` on a real database, with the sandbox as the source."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest

from app.cli import run
from app.cli.backfill.commands import plan_command, start_command
from app.cli.data.coverage import coverage_command
from app.cli.data.coverage_table import format_percent
from app.cli.data.gaps import gaps_command
from app.collection.gaps.coverage import Cell
from app.collection.models import CollectionRequest
from app.errors import ConfigurationError
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval, Resolution
from app.timeseries.coverage import Granularity
from tests.support.gap_world import MakeWorld, Published, World, at, span, world_on
from tests.support.services import coverage_service
from tests.support.store_factory import opened

ARGUMENTS: dict[str, Any] = {"sandbox": True, "as_json": True}


@pytest.fixture
def commands(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", database_url)
    monkeypatch.setenv("GRIDKEEPER_LOG__LEVEL", "warning")


LANES = "select gap_due is not null, backfill_due is not null from token_budgets"
"""Whether the lanes of gaps and of backfill were used."""


async def rows(url: str, query: str) -> list[tuple[object, ...]]:
    async with opened(url) as database, database.connection() as connection:
        return [tuple(row) for row in await connection.fetch(query)]


def test_what_is_missing_is_filled_and_then_covered(
    commands: None, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = (["FR"], ["load_actual"], "-4d", "yesterday")
    assert gaps_command(*asked, fill=False, force=False, **ARGUMENTS) == 0
    (gap,) = json.loads(capsys.readouterr().out)["gaps"]
    assert (gap["reason"], gap["series"], gap["missing"]) == ("ours", None, gap["missing"])
    assert gaps_command(*asked, fill=True, force=False, **ARGUMENTS) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [one["outcome"] for one in answer["asked"]] == ["stored"]
    assert "ours" not in {one["reason"] for one in answer["gaps"]}
    assert asyncio.run(rows(database_url, LANES)) == [(True, False)], "a fill goes through the lane of gaps"
    assert coverage_command(*asked, **ARGUMENTS) == 0
    cells = json.loads(capsys.readouterr().out)
    assert sum(cell["covered_hours"] for cell in cells) > 48


def test_tables_are_for_people(commands: None, capsys: pytest.CaptureFixture[str]) -> None:
    asked = (["FR", "NL"], ["load_actual"], "2024-03-01", "2024-03-03")
    assert gaps_command(*asked, fill=False, force=False, sandbox=True, as_json=False) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[1].split() == [
        "load_actual", "FR", "*", "2024-02-29T23:00:00Z", "2024-03-02T23:00:00Z", "PT60M", "48", "ours",
        "2024-03-01T01:00:00Z", "0", "never", "asked",
    ]  # fmt: skip
    assert shown.err.splitlines()[-1] == "2 gaps: 2 ours"
    assert coverage_command(*asked, every=True, sandbox=True, as_json=False) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[1].split() == ["load_actual", "FR", "2024", "?", "?"]
    assert shown.err.splitlines()[-1] == "? never asked"
    assert coverage_command(["FR"], *asked[1:], sandbox=True, as_json=False) == 0
    assert capsys.readouterr().out.splitlines()[0].split()[:4] == ["item", "area", "month", "01"]


def test_a_range_that_was_only_looked_at_is_nothing_that_people_are_told_of(
    commands: None, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = (["FR"], ["load_actual"], "2020-01-01", "2021-01-01")
    assert gaps_command(*asked, fill=False, force=False, **ARGUMENTS) == 0
    how: dict[str, Any] = {"reprocess": "missing", "oldest_first": False, "sandbox": True}
    assert plan_command(*asked, **how, as_json=True) == 0
    assert capsys.readouterr().out.count("ours") == 1
    assert asyncio.run(rows(database_url, "select count(*) from gaps")) == [(0,)]
    assert start_command(*asked, **how, concurrency=1, follow=False) == 0
    assert asyncio.run(rows(database_url, "select reason from gaps")) == [("ours",)], "a backfill that fails is told"


def test_a_fill_that_fails_is_told_by_the_exit_code(
    commands: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("TOKEN", "hunter2"), ("BASE_URL", "http://127.0.0.1:1/api"), ("BACKOFF", "0.001")):
        monkeypatch.setenv(f"GRIDKEEPER_ENTSOE__{name}", value)
    asked = (["FR"], ["load_actual"], "-3d", "yesterday")
    assert gaps_command(*asked, fill=True, force=True, sandbox=False, as_json=False) == 3
    shown = capsys.readouterr()
    assert "failed: load_actual FR" in shown.err
    assert {line.split()[7] for line in shown.out.splitlines()[1:]} == {"ours"}
    assert "hunter2" not in shown.err + shown.out


def test_force_without_fill_is_wrong_usage() -> None:
    with pytest.raises(ConfigurationError, match="--fill"):
        gaps_command(None, None, "-1d", None, fill=False, force=True, **ARGUMENTS)


def test_a_percentage_is_whole_only_when_everything_is_there() -> None:
    assert [format_percent(share) for share in (None, 0.0, 0.0001, 0.5, 0.9999, 1.0)] == [
        "-",
        "0",
        "1",
        "50",
        "99",
        "100",
    ]


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[MakeWorld]:
    async with world_on(database_url) as make:
        yield make


async def matrix(one: World, now: str, interval: Interval, step: Granularity) -> list[Cell]:
    service = coverage_service(one.database)
    return await service.matrix([CollectionRequest(one.item, one.place, interval)], at(now), step)


def shares(cells: list[Cell]) -> dict[str, float | None]:
    return {str(cell.begin): cell.share for cell in cells}


async def test_a_month_is_complete_when_all_that_is_due_is_there(world: MakeWorld) -> None:
    holes = [(span("10T00:00", "16T00:00"), None)]
    one = world(Published(span("2024-02-01", "2024-05-01"), Resolution.PT15M, holes=holes))
    await one.ask("2024-04-10", "2024-02-01", "2024-04-10")
    cells = await matrix(one, "2024-04-10", span("2024-01-15", "2024-05-01"), Granularity.MONTH)
    assert shares(cells) == {
        "2024-01-01": 0.0, "2024-02-01": 1.0, "2024-03-01": 25 / 31, "2024-04-01": 1.0,
    }  # fmt: skip


async def test_time_that_two_units_cover_counts_once(world: MakeWorld) -> None:
    holes = [(span("02T00:00", "02T12:00"), None)]
    one = world(
        Published(span("01T00:00", "03T00:00")), Published(span("01T00:00", "03T00:00"), Resolution.PT15M, holes=holes)
    )
    one.series[0].holes = holes
    await one.ask("20T00:00", "01T00:00", "03T00:00")
    assert shares(await matrix(one, "20T00:00", span("01T00:00", "03T00:00"), Granularity.MONTH)) == {
        "2024-03-01": 0.75
    }
    assert shares(await matrix(one, "20T00:00", span("01T00:00", "03T00:00"), Granularity.DAY)) == {
        "2024-03-01": 1.0, "2024-03-02": 0.5,
    }  # fmt: skip


async def test_without_a_rule_everything_is_due_by_now(world: MakeWorld) -> None:
    one = world(Published(span("01T00:00", "2024-04-01")))
    await one.ask("02T12:30", "01T00:00", "03T00:00")
    service = coverage_service(one.database, publication=lambda _: None)
    request = CollectionRequest(one.item, one.place, span("01T00:00", "03T00:00"))
    assert shares(await service.matrix([request], at("02T18:00"), Granularity.DAY)) == {
        "2024-03-01": 1.0, "2024-03-02": 12 / 18,
    }  # fmt: skip


async def test_weekly_values_cover_their_weeks(world: MakeWorld) -> None:
    weeks = Published(span("2024-02-25T23:00", "2024-05-01"), Resolution.P7D, delay=Resolution.P7D.nominal * -2)
    one = world(weeks, item=DataItem.LOAD_FORECAST_MONTH_AHEAD)
    await one.ask("2024-05-01", "2024-02-25T23:00", "2024-05-01")
    assert shares(await matrix(one, "2024-05-01", span("2024-03-01", "2024-04-01"), Granularity.MONTH)) == {
        "2024-03-01": 1.0
    }


async def test_where_the_place_does_not_exist_nothing_is_due(world: MakeWorld) -> None:
    one = world(place="DE_LU")
    cells = await matrix(one, "20T00:00", span("2018-01-01", "2018-02-01"), Granularity.MONTH)
    assert [(cell.begin, cell.share) for cell in cells] == [(date(2018, 1, 1), None)]
    assert find_place("DE_LU").exists_during(span("2018-01-01", "2018-02-01")) is None


def test_what_is_not_due_is_shown_on_request_and_so_is_a_line_in_which_nothing_was_expected(
    commands: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Load that will be measured in the days to come."""
    asked = ["--area", "FR", "--item", "load_actual", "--from", "today", "--to", "+3d", "--sandbox"]
    if run(["collect", *asked[:4], "--from", "-2d", "--sandbox"]) != 0:
        raise AssertionError(capsys.readouterr().err)
    capsys.readouterr()
    for options, shown in (
        ([], False),
        (["--all"], True),
        (["--reason", "not_due"], True),
        (["--reason", "late"], False),
    ):
        assert run(["gaps", *asked, *options]) == 0
        found = capsys.readouterr()
        assert ("not_due" in found.out) is shown
        assert ("--all shows every gap" in found.err) is not shown
    assert run(["gaps", *asked, "--json"]) == 0
    assert "not_due" in {gap["reason"] for gap in json.loads(capsys.readouterr().out)["gaps"]}


def test_a_year_before_the_first_value_is_no_line_of_coverage(
    commands: None, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["coverage", "--area", "NL", "--area", "FR", "--item", "load_actual", "--from", "2015-01-01", "--sandbox"]
    assert run(asked) == 0
    found = capsys.readouterr()
    assert len(found.out.splitlines()) == 1
    assert "in which nothing was expected; --all shows them" in found.err
    assert run([*asked, "--all"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > 20
