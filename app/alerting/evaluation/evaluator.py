"""What the rows of a rule mean: pure judgement of rows, and the evaluator that asks for them."""

from __future__ import annotations

import json
import math
import operator
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType

from app.alerting.evaluation.query_moments import Unreadable
from app.alerting.evaluation.query_rows import Beside
from app.alerting.models import (
    Evaluation,
    EvaluationStatus,
    Labels,
    NoDataPolicy,
    Override,
    RowContract,
    Rule,
    Severity,
    Signal,
    Threshold,
    labels_of,
)
from app.alerting.queries import QueryFailed, QueryRow, QueryRunner
from app.alerting.rules.conditions import CONDITIONS
from app.alerting.sqlsentinel.results import QueryStatus, as_number
from app.alerting.sqlsentinel.results import judge as status_verdict
from app.market.time import iso

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {
        ">": operator.gt,
        ">=": operator.ge,
        "<": operator.lt,
        "<=": operator.le,
        "==": operator.eq,
        "!=": operator.ne,
    }
)
LONGEST_LABEL = 500
LONGEST_TEXT = 4_000
MOST_ERRORS = 3
"""Of one evaluation, in its error."""
EXPORTED = {"rule": "exported_rule"}
"""Columns that are called like what alerts are matched by; renamed as Prometheus renames such labels."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One row as the rule sees it; `fires` None: it has no value."""

    labels: Labels
    value: float | None
    threshold: Threshold | None
    severity: Severity | None
    fires: bool | None
    annotations: Labels = ()
    override: Override | None = None
    error: str = ""
    """Why the row counts for nothing; the others count."""

    @property
    def signal(self) -> Signal:
        severity, hold = self.severity, None
        if self.override is not None:
            severity, hold = self.override.severity or severity, self.override.hold
        limit = self.threshold.limit if self.threshold else None
        return Signal(self.labels, self.value, limit, severity, self.annotations, hold)


class RuleEvaluator:
    """Evaluates one rule at a time; it only reads."""

    def __init__(self, runner: QueryRunner, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._runner = runner
        self._monotonic = monotonic

    async def evaluate(self, rule: Rule, now: datetime) -> Evaluation:
        """What the rule finds now; an error is a finding too, with the text in `error`."""
        began = self._monotonic()
        try:
            evaluation = evaluate_answer(rule, await self.rows(rule, now), now)
        except QueryFailed as error:
            evaluation = failed(rule, str(error), now)
        return replace(evaluation, seconds=self._monotonic() - began)

    async def rows(self, rule: Rule, now: datetime) -> list[QueryRow]:
        """The rows of the rule's statement or condition; QueryFailed where there are none to judge."""
        if rule.condition:
            return await CONDITIONS[rule.condition](rule, self._runner, now)
        return await self._runner.rows(rule.database, rule.sql, rule.time_out, shipped=rule.built_in)


def evaluate_answer(rule: Rule, rows: Sequence[QueryRow], now: datetime) -> Evaluation:
    """The evaluation that rows mean by the rule's contract; QueryFailed where they break it."""
    judge = evaluate_rows if rule.contract is RowContract.SIGNALS else evaluate_status
    return judge(rule, rows, now)


def evaluate_rows(rule: Rule, rows: Sequence[QueryRow], now: datetime) -> Evaluation:
    """The evaluation that rows mean; QueryFailed where their columns break the contract of rules.

    A single row that breaks it is an error beside what the others show: its alert stays as it is, theirs go on.
    """
    found = [judge_row(rule, row) for row in rows]
    found = [one for one in found if one.override is None or one.override.enabled]
    double = {labels for labels, count in Counter(one.labels for one in found).items() if count > 1}
    judged = [one for one in found if not one.error and one.labels not in double]
    evaluation = (
        _of_rows(rule, judged, now) if judged or not found else Evaluation(rule.name, now, 0.0, EvaluationStatus.OK)
    )
    if len(judged) == len(found):
        return evaluation
    return _with_error(rule, evaluation, [one for one in found if one.error or one.labels in double], double)


def evaluate_status(rule: Rule, rows: Sequence[QueryRow], now: datetime) -> Evaluation:
    """The evaluation of a row that says itself whether there is a fault; QueryFailed where it does not say so."""
    found = status_verdict(rows)
    if found.error:
        raise QueryFailed(found.error)
    value, threshold = as_number(found.actual_value), as_number(found.threshold)
    firing = found.status is QueryStatus.ALERT
    beside = {name: _as_text(cell)[:LONGEST_TEXT] for name, cell in found.context.items() if cell is not None}
    signals = (Signal(rule.labels, value, threshold, annotations=labels_of(beside)),) if firing else ()
    verdict = EvaluationStatus.FIRING if firing else EvaluationStatus.OK
    return Evaluation(rule.name, now, 0.0, verdict, signals, value=value, threshold=threshold)


def _of_rows(rule: Rule, judged: Sequence[Judged], now: datetime) -> Evaluation:
    if not judged and rule.no_data is not NoDataPolicy.OK:
        return _nothing(rule, now)
    firing = [one.signal for one in judged if one.fires]
    silent = [one for one in judged if one.fires is None]
    if rule.no_data is NoDataPolicy.ALERT:
        firing += [replace(one.signal, annotations=_noted(one.annotations, "there is no value")) for one in silent]
    kept = tuple(one.labels for one in silent) if rule.no_data is NoDataPolicy.KEEP else ()
    no_data = bool(silent) and len(silent) == len(judged)
    verdict = EvaluationStatus.NO_DATA if no_data else EvaluationStatus.FIRING if firing else EvaluationStatus.OK
    value, threshold = _worst(judged)
    return Evaluation(rule.name, now, 0.0, verdict, tuple(firing), kept=kept, value=value, threshold=threshold)


def failed(rule: Rule, error: str, now: datetime) -> Evaluation:
    """The evaluation of a rule whose statement failed. Under `alert` the alerts there are stay, and one of its own joins."""
    keep = rule.on_error is not NoDataPolicy.OK
    return Evaluation(rule.name, now, 0.0, EvaluationStatus.ERROR, _error_signals(rule, error), keep=keep, error=error)


def _error_signals(rule: Rule, error: str) -> tuple[Signal, ...]:
    if rule.on_error is not NoDataPolicy.ALERT:
        return ()
    return (Signal(rule.labels, annotations=_noted((), f"the rule cannot be evaluated: {error}")),)


def _with_error(rule: Rule, evaluation: Evaluation, bad: Sequence[Judged], double: AbstractSet[Labels]) -> Evaluation:
    """What the good rows say, and the error of the bad ones, whose alerts stay unless the rule says otherwise."""
    errors = dict.fromkeys(one.error for one in bad if one.error)
    error = "; ".join((*([_same_labels(double)] if double else []), *list(errors)[:MOST_ERRORS]))
    taken = {signal.labels for signal in evaluation.signals}
    signals = tuple(signal for signal in _error_signals(rule, error) if signal.labels not in taken)
    stay = () if rule.on_error is NoDataPolicy.OK else tuple(dict.fromkeys(one.labels for one in bad))
    return replace(
        evaluation,
        verdict=EvaluationStatus.ERROR,
        signals=(*evaluation.signals, *signals),
        kept=(*evaluation.kept, *stay),
        error=error,
    )


def _nothing(rule: Rule, now: datetime) -> Evaluation:
    signals: tuple[Signal, ...] = ()
    if rule.no_data is NoDataPolicy.ALERT:
        signals = (Signal(rule.labels, annotations=_noted((), "the statement gives no rows")),)
    keep = rule.no_data is NoDataPolicy.KEEP
    return Evaluation(rule.name, now, 0.0, EvaluationStatus.NO_DATA, signals, keep=keep)


def judge_row(rule: Rule, row: QueryRow) -> Judged:
    """One row against the threshold: that of an override, else of the row, else of the rule."""
    labels = dict(rule.labels)
    annotations: dict[str, str] = {}
    severity, error = _severity(row)
    for column, cell in row.items():
        if column in {"value", "threshold", "severity"} or cell is None:
            continue
        if isinstance(cell, Unreadable):
            error = f"column `{column}` holds {cell}: it lies outside what Python knows; write it as text with ::text"
            continue
        if isinstance(cell, str) and column != "summary":
            labels[EXPORTED.get(column, column)] = cell[:LONGEST_LABEL]
        else:
            annotations[column] = _as_text(cell)[:LONGEST_TEXT]
    value = _number(row, "value")
    key = labels_of(labels)
    override = _override(rule, labels)
    threshold = _threshold(rule, _number(row, "threshold"), override)
    fires = _fires(row, value, threshold)
    return Judged(key, value, threshold, severity, fires, labels_of(annotations), override, error)


def _fires(row: QueryRow, value: float | None, threshold: Threshold | None) -> bool | None:
    if "value" not in row:
        if threshold is not None and threshold.operator:
            raise QueryFailed("there is a threshold but no column `value`; name the number that it limits `value`")
        return True
    if value is None:
        return None
    return violates(value, threshold)


def violates(value: float, threshold: Threshold | None) -> bool:
    """Whether a value is a fault; every row is one where nothing limits it."""
    if threshold is None or not threshold.operator:
        return True
    return COMPARISONS[threshold.operator](value, threshold.limit)


def _threshold(rule: Rule, of_row: float | None, override: Override | None) -> Threshold | None:
    """The threshold of a row; one without operator is only shown."""
    if override is not None and override.threshold is not None:
        return override.threshold
    if of_row is not None:
        return Threshold(rule.threshold.operator if rule.threshold else "", of_row)
    return rule.threshold


def _override(rule: Rule, labels: Mapping[str, str]) -> Override | None:
    """What all overrides that fit say together; of two that say the same, that with more labels counts."""
    found: Override | None = None
    for override in rule.overrides:
        if any(labels.get(name) != value for name, value in override.labels):
            continue
        found = override if found is None else _joined(found, override)
    return found


def _joined(wide: Override, narrow: Override) -> Override:
    return Override(
        narrow.labels,
        narrow.threshold or wide.threshold,
        narrow.enabled,
        wide.hold if narrow.hold is None else narrow.hold,
        narrow.severity or wide.severity,
    )


def _number(row: QueryRow, column: str) -> float | None:
    """The number of a column; None where there is none, or it is no number of a kind that can be compared."""
    cell = row.get(column)
    if cell is None:
        return None
    if not isinstance(cell, int | float | Decimal):
        raise QueryFailed(f"column `{column}` is {_kind(cell)} and no number; {_remedy(cell)}")
    number = float(cell)
    return None if math.isnan(number) else number


def _kind(cell: object) -> str:
    names = {"str": "text", "timedelta": "an interval", "datetime": "a moment", "date": "a date", "list": "a list"}
    if isinstance(cell, Beside | Unreadable):
        return cell.kind
    return names.get(type(cell).__name__, f"of type {type(cell).__name__}")


def _remedy(cell: object) -> str:
    if hasattr(cell, "total_seconds") or isinstance(cell, datetime | Unreadable):
        return "write extract(epoch from …) for seconds"
    return "cast it with ::double precision"


def _severity(row: QueryRow) -> tuple[Severity | None, str]:
    """The severity of a row, and what is wrong with it."""
    cell = row.get("severity")
    if cell is None:
        return None, ""
    try:
        return Severity(str(cell)), ""
    except ValueError:
        known = ", ".join(Severity)
        return None, f"column `severity` says {str(cell)[:50]!r}; it must be one of {known}"


def _as_text(cell: object) -> str:
    if isinstance(cell, datetime):
        return iso(cell.astimezone(UTC)) if cell.tzinfo else cell.isoformat(" ")
    if isinstance(cell, float):
        return f"{cell:.6g}"
    return cell if isinstance(cell, str) else str(cell)


def _same_labels(double: AbstractSet[Labels]) -> str:
    shown = "; ".join(_shown(labels) for labels in sorted(double)[:MOST_ERRORS])
    more = f" and {len(double) - MOST_ERRORS} more" if len(double) > MOST_ERRORS else ""
    return f"several rows have the same labels ({shown}{more}); group by them, or add a text column that differs"


def _shown(labels: Labels) -> str:
    return json.dumps(dict(labels), ensure_ascii=False)[:200] if labels else "no labels"


def _noted(annotations: Labels, summary: str) -> Labels:
    return (
        annotations
        if any(name == "summary" for name, _ in annotations)
        else labels_of({**dict(annotations), "summary": summary})
    )


def _worst(judged: Sequence[Judged]) -> tuple[float | None, float | None]:
    """The value that is farthest on the wrong side of its threshold, for the history, and that threshold."""
    valued = [one for one in judged if one.value is not None]
    if not valued:
        return None, None
    worst = max(valued, key=_badness)
    return worst.value, worst.threshold.limit if worst.threshold else None


def _badness(one: Judged) -> tuple[bool, float]:
    value = one.value or 0.0
    limit = one.threshold.limit if one.threshold else 0.0
    falling = one.threshold is not None and one.threshold.operator in {"<", "<="}
    distance = limit - value if falling else value - limit
    return bool(one.fires), 0.0 if math.isnan(distance) else distance
