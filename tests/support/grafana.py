"""What Grafana does to the queries of a dashboard before PostgreSQL sees them, and a check of what comes back.

First the browser writes variables into the text, then the server expands macros: a pattern without regard to SQL,
whose arguments therefore hold no closing parenthesis. Both are done here as Grafana 10 to 12 do them, so that a query
that passes here is one that a panel can draw.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import asyncpg

from app.db.dashboard_role import READER, SETTINGS

if TYPE_CHECKING:
    from app.db.engine import Connection

Json = dict[str, Any]

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_INTERVAL = re.compile(r"(\d+)(ms|[smhdw])")
_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)\b(?!\()")
_MACRO = re.compile(r"\$([_a-zA-Z0-9]+)\(([^)]*)\)")
_RELATION = re.compile(r"\b(?:from|join)\s+(?:lateral\s+)?(?!lateral\b)([a-z_][\w.]*)", re.IGNORECASE)
_CTE = re.compile(r"(?:\bwith|\),)\s+([a-z_]\w*)\s+as\s+(?:materialized\s+)?\(", re.IGNORECASE)
_EXPRESSION = re.compile(r"\bextract\s*\(\s*\w+\s+from\b|\bis\s+(?:not\s+)?distinct\s+from\b", re.IGNORECASE)
_INSTANTS = {"timestamptz", "timestamp", "date"}
_NUMBERS = {"int2", "int4", "int8", "float4", "float8", "numeric"}
_TEXTS = {"text", "varchar", "name"}


class CannotExpand(Exception):
    """Grafana would refuse the query or send PostgreSQL something that was not meant."""


@dataclass(frozen=True, slots=True)
class Query:
    """One statement of a dashboard, and where it stands."""

    place: str
    sql: str
    format: str = "table"


@dataclass(frozen=True, slots=True)
class View:
    """What a person looks at: a range, a step, the chosen values.

    `chosen`: the values of each variable, or as a plain string the custom text of "All", which goes in unquoted.
    """

    start: datetime
    end: datetime
    interval: str
    chosen: Mapping[str, str | Sequence[str]]


def panels(dashboard: Json) -> Iterator[Json]:
    """Every panel, also those in collapsed rows; headings left out."""
    for panel in dashboard["panels"]:
        yield from (one for one in (panel, *panel.get("panels", ())) if one["type"] != "row")


def queries(dashboard: Json) -> Iterator[Query]:
    """The statements of panels, variables and annotations."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield Query(f"panel {panel['title']!r}", target["rawSql"], target["format"])
    for variable in dashboard["templating"]["list"]:
        yield Query(f"variable {variable['name']!r}", variable["query"])
    for annotation in dashboard["annotations"]["list"]:
        yield Query(f"annotation {annotation['name']!r}", annotation["target"]["rawSql"], "annotation")


def all_chosen(dashboard: Json) -> dict[str, str | Sequence[str]]:
    """Every variable at "All"."""
    return {variable["name"]: variable["allValue"] for variable in dashboard["templating"]["list"]}


def relations(sql: str) -> set[str]:
    """The tables and views a statement names; what it defines itself left out."""
    return set(_RELATION.findall(_EXPRESSION.sub(" ", sql))) - set(_CTE.findall(sql))


def expand(sql: str, view: View) -> str:
    """The statement that reaches PostgreSQL."""
    if "[[" in sql:
        raise CannotExpand("[[ begins a variable in Grafana's old notation")
    written = _VARIABLE.sub(lambda found: _variable(found, view), sql)
    expanded = _MACRO.sub(lambda found: _macro(found, view), written)
    if left := re.search(r"\$\{?\w*", expanded):
        raise CannotExpand(f"{left[0]} is neither a variable nor a macro")
    return expanded


def seconds(interval: str) -> float:
    found = _INTERVAL.fullmatch(interval.strip(" '"))
    if found is None:
        raise CannotExpand(f"{interval!r} is no interval")
    return int(found[1]) * _UNITS[found[2]]


def _variable(found: re.Match[str], view: View) -> str:
    name, form = found[1] or found[3], found[2]
    built_in = {
        "__interval": view.interval,
        "__interval_ms": f"{seconds(view.interval) * 1000:.0f}",
        "__from": f"{view.start.timestamp() * 1000:.0f}",
        "__to": f"{view.end.timestamp() * 1000:.0f}",
    }
    if name in built_in:
        return built_in[name]
    if name not in view.chosen:
        return found[0]
    chosen = view.chosen[name]
    if isinstance(chosen, str):
        return chosen
    if form != "sqlstring":
        raise CannotExpand(f"write ${{{name}:sqlstring}}: any other form lets a value out of its quotes")
    return ",".join("'" + value.replace("'", "''") + "'" for value in chosen)


def _macro(found: re.Match[str], view: View) -> str:
    name, arguments = found[1], [argument.strip() for argument in found[2].split(",")]
    column, start, end = arguments[0], _rfc3339(view.start), _rfc3339(view.end)
    match name:
        case "__timeFilter":
            return f"{column} BETWEEN '{start}' AND '{end}'"
        case "__timeFrom":
            return f"'{start}'"
        case "__timeTo":
            return f"'{end}'"
        case "__time":
            return f'{column} AS "time"'
        case "__timeGroup" | "__timeGroupAlias":
            # A comma right after the group asks for the name, for the sake of old dashboards.
            named = name.endswith("Alias") or found.string[found.end() :].startswith(",")
            return _group(arguments) + (' AS "time"' if named else "")
    raise CannotExpand(f"${name} is no macro that this check knows")


def _group(arguments: Sequence[str]) -> str:
    """As for a data source that does not claim to have the extension, which ours never does."""
    if len(arguments) < 2:
        raise CannotExpand("$__timeGroup needs a column and an interval")
    column, step = arguments[0], seconds(arguments[1])
    return f"floor(extract(epoch from {column})/{step:g})*{step:g}"


def _rfc3339(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a query gave: its rows, or what is wrong with it."""

    query: Query
    rows: int = 0
    complaint: str = ""


async def run(connection: Connection, query: Query, view: View, limit: str = SETTINGS["statement_timeout"]) -> Outcome:
    """The query as the reader would run it from a panel: its role, read only, its time-out."""
    if foreign := {name for name in relations(query.sql) if not name.startswith("v_")}:
        return Outcome(query, complaint=f"reads {', '.join(sorted(foreign))}, which is no documented view")
    try:
        sql = expand(query.sql, view)
        async with connection.transaction(readonly=True):
            await connection.execute(f"set local role {READER}; set local statement_timeout = '{limit}'")
            statement = await connection.prepare(sql)
            columns = [(column.name, column.type.name) for column in statement.get_attributes()]
            rows = await statement.fetch()
    except (CannotExpand, asyncpg.PostgresError) as error:
        return Outcome(query, complaint=f"{type(error).__name__}: {error}")
    return Outcome(query, len(rows), _shape(query.format, columns, rows))


def _shape(form: str, columns: Sequence[tuple[str, str]], rows: Sequence[asyncpg.Record]) -> str:
    """Why Grafana could not draw the answer; empty where it can."""
    names = [name for name, _ in columns]
    if twice := {name for name in names if names.count(name) > 1}:
        return f"two columns named {', '.join(sorted(twice))}"
    if form == "table":
        return ""
    if dict(columns).get("time") not in _INSTANTS | _NUMBERS:
        return 'no column "time" that holds an instant'
    if form == "annotation":
        return "" if {"text", "tags"} <= set(names) else "an annotation without text and tags"
    return _series(columns, rows)


def _series(columns: Sequence[tuple[str, str]], rows: Sequence[asyncpg.Record]) -> str:
    others = {name: kind for name, kind in columns if name != "time"}
    labels = {name for name, kind in others.items() if kind in _TEXTS}
    if labels - {"metric"}:
        return f"text in {', '.join(sorted(labels))}, only metric may name a series"
    if odd := {name for name, kind in others.items() if kind not in _TEXTS | _NUMBERS}:
        return f"{', '.join(sorted(odd))} cannot be drawn over time"
    if not set(others) - labels:
        return "no column of numbers"
    if any(row["time"] is None or (labels and row["metric"] is None) for row in rows):
        return "a row without time or metric"
    if any(later["time"] < earlier["time"] for earlier, later in pairwise(rows)):
        return "the rows are not in the order of time"
    points = [(row["time"], row["metric"] if labels else "") for row in rows]
    return "" if len(points) == len(set(points)) else "two values of one series at the same time"


def around(now: datetime, interval: str, chosen: Mapping[str, str | Sequence[str]], *, days: int) -> View:
    """The last days and the next two."""
    return View(now - timedelta(days=days), now + timedelta(days=2), interval, chosen)
