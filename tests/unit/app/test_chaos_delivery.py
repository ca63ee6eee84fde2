"""How scripts/chaos_delivery.py judges what receivers saw."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "scripts"


def test_a_loss_a_missing_end_and_a_lone_end_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    chaos = importlib.import_module("chaos_delivery")
    due = {1: {"a", "b"}, 2: {"a"}, 3: {"a"}}
    told = {("a", 1): ["fired", "resolved"], ("b", 1): ["fired"], ("a", 2): ["late"], ("b", 2): ["resolved"]}
    judged = chaos.judged(due, told, {("a", 1), ("a", 3)})
    assert judged == {"missing": 1, "without_end": 2, "lone_ends": 1, "claimed_only": 1, "late": 1}
