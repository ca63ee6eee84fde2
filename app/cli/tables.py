"""Tables as aligned text: the same at a terminal, in a file and in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[str] = ()) -> None:
    """Print columns as wide as their longest cell; those in `right` are aligned to the right."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        cells = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, width, cell in zip(columns, widths, row, strict=True)
        )
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
