"""What services say in English is found again by its form and said in another language; no form outlives its sentence."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from app.alerting.rules import runbook
from app.errors import AppError
from app.kit.durations import parse_duration
from app.kit.language import choose_language, current_language, found_text
from app.market.areas import find_area
from app.probes.checking.failures import connect_failed
from app.scheduling.schedules import parse_schedule
from app.web.pages.languages import languages
from app.web.pages.translation.said import known_forms, said_markup, said_plain, said_runbook

APP = Path(__file__).parents[3] / "app"
TRANSLATION = APP / "web" / "pages" / "translation"
WORD = re.compile(r"[A-Za-z_]{2,}")
PLACEHOLDER = re.compile(r"%\(\w+\)s")


@cache
def spoken() -> list[str]:
    """What each module says, and each file of shipped rules."""
    rules = (APP / "alerting" / "rules" / "builtin").glob("*.yaml")
    modules = (path for path in APP.rglob("*.py") if TRANSLATION not in path.parents)
    return [path.read_text(encoding="utf-8") for path in rules] + [
        "\n".join(texts_of(ast.parse(path.read_text(encoding="utf-8")))) for path in modules
    ]


@cache
def everything() -> str:
    return "\n".join(spoken())


def texts_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@cache
def words_of(text: str) -> set[str]:
    return {word.removesuffix("s") for word in WORD.findall(text)}


def is_said(form: str) -> bool:
    """Whether its parts are said as they are, or, where code puts them together of shorter ones, one place has all its words."""
    parts = [part.strip(" ,;:()") for part in PLACEHOLDER.split(form.replace("%%", "%"))]
    words = words_of(" ".join(parts))
    return all(part in everything() for part in parts) or any(words <= words_of(text) for text in spoken())


def test_each_form_is_one_that_a_service_says() -> None:
    lost = [form for form in known_forms() if not is_said(form)]
    assert lost == [], "it is worded otherwise by now, or nobody says it any more"


@pytest.fixture(params=["de", "zh"])
def other_language(request: pytest.FixtureRequest) -> Iterator[str]:
    before = current_language()
    choose_language(languages()[request.param])
    yield request.param
    choose_language(before)


@pytest.mark.usefixtures("other_language")
def test_each_form_is_found_again_in_what_is_said_by_it() -> None:
    for form in known_forms():
        names = PLACEHOLDER.findall(form)
        values = {name[2:-2]: "17" if name.startswith("%(num") else f"«{place}»" for place, name in enumerate(names)}
        assert said_plain(form % values) == found_text(form) % values


def test_what_services_say_is_said_in_the_language_of_who_reads(other_language: str) -> None:
    german = other_language == "de"
    for text, in_german, in_chinese in (
        (str(parse_schedule("every 30m +450s")), "alle 30 min, versetzt um 450 s", "每 30 分钟\N{FULLWIDTH COMMA}偏移 450 秒"),
        (
            str(parse_schedule("weekly monday 07:00 UTC")),
            "wöchentlich Montag 07:00 UTC",
            "每周星期一 07:00 UTC",
        ),
        (connect_failed("shop:443", ConnectionRefusedError()).detail, "shop:443 lehnt Verbindungen ab", "shop:443 拒绝连接"),
        ("gaps: 2 late, 1,234 ours; the platform answers",
         "Datenlücken: 2 verspätet, 1\N{NARROW NO-BREAK SPACE}234 eigene; die Plattform antwortet",
         "数据缺口\N{FULLWIDTH COLON}2 个延迟、1\N{NARROW NO-BREAK SPACE}234 个我方\N{FULLWIDTH SEMICOLON}平台有应答"),
        (refusal(lambda: find_area("Francland")),
         "unbekanntes Gebiet 'Francland'; `gridkeeper areas` zählt die bekannten auf",
         "未知区域 'Francland'\N{FULLWIDTH SEMICOLON}`gridkeeper areas` 列出已知的"),
        (refusal(lambda: parse_duration("soon")),
         "'soon' ist keine Dauer; als 90 s, 30 min, 2 h, 1h30m, 3 d oder 1 w schreiben",
         "'soon' 不是时长\N{FULLWIDTH SEMICOLON}请写作 90 s、30 min、2 h、1h30m、3 d 或 1 w"),
    ):  # fmt: skip
        assert said_plain(text) == (in_german if german else in_chinese)


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises((AppError, ValueError)) as raised:
        act()
    return str(raised.value)


@pytest.mark.usefixtures("other_language")
def test_what_nobody_translated_stays_and_is_marked_as_english() -> None:
    assert said_plain("Connection <reset> by peer") == "Connection <reset> by peer"
    assert said_markup("Connection <reset> by peer") == '<span lang="en">Connection &lt;reset&gt; by peer</span>'
    assert said_markup("12.5") == "12.5"
    assert "<b>" not in said_markup("first: <b>"), "what stands in a sentence is escaped"


def test_english_stays_as_it_is_said() -> None:
    assert said_markup("Connection <reset> by peer") == "Connection <reset> by peer"
    assert said_runbook(runbook.whole()).strip() == runbook.whole().strip()


def test_the_runbook_keeps_its_steps_and_commands(other_language: str) -> None:
    text = said_runbook(runbook.sections()["job_failing"])
    assert text.startswith("## job_failing\n")
    assert "1. `gridkeeper jobs history JOB`" in text
    assert ("zeigt den Fehler" if other_language == "de" else "显示错误") in text


def test_the_names_and_numbers_of_a_remark_are_said_in_german() -> None:
    before = current_language()
    choose_language(languages()["de"])
    try:
        said = said_plain("the name 'Gate' is that of websites 6, 9 and 15 too; commands take its number")
        refused = said_plain("several websites have the name 'Gate'; take a number: 6, 15")
    finally:
        choose_language(before)
    assert said.startswith("den Namen 'Gate' tragen auch die Websites 6, 9 und 15; ")
    assert refused.endswith("eine Nummer nehmen: 6, 15")
