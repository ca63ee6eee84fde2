"""Which coding and which bytes of an answer a client asks for, and files that are kept for it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncGenerator

import pyarrow as pa
import pytest

from app.web.api.codings import Coding, accepted_coding, coded
from app.web.api.kept_files import KeptFiles
from app.web.api.ranges import ByteRange, Unsatisfiable, asked_range
from app.web.problem_types import ApiError, ProblemType


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("", None), ("identity", None), ("gzip", Coding.GZIP), ("gzip, deflate, br, zstd", Coding.ZSTD),
        ("gzip;q=1, zstd;q=0.5", Coding.GZIP), ("*", Coding.ZSTD), ("*;q=0.5, zstd;q=0", Coding.GZIP),
        ("identity, gzip;q=0.5", None), ("gzip;q=x", None), ("GZIP;q=0", None), ("br", None), (";;,", None),
    ],
)  # fmt: skip
def test_a_coding_is_taken_where_the_client_wants_it(header: str, coding: Coding | None) -> None:
    assert accepted_coding(header) is coding


async def chunks(*parts: bytes) -> AsyncGenerator[bytes]:
    for part in parts:
        yield part


@pytest.mark.parametrize("coding", [None, *Coding])
async def test_what_is_compressed_reads_back(coding: Coding | None) -> None:
    parts = [b"a" * 100_000, b"", b"end"]
    written = b"".join([part async for part in coded(chunks(*parts), coding)])
    if coding is Coding.GZIP:
        written = gzip.decompress(written)
    elif coding is Coding.ZSTD:
        written = pa.CompressedInputStream(pa.py_buffer(written), "zstd").read()
    assert written == b"".join(parts)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("bytes=0-3", ByteRange(0, 3)), ("bytes=4-", ByteRange(4, 9)), ("bytes=-4", ByteRange(6, 9)),
        ("bytes=-40", ByteRange(0, 9)), ("bytes=8-40", ByteRange(8, 9)), ("bytes=0-1,3-4", None), ("rows=0-1", None),
        ("bytes=-", None), ("bytes=5-4", None), ("", None),
    ],
)  # fmt: skip
def test_one_range_of_a_file_is_read(header: str, found: ByteRange | None) -> None:
    assert asked_range(header, 10) == found


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=99-120", "bytes=-0"])
def test_a_range_behind_the_end_is_told(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        asked_range(header, 10)


async def test_a_file_is_made_once_for_all_who_want_it_and_no_larger_than_it_may_be() -> None:
    files, made = KeptFiles(10), []

    def source(size: int) -> AsyncGenerator[bytes]:
        made.append(size)
        return chunks(b"x" * size)

    both = await asyncio.gather(*(files.file("a", lambda: source(5)) for _ in range(2)))
    assert (both, made) == ([b"x" * 5] * 2, [5])
    for _ in range(2):
        with pytest.raises(ApiError) as error:
            await files.file("b", lambda: source(11))
        assert error.value.kind is ProblemType.LIMIT_EXCEEDED
    assert made == [5, 11, 11]
    for name in "cde":
        await files.file(name, lambda: source(9))
    made.clear()
    await files.file("a", lambda: source(5))
    await files.file("e", lambda: source(9))
    assert made == [5]
