from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.alerting.evaluation.evaluator import RuleEvaluator, evaluate_rows, failed
from app.alerting.evaluation.query_moments import Unreadable
from app.alerting.evaluation.query_rows import Beside
from app.alerting.models import Evaluation, EvaluationStatus, NoDataPolicy, Override, Rule, Severity, Signal, Threshold
from app.alerting.queries import QueryFailed, QueryRow
from app.alerting.rules.conditions import clock_apart, database_unreachable
from app.alerting.rules.schedules import EveryInterval

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OVER_5 = Threshold(">", 5)


def rule(**fields: Any) -> Rule:
    return Rule("r", EveryInterval(timedelta(seconds=5)), **{"sql": "select 1", **fields})


def judged(rows: list[QueryRow], **fields: Any) -> Evaluation:
    return evaluate_rows(rule(**fields), rows, NOW)


def refused(rows: list[QueryRow], **fields: Any) -> str:
    with pytest.raises(QueryFailed) as refusal:
        judged(rows, **fields)
    return str(refusal.value)


class Answers:
    """A runner that gives the same rows to every statement, or fails."""

    def __init__(self, rows: list[QueryRow] | None = None, error: str = "") -> None:
        self._rows, self._error = rows or [], error

    async def rows(self, database: str, sql: str, time_out: timedelta, *, shipped: bool = False) -> list[QueryRow]:
        if self._error:
            raise QueryFailed(self._error)
        return self._rows


def test_rows_that_violate_the_threshold_are_signals() -> None:
    found = judged([{"area": "FR", "value": 6}, {"area": "NL", "value": Decimal(5)}], threshold=OVER_5)
    assert found == Evaluation(
        "r", NOW, 0.0, EvaluationStatus.FIRING, (Signal((("area", "FR"),), 6.0, 5.0),), value=6.0, threshold=5.0
    )


@pytest.mark.parametrize(
    ("operator", "firing"), [(">", [6]), (">=", [5, 6]), ("<", [4]), ("<=", [4, 5]), ("==", [5]), ("!=", [4, 6])]
)
def test_each_comparison_means_what_it_says(operator: str, firing: list[int]) -> None:
    rows: list[QueryRow] = [{"n": str(number), "value": number} for number in (4, 5, 6)]
    assert [signal.value for signal in judged(rows, threshold=Threshold(operator, 5)).signals] == firing


def test_without_a_threshold_every_row_is_a_fault() -> None:
    assert len(judged([{"a": "x"}, {"a": "y", "value": 0}]).signals) == 2


def test_text_is_a_label_everything_else_an_annotation() -> None:
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    row: QueryRow = {
        "area": "FR", "value": 1, "summary": "s", "n": 7, "share": 0.123456789, "at": at, "naive": at.replace(tzinfo=None),
        "day": at.date(), "none": None, "severity": "critical", "threshold": 3.5,
    }  # fmt: skip
    [signal] = judged([row], labels=(("area", "XX"), ("team", "grid"))).signals
    assert signal.labels == (("area", "FR"), ("team", "grid"))
    assert (signal.severity, signal.threshold) == (Severity.CRITICAL, 3.5)
    assert dict(signal.annotations) == {
        "summary": "s", "n": "7", "share": "0.123457", "at": "2026-01-01T12:00:00Z", "naive": "2026-01-01 12:00:00",
        "day": "2026-01-01",
    }  # fmt: skip


def test_json_stays_beside_the_labels_and_a_column_called_rule_is_renamed() -> None:
    row: QueryRow = {"area": "FR", "rule": "x", "details": Beside('{"n": 1}', "jsonb"), "tags": ["a", "b"], "value": 1}
    [signal] = judged([row]).signals
    assert signal.labels == (("area", "FR"), ("exported_rule", "x"))
    assert dict(signal.annotations) == {"details": '{"n": 1}', "tags": "['a', 'b']"}
    with pytest.raises(QueryFailed, match="column `value` is json and no number"):
        judged([{"value": Beside("1", "json")}])


def test_no_rows_are_good_unless_the_rule_says_otherwise() -> None:
    assert judged([]) == Evaluation("r", NOW, 0.0, EvaluationStatus.OK)
    assert judged([], no_data=NoDataPolicy.KEEP) == Evaluation("r", NOW, 0.0, EvaluationStatus.NO_DATA, keep=True)
    alert = judged([], no_data=NoDataPolicy.ALERT, labels=(("team", "grid"),))
    assert (alert.verdict, alert.keep) == (EvaluationStatus.NO_DATA, False)
    assert alert.signals == (Signal((("team", "grid"),), annotations=(("summary", "the statement gives no rows"),)),)


@pytest.mark.parametrize("value", [None, float("nan"), Decimal("NaN")])
def test_a_row_without_a_value_is_no_data_of_its_labels(value: object) -> None:
    rows: list[QueryRow] = [{"area": "FR", "value": value}, {"area": "NL", "value": 9}]
    fired = (Signal((("area", "NL"),), 9.0, 5.0),)
    plain = judged(rows, threshold=OVER_5)
    assert (plain.signals, plain.kept, plain.verdict) == (fired, (), EvaluationStatus.FIRING)
    kept = judged(rows, threshold=OVER_5, no_data=NoDataPolicy.KEEP)
    assert (kept.signals, kept.kept, kept.keep) == (fired, ((("area", "FR"),),), False)
    alert = judged(rows, threshold=OVER_5, no_data=NoDataPolicy.ALERT)
    assert alert.signals[1:] == (Signal((("area", "FR"),), None, 5.0, annotations=(("summary", "there is no value"),)),)
    assert judged(rows[:1], threshold=OVER_5).verdict is EvaluationStatus.NO_DATA


def test_the_threshold_of_an_override_goes_before_that_of_the_row_and_of_the_rule() -> None:
    override = Override((("area", "FR"),), Threshold(">", 100))
    rows: list[QueryRow] = [
        {"area": "FR", "value": 50, "threshold": 1}, {"area": "NL", "value": 50, "threshold": 60}, {"area": "BE", "value": 50},
    ]  # fmt: skip
    found = judged(rows, threshold=OVER_5, overrides=(override,))
    assert [(dict(signal.labels)["area"], signal.threshold) for signal in found.signals] == [("BE", 5.0)]


def test_overrides_change_severity_and_hold_and_switch_label_sets_off() -> None:
    overrides = (
        Override((("item", "x"),), Threshold(">", 1), hold=timedelta(hours=1), severity=Severity.INFO),
        Override((("area", "FR"), ("item", "x")), severity=Severity.CRITICAL),
        Override((("area", "NL"), ("item", "x")), enabled=False),
    )
    rows: list[QueryRow] = [{"area": area, "item": "x", "value": 2} for area in ("FR", "NL", "BE")]
    found = judged(rows, threshold=OVER_5, overrides=overrides)
    assert [(dict(s.labels)["area"], s.severity, s.hold) for s in found.signals] == [
        ("FR", Severity.CRITICAL, timedelta(hours=1)), ("BE", Severity.INFO, timedelta(hours=1)),
    ]  # fmt: skip


def test_the_history_keeps_the_worst_value() -> None:
    assert judged([{"a": "x", "value": 7}, {"a": "y", "value": 9}, {"a": "z", "value": 1}], threshold=OVER_5).value == 9
    assert judged([{"a": "x", "value": 7}, {"a": "y", "value": 9}], threshold=Threshold("<", 20)).value == 7
    assert judged([{"a": "x", "value": 7}, {"a": "y", "value": 9}]).value == 9


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"value": "5"}, "column `value` is text and no number; cast it with ::double precision"),
        (
            {"value": timedelta(1)},
            "column `value` is an interval and no number; write extract(epoch from …) for seconds",
        ),
        ({"value": Unreadable("an interval")}, "column `value` is an interval and no number; write extract(epoch"),
        ({"value": NOW}, "column `value` is a moment and no number; write extract(epoch from …)"),
        ({"value": b"x"}, "column `value` is of type bytes and no number"),
        ({"value": 1, "threshold": "x"}, "column `threshold` is text and no number"),
        ({"area": "FR"}, "there is a threshold but no column `value`"),
    ],
)
def test_a_row_that_breaks_the_contract_is_an_error(row: QueryRow, reason: str) -> None:
    assert reason in refused([row], threshold=OVER_5)


def test_rows_with_the_same_labels_are_an_error_that_names_them() -> None:
    rows: list[QueryRow] = [{"area": str(number // 2), "value": 1} for number in range(10)]
    error = judged(rows).error
    assert 'several rows have the same labels ({"area": "0"}; {"area": "1"}; {"area": "2"} and 2 more)' in error
    assert "(no labels)" in judged([{"value": 1}, {"value": 2}]).error


GOOD: list[QueryRow] = [{"area": "FR", "value": 9}, {"area": "NL", "value": 1}]
UNKNOWN: QueryRow = {"area": "BE", "value": 9, "severity": "high"}
BEFORE_CHRIST: QueryRow = {"area": "BE", "value": 9, "day": Unreadable("a date")}
TWICE: list[QueryRow] = [{"area": "AT", "value": 9}, {"area": "AT", "value": 1}]


@pytest.mark.parametrize(
    ("bad", "labels", "error"),
    [
        ([UNKNOWN], ["BE"], "column `severity` says 'high'; it must be one of info, warning, critical"),
        ([BEFORE_CHRIST], ["BE"], "column `day` holds a date that cannot be read: "),
        (TWICE, ["AT"], 'several rows have the same labels ({"area": "AT"})'),
        ([UNKNOWN, *TWICE], ["BE", "AT"], "it must be one of info, warning, critical"),
        ([UNKNOWN, {"area": "BE", "value": 9}], ["BE"], 'several rows have the same labels ({"area": "BE"})'),
    ],
)
def test_a_bad_row_is_an_error_and_costs_the_others_nothing(bad: list[QueryRow], labels: list[str], error: str) -> None:
    for rows in ([*bad, *GOOD], [*GOOD, *bad]):
        found = judged(rows, threshold=OVER_5)
        assert found.signals == judged(GOOD, threshold=OVER_5).signals
        assert (found.verdict, found.keep, found.value) == (EvaluationStatus.ERROR, False, 9)
        assert error in found.error
        assert found.kept == tuple((("area", name),) for name in labels)
        assert judged(rows, threshold=OVER_5, on_error=NoDataPolicy.OK).kept == ()


@pytest.mark.parametrize("no_data", NoDataPolicy)
def test_bad_rows_alone_end_the_alerts_of_others_and_are_not_a_lack_of_data(no_data: NoDataPolicy) -> None:
    found = judged([UNKNOWN], no_data=no_data)
    assert (found.verdict, found.signals, found.keep) == (EvaluationStatus.ERROR, (), False)
    assert found.kept == ((("area", "BE"),),)


def test_a_bad_row_alerts_where_errors_do_and_not_in_the_place_of_a_good_row() -> None:
    found = judged([UNKNOWN, *GOOD], threshold=OVER_5, on_error=NoDataPolicy.ALERT)
    assert [dict(signal.labels) for signal in found.signals] == [{"area": "FR"}, {}]
    assert "the rule cannot be evaluated: column `severity`" in dict(found.signals[-1].annotations)["summary"]
    plain = judged([UNKNOWN, {"value": 9}], on_error=NoDataPolicy.ALERT)
    assert [(signal.labels, signal.value) for signal in plain.signals] == [((), 9.0)]


def test_a_bad_row_that_an_override_switches_off_is_no_error() -> None:
    off = Override((("area", "BE"),), enabled=False)
    assert judged([UNKNOWN, *GOOD], overrides=(off,)).error == ""
    assert judged([{"area": "BE"}, {"area": "BE"}, *GOOD], overrides=(off,)).error == ""


def test_a_failure_is_a_finding_by_the_rules_policy() -> None:
    kept = failed(rule(), "broken", NOW)
    assert (kept.verdict, kept.keep, kept.signals, kept.error) == (EvaluationStatus.ERROR, True, (), "broken")
    assert not failed(rule(on_error=NoDataPolicy.OK), "broken", NOW).keep
    alert = failed(rule(on_error=NoDataPolicy.ALERT, labels=(("a", "b"),)), "broken", NOW)
    assert alert.keep
    assert alert.signals == (Signal((("a", "b"),), annotations=(("summary", "the rule cannot be evaluated: broken"),)),)


async def test_the_evaluator_tells_how_long_it_took() -> None:
    times = iter([10.0, 10.5, 20.0, 20.25])
    evaluator = RuleEvaluator(Answers([{"value": 9}]), monotonic=lambda: next(times))
    assert (await evaluator.evaluate(rule(threshold=OVER_5), NOW)).seconds == 0.5
    broken = RuleEvaluator(Answers(error="broken"), monotonic=lambda: next(times))
    evaluation = await broken.evaluate(rule(), NOW)
    assert (evaluation.seconds, evaluation.error, evaluation.verdict) == (0.25, "broken", EvaluationStatus.ERROR)


async def test_an_unreachable_database_is_a_row_and_no_error() -> None:
    one = rule(sql="", condition="database_unreachable", database="warehouse")
    evaluation = await RuleEvaluator(Answers(error="refused")).evaluate(one, NOW)
    assert evaluation.signals == (Signal((("database", "warehouse"),), 1.0, annotations=(("summary", "refused"),)),)
    assert await database_unreachable(one, Answers([{"value": 1}]), NOW) == []


async def test_clocks_apart_are_told_in_seconds() -> None:
    at = Decimal(str(NOW.timestamp() - 3))
    assert await clock_apart(rule(), Answers([{"at": at}]), NOW) == [{"database": "gridkeeper", "value": 3.0}]
