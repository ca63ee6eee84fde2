"""Daily and weekly reports as people and programs read them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.reporting.formatting import duration, format_size, moved, said
from app.reporting.operations.document import NOTHING, QUIET, operations_as_document, report_subject, title_of
from app.reporting.operations.models import HEADLINES, Figures, Late, OperationsReport, Quality, Reaction, place_name
from app.reporting.operations.schemas import OperationsReportResource
from app.reporting.periods import Period, ReportLength, period_of
from app.reporting.render import to_html, to_mail, to_markdown
from app.schemas import jsonable
from tests.support.report_factory import BORDER, FR, MADE, MONDAY, figures, pair, report, totals

DOCUMENT = Path(__file__).parents[3] / "docs" / "reports.md"


def bad() -> OperationsReport:
    return report(
        figures(
            totals=totals(failed=12),
            pairs=tuple(pair(f"item_{number:02}", failed=number) for number in range(12)),
            reaction=Reaction(undelivered=3),
        )
    )


def test_the_headline_comes_first_then_what_to_do_then_tables() -> None:
    titles = [section.title for section in operations_as_document(report()).sections]
    assert titles == [
        "Overview", "Recommendations", "Success, the lowest first", "Lateness", "Gaps opened and closed", "Volumes",
        "Slowest items", "Alerts, the noisiest rules first", "Data quality",
    ]  # fmt: skip


def test_each_headline_stands_beside_the_period_before_with_its_change_and_its_days() -> None:
    overview = operations_as_document(report(figures(totals=totals(received=12_000)))).sections[0]
    rows = {row[0]: row[1:] for row in overview.tables[0].rows}
    assert len(rows) == len(HEADLINES)
    assert rows["Values received"] == ("12,000", "10,000", "+2,000 (+20 %)", "▁" * 14)
    assert rows["Windows answered"] == ("99.0 %", "99.0 %", "±0.0 points", "▁" * 14)
    assert rows["Alerts fired"][3] == "▁█" * 7
    assert rows["Availability"][3] == ""
    assert not overview.figures


def test_the_worst_pair_and_the_objectives_are_named_first() -> None:
    first, second = operations_as_document(report()).sections[0].paragraphs
    assert first == "The lowest success has flow_physical FR>DE_LU: 1 of 100 windows failed."
    assert second == (
        "Availability 99.5 % (target 95.0 %, met) and reliability 95.0 % (target 95.0 %, met) over 30 days."
    )


def test_long_tables_are_cut_and_say_so() -> None:
    success = operations_as_document(bad()).sections[2]
    assert len(success.tables[0].rows) == 10
    assert success.tables[0].rows[0][:4] == ("item_11", "FR", "100", "11")
    assert success.paragraphs == ("The first 10 of 11; the JSON form lists all.",)


def test_recommendations_carry_the_name_of_their_rule() -> None:
    told = operations_as_document(bad()).sections[1].paragraphs
    assert [text.partition(":")[0] for text in told] == ["`success_below_target`", "`messages_undelivered`"]
    assert operations_as_document(report()).sections[1].paragraphs == (QUIET,)
    assert "3 messages could not be delivered." in operations_as_document(bad()).sections[7].paragraphs


def test_a_time_of_which_nothing_is_known_says_what_to_do() -> None:
    [overview] = operations_as_document(report(Figures())).sections
    assert overview.paragraphs == (NOTHING,)


def test_what_did_not_happen_is_said_in_words() -> None:
    quiet = report(
        figures(totals=totals(failed=0), pairs=(), items={}, late=Late(), gaps=(), rules=(), quality=Quality())
    )
    text = to_markdown(operations_as_document(quiet))
    for said_so in (
        "No window failed.", "No value that was asked for was missing after its deadline.", "No gap opened or closed.",
        "Nothing was asked for.", "No request was answered.", "No alert fired.", "No series was scored in this time",
    ):  # fmt: skip
        assert said_so in text


def test_quality_without_watched_values_tells_its_score_alone() -> None:
    told = operations_as_document(report(figures(quality=Quality(97.0, 4)))).sections[-1].paragraphs
    assert told == ("4 series scored 97.0 of 100.",)


def test_without_a_period_before_nothing_is_compared() -> None:
    alone = report(before=Figures())
    assert {row[2] for row in operations_as_document(alone).sections[0].tables[0].rows} == {"-"}
    assert jsonable(OperationsReportResource.of(alone))["headline"]["runs_count"] == {
        "value": 100.0,
        "before": None,
        "change": None,
    }


def test_a_report_says_its_days_and_whether_they_are_over() -> None:
    assert title_of(report()) == "Gridkeeper in week 2024-W13"
    assert "2024-03-25 to 2024-03-31; made 2024-04-01T05:00:00Z" in operations_as_document(report()).subtitle
    day = report(period=period_of(ReportLength.DAILY, MONDAY))
    assert title_of(day) == "Gridkeeper on 2024-03-25"
    assert "Brussels: 2024-03-25; made" in operations_as_document(day).subtitle
    running = report(period=Period(ReportLength.WEEKLY, MONDAY).before.before)
    assert "not over yet" not in operations_as_document(running).subtitle
    assert "not over yet" in operations_as_document(replace(report(), made_at=MADE_EARLY)).subtitle


MADE_EARLY = Period(ReportLength.WEEKLY, MONDAY).interval.start


def test_the_subject_tells_how_it_went_and_how_much_is_to_be_done() -> None:
    assert report_subject(report()) == "Weekly report 2024-W13: 99.0 % answered, nothing to do"
    assert report_subject(bad()) == "Weekly report 2024-W13: 88.0 % answered, 2 recommendations"
    one = report(figures(reaction=Reaction(undelivered=3)), period=period_of(ReportLength.DAILY, MONDAY))
    assert report_subject(one) == "Daily report 2024-03-25: 99.0 % answered, 1 recommendation"


def test_mail_has_lines_of_blocks_where_a_page_has_pictures() -> None:
    document = operations_as_document(report())
    page, mail = to_html(document), to_mail(document)
    assert page.count("<svg") == 5
    assert "<svg" not in mail
    assert f"<td>{'▁' * 14}</td>" in mail
    assert "each day" not in mail + to_markdown(document)


def test_an_unknown_day_is_a_gap_of_the_line() -> None:
    found = report()
    days = tuple(replace(day, totals=totals(runs=0)) if number == 0 else day for number, day in enumerate(found.days))
    rows = operations_as_document(replace(found, days=days)).sections[0].tables[0].rows
    assert rows[1][4] == "·" + "▁" * 13


def keys_of(content: Any) -> set[str]:
    if isinstance(content, dict):
        return set(content) | {key for value in content.values() for key in keys_of(value)}
    return {key for value in content for key in keys_of(value)} if isinstance(content, list) else set()


def test_every_key_is_documented_and_every_figure_names_its_unit() -> None:
    content = json.loads(json.dumps(jsonable(OperationsReportResource.of(report(bad().now)))))
    documented = set(re.findall(r"`([a-z0-9_]+)`", DOCUMENT.read_text()))
    assert keys_of(content) - documented == set()
    units = re.compile(r".*_(count|percent|seconds|bytes|points)")
    named = {"value", "before", "change", "series_id"}
    assert [key for key in numbers_of(content) if key not in named and not units.fullmatch(key)] == []


def numbers_of(content: Any) -> set[str]:
    if isinstance(content, list):
        return {key for value in content for key in numbers_of(value)}
    if not isinstance(content, dict):
        return set()
    own = {key for key, value in content.items() if isinstance(value, int | float) and not isinstance(value, bool)}
    return own | {key for value in content.values() for key in numbers_of(value)}


def test_every_rule_of_recommendations_is_documented() -> None:
    from app.reporting.operations.advice import RULES

    assert [rule for rule in RULES if f"`{rule}`" not in DOCUMENT.read_text()] == []


def test_programs_read_instants_in_utc() -> None:
    content = jsonable(OperationsReportResource.of(report()))
    assert content["period"]["from"] == "2024-03-24T23:00:00Z"
    assert content["period"]["to"] == "2024-03-31T22:00:00Z"
    assert content["complete"] is True
    assert content["pairs"][1]["area"] == "FR>DE_LU"


def test_places_have_short_names_where_they_are_known() -> None:
    assert place_name(FR) == "FR"
    assert place_name(BORDER) == "FR>DE_LU"
    assert place_name("10X1001A1001A000") == "10X1001A1001A000"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "count", "-"), (99.99, "percent", "99.9 %"), (100.0, "percent", "100.0 %"), (1234.0, "count", "1,234"),
        (0.034, "seconds", "0.03 s"), (42.0, "seconds", "42 s"), (600.0, "seconds", "10.0 min"),
        (9000.0, "seconds", "2.5 h"), (3e5, "seconds", "3.5 d"), (12.0, "bytes", "12 B"), (2.5e6, "bytes", "2.5 MB"),
        (97.25, "points", "97.2"),
    ],
)  # fmt: skip
def test_figures_are_written_for_people(value: float | None, unit: str, text: str) -> None:
    assert said(value, unit) == text


def test_what_is_unknown_is_a_dash_everywhere() -> None:
    assert (duration(None), format_size(None), moved(None, 3.0, "count")) == ("-", "-", "-")


@pytest.mark.parametrize(
    ("change", "before", "unit", "text"),
    [
        (5.0, 10.0, "count", "+5 (+50 %)"), (-5.0, 0.0, "count", "-5"), (0.0, 10.0, "count", "±0"),
        (500.0, 20.0, "count", "+500"), (-1.25, 99.0, "percent", "-1.2 points"), (0.5, None, "seconds", "+0.50 s"),
    ],
)  # fmt: skip
def test_a_change_has_its_sign_and_its_share(change: float, before: float | None, unit: str, text: str) -> None:
    assert moved(change, before, unit) == text


def test_a_time_without_a_history_of_gaps_is_no_time_without_gaps() -> None:
    unknown = replace(report(figures(late=Late(), gaps=())), gaps_recorded_since=MADE)
    text = to_markdown(operations_as_document(unknown))
    assert text.count("Gaps are recorded since 2024-04-01T05:00:00Z") == 3
    assert "No gap opened or closed" not in text
    assert "No value that was asked for" not in text
    assert jsonable(OperationsReportResource.of(unknown))["gaps_recorded_since"] == "2024-04-01T05:00:00Z"
