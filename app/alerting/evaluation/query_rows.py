"""What the statement of a rule gives: rows within bounds, with cells that are labels, values or stand beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from app.alerting.evaluation.query_moments import unreadable_in
from app.alerting.queries import QueryFailed, QueryRow

MOST_ROWS = 10_000
MOST_BYTES = 20_000_000
"""Of all rows of a statement as text: the server counts them, and sends none where there are more."""
MOST_OF_LISTS = 1_000_000
"""The same where a column is a list or has parts: these take far more memory here than as text."""
_AS_THEY_ARE = frozenset({
    "text", "varchar", "bpchar", "char", "name", "citext",
    "bool", "int2", "int4", "int8", "float4", "float8", "numeric", "money", "uuid", "date", "time", "timetz",
    "timestamp", "timestamptz", "interval", "oid",
})  # fmt: skip
_WITH_PARTS = frozenset({"array", "composite", "range"})
_LISTS = frozenset({"path", "polygon", "record", "int2vector", "oidvector", "pg_snapshot", "txid_snapshot"})


@dataclass(frozen=True, slots=True)
class Beside:
    """A cell of a type that is no label: JSON, a list, a range; `text` is as the server writes it."""

    text: str
    kind: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class QueryColumns:
    """Names and kinds of the columns of a statement; plain ones have no kind. `most_bytes`: of all its rows as text."""

    named: tuple[tuple[str, str], ...]
    most_bytes: int


@dataclass(frozen=True, slots=True)
class PreparedQuery:
    """A statement as the server knows it."""

    statement: PreparedStatement[asyncpg.Record]
    columns: QueryColumns


def kind_of(of: asyncpg.Type) -> str:
    """What to call a type whose values are neither labels nor numbers nor moments; empty for the others."""
    if of.kind == "array":
        return f"{of.name.removesuffix('[]')}[]"
    plain = of.kind == "scalar" and (of.name in _AS_THEY_ARE or of.schema != "pg_catalog")
    return "" if plain else of.name


def has_parts(of: asyncpg.Type) -> bool:
    """Whether the driver makes several objects of one value: lists, rows, ranges, points."""
    return of.kind in _WITH_PARTS or of.name in _LISTS or of.name.endswith("multirange")


def read_rows(records: Sequence[asyncpg.Record], columns: QueryColumns) -> list[QueryRow]:
    """The rows of records that each begin with the bytes of all up to themselves."""
    return bounded_rows([(record[0], tuple(record)[1:]) for record in records], columns)


def bounded_rows(rows: Sequence[tuple[int, Sequence[object]]], columns: QueryColumns) -> list[QueryRow]:
    """The rows of cells with the bytes of all up to each; QueryFailed where they are too many or their columns unclear."""
    if rows and rows[-1][0] > columns.most_bytes:
        raise QueryFailed(
            f"the statement returns more than {columns.most_bytes:,} characters: shorten its texts with left(), and its"
            " lists"
        )
    if len(rows) > MOST_ROWS:
        raise QueryFailed(f"the statement returns more than {MOST_ROWS:,} rows: aggregate it, or add a limit")
    double = {name for name, count in Counter(name for name, _ in columns.named).items() if count > 1}
    if double:
        raise QueryFailed(f"two columns are called {', '.join(sorted(double))}; rename one with `as`")
    return [_row(cells, columns.named) for _, cells in rows]


def _row(cells: Sequence[object], columns: Sequence[tuple[str, str]]) -> QueryRow:
    return {
        name: Beside(cell, kind) if kind and isinstance(cell, str) else unreadable_in(cell) or cell
        for (name, kind), cell in zip(columns, cells, strict=True)
    }
