"""How long checks took, as columns of phases that the server draws: no script is needed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.kit.language import gettext, gettext_noop, ngettext
from app.probes.monitors.latency import PHASES, LatencyReport, LatencyStep
from app.probes.websites.models import StatusWindow, WindowKind
from app.web.pages.rendering import NOTHING, moment_text
from app.web.pages.words import word

WIDTH, HEIGHT = 1000.0, 200.0
PHASE_WORDS: Mapping[str, str] = {
    "dns": "DNS",
    "connect": gettext_noop("connect"),
    "tls": "TLS",
    "first_byte": gettext_noop("first byte"),
    "rest": gettext_noop("rest"),
    "whole": gettext_noop("whole"),
}


_KINDS = {WindowKind.DOWN: gettext_noop("down"), WindowKind.MAINTENANCE: gettext_noop("maintenance")}


@dataclass(frozen=True, slots=True)
class DrawnBox:
    """A part of the picture, from left to right."""

    x: float
    width: float
    text: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class LatencyPicture:
    """`columns` are paths by phase, from the bottom up; `steps` lie over them and say what they show."""

    columns: tuple[tuple[str, str], ...]
    steps: tuple[DrawnBox, ...]
    failed: tuple[DrawnBox, ...]
    windows: tuple[DrawnBox, ...]
    highest_ms: float


def latency_picture(report: LatencyReport, windows: Sequence[StatusWindow]) -> LatencyPicture:
    """The range with the downtimes and maintenances in it."""
    span, highest = report.span, report.longest_ms * 1.05 or 1.0
    width = span.step / (span.end - span.start) * WIDTH

    def box(one: LatencyStep, text: str = "") -> DrawnBox:
        begin = span.place(one.start) * WIDTH
        return DrawnBox(round(begin, 1), round(max(min(width, WIDTH - begin) * 0.9, 1.0), 1), text)

    paths: dict[str, list[str]] = {phase: [] for phase in (*PHASES, "whole")}
    for one in report.steps:
        bottom = HEIGHT
        for phase, value in _parts(one):
            height = value / highest * HEIGHT
            at = box(one)
            paths[phase].append(f"M{at.x} {bottom:.1f}v{-height:.1f}h{at.width}v{height:.1f}z")
            bottom -= height
    return LatencyPicture(
        tuple((phase, "".join(path)) for phase, path in paths.items() if path),
        tuple(box(one, _said(one)) for one in report.steps),
        tuple(box(one) for one in report.steps if one.failed),
        tuple(_boxes_of(report, windows)),
        highest,
    )


def _parts(one: LatencyStep) -> Iterator[tuple[str, float]]:
    if one.phases_ms is not None:
        yield from ((phase, value) for phase, value in one.phases_ms.items() if value > 0)
    elif one.whole_ms is not None:
        yield "whole", one.whole_ms


def _said(one: LatencyStep) -> str:
    said = f"{moment_text(one.start)}: {ngettext('%(num)s check', '%(num)s checks', one.checks)}"
    if one.failed:
        said += f", {one.failed} {gettext('failed')}"
    if one.whole_ms is None:
        return said
    parts = [f"{gettext(PHASE_WORDS[name])} {value:.0f}" for name, value in (one.phases_ms or {}).items() if value > 0]
    phases = f" ({', '.join(parts)})" if parts else ""
    said += f"; {one.whole_ms:.0f} ms{phases}"
    return (
        said
        if one.slowest_ms is None
        else gettext("%(said)s, slowest %(ms)s ms", said=said, ms=f"{one.slowest_ms:.0f}")
    )


def _boxes_of(report: LatencyReport, windows: Sequence[StatusWindow]) -> Iterator[DrawnBox]:
    """Maintenances lie behind downtimes."""
    span = report.span
    for kind in (WindowKind.MAINTENANCE, WindowKind.DOWN):
        for one in windows:
            end = one.end or span.end
            if one.kind is kind and end > span.start and one.start < span.end:
                begin = span.place(one.start) * WIDTH
                width = max(span.place(end) * WIDTH - begin, 1.5)
                until = moment_text(one.end) if one.end else gettext("now")
                said = f"{gettext(_KINDS[kind])}: {moment_text(one.start)} {NOTHING} {until}"
                yield DrawnBox(
                    round(begin, 1),
                    round(width, 1),
                    f"{said}{f', {word(one.reason)}' if one.reason else ''}",
                    kind.value,
                )
