"""Answers in fewer bytes: the codings of `Accept-Encoding` that are written here, chunk by chunk."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from enum import StrEnum
from typing import Protocol

from app.web.value_stream import Spool

_GZIP = 31
"""Bits of the window of zlib, and that it writes the frame of gzip."""
_FAST = 1
"""The level; the time of the others is better spent on the next rows."""


class Coding(StrEnum):
    """How a body is compressed; the first is taken where a client wants several alike."""

    ZSTD = "zstd"
    GZIP = "gzip"


def weights(header: str) -> dict[str, float]:
    """The names in a header as Accept or Accept-Encoding with their weights, in their order; without those whose weight is none."""
    found: dict[str, float] = {}
    for part in header.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        given = [one.removeprefix("q=") for one in parameters if one.startswith("q=")]
        try:
            weight = float(given[0]) if given else 1.0
        except ValueError:
            continue
        if name and 0 <= weight <= 1:
            found.setdefault(name, weight)
    return found


def accepted_coding(header: str) -> Coding | None:
    """The coding that a client wants most; None where it wants none, or the body as it is more."""
    wanted = weights(header)
    best = max(Coding, key=lambda coding: wanted.get(coding, wanted.get("*", 0.0)))
    weight = wanted.get(best, wanted.get("*", 0.0))
    return best if weight > 0 and weight >= wanted.get("identity", 0.0) else None


class _Compressor(Protocol):
    def add(self, data: bytes) -> bytes: ...

    def end(self) -> bytes: ...


class _Gzip:
    def __init__(self) -> None:
        self._stream = zlib.compressobj(_FAST, zlib.DEFLATED, _GZIP)

    def add(self, data: bytes) -> bytes:
        return self._stream.compress(data)

    def end(self) -> bytes:
        return self._stream.flush()


class _Zstd:
    def __init__(self) -> None:
        import pyarrow as pa

        self._spool = Spool()
        self._stream = pa.CompressedOutputStream(pa.PythonFile(self._spool, mode="w"), "zstd")

    def add(self, data: bytes) -> bytes:
        self._stream.write(data)
        return self._spool.take()

    def end(self) -> bytes:
        self._stream.close()
        return self._spool.take()


_COMPRESSORS: Mapping[Coding, Callable[[], _Compressor]] = {Coding.ZSTD: _Zstd, Coding.GZIP: _Gzip}


async def coded(source: AsyncGenerator[bytes], coding: Coding | None) -> AsyncGenerator[bytes]:
    """The chunks of the source in this coding; the loop goes on while one is compressed."""
    compressor = _COMPRESSORS[coding]() if coding else None
    async with aclosing(source):
        async for chunk in source:
            if compressor is None:
                yield chunk
            elif data := await asyncio.to_thread(compressor.add, chunk):
                yield data
    if compressor is not None:
        yield await asyncio.to_thread(compressor.end)
