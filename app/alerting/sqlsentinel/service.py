"""Runs alerts of a file: asks the database, keeps state and history, and puts what people are told into the outbox."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from datetime import datetime
from uuid import uuid4

from app.alerting.sqlsentinel.databases.jobs import Answered
from app.alerting.sqlsentinel.databases.pool import DatabasePool
from app.alerting.sqlsentinel.dependencies import blocking, in_layers
from app.alerting.sqlsentinel.models import SentinelAlert, SentinelFile
from app.alerting.sqlsentinel.notices.messages import SentinelMessage, sentinel_message
from app.alerting.sqlsentinel.repository import AlertExecution, SentinelRepository
from app.alerting.sqlsentinel.results import QueryStatus, Verdict, failed_verdict, judge
from app.alerting.sqlsentinel.runs import AlertRun
from app.alerting.sqlsentinel.transitions import Laws, SentinelNotice, SentinelState, follow_verdict
from app.clock import Clock

SKIPPED = Verdict(QueryStatus.OK)
"""Of an alert that was not asked; it is not kept."""
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
        """The answer to come, after so many attempts as the alert has."""
        answer: Future[Answered] = Future()
        self._attempt(alert, answer, 0)
        return answer

    def _attempt(self, alert: SentinelAlert, answer: Future[Answered], made: int) -> None:
        behaviour = alert.behaviour

        def done(attempt: Future[Answered]) -> None:
            answered = attempt.result()
            if not answered.error or made >= behaviour.retries:
                answer.set_result(answered)
                return
            again = threading.Timer(behaviour.wait_before(made), self._attempt, (alert, answer, made + 1))
            again.daemon = True
            again.start()

        asked = self._pool.submit(alert.query, behaviour.time_out.total_seconds(), behaviour.priority)
        asked.add_done_callback(done)

    def run(self, file: SentinelFile, alerts: Iterable[SentinelAlert], triggered_by: str) -> Iterator[list[AlertRun]]:
        """The runs in the order of the alerts, but after those that they depend on, in batches, kept when given."""
        statuses = self.statuses(file) if file.upstreams else {}
        for layer in in_layers(alerts, file.upstreams):
            blocked = {alert.name: blocking(alert, file.upstreams, statuses) for alert in layer}
            skipped = [
                AlertRun(alert, SKIPPED, 0.0, skipped=blocked[alert.name]) for alert in layer if blocked[alert.name]
            ]
            if skipped:
                yield skipped
            asked = [(alert, self.ask(alert)) for alert in layer if not blocked[alert.name]]
            for start in range(0, len(asked), BATCH):
                runs = [run_of(alert, answer.result()) for alert, answer in asked[start : start + BATCH]]
                self.keep(file, runs, triggered_by)
                statuses |= {run.alert.name: run.verdict.status for run in runs}
                yield runs

    def statuses(self, file: SentinelFile) -> dict[str, QueryStatus]:
        """How the alerts on which others depend stood last."""
        named = sorted(frozenset().union(*file.upstreams.values()))
        states = self._repository.states(named) if self._repository and named else {}
        return {name: state.current_status for name, state in states.items() if state.current_status}

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

    return AlertExecution(
        alert.name, alert.query, run.verdict, now, run.milliseconds, run.triggered_by or triggered_by, decide
    )
