"""Documents as HTML and Markdown: sections of paragraphs, tables and figures, rendered alike for every report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Template

EMPTY = "-"
SYNTHETIC = "SYNTHETIC data: nothing here comes from the Transparency Platform."
_STAMP = '<text x="50%" y="55%" text-anchor="middle" font-size="40" fill="#c0392b" fill-opacity="0.25">SYNTHETIC</text>'


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under columns; those named in `right` are aligned to the right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[str] = frozenset()
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture as SVG markup of `app.reporting.plots`, which escapes every text it is given; `caption` is plain text.

    `words` stand in its place where no picture can be, or nothing for None.
    """

    caption: str
    svg: str
    words: str | None = ""


@dataclass(frozen=True, slots=True)
class ReportSection:
    """A heading with what stands below it, in this order; paragraphs write commands and names between backticks."""

    title: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportDocument:
    """A whole report; `subtitle` says what time it is about and when it was made."""

    title: str
    subtitle: str
    sections: tuple[ReportSection, ...]
    synthetic: bool = False
    """Nothing in it comes from the platform, which every form of it says, and every picture."""


def to_html(document: ReportDocument) -> str:
    """One page without scripts or outside resources, for a browser."""
    return _template("document.html.j2").render(document=document, pictures=True)


def to_mail(document: ReportDocument) -> str:
    """The same for mail: its readers throw SVG away, so words stand in the place of pictures."""
    return _template("document.html.j2").render(document=document, pictures=False)


@lru_cache(maxsize=4)
def _template(name: str) -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("app.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["pieces"] = pieces
    environment.filters["stamped"] = stamped
    environment.globals["SYNTHETIC"] = SYNTHETIC
    return environment.get_template(name)


def stamped(svg: str, *, synthetic: bool) -> str:
    """The picture with SYNTHETIC across it where its data are: pictures are copied out of their reports."""
    return svg.replace("</svg>", f"{_STAMP}</svg>") if synthetic else svg


def pieces(text: str) -> list[tuple[str, bool]]:
    """The text in pieces, and whether each stood between backticks; a last one without its fellow is an ordinary character."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        parts[-2:] = ["`".join(parts[-2:])]
    return [(part, number % 2 == 1) for number, part in enumerate(parts) if part]


def to_markdown(document: ReportDocument) -> str:
    """The same without pictures, of which captions and words stay."""
    parts = [f"# {_inline(document.title)}", _inline(document.subtitle)]
    parts += [f"**{SYNTHETIC}**"] if document.synthetic else []
    for section in document.sections:
        parts.append(f"## {_inline(section.title)}")
        parts += [_paragraph(text) for text in section.paragraphs]
        for table in section.tables:
            parts += [f"**{_inline(table.caption)}**"] if table.caption else []
            parts.append(_markdown_table(table))
        parts += [_markdown_figure(figure) for figure in section.figures if figure.words is not None]
    return "\n\n".join(parts) + "\n"


def _paragraph(text: str) -> str:
    return "".join(f"`{_one_line(part)}`" if code else _inline(part) for part, code in pieces(text))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _markdown_figure(figure: Figure) -> str:
    caption = _inline(figure.caption)
    return f"{caption}: {figure.words}" if figure.words else f"*Figure in the HTML form: {caption}*"


def _markdown_table(table: Table) -> str:
    rule = ["---:" if column in table.right else "---" for column in table.columns]
    lines = [_row([_inline(column) for column in table.columns]), _row(rule)]
    lines += [_row([_inline(cell) for cell in row]) for row in table.rows]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


_MARKS = {ord(mark): "\\" + mark for mark in "\\`*_[]<>|#"} | {ord("\n"): " ", ord("\r"): " "}


def _inline(text: str) -> str:
    """Text that Markdown takes literally."""
    return text.translate(_MARKS)


def number(value: float | None, digits: int = 1) -> str:
    """A number as people read it; `-` where there is none."""
    return EMPTY if value is None else f"{value:,.{digits}f}"


def floored(value: float | None) -> str:
    """A score with one decimal, rounded so that 100.0 means all of it."""
    if value is None:
        return EMPTY
    return f"{min(value, 99.9) if value < 100 else value:.1f}"
