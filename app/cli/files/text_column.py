"""A column of text that is kept small: stamps as they were written are as long as the numbers beside them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import overload

BLOCK = 16_384
SEPARATOR = "\0"
LEVEL = 1


class TextColumn(Sequence[str]):
    """Cells in their order, in compressed blocks; read from the first to the last they are unpacked once."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._last: list[str] = []
        self._unpacked: tuple[int, list[str]] = (-1, [])

    def append(self, cell: str) -> None:
        self._last.append(cell)
        if len(self._last) == BLOCK:
            self._blocks.append(zlib.compress(SEPARATOR.join(self._last).encode(), LEVEL))
            self._last = []

    def __len__(self) -> int:
        return BLOCK * len(self._blocks) + len(self._last)

    def __iter__(self) -> Iterator[str]:
        for number in range(len(self._blocks)):
            yield from self._block(number)
        yield from self._last

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        number = range(len(self))[place]
        return self._block(number // BLOCK)[number % BLOCK]

    def _block(self, number: int) -> list[str]:
        if number == len(self._blocks):
            return self._last
        if self._unpacked[0] != number:
            self._unpacked = (number, zlib.decompress(self._blocks[number]).decode().split(SEPARATOR))
        return self._unpacked[1]
