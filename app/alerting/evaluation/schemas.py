"""Evaluations of rules as programs read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from app.alerting.models import Evaluation, Signal
from app.alerting.queries import QueryRow
from app.schemas import FreeForm, Instant, Number, Resource

_PLAIN = (str, int, float, bool, type(None))


class SignalResource(Resource):
    """A row that shows a fault; `severity` is null where the rule's counts."""

    labels: dict[str, str]
    value: Number | None
    threshold: Number | None
    severity: str | None
    annotations: dict[str, str]

    @classmethod
    def of(cls, signal: Signal) -> Self:
        return cls(
            labels=dict(signal.labels),
            value=signal.value,
            threshold=signal.threshold,
            severity=signal.severity,
            annotations=dict(signal.annotations),
        )


class EvaluationResource(Resource):
    """What an evaluation of a rule found."""

    rule: str
    at: Instant
    verdict: str
    value: Number | None
    threshold: Number | None
    error: str
    signals: list[SignalResource]

    @classmethod
    def of(cls, evaluation: Evaluation) -> Self:
        return cls(
            rule=evaluation.rule,
            at=evaluation.at,
            verdict=evaluation.verdict,
            value=evaluation.value,
            threshold=evaluation.threshold,
            error=evaluation.error,
            signals=[SignalResource.of(signal) for signal in evaluation.signals],
        )


class TriedRuleResource(Resource):
    """A rule that was evaluated once: the rows of its statement, with the columns that it names, and what they show."""

    rule: str
    rows: list[dict[str, FreeForm]]
    at: Instant
    verdict: str
    value: Number | None
    threshold: Number | None
    error: str
    signals: list[SignalResource]

    @classmethod
    def of_rows(cls, rows: Sequence[QueryRow], evaluation: Evaluation) -> Self:
        found = EvaluationResource.of(evaluation)
        return cls(rows=[_plain(row) for row in rows], **dict(found))


def _plain(row: Mapping[str, object]) -> dict[str, object]:
    return {name: value if isinstance(value, _PLAIN) else str(value) for name, value in row.items()}
