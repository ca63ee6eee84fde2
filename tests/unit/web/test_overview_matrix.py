"""What a cell of the overview says, in the language of who reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.kit.language import ENGLISH, Language, speaking
from app.monitoring.models import Lateness
from app.monitoring.summary import FreshCell
from app.web.pages.languages import languages
from app.web.pages.overview.matrix import CellTexts

NOW = datetime(2026, 11, 30, 3, tzinfo=UTC)
BEGIN = NOW - timedelta(hours=1)


def pair(area: str, *, late: int = 0, due: int | None = 25) -> Lateness:
    due_at = None if due is None else NOW + timedelta(minutes=due)
    return Lateness("load_actual", area, BEGIN, "PT15M", due_at, timedelta(minutes=late))


def cell(*pairs: Lateness) -> FreshCell:
    return FreshCell("load_actual", "FR", pairs)


@pytest.mark.parametrize(
    ("language", "shown", "text", "note"),
    [
        (ENGLISH, cell(pair("FR")), "due in 25 min", ""),
        (ENGLISH, cell(pair("FR", late=90)), "1 h 30 min late", ""),
        (ENGLISH, cell(pair("FR", due=None)), "no deadline", ""),
        (ENGLISH, cell(pair("FR>BE"), pair("BE>FR")), "due in 25 min", "2 borders"),
        (ENGLISH, cell(pair("FR>BE"), pair("BE>FR", late=5)), "5 min late", "1 of 2 borders"),
        (languages()["de"], cell(pair("FR", late=90)), "1 h 30 min verspätet", ""),
    ],
)
def test_a_cell_says_how_late_it_is_or_when_it_is_due(
    language: Language, shown: FreshCell, text: str, note: str
) -> None:
    with speaking(language):
        say = CellTexts(NOW)
        assert (say.text(shown), say.note(shown)) == (text, note)
        assert say.text(shown) is say.text(shown), "a length is written once for all cells of a page"


def test_the_title_has_the_instants_of_the_one_that_is_most_behind() -> None:
    say = CellTexts(NOW)
    late = cell(pair("FR>BE"), pair("BE>FR", late=5))
    assert say.title(late) == "newest of BE>FR: 2026-11-30T02:00:00Z, the next due 2026-11-30T03:25:00Z"
    assert say.title(cell(pair("FR", due=None))) == "newest of FR: 2026-11-30T02:00:00Z, the next due at no known time"
