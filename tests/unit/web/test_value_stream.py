"""Answers of any length: chunks in order, errors told, and nothing held for who takes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from app.web.value_stream import CHUNKS_AHEAD, Spool, read_ahead


class Numbers:
    """Chunks without end, and whether their source was closed."""

    def __init__(self, last: int | None = None) -> None:
        self.given = 0
        self.closed = asyncio.Event()
        self._last = last

    async def chunks(self) -> AsyncGenerator[bytes]:
        try:
            while self.given != self._last:
                self.given += 1
                yield b"%d" % self.given
        finally:
            self.closed.set()


async def test_chunks_come_in_order_and_end() -> None:
    source = Numbers(50)
    async with aclosing(read_ahead(source.chunks(), 10)) as chunks:
        found = [int(chunk) async for chunk in chunks]
    assert found == [*range(1, 51)]
    assert source.closed.is_set()


async def test_a_reader_that_takes_nothing_ends_the_source_and_is_told() -> None:
    source = Numbers()
    async with aclosing(read_ahead(source.chunks(), 0.05)) as chunks, asyncio.timeout(30):
        first = await anext(chunks)
        await source.closed.wait()
        assert source.given <= CHUNKS_AHEAD + 3
        with pytest.raises(TimeoutError):
            [chunk async for chunk in chunks]
    assert first == b"1"


async def test_a_reader_that_leaves_ends_the_source() -> None:
    source = Numbers()
    async with aclosing(read_ahead(source.chunks(), 10)) as chunks:
        await anext(chunks)
    assert source.closed.is_set()


async def test_an_error_of_the_source_reaches_the_reader_after_what_came_before_it() -> None:
    async def chunks() -> AsyncGenerator[bytes]:
        yield b"1"
        raise OSError("gone")

    found = read_ahead(chunks(), 10)
    assert await anext(found) == b"1"
    with pytest.raises(OSError, match="gone"):
        await anext(found)


def test_a_spool_gives_what_was_written_once_and_knows_how_much_that_was() -> None:
    spool = Spool()
    spool.write(b"ab")
    spool.write(memoryview(b"cd"))
    assert (spool.held, spool.take(), spool.held, spool.take(), spool.tell()) == (4, b"abcd", 0, b"", 4)
