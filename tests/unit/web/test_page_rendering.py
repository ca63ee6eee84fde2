"""What templates may hold, and how pages write figures and times."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.db.migrations.versions import v0101_store as store
from app.market.production import PRODUCTION_TYPES
from app.market.series import SeriesKey
from app.web.pages.assets import assets, assets_by_public_name
from app.web.pages.rendering import (
    TEMPLATES,
    age,
    clock,
    kind,
    moment,
    page_templates,
    prose,
    shown_number,
    shown_share,
)

EVENING = datetime(2026, 7, 1, 17, 36, 16, tzinfo=UTC)


@pytest.mark.parametrize("template", sorted(str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.html")))
def test_no_template_holds_a_script_a_style_or_text_that_is_not_escaped(template: str) -> None:
    text = (TEMPLATES / template).read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|\|\s*safe\b|autoescape", text)
    assert all('src="' in tag for tag in re.findall(r"<script[^>]*>", text))
    assert not re.search(r"data-(live|part)\b", text), "mark it with {% call part(...) %}; docs/page.md says how"
    page_templates().get_template(template)


def test_no_asset_is_loaded_from_elsewhere_and_a_name_changes_with_its_content() -> None:
    for name, asset in assets().items():
        stem, _, suffix = name.rpartition(".")
        assert re.fullmatch(rf"{re.escape(stem)}\.[0-9a-f]{{12}}\.{suffix}", asset.public)
        assert assets_by_public_name()[asset.public] is asset
        if not name.startswith("vendor/"):
            assert not re.search(rb"@import|url\(|(?<!xmlns=\")https?://", asset.body), name
    assert {"style.css", "page.js", "theme.js", "mark.svg"} <= assets().keys()


def test_times_are_written_with_their_zone() -> None:
    assert moment(EVENING) == ('<time datetime="2026-07-01T17:36:16Z" data-form="minute">2026-07-01 19:36 CEST</time>')
    assert ">2026-07-01 19:36:16 CEST<" in moment(EVENING, seconds=True)
    assert ">19:36 CEST<" in clock(EVENING)
    assert moment(None) == clock(None) == age(None) == shown_number(None) == shown_share(None) == "\N{EN DASH}"


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(seconds=40), "40 s"),
        (1500.4, "25 min"),
        (3600.0, "1 h"),
        (timedelta(hours=2, minutes=10), "2 h 10 min"),
        (timedelta(days=3), "3 d"),
        (timedelta(days=3, hours=4), "3 d 4 h"),
    ],
)
def test_a_length_of_time_has_two_parts_at_most(length: timedelta | float, text: str) -> None:
    assert age(length) == text


def test_numbers_are_grouped_and_a_share_is_never_rounded_up_to_all() -> None:
    thin = "\N{NARROW NO-BREAK SPACE}"
    assert (shown_number(1234567), shown_number(0.25), shown_number(2.5e6)) == (
        f"1{thin}234{thin}567",
        "0.25",
        f"2{thin}500{thin}000",
    )
    assert (shown_share(1), shown_share(0.99999), shown_share(0.5)) == ("100 %", "99.99 %", "50.00 %")


def test_a_type_of_production_has_the_name_that_the_database_gives_it() -> None:
    known = dict(re.findall(r"\('(B\d\d)', '([^']+)'\)", Path(store.__file__).read_text()))
    assert known == PRODUCTION_TYPES
    key = SeriesKey("entsoe", "generation_per_type", "10YFR-RTE------C", psr_type="B16", business_type="A01")
    assert (kind(key), kind(replace(key, psr_type="Z9"))) == ("Solar (B16 A01)", "Z9 A01")


def test_commands_in_a_text_are_shown_as_such_and_everything_is_escaped() -> None:
    assert prose("start `gridkeeper <serve>`, or wait") == ("start <code>gridkeeper &lt;serve&gt;</code>, or wait")
    assert prose("one ` alone & <b>") == "one ` alone &amp; &lt;b&gt;"
