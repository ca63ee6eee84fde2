"""Stored values as JSON: an object for each row, in one array or line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import IO

from app.market.time import iso_microseconds
from app.timeseries.export.columns import (
    COVERAGE,
    ORIGIN,
    SYNTHETIC,
    Look,
    Notation,
    column_texts,
    local_instants,
    text_rows,
)
from app.timeseries.export.wide_table import WideTable
from app.timeseries.shape import Shaped

_NOTATION = Notation(unknown="null", false="false", true="true")
_NO_TEXTS = {"value", "filled", COVERAGE}
_LAST = f',"{ORIGIN}":"{SYNTHETIC}"'


class JsonRows:
    """Rows in lines, or in the array `data` of one object, which says `as_of` too."""

    def __init__(self, stream: IO[str], *, lines: bool, as_of: datetime | None) -> None:
        self._stream = stream
        self._lines = lines
        self._first = True
        if not lines:
            known_at = json.dumps(iso_microseconds(as_of) if as_of else None)
            stream.write(f'{{"as_of":{known_at},"data":[')

    def add(self, rows: Sequence[str]) -> None:
        if not rows:
            return
        if self._lines:
            self._stream.write("\n".join(rows) + "\n")
            return
        self._stream.write(("\n" if self._first else ",\n") + ",\n".join(rows))
        self._first = False

    def close(self) -> None:
        if not self._lines:
            self._stream.write("\n]}\n")
        self._stream.flush()


class JsonWriter:
    """The columns of CSV as members; `filled` is a boolean, an unknown value null, `in_area` and the like texts."""

    def __init__(self, stream: IO[str], look: Look = Look(), *, lines: bool = False) -> None:  # noqa: B008  it is frozen
        self._rows = JsonRows(stream, lines=lines, as_of=look.as_of)
        self._look = look

    def write(self, shaped: Shaped) -> None:
        self._rows.add(list(text_rows(self._pieces(shaped), len(shaped))))

    def _pieces(self, shaped: Shaped) -> Iterator[str | Sequence[str]]:
        for number, name in enumerate(self._look.columns):
            quote = "" if name in _NO_TEXTS else '"'
            yield f'{"," if number else "{"}"{name}":{quote}'
            texts = column_texts(name, shaped, self._look, _NOTATION)
            # What is written for each row is made here; parts of a key may hold anything.
            yield json.dumps(texts)[1:-1] if quote and isinstance(texts, str) else texts
            yield quote
        yield "}"

    def close(self) -> None:
        self._rows.close()


class WideJsonWriter(WideTable):
    """A row for each start of delivery with a member for each series, null where it has no value."""

    def __init__(self, stream: IO[str], look: Look, *, lines: bool = False) -> None:
        super().__init__(look)
        self._rows = JsonRows(stream, lines=lines, as_of=look.as_of)

    def close(self) -> None:
        starts, columns = self.table()
        last = _LAST if self.look.synthetic else ""
        members = [
            [f",{json.dumps(name)}:{value}" for value in _NOTATION.numbers(values)] for name, values in columns.items()
        ]
        self._rows.add(
            [
                f'{{"delivery_start":"{start}"{"".join(values)}{last}}}'
                for start, *values in zip(local_instants(starts, self.look.zone), *members, strict=True)
            ]
        )
        self._rows.close()
