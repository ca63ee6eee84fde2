"""States, history and messages in the database of states: SQLite or PostgreSQL, by URL."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, create_engine, delete, event, func, insert, select, update
from sqlalchemy.engine import Row, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from app.alerting.sqlsentinel.notices.messages import SentinelMessage
from app.alerting.sqlsentinel.results import QueryStatus, Verdict, as_json, as_number
from app.alerting.sqlsentinel.tables import EXECUTIONS, METADATA, NOTIFIED, OUTBOX, PAUSED, STATES
from app.alerting.sqlsentinel.transitions import SentinelState
from app.errors import ConfigurationError, DatabaseUnavailable

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class AlertExecution:
    """One evaluation of an alert, and what it means for its state and its receivers."""

    alert_name: str
    query: str
    verdict: Verdict
    at: datetime
    milliseconds: float
    triggered_by: str
    decide: Callable[[SentinelState], tuple[SentinelState, Sequence[tuple[str, SentinelMessage]]]]
    """The next state and the message for each target, by its channel; asked within the transaction."""


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A message that is to be sent to one target of its alert."""

    entry_id: int
    execution_id: int
    alert_name: str
    target: int
    channel: str
    message: str
    created_at: datetime
    attempts: int


class SentinelRepository:
    """Each public method is one transaction."""

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)

    def close(self) -> None:
        self._engine.dispose()

    def create(self) -> None:
        """The tables that are not there yet."""
        try:
            METADATA.create_all(self._engine)
        except SQLAlchemyError as error:
            raise _unavailable(error) from error

    def ping(self) -> None:
        with self._transaction(write=False) as connection:
            connection.execute(select(1))

    def states(self, names: Sequence[str]) -> dict[str, SentinelState]:
        """The states of those that have one."""
        with self._transaction(write=False) as connection:
            return self._states(connection, names, lock=False)

    def record(self, executions: Sequence[AlertExecution]) -> dict[str, SentinelState]:
        """Keep evaluations, the states that follow, and the messages about them: all of it or nothing."""
        names = sorted({execution.alert_name for execution in executions})
        with self._transaction() as connection:
            before = self._states(connection, names, lock=True)
            states = dict(before)
            silent: list[AlertExecution] = []
            for execution in executions:
                state = states.get(execution.alert_name, SentinelState(execution.alert_name))
                states[execution.alert_name], messages = execution.decide(state)
                if messages:
                    self._keep_all(connection, silent)
                    self._keep(connection, execution, messages)
                else:
                    silent.append(execution)
            self._keep_all(connection, silent)
            # What failed leaves no trace in the states, as with the original.
            changed = {name: one for name, one in states.items() if one != before.get(name, SentinelState(name))}
            latest = max((one.at for one in executions), default=datetime.now(UTC))
            self._write_states(connection, changed, set(before), latest)
        return states

    def silence(self, name: str, until: datetime | None, now: datetime) -> None:
        with self._transaction() as connection:
            states = self._states(connection, [name], lock=True)
            state = states.get(name, SentinelState(name))
            self._write_states(connection, {name: replace(state, silenced_until=until)}, set(states), now)

    def pause(self, name: str, at: datetime | None) -> None:
        """Leave an alert out from then on; None: ask it again."""
        with self._transaction() as connection:
            connection.execute(delete(PAUSED).where(PAUSED.c.alert_name == name))
            if at is not None:
                connection.execute(insert(PAUSED), {"alert_name": name, "paused_at": _naive(at)})

    def paused(self) -> frozenset[str]:
        with self._transaction(write=False) as connection:
            return frozenset(connection.execute(select(PAUSED.c.alert_name)).scalars())

    def history(self, name: str | None, limit: int) -> list[dict[str, Any]]:
        """Evaluations, the latest first."""
        query = select(EXECUTIONS).order_by(EXECUTIONS.c.executed_at.desc(), EXECUTIONS.c.id.desc()).limit(limit)
        if name is not None:
            query = query.where(EXECUTIONS.c.alert_name == name)
        with self._transaction(write=False) as connection:
            return [
                dict(row) | {"executed_at": _aware(row["executed_at"])} for row in connection.execute(query).mappings()
            ]

    def last_executions(self) -> dict[str, datetime]:
        """When each alert was evaluated last, whatever came of it."""
        query = select(EXECUTIONS.c.alert_name, func.max(EXECUTIONS.c.executed_at)).group_by(EXECUTIONS.c.alert_name)
        with self._transaction(write=False) as connection:
            return {name: at for name, last in connection.execute(query) if (at := _aware(last)) is not None}

    def claim(self, names: Sequence[str], now: datetime, until: datetime, most: int) -> list[OutboxEntry]:
        """Messages of these alerts that are due; until then nobody else sends them."""
        due = (OUTBOX.c.due_at <= _naive(now)) & OUTBOX.c.alert_name.in_(names)
        with self._transaction() as connection:
            rows = connection.execute(
                select(OUTBOX).where(due).order_by(OUTBOX.c.id).limit(most).with_for_update(skip_locked=True)
            )
            entries = [_entry(row) for row in rows]
            ids = [entry.entry_id for entry in entries]
            if ids:
                connection.execute(
                    update(OUTBOX)
                    .where(OUTBOX.c.id.in_(ids))
                    .values(due_at=_naive(until), attempts=OUTBOX.c.attempts + 1)
                )
        return entries

    def sent(self, entry: OutboxEntry, now: datetime) -> None:
        with self._transaction() as connection:
            self._finish(connection, entry, sent_at=_naive(now), due_at=None, error=None)
            connection.execute(
                update(EXECUTIONS).where(EXECUTIONS.c.id == entry.execution_id).values(notification_sent=True)
            )
            self._count_failures(connection, entry, 0)

    def not_sent(self, entry: OutboxEntry, error: str, due: datetime | None) -> None:
        """It was not taken; it is tried again at that instant, or given up."""
        with self._transaction() as connection:
            self._finish(connection, entry, due_at=_naive(due), error=error)
            connection.execute(
                update(EXECUTIONS).where(EXECUTIONS.c.id == entry.execution_id).values(notification_error=error)
            )
            self._count_failures(connection, entry, STATES.c.notification_failures + 1)

    def waiting(self, names: Sequence[str]) -> int:
        """How many messages of these alerts are still to be sent."""
        waits = OUTBOX.c.due_at.is_not(None) & OUTBOX.c.alert_name.in_(names)
        with self._transaction(write=False) as connection:
            return connection.execute(select(func.count()).where(waits)).scalar_one()

    def prune(self, before: datetime) -> int:
        """Delete the history that is older, and messages that are done with; how many rows that were."""
        with self._transaction() as connection:
            old = connection.execute(delete(EXECUTIONS).where(EXECUTIONS.c.executed_at < _naive(before)))
            connection.execute(delete(OUTBOX).where(OUTBOX.c.due_at.is_(None), OUTBOX.c.created_at < _naive(before)))
        return old.rowcount

    def _transaction(self, *, write: bool = True) -> AbstractContextManager[Connection]:
        return _transaction(self._engine, write=write)

    def _states(self, connection: Connection, names: Sequence[str], *, lock: bool) -> dict[str, SentinelState]:
        found: dict[str, SentinelState] = {}
        for chunk in _chunks(names):
            query = (
                select(STATES, NOTIFIED.c.due_since, NOTIFIED.c.notified_at, NOTIFIED.c.notified)
                .join(NOTIFIED, NOTIFIED.c.alert_name == STATES.c.alert_name, isouter=True)
                .where(STATES.c.alert_name.in_(chunk))
                .order_by(STATES.c.alert_name)
            )
            rows = connection.execute(query.with_for_update(of=STATES) if lock else query)
            found |= {row.alert_name: _state(row) for row in rows}
        return found

    def _keep_all(self, connection: Connection, executions: list[AlertExecution]) -> None:
        """Those of which nobody is notified, in one statement; the list is empty then."""
        if executions:
            connection.execute(insert(EXECUTIONS), [_history_row(one) for one in executions])
            executions.clear()

    def _keep(
        self, connection: Connection, execution: AlertExecution, messages: Sequence[tuple[str, SentinelMessage]]
    ) -> None:
        at = _naive(execution.at)
        made = connection.execute(insert(EXECUTIONS), _history_row(execution)).inserted_primary_key
        for target, (channel, message) in enumerate(messages):
            connection.execute(
                insert(OUTBOX),
                {
                    "execution_id": made[0] if made else 0,
                    "alert_name": execution.alert_name,
                    "target": target,
                    "channel": channel,
                    "message": message.text(),
                    "created_at": at,
                    "due_at": at,
                    "attempts": 0,
                },
            )

    def _write_states(
        self, connection: Connection, states: dict[str, SentinelState], known: set[str], now: datetime
    ) -> None:
        old = [_values(state, now) | {"name": name} for name, state in states.items() if name in known]
        if old:
            columns: dict[str, Any] = {name: bindparam(name) for name in old[0] if name not in {"name", "alert_name"}}
            connection.execute(update(STATES).where(STATES.c.alert_name == bindparam("name")).values(columns), old)
        new = [_values(state, now) for name, state in states.items() if name not in known]
        if new:
            connection.execute(insert(STATES), new)
        for chunk in _chunks(list(states)):
            connection.execute(delete(NOTIFIED).where(NOTIFIED.c.alert_name.in_(chunk)))
        due = [
            {
                "alert_name": name,
                "due_since": _naive(one.due_since),
                "notified_at": _naive(one.notified_at),
                "notified": one.notified,
            }
            for name, one in states.items()
            if one.due_since or one.notified_at or one.notified
        ]
        if due:
            connection.execute(insert(NOTIFIED), due)

    def _finish(self, connection: Connection, entry: OutboxEntry, **values: Any) -> None:
        connection.execute(update(OUTBOX).where(OUTBOX.c.id == entry.entry_id).values(**values))

    def _count_failures(self, connection: Connection, entry: OutboxEntry, failures: Any) -> None:
        connection.execute(
            update(STATES)
            .where(STATES.c.alert_name == entry.alert_name)
            .values(notification_failures=failures, last_notification_channel=entry.channel)
        )


@contextmanager
def _transaction(engine: Engine, *, write: bool) -> Iterator[Connection]:
    """A connection with a transaction; on SQLite one that writes takes its lock at the beginning, not in between."""
    try:
        with engine.execution_options(writes=write).begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise _unavailable(error) from error


def _engine(url: str) -> Engine:
    scheme, mark, rest = url.partition("://")
    if scheme in {"postgres", "postgresql", "postgresql+psycopg2"}:
        url = f"postgresql+psycopg{mark}{rest}"
    try:
        engine = create_engine(make_url(url), pool_pre_ping=not url.startswith("sqlite"))
    except (ArgumentError, ImportError, NoSuchModuleError, ValueError) as error:
        raise ConfigurationError(
            "the URL of the database of states is none that is known; write it as sqlite:///states.db or postgresql://…"
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _leave_transactions_to_us)
        event.listen(engine, "begin", _begin)
    return engine


def _leave_transactions_to_us(raw: Any, _record: Any) -> None:
    raw.isolation_level = None
    raw.execute("PRAGMA busy_timeout = 30000")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _unavailable(error: SQLAlchemyError) -> DatabaseUnavailable:
    said = " ".join(str(getattr(error, "orig", None) or error).split())
    return DatabaseUnavailable(f"the database of states cannot be used: {said}")


def _chunks(names: Sequence[str]) -> Iterable[Sequence[str]]:
    return (names[start : start + _CHUNK] for start in range(0, len(names), _CHUNK))


def _naive(instant: datetime | None) -> datetime | None:
    """As the tables have it: UTC without saying so."""
    return None if instant is None else instant.astimezone(UTC).replace(tzinfo=None)


def _aware(instant: Any) -> datetime | None:
    if isinstance(instant, str):
        instant = datetime.fromisoformat(instant)
    return None if instant is None else instant.replace(tzinfo=UTC)


def _state(row: Row[Any]) -> SentinelState:
    return SentinelState(
        row.alert_name,
        _aware(row.last_executed_at),
        _aware(row.last_alert_at),
        _aware(row.last_ok_at),
        row.consecutive_alerts,
        row.consecutive_oks,
        QueryStatus(row.current_status) if row.current_status else None,
        _aware(row.silenced_until),
        _aware(row.due_since),
        _aware(row.notified_at),
        bool(row.notified),
    )


def _history_row(execution: AlertExecution) -> dict[str, Any]:
    verdict = execution.verdict
    return {
        "alert_name": execution.alert_name,
        "executed_at": _naive(execution.at),
        "execution_duration_ms": execution.milliseconds,
        "status": verdict.status.value,
        "actual_value": as_number(verdict.actual_value),
        "threshold": as_number(verdict.threshold),
        "query": execution.query,
        "error_message": verdict.error or None,
        "triggered_by": execution.triggered_by,
        "notification_sent": False,
        "context_data": json.dumps(as_json(verdict.context)) if verdict.context else None,
    }


def _values(state: SentinelState, now: datetime) -> dict[str, Any]:
    return {
        "alert_name": state.alert_name,
        "last_executed_at": _naive(state.last_executed_at),
        "last_alert_at": _naive(state.last_alert_at),
        "last_ok_at": _naive(state.last_ok_at),
        "consecutive_alerts": state.consecutive_alerts,
        "consecutive_oks": state.consecutive_oks,
        "current_status": state.current_status.value if state.current_status else None,
        "silenced_until": _naive(state.silenced_until),
        "updated_at": _naive(now),
    }


def _entry(row: Row[Any]) -> OutboxEntry:
    return OutboxEntry(
        row.id,
        row.execution_id,
        row.alert_name,
        row.target,
        row.channel,
        row.message,
        _aware(row.created_at) or datetime.now(UTC),
        row.attempts,
    )
