"""A rule that is tried: the rows that it reads and what they mean; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.alerting.evaluation.evaluator import RuleEvaluator, evaluate_answer, failed
from app.alerting.models import Evaluation, Rule
from app.alerting.queries import QueryFailed, QueryRow


@dataclass(frozen=True, slots=True)
class TriedRule:
    """What a rule found; without rows where its question failed."""

    rule: Rule
    rows: Sequence[QueryRow]
    evaluation: Evaluation


async def try_with_rows(rule: Rule, evaluator: RuleEvaluator, now: datetime) -> TriedRule:
    rows: Sequence[QueryRow] = ()
    try:
        rows = await evaluator.rows(rule, now)
        return TriedRule(rule, rows, evaluate_answer(rule, rows, now))
    except QueryFailed as error:
        return TriedRule(rule, rows, failed(rule, str(error), now))
