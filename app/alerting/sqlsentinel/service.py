"""Runs alerts of a file: asks the database, keeps state and history, and puts what people are told into the outbox."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from datetime import datetime
from uuid import uuid4

from app.alerting.sqlsentinel.databases.pool import Answered, DatabasePool
from app.alerting.sqlsentinel.models import SentinelAlert, SentinelFile
from app.alerting.sqlsentinel.notices.messages import SentinelMessage, sentinel_message
from app.alerting.sqlsentinel.repository import AlertExecution, SentinelRepository
from app.alerting.sqlsentinel.results import Verdict, failed_verdict, judge
from app.alerting.sqlsentinel.runs import AlertRun
from app.alerting.sqlsentinel.transitions import Laws, SentinelNotice, SentinelState, follow_verdict
from app.clock import Clock

BATCH = 100
"""Evaluations that are kept in one transaction: a commit costs more than a query."""


def verdict_of(answered: Answered) -> Verdict:
    return failed_verdict(answered.error) if answered.error else judge(answered.rows)


class SentinelService:
    """Runs the alerts of one file; without a repository nothing is kept and nobody is told: a dry run."""

    def __init__(self, pool: DatabasePool, repository: SentinelRepository | None, clock: Clock) -> None:
        self._pool = pool
        self._repository = repository
        self._clock = clock

    def ask(self, alert: SentinelAlert) -> Future[Answered]:
        return self._pool.submit(alert.query, alert.behaviour.time_out.total_seconds())

    def run(self, file: SentinelFile, alerts: Iterable[SentinelAlert], triggered_by: str) -> Iterator[list[AlertRun]]:
        """The runs in the order of the alerts, in batches, each kept when it is given."""
        asked = [(alert, self.ask(alert)) for alert in alerts]
        for start in range(0, len(asked), BATCH):
            runs = [run_of(alert, answer.result()) for alert, answer in asked[start : start + BATCH]]
            self.keep(file, runs, triggered_by)
            yield runs

    def keep(self, file: SentinelFile, runs: Sequence[AlertRun], triggered_by: str) -> None:
        """Write runs, the states that follow and what people are told, together."""
        if self._repository is not None and runs:
            now = self._clock.now()
            self._repository.record([_execution(file, run, now, triggered_by) for run in runs])


def run_of(alert: SentinelAlert, answered: Answered) -> AlertRun:
    return AlertRun(alert, verdict_of(answered), answered.seconds * 1000)


def _execution(file: SentinelFile, run: AlertRun, now: datetime, triggered_by: str) -> AlertExecution:
    alert = run.alert
    laws = Laws(file.compat, alert.behaviour, alert.enabled)

    def decide(state: SentinelState) -> tuple[SentinelState, list[tuple[str, SentinelMessage]]]:
        following, run.notice = follow_verdict(state, run.verdict.status, now, laws)
        targets = () if run.notice is SentinelNotice.NONE else alert.targets
        run.notices = [sentinel_message(alert, run.verdict, run.notice, str(uuid4())) for _ in targets]
        return following, [(target.channel, notice) for target, notice in zip(targets, run.notices, strict=True)]

    return AlertExecution(alert.name, alert.query, run.verdict, now, run.milliseconds, triggered_by, decide)
