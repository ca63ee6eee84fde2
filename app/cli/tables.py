"""Tables as aligned text: the same at a terminal, in a file and in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[str] = ()) -> None:
    """Print columns as wide as their longest cell; those in `right` are aligned to the right."""
    for line in table_lines(columns, rows, right=right):
        sys.stdout.write(line + "\n")


def table_lines(columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[str] = ()) -> Iterator[str]:
    """The lines of such a table, headings first."""
    shown = [tuple(map(single_line, row)) for row in (columns, *rows)]
    widths = [max(map(len, cells)) for cells in zip(*shown, strict=True)]
    for row in shown:
        cells = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, width, cell in zip(columns, widths, row, strict=True)
        )
        yield "  ".join(cells).rstrip()


def single_line(text: str, longest: int = 100_000) -> str:
    """One line of the text, without what steers a terminal, cut where it is longer."""
    if not text.isprintable():
        text = "".join(character if character.isprintable() else " " for character in text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def printable(text: str) -> str:
    """The lines of the text without what steers a terminal."""
    return "\n".join(map(single_line, text.split("\n")))


def cell_of_csv(value: object) -> str:
    """Text that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(("=", "+", "-", "@", "\t")) else text
