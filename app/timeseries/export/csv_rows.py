"""Stored values as CSV, batch by batch, so that a long range is written in bounded memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import IO

from app.timeseries.export.columns import ORIGIN, SYNTHETIC, Look, Notation, column_texts, local_instants, text_rows
from app.timeseries.export.wide_table import WideTable
from app.timeseries.shape import Shaped

_NOTATION = Notation(unknown="", false="0", true="1")


class CsvWriter:
    """CSV with a header: `recorded_at` with microseconds, values in shortest decimal form, empty where none is known.

    Deliveries start in UTC, or in local time with its offset where a zone is given.
    """

    def __init__(self, stream: IO[str], look: Look = Look()) -> None:  # noqa: B008  it is frozen
        self._stream = stream
        self._look = look
        self._stream.write(",".join(look.columns) + "\n")

    def write(self, shaped: Shaped) -> None:
        self._stream.write("".join(text_rows(self._pieces(shaped), len(shaped))))

    def _pieces(self, shaped: Shaped) -> Iterator[str | Sequence[str]]:
        for number, name in enumerate(self._look.columns):
            if number:
                yield ","
            texts = column_texts(name, shaped, self._look, _NOTATION)
            yield _quoted(texts) if isinstance(texts, str) else texts
        yield "\n"

    def close(self) -> None:
        self._stream.flush()


class WideCsvWriter(WideTable):
    """The table as CSV."""

    def __init__(self, stream: IO[str], look: Look) -> None:
        super().__init__(look)
        self._stream = stream

    def close(self) -> None:
        starts, columns = self.table()
        lines = csv.writer(self._stream, lineterminator="\n")
        lines.writerow(["delivery_start", *columns, *([ORIGIN] if self.look.synthetic else [])])
        last = [[SYNTHETIC] * len(starts)] if self.look.synthetic else []
        values = map(_NOTATION.numbers, columns.values())
        lines.writerows(zip(local_instants(starts, self.look.zone), *values, *last, strict=True))
        self._stream.flush()


def _quoted(text: str) -> str:
    """A cell; only what parts of a key hold could need quotes."""
    if text.isascii() and text.replace("_", "").isalnum():
        return text
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([text, ""])
    return line.getvalue()[:-1]
