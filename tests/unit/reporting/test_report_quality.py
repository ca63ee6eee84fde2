"""The quality report: sums of counts, order, pictures, and the same content in every form."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.market.series import DISTINGUISHING
from app.market.time import Interval
from app.quality.listing import ListedFinding, ListedScore, ListedTrend
from app.quality.scoring import DEFAULT_WEIGHTS, ScoreCounts, score
from app.reporting.quality.document import (
    Delay,
    Picture,
    QualityReport,
    evidence_text,
    group_scores,
    history_chart,
    quality_as_document,
    quality_report,
    series_scores,
    worst,
)
from app.reporting.quality.schemas import QualityReportResource
from app.reporting.render import to_html, to_markdown
from app.schemas import jsonable

T0 = datetime(2024, 3, 1, tzinfo=UTC)
TWO_DAYS = Interval(T0, T0 + timedelta(days=2))


def day(series_id: int, number: int = 0, *, area: str = "FR", item: str = "load_actual", **counts: Any) -> ListedScore:
    """24 of 24 values and nothing wrong, but for the counts named."""
    psr_type = counts.pop("psr_type", "")
    known = ScoreCounts(**({"expected": 24, "stored": 24, "checked": 24, "examined": 24} | counts))
    return ListedScore(
        **series(series_id, area=area, item=item, psr_type=psr_type),
        day=date(2024, 3, 1 + number), day_start=T0, **asdict(score(known)), **asdict(known), weights=[], scored_at=T0,
    )  # fmt: skip


def series(series_id: int, *, area: str = "NL", item: str = "load_actual", psr_type: str = "") -> dict[str, Any]:
    names = ("source", "area_eic", *DISTINGUISHING)
    return dict.fromkeys(names, "") | {"series_id": series_id, "area": area, "item": item, "psr_type": psr_type}


def finding(
    series_id: int = 2, *, severity: str = "warning", strength: float = 3.0, state: str = "open"
) -> ListedFinding:
    return ListedFinding(
        **series(series_id), finding_id=7, dimension="accuracy", rule="stuck", severity=severity, score=strength,
        state=state, affected=4, interval_start=T0 - timedelta(days=1), interval_end=T0 + timedelta(hours=9),
        evidence={"at": "2024-03-01T05:00:00Z", "value": 5.0, "expected": 7.25, "peers": {"forecast": 7.0}},
        first_seen=T0, last_seen=T0, state_since=T0, note="", noted_by="", attempts=0, next_attempt_at=None,
    )  # fmt: skip


def falling(series_id: int = 2, *, degrading: bool = True) -> ListedTrend:
    return ListedTrend(
        **series(series_id), week=date(2024, 2, 19), weeks=6, score=88.0, slope=-1.25, p_value=0.004, drop_points=6.0,
        degrading=degrading, computed_at=T0,
    )  # fmt: skip


def report(
    *scores: ListedScore, findings: tuple[ListedFinding, ...] = (), trends: tuple[ListedTrend, ...] = ()
) -> QualityReport:
    return quality_report(scores, findings, trends, weights=DEFAULT_WEIGHTS, interval=TWO_DAYS, made_at=T0)


def test_the_score_of_a_series_comes_from_the_sum_of_its_counts() -> None:
    (one,) = series_scores([day(1), day(1, 1, stored=12, ours=12)], DEFAULT_WEIGHTS)

    assert (one.counts.expected, one.counts.stored, one.counts.ours) == (48, 36, 12)
    assert one.score == score(one.counts)
    assert one.score.completeness == 75.0
    assert len(one.days) == 2


def test_series_stand_in_order_from_the_worst_and_unexamined_ones_are_left_out() -> None:
    nothing: dict[str, Any] = dict.fromkeys(("expected", "stored", "checked", "examined"), 0)
    found = series_scores([day(1), day(2, flagged=12), day(3, **nothing)], DEFAULT_WEIGHTS)

    assert [one.series_id for one in found] == [2, 1]
    assert [one.series_id for one in worst(found)] == [2]


def test_an_area_and_item_are_scored_over_all_their_series() -> None:
    series = series_scores(
        [day(1, psr_type="B16"), day(2, psr_type="B19", flagged=24), day(3, area="NL")], DEFAULT_WEIGHTS
    )
    groups = group_scores(series, DEFAULT_WEIGHTS)

    assert [(one.area, one.series, one.score.accuracy) for one in groups] == [("FR", 2, 50.0), ("NL", 1, 100.0)]


def test_findings_stand_by_severity_and_only_degrading_series_are_named() -> None:
    made = report(
        day(2, area="NL"),
        findings=(finding(severity="info"), finding(severity="error", strength=1.0), finding(severity="error")),
        trends=(falling(), falling(3, degrading=False)),
    )

    assert [(one.severity, one.score) for one in made.findings] == [("error", 3.0), ("error", 1.0), ("info", 3.0)]
    assert [one.series_id for one in made.trends] == [2]


def test_people_read_scores_findings_and_trends() -> None:
    text = to_markdown(
        quality_as_document(report(day(1), day(2, area="NL", flagged=6), findings=(finding(),), trends=(falling(),)))
    )

    assert "Series examined: 2; overall score: 96.9 of 100; open findings: 1; degrading series: 1." in text
    assert "| NL | load\\_actual | 1 | 100.0 | - | 100.0 | 75.0 | 93.8 | 0 | 6 |" in text
    assert "5.0 at 2024-03-01T05:00:00Z; usual 7.2; forecast 7.0" in text
    assert "| NL load\\_actual | 2024-02-19 | 88.0 | -1.25 | 6.0 | 0.004 |" in text


def test_a_picture_shows_values_findings_and_the_weeks_before() -> None:
    picture = Picture(
        2,
        [T0.timestamp(), T0.timestamp() + 3600],
        [1.0, 2.0],
        "MAW",
        [(date(2024, 2, 1), 99.0), (date(2024, 2, 2), 90.0)],
    )
    made = report(day(2, area="NL", flagged=6), day(1), findings=(finding(),))
    drawn = replace(made, pictures=(picture,))
    page = to_html(quality_as_document(drawn))

    assert page.count("<polyline") == 2
    assert "stuck (open)" in page
    assert "[MAW]" in page


@pytest.mark.parametrize("state", ["accepted", "repaired", "confirmed", "unrepairable", "withdrawn"])
def test_only_open_findings_are_shaded(state: str) -> None:
    picture = Picture(2, [T0.timestamp(), T0.timestamp() + 3600], [1.0, 2.0], "MAW", [])
    made = report(day(2, flagged=6), findings=(replace(finding(), state=state),))

    assert f"stuck ({state})" not in to_html(quality_as_document(replace(made, pictures=(picture,))))


def test_days_without_a_score_break_the_line() -> None:
    assert history_chart("title", [(date(2024, 2, one), 90.0) for one in (1, 2, 3)]).count("<polyline") == 1
    assert history_chart("title", [(date(2024, 2, one), 90.0) for one in (1, 2, 5, 6)]).count("<polyline") == 2


def test_a_series_without_a_past_has_no_history_drawn() -> None:
    made = report(day(2, flagged=6))
    picture = Picture(2, [T0.timestamp()], [1.0], "", [])
    drawn = replace(made, pictures=(picture,))

    assert len(quality_as_document(drawn).sections[1].figures) == 1


def test_an_empty_report_says_what_to_do() -> None:
    text = to_markdown(quality_as_document(report()))

    assert "run gridkeeper quality scan" in text
    assert "No finding in this time." in text
    assert "No series degrades" in text


def test_long_lists_of_findings_are_cut_and_say_so() -> None:
    text = to_markdown(quality_as_document(report(day(2), findings=tuple(finding() for _ in range(45)))))

    assert "and 5 more" in text


def test_programs_read_unrounded_figures() -> None:
    told = json.loads(
        json.dumps(
            jsonable(
                QualityReportResource.of(report(day(1, stored=23, ours=1), findings=(finding(),), trends=(falling(),)))
            )
        )
    )

    assert told["series"][0]["completeness"] == pytest.approx(100 * 23 / 24)
    assert told["series"][0]["days"][0]["day"] == "2024-03-01"
    assert told["groups"][0]["counts"]["ours"] == 1
    assert told["findings"][0]["interval_end"] == "2024-03-01T09:00:00Z"
    assert told["trends"][0]["week"] == "2024-02-19"
    assert (told["from"], told["to"]) == ("2024-03-01T00:00:00Z", "2024-03-03T00:00:00Z")


def test_delays_are_told_in_hours_around_the_deadline() -> None:
    delay = Delay("FR load_actual", 48, 3, 1, -1800.0, 0.0, 7200.0, 90_000.0)
    made = replace(report(day(1)), delays=(delay,))

    assert "| FR load\\_actual | 48 | 3 | 1 | -0.5 h | +0.0 h | +2.0 h | +25.0 h |" in to_markdown(
        quality_as_document(made)
    )
    assert jsonable(QualityReportResource.of(made))["delays"][0]["late"] == 3


def test_evidence_is_told_as_far_as_there_is_any() -> None:
    assert evidence_text({}) == "-"
    assert evidence_text({"value": 1.0, "at": "t"}) == "1.0 at t"
