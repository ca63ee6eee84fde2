from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from app.alerting.sqlsentinel.results import ExecutionStatus, QueryStatus, as_json, as_number, judge


@pytest.mark.parametrize(
    ("status", "run"),
    [("ALERT", ExecutionStatus.FAILURE), ("alert", ExecutionStatus.FAILURE), ("Ok", ExecutionStatus.SUCCESS)],
)
def test_one_row_with_a_status_in_any_letters(status: str, run: ExecutionStatus) -> None:
    verdict = judge([{"status": status, "actual_value": 7, "threshold": 5, "orders": 3}])
    assert (verdict.run_status, verdict.status) == (run, QueryStatus(status.upper()))
    assert (verdict.actual_value, verdict.threshold, dict(verdict.context)) == (7, 5, {"orders": 3})
    assert not verdict.error
    assert not verdict.warning


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "no rows"),
        ([{"status": "OK"}, {"status": "OK"}], "more than one row"),
        ([{"state": "OK"}], "its columns are state: name one of them status"),
        ([{"STATUS": "OK"}], "write STATUS as status"),
        ([{}], "its columns are none"),
        ([{"status": None}], "CASE have no ELSE"),
        ([{"status": 1}], "the status is 1 "),
        ([{"status": b"\xff"}], "the status is b'"),
        ([{"status": " ALERT "}], "blanks around it"),
        ([{"status": "WARNING"}], "may say no other"),
        ([{"status": "ERROR"}], "'ERROR' and neither"),
        ([{"status": ""}], "'' and neither"),
    ],
)
def test_anything_else_is_an_error_that_says_what_was_wrong(rows: list[dict[str, Any]], said: str) -> None:
    verdict = judge(rows)
    assert verdict.run_status is ExecutionStatus.ERROR
    assert said in verdict.error


def test_a_status_of_a_binary_kind_is_a_text() -> None:
    assert judge([{"status": b"ok"}]).status is QueryStatus.OK


def test_an_ok_without_a_value_is_warned_of() -> None:
    assert "actual_value is NULL" in judge([{"status": "OK", "actual_value": None}]).warning
    assert not judge([{"status": "ALERT", "actual_value": None}]).warning
    assert not judge([{"status": "OK"}]).warning


def test_values_as_numbers_and_as_json() -> None:
    values = [1, 1.5, True, Decimal("2.5"), "3", "many", None, float("nan"), Decimal("1e400"), date(2026, 1, 1)]
    assert [as_number(value) for value in values] == [1.0, 1.5, 1.0, 2.5, 3.0, None, None, None, None, None]
    shown = as_json(
        {
            "d": Decimal("2.50"),
            "i": Decimal(3),
            "n": float("inf"),
            "t": date(2026, 1, 2),
            "b": b"\x01",
            "l": [1, (None,)],
        }
    )
    assert shown == {"d": 2.5, "i": 3, "n": "inf", "t": "2026-01-02", "b": "01", "l": [1, [None]]}
