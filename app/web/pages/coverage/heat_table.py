"""The cells of heat maps as HTML, which are written by hand: a template takes ten times as long for thirty thousand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from itertools import groupby

from markupsafe import Markup, escape

from app.collection.gaps.heat_map import Fill, HeatCell, HeatRow, HourCell, worst_fill
from app.kit.language import current_language, gettext, gettext_noop
from app.web.pages.rendering import NOTHING

MARKS: Mapping[Fill, str] = {
    Fill.NOTHING_EXPECTED: "x",
    Fill.COMPLETE: "f",
    Fill.NOT_DUE: "n",
    Fill.MISSING_AT_SOURCE: "m",
    Fill.LATE: "l",
    Fill.OURS: "o",
    Fill.UNKNOWN: "u",
}
"""The class of each condition in `style.css`."""
WORDS: Mapping[Fill, str] = {
    Fill.NOTHING_EXPECTED: gettext_noop("nothing expected"),
    Fill.COMPLETE: gettext_noop("complete"),
    Fill.NOT_DUE: gettext_noop("not due"),
    Fill.MISSING_AT_SOURCE: gettext_noop("missing at source"),
    Fill.LATE: gettext_noop("late"),
    Fill.OURS: gettext_noop("ours"),
    Fill.UNKNOWN: gettext_noop("unknown"),
}
MOST_THERE, HALF_THERE = 95, 50
"""Percents from which on a hole is drawn lightly, and in between."""
_QUIET = {Fill.COMPLETE, Fill.NOTHING_EXPECTED}


def fill_word(fill: Fill) -> str:
    return gettext(WORDS[fill])


def heat_cells(row: HeatRow) -> Markup:
    """The cells of a row: percents, and in words for who does not see colours why the rest is missing."""
    code = current_language().code
    if missing := row.reasons:
        # Not by way of `row.cells`, which takes four times as long for thirty thousand.
        found = [
            _explained(reasons[0], reasons[1], percent, code)
            if (reasons := missing.get(begin)) is not None
            else _unexplained(percent, code)
            for begin, percent in zip(row.begins, row.percents, strict=True)
        ]
        return Markup("".join(found))  # noqa: S704  made of our own words
    return Markup("".join([_unexplained(percent, code) for percent in row.percents]))  # noqa: S704  made of our own words


@cache
def _explained(ours: bool, late: bool, percent: int | None, code: str) -> str:
    return _cell(worst_fill((ours, late, True)), percent, code)


@cache
def _unexplained(percent: int | None, code: str) -> str:
    return _cell(HeatCell(date.min, percent, None).fill, percent, code)


@cache
def _cell(fill: Fill, percent: int | None, _code: str) -> str:
    """A cell in the language of that code, which is the one of the task."""
    return f'<td class="{_class(fill, percent)}">{_text(fill, percent)}'


def _text(fill: Fill, percent: int | None) -> str:
    word = "" if fill in _QUIET else f"<i> {fill_word(fill)}</i>"
    return (NOTHING if percent is None else str(percent)) + word


def _class(fill: Fill, percent: int | None) -> str:
    if fill in _QUIET:
        return MARKS[fill]
    there = percent or 0
    return MARKS[fill] + ("1" if there >= MOST_THERE else "2" if there >= HALF_THERE else "3")


def day_cells(cells: Iterable[HeatCell], address: str) -> Markup:
    """The days of a month from its first on; those that lack something lead to their hours below `address`."""
    found, code = [], current_language().code
    for cell in cells:
        if cell.fill in _QUIET:
            found.append(_cell(cell.fill, cell.percent, code))
        else:
            link = f'<a href="{escape(address)}#{cell.begin.isoformat()}">{_text(cell.fill, cell.percent)}</a>'
            found.append(f'<td class="{_class(cell.fill, cell.percent)}">{link}')
    return Markup("".join(found))  # noqa: S704  made of our own words and an escaped address


def hour_cells(cells: Iterable[HourCell]) -> Markup:
    """The hours of a day; a number says how many series lack values."""
    code = current_language().code
    return Markup("".join(_hour(cell.fill, cell.lacking, code) for cell in cells))  # noqa: S704  made of our own words


@cache
def _hour(fill: Fill, lacking: int, _code: str) -> str:
    if fill in _QUIET or fill is Fill.NOT_DUE:
        return f'<td class="{MARKS[fill]}"><i>{fill_word(fill)}</i>'
    return f'<td class="{MARKS[fill]}3">{lacking}<i> {fill_word(fill)}</i>'


def years_of(begins: Sequence[date]) -> list[tuple[int, int]]:
    """The years of the columns, and how many columns each has."""
    return [(year, len(list(group))) for year, group in groupby(begins, key=lambda one: one.year)]
