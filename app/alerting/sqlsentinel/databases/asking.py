"""Asks one database one query over one connection of SQLAlchemy; runs in a thread, or in a process that can be ended."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, MappingResult, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from app.alerting.rules.sql_guard import one_query
from app.alerting.sqlsentinel.databases.dialects import (
    Cancelling,
    DialectRules,
    ReadOnly,
    dialect_of,
    served_by,
    statements_before,
)
from app.errors import AppError, ConfigurationError

AnswerRow = Mapping[str, Any]
MOST_ROWS = 2
"""One is right, and two show that it is wrong."""
MOST_CHARACTERS, FETCHED_AT_ONCE = 20_000_000, 500
_STREAMED = frozenset({"postgresql", "mysql", "mariadb"})
"""Their drivers fetch all that there is before the first row can be read, unless the server keeps it."""
_ASIDE = re.compile(r"\s*(\[SQL:|\(Background on this error).*", re.DOTALL)
_INTO_FILE = re.compile(r"\binto\s+(?:out|dump)file\b", re.IGNORECASE)
_DENIED = frozenset({sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH})


class AskingFailed(AppError):
    """The database did not answer the query; the message says why."""


class Asker:
    """A database and how it is asked. With `writable` statements may write, and nothing of it is kept."""

    def __init__(self, url: str, *, connections: int, writable: bool = False, most_rows: int = MOST_ROWS) -> None:
        self.rules, address = dialect_of(url)
        self._writable = writable
        self._most_rows = most_rows
        self._secret = _password(address)
        self.engine = self._engine(address, connections)

    def ask(self, query: str, seconds: float, running: Callable[[Any], None] = lambda _raw: None) -> list[AnswerRow]:
        """The first rows of a query; AskingFailed where it has none. `running` is told what may be cancelled."""
        if not self._writable:
            self._guard(query)
        try:
            with self.engine.connect() as connection:
                running(connection.connection.driver_connection)
                try:
                    return self._rows(connection, query, seconds)
                finally:
                    running(None)
        except (SQLAlchemyError, UnicodeError, ValueError, ArithmeticError, TypeError, OSError) as error:
            raise AskingFailed(self._said(error)) from error

    def _guard(self, query: str) -> None:
        """One statement: a second could leave the transaction that only reads. Where there is none, it has to be a query."""
        enforced = self.rules.read_only is ReadOnly.DATABASE and not self.rules.queries_only
        try:
            one_query(f"select {query}" if enforced else query)
        except ConfigurationError as error:
            raise AskingFailed(str(error)) from None
        if self.rules.queries_only and _INTO_FILE.search(query):
            raise AskingFailed("a query writes no file on the server; leave INTO OUTFILE out")

    def _rows(self, connection: Connection, query: str, seconds: float) -> list[AnswerRow]:
        rules = served_by(self.rules, connection.dialect)
        for statement in statements_before(rules, seconds, writable=self._writable):
            connection.exec_driver_sql(statement)
        streamed = self.rules.name in _STREAMED and not self._writable and _reads(query)
        with closing(connection.execution_options(stream_results=streamed).execute(text(query))) as result:
            rows = self._within_bounds(result.mappings()) if result.returns_rows else []
        connection.rollback()
        return rows

    def _within_bounds(self, found: MappingResult) -> list[AnswerRow]:
        """The first rows, so long as their texts are not too long together."""
        rows: list[AnswerRow] = []
        size = 0
        while some := found.fetchmany(min(FETCHED_AT_ONCE, self._most_rows - len(rows))):
            rows += [dict(row) for row in some]
            size += sum(len(cell) for row in some for cell in row.values() if isinstance(cell, str | bytes))
            if size > MOST_CHARACTERS:
                raise AskingFailed(f"the statement returns more than {MOST_CHARACTERS:,} characters: shorten its texts")
            if len(rows) >= self._most_rows:
                break
        return rows

    def close(self) -> None:
        self.engine.dispose()

    def _engine(self, address: str, connections: int) -> Engine:
        try:
            url = make_url(address)
            settings: dict[str, Any] = {"connect_args": dict(self.rules.arguments)}
            in_memory = self.rules.name in {"sqlite", "duckdb"} and (url.database or ":memory:") == ":memory:"
            if in_memory:
                # Each query finds a new one, as nothing is ever written to it.
                settings |= {"poolclass": NullPool}
            else:
                settings |= {"poolclass": QueuePool, "pool_size": connections, "max_overflow": 0}
                settings |= {"pool_pre_ping": self.rules.name != "sqlite", "pool_recycle": 1800}
            if self.rules.name == "duckdb" and not self._writable and not in_memory:
                settings["connect_args"]["read_only"] = True
            if self.rules.name == "sqlite" and not self._writable and not in_memory:
                url = _existing(url)
            engine = create_engine(url, **settings)
        except (ModuleNotFoundError, NoSuchModuleError):
            raise ConfigurationError(
                f"the driver for {self.rules.name} is not installed; {self.rules.remedy}"
            ) from None
        except (ArgumentError, ValueError) as error:
            raise ConfigurationError(f"this is no URL of a database: {self._said(error)}") from None
        if self.rules.name == "sqlite" and not self._writable:
            event.listen(engine, "connect", _without_attaching)
        return engine

    def _said(self, error: Exception) -> str:
        """What the driver says, without the statement, the library's link and the password."""
        origin = getattr(error, "orig", None)
        said = " ".join(_ASIDE.sub("", str(origin or error)).split())
        if "bind parameter" in said:
            said += r"; a colon before a word names a parameter: write it as \: where it is none"
        if self._secret:
            said = said.replace(self._secret, "***")
        if self._writable or "read" not in said.lower() or "only" not in said.lower():
            return said or type(error).__name__
        return f"{said}: queries only read here; with compat: strict they may write, and nothing of it is kept"


def _reads(query: str) -> bool:
    """Whether a cursor of the server can be opened for it."""
    try:
        one_query(query)
    except ConfigurationError:
        return False
    return True


def _existing(url: URL) -> URL:
    """SQLite makes a database of a name that does not exist; a query shall find none."""
    if (url.database or "").startswith("file:"):
        return url
    return url.set(database=f"file:{quote(url.database or '')}").update_query_dict({"mode": "rw", "uri": "true"})


def _without_attaching(raw: Any, _record: Any) -> None:
    """Attaching a database would make its file; a value longer than an answer may be is an error there."""
    raw.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_CHARACTERS)
    raw.set_authorizer(lambda action, *_: sqlite3.SQLITE_DENY if action in _DENIED else sqlite3.SQLITE_OK)


def _password(address: str) -> str:
    try:
        return make_url(address).password or ""
    except (ArgumentError, ValueError):
        return ""


def cancel(raw: Any, rules: DialectRules) -> None:
    """End what runs on a driver's connection, as the driver can."""
    if rules.cancelling is Cancelling.INTERRUPT:
        raw.interrupt()
    elif rules.cancelling is Cancelling.CANCEL:
        with suppress(Exception):  # the server may be out of reach: then the connection is cut
            raw.cancel_safe(timeout=3.0)
    else:
        cut(raw)


def cut(raw: Any) -> None:
    """Cut a connection at its socket, so that whoever waits for an answer gets an error."""
    descriptor = getattr(raw, "_sock", None) or raw
    with suppress(Exception), socket.socket(fileno=os.dup(descriptor.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
