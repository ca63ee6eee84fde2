from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.alerting.evaluation.evaluator import RuleEvaluator
from app.alerting.evaluation.query_runner import PostgresRunner
from app.alerting.models import EvaluationStatus, Rule, Severity
from app.alerting.rules.book import read_book
from tests.conftest import Databases
from tests.support.alert_book_rows import CASES, Case, website
from tests.support.store_factory import opened

BOOK = read_book([]).checked()
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TABLES = """
    select string_agg(format('truncate %I restart identity cascade', tablename), ';')
    from pg_tables
    where schemaname = 'public' and tablename in (
        'collection_runs', 'job_runs', 'scheduler_jobs', 'token_budgets', 'collection_hourly', 'data_lateness', 'gaps',
        'backfills', 'empty_incidents', 'service_metrics', 'rule_problems', 'channel_states', 'rule_states',
        'websites', 'website_checks', 'website_days', 'website_region_days', 'probe_holders', 'interface_services', 'workers', 'shared_windows',
        'work_items', 'notifications'
    )
"""


@pytest.fixture(scope="module")
def shared_url(databases: Databases, migrated_template: str) -> Iterator[str]:
    yield from databases.fresh(migrated_template)


@pytest.fixture
async def evaluator(shared_url: str) -> AsyncIterator[RuleEvaluator]:
    runner = PostgresRunner(lambda: {"gridkeeper": shared_url})
    yield RuleEvaluator(runner)
    await runner.close()


async def insert(url: str, statements: tuple[str, ...]) -> None:
    async with opened(url) as database, database.connection() as connection:
        await connection.execute(await connection.fetchval(TABLES))
        for statement in statements:
            await connection.execute(statement)


def rule_of(case: Case) -> Rule:
    return BOOK.rules[case.rule]


@pytest.mark.parametrize("case", CASES, ids=[f"{case.rule}-{number}" for number, case in enumerate(CASES)])
async def test_a_shipped_rule_fires_on_its_fault_and_not_on_what_looks_alike(
    shared_url: str, evaluator: RuleEvaluator, case: Case
) -> None:
    await insert(shared_url, case.fires)
    fired = await evaluator.evaluate(rule_of(case), NOW)
    assert fired.error == ""
    assert [dict(signal.labels) for signal in fired.signals] == [case.labels]
    assert case.says in dict(fired.signals[0].annotations).get("summary", "")
    await insert(shared_url, case.silent)
    silent = await evaluator.evaluate(rule_of(case), NOW)
    assert (silent.error, silent.signals, silent.verdict) == ("", (), EvaluationStatus.OK)


async def test_nothing_fires_on_a_fresh_installation(shared_url: str, evaluator: RuleEvaluator) -> None:
    await insert(shared_url, ())
    for rule in BOOK.rules.values():
        evaluation = await evaluator.evaluate(rule, NOW)
        assert (rule.name, evaluation.error, evaluation.signals) == (rule.name, "", ())


async def test_a_platform_that_told_us_to_wait_is_not_down(shared_url: str, evaluator: RuleEvaluator) -> None:
    down = next(case for case in CASES if case.rule == "platform_down")
    waiting = next(case for case in CASES if case.rule == "token_budget_exhausted")
    await insert(shared_url, (*down.fires, *waiting.fires))
    assert (await evaluator.evaluate(BOOK.rules["platform_down"], NOW)).signals == ()


async def test_the_end_of_a_certificate_grows_worse_as_it_comes(shared_url: str, evaluator: RuleEvaluator) -> None:
    ends = {"A": "20 days", "B": "6 days", "C": "5 hours"}
    await insert(shared_url, tuple(website("up", name=name, ends=left) for name, left in ends.items()))
    found = await evaluator.evaluate(BOOK.rules["website_certificate_ends"], NOW)
    told = {dict(signal.labels)["website"]: signal.severity for signal in found.signals}
    assert told == {"A": Severity.INFO, "B": Severity.WARNING, "C": Severity.CRITICAL}


def test_every_shipped_rule_has_a_fault_and_a_description() -> None:
    assert {case.rule for case in CASES} == set(BOOK.rules)
    assert all(rule.description and rule.runbook and rule.built_in for rule in BOOK.rules.values())


def test_critical_rules_fire_within_a_minute_and_are_looked_at_every_three_seconds_where_they_fire_at_once() -> None:
    critical = [rule for rule in BOOK.rules.values() if rule.severity is Severity.CRITICAL]
    assert critical
    for rule in critical:
        assert rule.hold.total_seconds() <= 60
        assert str(rule.schedule) == ("every 10 s" if rule.hold else "every 3 s")
    # Certificates end by days; what looks back over hours and weeks costs more and changes slowly. Few share work.
    slow = {
            "website_certificate_ends", "website_slow", "website_flapping", "website_budget_burns", "website_regions_disagree",
            "worker_silent", "queue_stuck", "read_replica_unused", "task_poisoned",
        }  # fmt: skip
    others = [str(rule.schedule) for rule in BOOK.rules.values() if rule.name not in slow]
    assert set(others) <= {"every 3 s", "every 10 s"}


def test_the_documentation_lists_the_book_as_it_is() -> None:
    text = (Path(__file__).parents[3] / "docs" / "alerts.md").read_text(encoding="utf-8")
    for rule in BOOK.rules.values():
        limit = f"`{rule.threshold.operator} {rule.threshold.limit:g}`" if rule.threshold else ""
        hold = f"{rule.hold.total_seconds():g} s" if rule.hold else ""
        assert (
            f'| <a id="{rule.name}"></a>`{rule.name}` | {rule.severity} | {limit} | {hold} | {rule.description} |'
            in text
        )
    assert text.count('<a id="') == len(BOOK.rules)
