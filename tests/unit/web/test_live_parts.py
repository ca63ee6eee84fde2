"""PageParts of pages: what of them is sent when something changes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from http import HTTPStatus

import pytest

from app.web.pages.live.messages import MadePage, ended_message, parts_message
from app.web.pages.live.parts import EACH, PageParts, differing
from app.web.pages.live.viewers import LONGEST_SPACING, SPACING, ViewedAddress, ViewedPage

PAGE = """{% call part("rows", "ul", tone) %}{% for row in rows %}{% call part("row-" ~ loop.index, "li", each=5) %}
{{ row }}{% endcall %}{% endfor %}{% endcall %}"""


def made(*rows: str, tone: str = "") -> tuple[PageParts, str]:
    from jinja2 import Environment

    parts = PageParts()
    template = Environment(autoescape=True).from_string(PAGE)
    return parts, parts.written(template.render(part=parts, rows=rows, tone=tone))


def test_a_page_holds_its_parts_with_their_digests_and_nothing_else_of_them() -> None:
    parts, text = made("<b>", "two", tone='a"b')
    assert text.startswith('<ul id="rows" class="a&#34;b" data-part="')
    assert "&lt;b&gt;" in text
    assert "<!--" not in text
    assert parts.element("row-2") in text
    assert (parts.each, PageParts().each) == (5, EACH)


def test_a_change_of_a_row_sends_the_row_and_one_of_the_rows_sends_all() -> None:
    parts, _ = made("one", "two")
    had = parts.digests()
    assert differing(parts, had) == []
    assert differing(made("one", "zwei")[0], had) == ["row-2"]
    assert differing(made("one", "two", tone="bad")[0], had) == ["rows"]
    assert differing(made("eins", "two", "three")[0], had) == ["rows"]
    assert differing(parts, {}) == ["rows"]


@pytest.mark.parametrize("name", ["", "two words", "1", "rows"])
def test_a_part_needs_a_name_of_its_own(name: str) -> None:
    parts, _ = made()
    with pytest.raises(ValueError, match="no name of a part"):
        parts(name, caller=lambda: "")


def test_no_text_gets_out_of_its_message_which_holds_the_token_of_its_reader() -> None:
    parts, _ = made("a\n\nevent: ended\rTOKEN\r\n")
    page = MadePage(parts, "<Überblick>")
    text = parts_message(
        page, {}, datetime(2026, 7, 1, tzinfo=UTC), lambda text: text.replace("TOKEN", "mine")
    ).decode()
    lines = text.split("\n")
    assert lines[:2] == ["event: parts", "id: 2026-07-01T00:00:00Z"]
    assert lines[2].startswith("data: <title>&lt;Überblick&gt;</title><ul id=")
    assert lines[-2:] == ["", ""]
    assert all(line.startswith("data: ") for line in lines[2:-2])
    assert "data: mine" in lines
    assert "\r" not in text
    assert ended_message("a\r\nb") == b"event: ended\ndata: a\ndata: b\n\n"


@pytest.mark.parametrize(("status", "lost"), [(200, False), (401, True), (404, True), (429, False), (503, False)])
def test_looking_again_helps_unless_the_page_is_not_for_this_viewer_or_gone(status: int, lost: bool) -> None:
    page = MadePage(status=HTTPStatus(status))
    assert (page.lost, page.good) == (lost, status == 200)


def test_rows_come_in_what_lets_a_browser_read_them_outside_of_a_table() -> None:
    parts = PageParts()
    parts("rows-1", "tbody", caller=lambda: "<tr><td>1")
    text = parts_message(MadePage(parts, "t"), {}, datetime(2026, 7, 1, tzinfo=UTC), str).decode()
    assert re.search(r'</title><template><tbody id="rows-1" data-part="\w+"><tr><td>1</tbody></template>\n', text)


def test_a_page_that_takes_long_is_made_anew_less_often() -> None:
    page = ViewedPage(ViewedAddress("/coverage", "", ()), begun=100.0)
    assert (page.due(changed=101.0), page.due(changed=0.0)) == (100 + SPACING, 100 + EACH)
    page.took = 1.2
    assert [page.due(changed=101.0), page.due(changed=0.0)] == pytest.approx([112, 100 + EACH])
    page.made.parts.each = 1.0
    assert page.due(changed=0.0) == pytest.approx(112)
    page.heard = 101.0
    assert page.due(changed=0.0) == pytest.approx(112), "its own results are as good as an event"
    page.took = 90.0
    assert page.due(changed=101.0) == 100 + LONGEST_SPACING
    page.made = MadePage(status=HTTPStatus.SERVICE_UNAVAILABLE)
    assert page.due(changed=0.0) == 100 + SPACING, "the database may be back"


def test_a_page_whose_parts_are_all_calm_is_left_out_of_events() -> None:
    page = ViewedPage(ViewedAddress("/reports", "", ()), begun=100.0)
    page.made.parts("report", calm=True, hears="w7", caller=lambda: "")
    assert (page.due(changed=101.0), page.made.parts.hears) == (100 + EACH, {"w7"})
    page.made.parts("live", caller=lambda: "")
    assert page.due(changed=101.0) == 100 + SPACING
