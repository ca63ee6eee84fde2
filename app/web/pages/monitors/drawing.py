"""The bars and the latency of a website as small pictures, which are written by hand: a template takes many times as long.

A bar says what it shows by its height as well as by its colour, and in words to who points at it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup, escape

from app.kit.language import gettext, gettext_noop, ngettext
from app.probes.monitors.bars import BarLength, BarTone, HistoryBar
from app.web.pages.overview.sparkline import Sparkline, trend_line
from app.web.pages.rendering import moment_text
from app.web.pages.words import word

STEP, WIDTH, HEIGHT = 4, 3, 24
_HEIGHTS: Mapping[BarTone, int] = {
    BarTone.GOOD: 14,
    BarTone.PARTLY: 19,
    BarTone.FAILED: 24,
    BarTone.PLANNED: 9,
    BarTone.OURS: 6,
    BarTone.NONE: 2,
}
BAR_WORDS: Mapping[BarTone, str] = {
    BarTone.GOOD: gettext_noop("good"),
    BarTone.PARTLY: gettext_noop("partly failed"),
    BarTone.FAILED: gettext_noop("failed"),
    BarTone.PLANNED: gettext_noop("failed in maintenance"),
    BarTone.OURS: gettext_noop("failed because of this machine"),
    BarTone.NONE: gettext_noop("without a check"),
}
LENGTH_WORDS: Mapping[BarLength, str] = {
    BarLength.CHECKS: gettext_noop("checks"),
    BarLength.HOURS: gettext_noop("hours"),
    BarLength.DAYS: gettext_noop("days"),
}
WHY_WORDS: Mapping[str, str] = {
    "down": gettext_noop("down"),
    "unknown": gettext_noop("unknown"),
    "paused": gettext_noop("paused"),
    "maintenance": gettext_noop("maintenance"),
}


def bars_picture(bars: Sequence[HistoryBar], length: BarLength) -> Markup:
    """All bars as one picture with its text; each bar has a title of its own."""
    return _picture(bars, lambda bar: _said(bar, length), gettext(LENGTH_WORDS[length]))


def cycles_picture(bars: Sequence[HistoryBar]) -> Markup:
    """The cycles of a service as such a picture."""
    return _picture(bars, _said_of_cycle, gettext("cycles"))


def _picture(bars: Sequence[HistoryBar], said: Callable[[HistoryBar], str], units: str) -> Markup:
    drawn = "".join(_bar(place, bar, said(bar)) for place, bar in enumerate(bars))
    box = Markup('<svg class="bars" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>')
    return box.format(len(bars) * STEP - 1, HEIGHT, bars_in_words(bars, units), Markup(drawn))  # noqa: S704  numbers and escaped titles


def _bar(place: int, bar: HistoryBar, said: str) -> str:
    height = _HEIGHTS[bar.tone]
    box = f'<rect class="{bar.tone.value}" x="{place * STEP}" y="{HEIGHT - height}" width="{WIDTH}" height="{height}">'
    return f"{box}<title>{escape(said)}</title></rect>" if said else f"{box}</rect>"


def _said(bar: HistoryBar, length: BarLength) -> str:
    found = bar.found
    if found is None:
        return ""
    at = moment_text(found.at, seconds=length is BarLength.CHECKS)
    latency = f", {bar.latency_ms:.0f} ms" if bar.latency_ms is not None else ""
    if length is BarLength.CHECKS:
        return f"{at}: {gettext(BAR_WORDS[bar.tone])}{f' ({word(found.reason)})' if found.failed else ''}{latency}"
    if not found.checks:
        return f"{at}: {gettext(WHY_WORDS[bar.why] if bar.why else BAR_WORDS[BarTone.NONE])}"
    counts = ngettext(
        "%(good)s of %(num)s check good", "%(good)s of %(num)s checks good", found.checks, good=found.good
    )
    ours = f", {found.ours} {gettext(BAR_WORDS[BarTone.OURS])}" if found.ours else ""
    return f"{at}: {counts}{ours}{latency}"


def _said_of_cycle(bar: HistoryBar) -> str:
    found = bar.found
    if found is None:
        return ""
    at = moment_text(found.at)
    if not found.checks:
        return f"{at}: {bar.why}"
    counts = ngettext(
        "%(good)s of %(num)s operation good", "%(good)s of %(num)s operations good", found.checks, good=found.good
    )
    ours = f", {found.ours} {gettext(BAR_WORDS[BarTone.OURS])}" if found.ours else ""
    latency = f", P95 {bar.latency_ms:.0f} ms" if bar.latency_ms else ""
    return f"{at}: {counts}{ours}{latency}"


def bars_in_words(bars: Sequence[HistoryBar], units: str) -> str:
    """What the bars show, for who does not see them."""
    tones = Counter(bar.tone for bar in bars)
    parts = ", ".join(f"{tones[tone]} {gettext(BAR_WORDS[tone])}" for tone in BarTone if tones[tone])
    return gettext("The last %(count)s %(units)s: %(parts)s", count=len(bars), units=units, parts=parts)


def latency_line(bars: Sequence[HistoryBar], length: BarLength) -> Sparkline | None:
    """How long good checks took, in the places of their bars; None where there are not two."""
    values = [bar.latency_ms for bar in bars]
    said = gettext("Milliseconds of the last %(units)s", units=gettext(LENGTH_WORDS[length]))
    return trend_line(values, said, lowest=0.0, shown="{:.0f}")
