from __future__ import annotations

from datetime import date, timedelta

from app.quality.overview.evidence import evidence_lines
from app.quality.overview.summary import GroupDay, Grouped, QualitySummary, scores_of_groups
from app.quality.scoring import DEFAULT_WEIGHTS, ScoreCounts
from app.web.pages.quality.sparks import spark

FIRST, LAST = date(2026, 1, 1), date(2026, 1, 21)


def day(name: str, number: int, stored: int) -> GroupDay:
    counts = ScoreCounts(expected=10, stored=stored, ours=10 - stored)
    return GroupDay(Grouped.ITEM, name, FIRST + timedelta(days=number), 2, counts)


def test_a_group_is_scored_by_its_counts_week_against_week_the_worst_first() -> None:
    rows = [day("good", 20, 10), day("bad", 20, 5), day("bad", 19, 7), day("bad", 8, 8), day("bad", 2, 0)]
    bad, good = scores_of_groups(rows, FIRST, LAST, DEFAULT_WEIGHTS)
    assert (bad.name, bad.score.overall, bad.before.overall, bad.change) == ("bad", 60.0, 80.0, -20.0)
    assert bad.way("overall")[18:] == [None, 70.0, 50.0]
    assert (good.score.overall, good.change, len(good.days), good.series) == (100.0, None, 21, 2)
    summary = QualitySummary(FIRST, LAST, (bad, good), (), (), {("open", "error"): 2, ("open", "info"): 1})
    assert summary.of(Grouped.ITEM) == [bad, good]
    assert (summary.of(Grouped.AREA), summary.found("open"), summary.found("open", "info")) == ([], 3, 1)
    assert summary.found("accepted") == 0


def test_evidence_is_told_line_by_line_whatever_stands_in_it() -> None:
    evidence = {"more_of": {"x": [1, "a"], "gone": None, "yes": True}, "peers": {"forecast": 2.5}, "value": 1}
    assert evidence_lines(evidence) == [
        ("the strongest value", 1), ("suggested by forecast", 2.5), ("more of x", "1, a"), ("more of yes", "True"),
    ]  # fmt: skip


def test_a_line_of_scores_breaks_where_nothing_is_known_and_says_what_it_shows() -> None:
    drawn = spark([90.0, 95.0, None, 100.0], '<score "by" day>')
    assert drawn.count("<polyline") == 2
    assert "&lt;score &#34;by&#34; day&gt;: 90 to 100, least 90" in drawn
    assert spark([None, None], "score") == ""
    assert "NaN" not in spark([100.0], "score")
