"""Rules and what is wrong with them, as programs read them."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import Field

from app.alerting.models import Rule
from app.alerting.rules.book import Reading
from app.kit.yaml.tree import Problem
from app.schemas import Instant, RequestBody, Resource


class RuleProblemResource(Resource):
    """What is wrong with a rule, and where."""

    file: str
    line: int
    field: str
    message: str

    @classmethod
    def of(cls, problem: Problem) -> Self:
        return cls.model_validate(problem)


class RuleBookCheckResource(Resource):
    """Whether rules are valid: the number of one's own and of the shipped ones, and everything that is wrong."""

    valid: bool
    rules: int
    built_in: int
    problems: list[RuleProblemResource]

    @classmethod
    def of(cls, reading: Reading) -> Self:
        return cls(
            valid=not reading.problems,
            rules=reading.book.own,
            built_in=reading.book.shipped,
            problems=[RuleProblemResource.of(problem) for problem in reading.problems],
        )


class RuleResource(Resource):
    """A rule of the book; `next_slot` is null where it is disabled, `overrides` how many it has."""

    name: str
    description: str
    severity: str
    schedule: str
    next_slot: Instant | None
    threshold: str | None
    for_seconds: float
    labels: dict[str, str]
    depends_on: list[str]
    database: str
    enabled: bool
    built_in: bool
    origin: str
    runbook: str
    overrides: int

    @classmethod
    def of(cls, rule: Rule, now: datetime) -> Self:
        return cls(
            name=rule.name,
            description=rule.description,
            severity=rule.severity,
            schedule=str(rule.schedule),
            next_slot=rule.schedule.next_slot(now) if rule.enabled else None,
            threshold=str(rule.threshold) if rule.threshold else None,
            for_seconds=rule.hold.total_seconds(),
            labels=dict(rule.labels),
            depends_on=list(rule.depends_on),
            database=rule.database,
            enabled=rule.enabled,
            built_in=rule.built_in,
            origin=rule.origin,
            runbook=rule.runbook,
            overrides=len(rule.overrides),
        )


class RuleStandingResource(Resource):
    """Whether a rule rests."""

    rule: str
    paused: bool


class RuleTextBody(RequestBody):
    """Rules that are to be checked."""

    text: str = Field(max_length=500_000, description="YAML, as a file of rules has it.", examples=["rules: []"])
