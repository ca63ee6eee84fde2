"""What a plan costs in requests a day, as `jobs list` says it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from app.scheduling.cost import cost_of
from app.scheduling.plan import Plan, PlanLine
from app.scheduling.schedules import EveryMinutes
from app.wiring.catalog import CATALOG

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)


def test_measured_values_cost_their_cycle_and_little_more() -> None:
    cost = cost_of(Plan(("FR", "NL"), ("load_actual",), catalog=CATALOG), NOW)
    assert (cost.pairs, cost.cycles) == (2, 96)
    assert 0 < cost.corrections < 8
    slower = {"near_real_time": PlanLine(EveryMinutes(120))}
    assert cost_of(Plan(("FR",), ("load_actual",), slower, catalog=CATALOG), NOW).cycles == 12


def test_prices_cost_twelve_questions_a_day_and_the_search_for_tomorrow() -> None:
    cost = cost_of(Plan(("FR",), ("price_day_ahead",), catalog=CATALOG), NOW)
    assert cost.cycles == 3
    assert 12 <= cost.corrections < 16


def test_forecasts_are_asked_for_every_three_hours_by_whichever_job() -> None:
    cost = cost_of(Plan(("FR",), ("load_forecast_day_ahead",), catalog=CATALOG), NOW)
    assert cost.cycles == 4
    assert 8 <= cost.total < 12


def test_what_is_long_or_costly_is_asked_for_seldom() -> None:
    yearly, units = (
        cost_of(Plan(("FR",), (name,), catalog=CATALOG), NOW) for name in ("installed_capacity", "generation_per_unit")
    )
    assert (yearly.cycles, units.cycles) == (0, 0)
    assert yearly.corrections < 1.5
    assert units.corrections < 24


def test_a_job_that_is_switched_off_costs_nothing_and_borders_count_each() -> None:
    off = {
        "corrections": PlanLine(EveryMinutes(10), enabled=False),
        "forecasts": PlanLine(EveryMinutes(360), enabled=False),
    }
    plan = Plan(("FR", "DE_50HZ"), ("flow_physical", "load_forecast_day_ahead"), off, catalog=CATALOG)
    cost = cost_of(plan, NOW)
    assert cost.pairs > 8
    assert (cost.cycles, cost.corrections) == (48 * cost.pairs, 0)
    assert cost_of(replace(plan, areas=("DE_50HZ",), items=("price_day_ahead",)), NOW).pairs == 0
