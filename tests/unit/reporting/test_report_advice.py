"""Recommendations: each rule speaks with its fault, cites its figures, and is silent without it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import typer

from app.cli import cli
from app.monitoring.models import Objective, RunTotals
from app.reporting.operations.advice import RULES, advise
from app.reporting.operations.models import Figures, GapFlow, Late, LatePair, Quality, Reaction, RuleNoise
from tests.support.report_factory import BORDER, FR, LIMITS, figures, pair, scored, totals


def advice(now: Figures, before: Figures | None = None) -> dict[str, str]:
    found = advise(now, before or figures(), days=7, limits=LIMITS)
    return {one.rule: one.text for one in found}


def slow_before() -> Figures:
    return figures(totals=totals(p95=0.4))


FAULTS: dict[str, tuple[Callable[[], Figures], Callable[[], Figures], list[str]]] = {
    "service_absent": (lambda: figures(served=Objective(0.95, 9000, 10_080)), figures, ["1,080 of 10,080", "89.3 %"]),
    "success_below_target": (
        lambda: figures(totals=totals(failed=8), pairs=(pair(failed=1), pair("flow_physical", BORDER, failed=7))),
        figures,
        ["8 of 100 windows", "92.0 %", "95.0 %", "flow_physical FR>DE_LU", "7 of 100"],
    ),
    "pair_failing": (
        lambda: figures(pairs=(pair(failed=60), pair("flow_physical", BORDER, failed=30))),
        figures,
        ["60 of 100 windows of load_actual FR", "(like it: 1 item and area)", "20.0 %"],
    ),
    "pair_silent": (
        lambda: figures(pairs=(pair(received=0), pair("flow_physical", BORDER))),
        lambda: figures(pairs=(pair(received=168),)),
        ["load_actual FR was answered 99 times", "168 values"],
    ),
    "gaps_ours": (
        lambda: figures(gaps=(GapFlow("ours", open_values=12, oldest_seconds=3 * 3600.0),)),
        figures,
        ["12 values", "3.0 h", "gridkeeper gaps --fill"],
    ),
    "gaps_grow": (
        lambda: figures(gaps=(GapFlow("late", 3, 90, 1, 10, open_values=120),)),
        figures,
        ["90 values began", "10 came", "120 are missing", "80 more"],
    ),
    "data_late": (
        lambda: figures(late=Late((LatePair("load_actual", FR, 30, 90_000.0), LatePair("x", FR, 1, 60.0)))),
        figures,
        ["30 values of load_actual FR", "25.0 h", "later than 6.0 h: 1 item and area"],
    ),
    "slow_item": (
        lambda: figures(items={"load_actual": totals(), "generation_actual": totals(p50=4.0, p95=9.5)}),
        figures,
        ["generation_actual took 4.00 s", "9.50 s", "5.00 s"],
    ),
    "slower_than_before": (
        lambda: figures(totals=totals(p95=1.4)), slow_before, ["from 0.40 s to 1.40 s", "3.5 times"],
    ),
    "many_retries": (lambda: figures(totals=totals(retries=30)), figures, ["30 of 120 requests", "10.0 %"]),
    "values_rejected": (
        lambda: figures(totals=totals(rejected=50), pairs=(pair(rejected=49), pair("flow_physical", BORDER, rejected=1))),
        figures,
        ["50 values were rejected", "10,000 were received", "load_actual FR (49)"],
    ),
    "quality_low": (
        lambda: figures(quality=Quality(88.0, 12, worst=(scored(61.0),))),
        figures,
        ["12 series scored 88.0", "10.5 less", "FR load_actual with 61.0"],
    ),
    "messages_undelivered": (lambda: figures(reaction=Reaction(undelivered=4)), figures, ["4 messages"]),
    "noisy_rule": (
        lambda: figures(rules=(RuleNoise("slow_response", 70, 150),)), figures, ["slow_response fired 70", "150", "5 alerts a day"],
    ),
    "slow_acknowledgement": (
        lambda: figures(reaction=Reaction(4, 5400.0, 9000.0)), figures, ["4 acknowledged", "90.0 min", "2.5 h", "30.0 min"],
    ),
    "slow_resolution": (
        lambda: figures(reaction=Reaction(resolved=6, median_resolve=6 * 3600.0, longest_resolve=3 * 86_400.0)),
        figures,
        ["6 alerts", "6.0 h", "3.0 d"],
    ),
}  # fmt: skip


def test_a_good_week_has_no_recommendation() -> None:
    assert advice(figures()) == {}


def test_there_is_a_fault_for_every_rule() -> None:
    assert set(FAULTS) == set(RULES)


@pytest.mark.parametrize("rule", FAULTS)
def test_a_fault_is_recommended_against_by_its_rule_alone_with_its_figures(rule: str) -> None:
    now, before, cited = FAULTS[rule]
    found = advice(now(), before())
    assert list(found) == [rule]
    assert [figure for figure in cited if figure not in found[rule]] == []


@pytest.mark.parametrize(
    ("now", "before"),
    [
        ({"totals": RunTotals()}, {}),
        ({"totals": totals(runs=10, failed=9, requests=10, retries=9)}, {}),
        ({"pairs": (pair(runs=10, failed=9),)}, {}),
        ({"pairs": (pair("price_day_ahead", received=0),)}, {}),
        ({"pairs": (pair(received=0),)}, {"pairs": (pair(received=0),)}),
        ({"gaps": (GapFlow("ours", open_values=12, oldest_seconds=600.0),)}, {}),
        ({"gaps": (GapFlow("ours", open_values=12),)}, {}),
        ({"gaps": (GapFlow("missing_at_source", 3, 60, open_values=5000),)}, {}),
        ({"items": {"load_actual": totals(runs=5, p95=30.0), "x": totals(p95=None)}}, {}),
        ({"totals": totals(p95=0.9)}, {"totals": totals(p95=0.1)}),
        ({"totals": totals(p95=1.9)}, {"totals": totals(p95=1.8)}),
        ({"totals": totals(p95=1.9)}, {"totals": totals(runs=3, p95=0.1)}),
        ({"totals": totals(p95=None)}, {}),
        ({"totals": totals(p95=1.9)}, {"totals": totals(p95=None)}),
        ({"totals": totals(rejected=0)}, {}),
        ({"quality": Quality()}, {}),
        ({"quality": Quality(96.5, 3)}, {}),
        ({"served": Objective(0.95, 0, 0)}, {}),
        ({"reaction": Reaction(), "late": Late(), "rules": ()}, {}),
    ],
)
def test_what_is_little_or_unknown_is_no_fault(now: dict[str, Any], before: dict[str, Any]) -> None:
    assert advice(figures(**now), figures(**before)) == {}


def test_a_low_score_needs_no_period_before_and_no_worst_series() -> None:
    text = advice(figures(quality=Quality(80.0, 3)), figures(quality=Quality()))["quality_low"]
    assert "scored 80.0 of 100." in text


def test_one_failing_pair_has_no_more_like_it() -> None:
    assert "like it" not in advice(figures(pairs=(pair(failed=60),)))["pair_failing"]


def test_every_command_that_is_recommended_exists() -> None:
    texts = [text for now, before, _ in FAULTS.values() for text in advice(now(), before()).values()]
    named = {match for text in texts for match in re.findall(r"`gridkeeper ([a-z ]+)", text)}
    groups = typer.main.get_command(cli)
    for command in named:
        found: Any = groups
        for word in command.split():
            found = found.commands[word] if hasattr(found, "commands") else found
            assert found is not None
    assert len(named) > 5
