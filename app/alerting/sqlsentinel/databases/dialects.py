"""What each kind of database is asked through, and by what means it is limited in time and kept from writing. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from importlib.util import find_spec
from typing import Any

from app.errors import ConfigurationError

CONNECT_SECONDS = 10


class Cancelling(StrEnum):
    """How a statement that runs too long is ended."""

    INTERRUPT = "interrupt"
    """The driver interrupts it within this process."""
    CANCEL = "cancel"
    """The driver asks the server to cancel it; if that does not help, the connection is cut."""
    CUT = "cut"
    """The connection is cut."""
    PROCESS = "process"
    """The driver cannot be cancelled: it runs in a process of its own, which is ended."""


class ReadOnly(StrEnum):
    """How far a statement is kept from writing."""

    DATABASE = "database"
    """The database refuses to write."""
    STATEMENT = "statement"
    """The database has no such mode: only statements that begin like a query are sent, and all is rolled back."""


@dataclass(frozen=True, slots=True)
class DialectRules:
    """The rules of one kind; `before` are statements ahead of each query, with {seconds} and {milliseconds}."""

    name: str
    driver: str
    module: str
    install: str
    cancelling: Cancelling = Cancelling.PROCESS
    read_only: ReadOnly = ReadOnly.STATEMENT
    before: tuple[str, ...] = ()
    writable_before: tuple[str, ...] = ()
    """In their place where statements may write."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Of the driver's connect."""
    queries_only: bool = False
    """The database lets some statements through that end the transaction: besides, only what begins like a query is sent."""

    @property
    def remedy(self) -> str:
        """What to do where the driver is not there."""
        return (
            f"run {self.install}"
            if self.install
            else f"install the dialect of SQLAlchemy for {self.name}, and its driver"
        )


_READ_ONLY_SESSION = ("SET SESSION TRANSACTION READ ONLY", "START TRANSACTION READ ONLY")
"""A statement that changes the schema ends the transaction, and would begin another that may write."""
_INSTALL = "pip install 'gridkeeper[{}]'"

DIALECTS: Mapping[str, DialectRules] = {
    rules.name: rules
    for rules in (
        DialectRules(
            "sqlite", "pysqlite", "sqlite3", "", Cancelling.INTERRUPT, ReadOnly.DATABASE,
            ("PRAGMA query_only = ON",), ("PRAGMA query_only = OFF",),
        ),
        DialectRules(
            "postgresql", "psycopg", "psycopg", "", Cancelling.CANCEL, ReadOnly.DATABASE,
            ("SET TRANSACTION READ ONLY", "SET LOCAL statement_timeout = {milliseconds}"),
            ("SET LOCAL statement_timeout = {milliseconds}",),
            {"connect_timeout": CONNECT_SECONDS},
        ),
        DialectRules(
            "redshift", "redshift_connector", "redshift_connector", "pip install sqlalchemy-redshift redshift-connector",
            before=("SET statement_timeout TO {milliseconds}",), writable_before=("SET statement_timeout TO {milliseconds}",),
        ),
        DialectRules(
            "mysql", "pymysql", "pymysql", _INSTALL.format("mysql"), Cancelling.CUT, ReadOnly.DATABASE,
            ("SET SESSION MAX_EXECUTION_TIME = {milliseconds}", *_READ_ONLY_SESSION),
            ("SET SESSION MAX_EXECUTION_TIME = {milliseconds}", "SET SESSION TRANSACTION READ WRITE"),
            {"connect_timeout": CONNECT_SECONDS}, queries_only=True,
        ),
        DialectRules(
            "mariadb", "pymysql", "pymysql", _INSTALL.format("mysql"), Cancelling.CUT, ReadOnly.DATABASE,
            ("SET SESSION max_statement_time = {seconds}", *_READ_ONLY_SESSION),
            ("SET SESSION max_statement_time = {seconds}", "SET SESSION TRANSACTION READ WRITE"),
            {"connect_timeout": CONNECT_SECONDS}, queries_only=True,
        ),
        DialectRules("duckdb", "duckdb_engine", "duckdb_engine", _INSTALL.format("duckdb"), Cancelling.INTERRUPT, ReadOnly.DATABASE),
        DialectRules("mssql", "pymssql", "pymssql", _INSTALL.format("mssql"), arguments={"login_timeout": CONNECT_SECONDS}),
        DialectRules(
            "oracle", "oracledb", "oracledb", _INSTALL.format("oracle"), read_only=ReadOnly.DATABASE,
            before=("SET TRANSACTION READ ONLY",), arguments={"tcp_connect_timeout": CONNECT_SECONDS},
        ),
        DialectRules(
            "snowflake", "snowflake", "snowflake.sqlalchemy", "pip install snowflake-sqlalchemy",
            before=("ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = {seconds}",),
            writable_before=("ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = {seconds}",),
            arguments={"login_timeout": CONNECT_SECONDS},
        ),
        DialectRules("bigquery", "bigquery", "sqlalchemy_bigquery", "pip install sqlalchemy-bigquery"),
        DialectRules(
            "clickhouse", "http", "clickhouse_sqlalchemy", "pip install clickhouse-sqlalchemy", read_only=ReadOnly.DATABASE,
            before=("SET max_execution_time = {seconds}", "SET readonly = 1"),
            writable_before=("SET max_execution_time = {seconds}",),
        ),
        DialectRules(
            "clickhousedb", "connect", "clickhouse_connect", "pip install clickhouse-connect", read_only=ReadOnly.DATABASE,
            arguments={"connect_timeout": CONNECT_SECONDS},
        ),
    )
}  # fmt: skip

_ALIASES = {"postgres": "postgresql", "clickhouse+connect": "clickhousedb"}
_REPLACED = frozenset(
    {"mysql+mysqldb", "postgresql+psycopg2", "postgresql+asyncpg", "sqlite+aiosqlite", "mariadb+mysqldb"}
)
"""Drivers in whose place ours works as well; aiosqlite and asyncpg are not synchronous."""


def dialect_of(url: str) -> tuple[DialectRules, str]:
    """The rules of a URL, and the URL with the driver by which it is asked; ConfigurationError where it is none."""
    scheme, mark, rest = url.partition("://")
    if not mark or not scheme:
        raise ConfigurationError(
            f"{url.rpartition('@')[2][:60]!r} is no URL of a database; write it as sqlite:///data.db"
        )
    name, _, driver = _ALIASES.get(scheme.lower(), scheme.lower()).partition("+")
    name = _ALIASES.get(name, name)
    rules = DIALECTS.get(name)
    if rules is None:
        # Whatever SQLAlchemy has a dialect for, without any rules but a process that can be ended.
        return DialectRules(name, driver, "", ""), url
    if not driver or f"{name}+{driver}" in _REPLACED:
        plain = rules.driver in {"duckdb_engine", "snowflake", "bigquery", "http", "connect", "pysqlite"}
        return rules, f"{name}{'' if plain else '+' + rules.driver}://{_adapted(name, rest)}"
    own = driver == rules.driver
    return (rules if own else _foreign(rules)), f"{name}+{driver}://{_adapted(name, rest)}"


def served_by(rules: DialectRules, dialect: object) -> DialectRules:
    """The rules of the server that answered: URLs of MySQL are written for MariaDB, too, whose limit has another name."""
    maria = rules.name == "mysql" and getattr(dialect, "is_mariadb", False)
    return (
        replace(rules, before=DIALECTS["mariadb"].before, writable_before=DIALECTS["mariadb"].writable_before)
        if maria
        else rules
    )


def is_postgres(url: str) -> bool:
    """Whether our own driver for PostgreSQL takes the URL as it stands."""
    return url.startswith(("postgresql://", "postgres://"))


def check_database_url(url: str) -> None:
    """ConfigurationError where a URL is none of a database, or its driver is not installed."""
    rules, _ = dialect_of(url)
    try:
        there = not rules.module or find_spec(rules.module) is not None
    except ModuleNotFoundError:
        there = False
    if not there:
        raise ConfigurationError(f"the driver for {rules.name} is not installed; {rules.remedy}")


def _foreign(rules: DialectRules) -> DialectRules:
    """Another driver of a known kind: its statements hold, how it is cancelled is not known."""
    install = f"{rules.install} and begin the URL with {rules.name}://" if rules.install else ""
    return replace(rules, driver="", module="", install=install, cancelling=Cancelling.PROCESS, arguments={})


def _adapted(name: str, rest: str) -> str:
    """The original's own parameter of BigQuery by the name that the dialect knows."""
    return rest.replace("credentials=", "credentials_path=", 1) if name == "bigquery" else rest


def statements_before(rules: DialectRules, seconds: float, *, writable: bool) -> list[str]:
    """What is said ahead of a query; limits of the server are a little later than ours, which say what they are."""
    values = {"seconds": max(1, round(seconds + 1)), "milliseconds": max(1, round(seconds * 1000) + 1000)}
    return [text.format(**values) for text in (rules.writable_before if writable else rules.before)]
