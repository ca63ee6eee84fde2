"""One way to say which name was meant."""

from __future__ import annotations

from app.kit.suggest import did_you_mean


def test_names_that_are_spelled_alike_are_suggested_the_likeliest_first() -> None:
    known = ["housekeeping", "quality", "quality_repair"]
    assert did_you_mean("qualty", known, otherwise="!") == ", did you mean quality or quality_repair?"
    assert did_you_mean("qualty", known, otherwise="!", most=1, lead="; ") == "; did you mean quality?"


def test_where_nothing_is_alike_the_other_remedy_is_said() -> None:
    assert did_you_mean("zzz", ["quality"], otherwise="; `x list` shows them") == "; `x list` shows them"
    assert did_you_mean("qualty", ["quality"], otherwise="!", cutoff=0.99) == "!"
    assert did_you_mean("a", [], otherwise="") == ""
