"""What the rows of an alert's query mean: exactly one row whose status is ALERT or OK, anything else is an error. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

SHOWN = 60
RESULT_COLUMNS = frozenset({"status", "actual_value", "threshold"})


class QueryStatus(StrEnum):
    """What a query said."""

    ALERT = "ALERT"
    OK = "OK"
    ERROR = "ERROR"


class ExecutionStatus(StrEnum):
    """What a run of an alert came to, in the words of the original."""

    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"


_RUNS = {
    QueryStatus.OK: ExecutionStatus.SUCCESS,
    QueryStatus.ALERT: ExecutionStatus.FAILURE,
    QueryStatus.ERROR: ExecutionStatus.ERROR,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One evaluation of a query; `warning` is what may be wrong with one that is none the less valid."""

    status: QueryStatus
    actual_value: Any = None
    threshold: Any = None
    context: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    warning: str = ""

    @property
    def run_status(self) -> ExecutionStatus:
        return _RUNS[self.status]


def failed_verdict(error: str) -> Verdict:
    return Verdict(QueryStatus.ERROR, error=error)


def judge(rows: Sequence[Mapping[str, Any]]) -> Verdict:
    """What rows mean, by their names and values."""
    if not rows:
        return failed_verdict(
            "the query returned no rows; it must return exactly one, with a column status: take aggregates, "
            "which have a row where nothing matches too"
        )
    if len(rows) > 1:
        return failed_verdict("the query returned more than one row; it must return exactly one: count or sum them up")
    row = rows[0]
    if "status" not in row:
        names = ", ".join(row) or "none"
        near = next((name for name in row if name.lower() == "status"), None)
        remedy = f"write {near} as status, in lower case" if near else "name one of them status"
        return failed_verdict(f"the query has no column status; its columns are {names}: {remedy}")
    status = _text(row["status"])
    if not isinstance(status, str):
        shown = "NULL" if status is None else repr(status)[:SHOWN]
        remedy = "does a CASE have no ELSE?" if status is None else "it must be a text"
        return failed_verdict(f"the status is {shown} and neither ALERT nor OK; {remedy}")
    word = status.upper()
    if word not in {QueryStatus.ALERT, QueryStatus.OK}:
        remedy = "there are blanks around it" if word.strip() in {"ALERT", "OK"} else "the query may say no other"
        return failed_verdict(f"the status is {status[:SHOWN]!r} and neither ALERT nor OK; {remedy}")
    found = QueryStatus(word)
    return Verdict(
        found,
        row.get("actual_value"),
        row.get("threshold"),
        {name: value for name, value in row.items() if name not in RESULT_COLUMNS},
        warning=_trap(found, row),
    )


def _text(cell: Any) -> Any:
    """Some drivers give bytes for a text of a binary kind."""
    if isinstance(cell, bytes | bytearray | memoryview):
        with suppress(UnicodeDecodeError):
            return bytes(cell).decode()
    return cell


def _trap(status: QueryStatus, row: Mapping[str, Any]) -> str:
    if status is QueryStatus.OK and "actual_value" in row and row["actual_value"] is None:
        return (
            "it says OK although actual_value is NULL: where no rows match, sums and averages are NULL and every "
            "comparison with them is false; say what no data means, as CASE WHEN total IS NULL OR total < 10 THEN 'ALERT'"
        )
    return ""


def as_number(value: Any) -> float | None:
    """The value as the history keeps it; None where it is no finite number."""
    if not isinstance(value, bool | int | float | Decimal | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def as_json(value: Any) -> Any:
    """The value as JSON has it: numbers as numbers, what JSON does not know as text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and value.is_finite() else as_json(float(value))
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(name): as_json(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(one) for one in value]
    return value.hex() if isinstance(value, bytes) else str(value)
