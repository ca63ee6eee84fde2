from __future__ import annotations

from contextvars import copy_context
from datetime import UTC, datetime, timedelta

import pytest

from app.kit.language import choose_language
from app.web.pages.assets import assets
from app.web.pages.languages import languages, preferred
from app.web.pages.rendering import age, item_name, moment_text, shown_number, shown_share


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr, en;q=0.5, zh-CN;q=0.7", "zh"),
        ("fr", "en"),
        ("de;q=0", "en"),
        ("DE ; q=0.3 , *;q=0.9", "de"),
        ("de;q=much, zh", "zh"),
        (",,;", "en"),
        ("de," * 1000, "de"),
    ],
)
def test_a_browser_gets_the_language_of_ours_that_it_likes_most(header: str, code: str) -> None:
    assert preferred(header) == code


def test_numbers_times_and_names_are_those_of_the_language() -> None:
    at = datetime(2026, 1, 31, 17, 5, tzinfo=UTC)

    def said() -> list[str]:
        long, short = timedelta(days=3, hours=4), timedelta(seconds=2.5)
        return [
            shown_number(12345.5),
            shown_share(0.5),
            age(long),
            age(short),
            moment_text(at),
            item_name("load_actual"),
        ]

    expected = {
        "en": ["12\u202f345.5", "50.00 %", "3 d 4 h", "2.5 s", "2026-01-31 18:05 CET", "load actual"],
        "de": ["12\u202f345,5", "50,00 %", "3 d 4 h", "2,5 s", "31.01.2026 18:05 MEZ", "Last, tatsächlich"],
        "zh": ["12\u202f345.5", "50.00 %", "3 天 4 小时", "2.5 秒", "2026-01-31 18:05 CET", "实际负荷"],
    }
    for code, language in languages().items():
        task = copy_context()
        task.run(choose_language, language)
        assert task.run(said) == expected[code]


def test_scripts_find_their_texts_in_a_file_for_each_other_language() -> None:
    body = assets()["texts.de.js"].body.decode()
    assert body.startswith("var TEXTS = {")
    assert '"Copied": ["Kopiert"]' in body
    assert "texts.en.js" not in assets()
