"""Documents and charts: escaped, well-formed, the same in every form."""

from __future__ import annotations

import re
from dataclasses import replace
from math import isnan
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.reporting.plots import Band, PlotLine, sparkline, time_chart, with_breaks
from app.reporting.render import (
    Figure,
    ReportDocument,
    ReportSection,
    Table,
    floored,
    number,
    to_html,
    to_mail,
    to_markdown,
)

EVIL = '<script>alert("x")</script> & | `code`'
DAY = 86_400.0
SVG = "{http://www.w3.org/2000/svg}"


def document(text: str = "all well") -> ReportDocument:
    table = Table(("series", "score"), ((text, "98.2"),), frozenset({"score"}), "Scores")
    figure = Figure(f"drawn: {text}", time_chart([PlotLine(text, [0.0, DAY], [1.0, 2.0])], title=text))
    return ReportDocument("Quality", text, (ReportSection("Worst", (text,), (table,), (figure,)),))


def test_every_text_is_escaped_in_html() -> None:
    page = to_html(document(EVIL))

    assert "<script>" not in page
    assert page.count("&lt;script&gt;") == 6


def test_a_page_has_its_table_and_its_figure() -> None:
    page = to_html(document())

    assert '<td class="right">98.2</td>' in page
    assert "<polyline" in page
    assert "<figcaption>drawn: all well</figcaption>" in page


def test_a_page_loads_nothing_from_elsewhere() -> None:
    page = to_html(document()).replace("http://www.w3.org/2000/svg", "")

    assert "http" not in page
    assert "<script" not in page


def test_markdown_keeps_tables_whole_and_names_figures() -> None:
    text = to_markdown(document("a|b\nc"))

    assert "| a\\|b c | 98.2 |" in text
    assert "| --- | ---: |" in text
    assert "*Figure in the HTML form: drawn: a\\|b c*" in text
    assert "**Scores**" in text


def test_each_form_of_a_report_of_synthetic_data_says_so_and_each_of_its_pictures() -> None:
    real, synthetic = document(), replace(document(), synthetic=True)

    for form in (to_html, to_mail, to_markdown):
        assert "SYNTHETIC" not in form(real)
        assert "SYNTHETIC data" in form(synthetic)
    [picture] = re.findall(r"<svg.*?</svg>", to_html(synthetic))
    assert "SYNTHETIC" in ET.fromstring(picture)[-1].itertext()


def test_an_empty_section_and_a_table_without_caption_are_rendered() -> None:
    bare = ReportDocument("Q", "s", (ReportSection("Nothing"), ReportSection("T", tables=(Table(("a",), (("1",),)),))))

    assert "<caption>" not in to_html(bare)
    assert "## Nothing" in to_markdown(bare)


@pytest.mark.parametrize(("score", "said"), [(None, "-"), (100.0, "100.0"), (99.99, "99.9"), (0.0, "0.0")])
def test_a_score_of_100_means_all_of_it(score: float | None, said: str) -> None:
    assert floored(score) == said


def test_numbers_are_written_for_people() -> None:
    assert number(12_345.678) == "12,345.7"
    assert number(None) == "-"


def lines_of(svg: str) -> list[str]:
    return [line.attrib["points"] for line in ET.fromstring(svg).iter(f"{SVG}polyline")]


def test_a_gap_breaks_the_line() -> None:
    nan = float("nan")
    svg = time_chart([PlotLine("c", [0.0, 1e5, 2e5, 3e5, 4e5, 5e5], [nan, 1.0, 2.0, nan, nan, 3.0])], title="t")

    assert len(lines_of(svg)) == 2


def test_a_band_tells_what_it_means_and_stays_on_the_picture() -> None:
    curve = PlotLine("c", [0.0, DAY], [5.0, 5.0])
    svg = time_chart([curve], title="t", bands=[Band(-9 * DAY, 9 * DAY, "stuck (open)")], unit="MW")
    band = next(one for one in ET.fromstring(svg).iter(f"{SVG}rect") if one.find(f"{SVG}title") is not None)

    assert float(band.attrib["width"]) <= 760
    assert band.findtext(f"{SVG}title") == "stuck (open)"
    assert "c [MW]" in svg


def test_a_chart_without_values_says_so() -> None:
    assert "no values" in time_chart([PlotLine("c", [0.0], [float("nan")])], title="t")
    assert "no values" in time_chart([], title="t")


def test_many_points_become_few_without_losing_the_extremes() -> None:
    values = [0.0] * 50_000
    values[31_234] = 77.0
    svg = time_chart([PlotLine("c", [900.0 * place for place in range(50_000)], values)], title="t")
    (points,) = lines_of(svg)

    assert len(points.split()) < 4 * 760
    assert min(float(point.partition(",")[2]) for point in points.split()) == pytest.approx(22, abs=1)


def test_a_fixed_scale_cuts_what_leaves_it() -> None:
    svg = time_chart([PlotLine("c", [0.0, DAY], [-50.0, 500.0])], title="t", bounds=(0.0, 100.0), height=130)
    (points,) = lines_of(svg)

    assert [float(point.partition(",")[2]) for point in points.split()] == [104.0, 22.0]


@given(
    values=st.lists(st.floats(-1e12, 1e12) | st.just(float("nan")), max_size=50),
    name=st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20),
    step=st.sampled_from([900.0, 3600.0, DAY, 40 * DAY]),
)
def test_any_values_and_names_make_a_well_formed_picture(values: list[float], name: str, step: float) -> None:
    instants = [place * step for place in range(len(values))]
    svg = time_chart([PlotLine(name, instants, values)], title=name, bands=[Band(0.0, step, name)])

    assert ET.fromstring(svg).tag == f"{SVG}svg"


@pytest.mark.parametrize("values", [[0.0, 5e-324], [1e12, 1e12 + 1e-4], [-3.0, -3.0 - 1e-13], [1e300, 1e300]])
def test_a_range_too_narrow_for_steps_is_drawn_as_a_line(values: list[float]) -> None:
    svg = time_chart([PlotLine("c", [0.0, DAY], values)], title="t")
    (points,) = lines_of(svg)
    first, last = (float(point.partition(",")[2]) for point in points.split())
    assert abs(first - last) < 1


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([], ""),
        ([1.0, 1.0], "▁▁"),
        ([0.0, None, 7.0, float("nan"), 3.5], "▁·█·▅"),
        ([None, None], "··"),
        ([0.0, 2.0, 8.0, 10.0], "▁█"),
    ],
)
def test_a_line_of_blocks_stands_for_a_picture(values: list[float | None], line: str) -> None:
    assert sparkline(values, width=2 if len(values) == 4 else 40) == line


def test_mail_has_words_in_the_place_of_pictures_and_says_where_they_are() -> None:
    svg = time_chart([PlotLine("c", [0.0, DAY], [1.0, 2.0])], title="c")
    figures = (Figure("with words", svg, "▁█"), Figure("without", svg), Figure("said elsewhere", svg, None))
    mail = to_mail(ReportDocument("Q", "s", (ReportSection("T", figures=figures),)))

    assert "<svg" not in mail
    assert "with words: ▁█" in mail
    assert "without (a picture of the page" in mail
    assert "elsewhere" not in mail


def test_what_stands_between_backticks_is_code_and_a_lonely_one_a_character() -> None:
    told = ReportDocument("Q", "s", (ReportSection("T", ("run `a_b <c>` now", "5` wide", "`x` and `")),))
    page, text = to_html(told), to_markdown(told)

    assert "run <code>a_b &lt;c&gt;</code> now" in page
    assert "<p>5` wide</p>" in page
    assert "<code>x</code> and `</p>" in page
    assert "run `a_b <c>` now" in text
    assert "5\\` wide" in text


def test_a_line_breaks_where_units_between_two_values_are_missing() -> None:
    instants, values = with_breaks([0.0, 60.0, 240.0], [60.0, 120.0, 300.0], [1.0, 2.0, 3.0])

    assert instants == [0.0, 60.0, 120.0, 240.0]
    assert values[:2] + values[3:] == [1.0, 2.0, 3.0]
    assert isnan(values[2])
    assert time_chart([PlotLine("c", instants, values)], title="t").count("<polyline") == 2
    assert with_breaks([], [], []) == ([], [])
