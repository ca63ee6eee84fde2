"""An answer read to its end: unpacked, capped in size, free of our secrets."""

from __future__ import annotations

import io
import zlib
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import httpx

from app.errors import RequestTooLarge, SourceError

MOST_UNPACKED = 32 * 1024 * 1024
HIGHEST_RATIO = 16
"""An answer that unpacks to more than the former is read where it is packed no denser than this; real ones: 14."""
_PIECE = 256 * 1024
_GZIP_START = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Judge = Callable[[HttpResponse, datetime], SourceError | None]
"""Says what an answer means that arrived at an instant and holds no data; None where it can be used.

SourceUnavailable: another attempt may help. RateLimited: everybody waits. Every other one is final, NoMatchingData too.
"""


class _Plain:
    """Hands bytes through."""

    def feed(self, packed: bytes) -> Iterator[bytes]:
        yield packed

    def finish(self) -> None:
        """Anything may be the end."""


class _Gunzip:
    """Unpacks a gzip stream in pieces, so that a bomb is noticed while it is still small."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._begun = False

    def feed(self, packed: bytes) -> Iterator[bytes]:
        self._begun = self._begun or bool(packed)
        while packed:
            if self._member.eof:
                if not packed.startswith(_GZIP_START):
                    return  # what follows the last member is padding
                self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
            try:
                yield self._member.decompress(packed, _PIECE)
            except zlib.error as error:
                raise httpx.DecodingError(f"broken gzip: {error}") from error
            packed = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def finish(self) -> None:
        if self._begun and not self._member.eof:
            raise httpx.DecodingError("the gzip stream was cut off")


def _decoder(response: httpx.Response) -> _Plain | _Gunzip:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        return _Plain()
    if encoding in ("gzip", "x-gzip"):
        return _Gunzip()
    raise httpx.DecodingError(f"content encoding {encoding[:40]!r} was not asked for")


async def unpacked_body(response: httpx.Response) -> AsyncGenerator[bytes]:
    """The pieces of a body as they arrive, unpacked, none larger than a bound; DecodingError where it is broken."""
    async for piece, _ in _pieces(response):
        yield piece


async def _pieces(response: httpx.Response) -> AsyncGenerator[tuple[bytes, int]]:
    """The same, with the number of bytes that came over the wire so far."""
    decoder = _decoder(response)
    received = 0
    async for packed in cast("httpx.AsyncByteStream", response.stream):
        received += len(packed)
        for piece in decoder.feed(packed):
            yield piece, received
    decoder.finish()


async def read_body(response: httpx.Response, limit: int) -> bytes:
    """The whole unpacked body; RequestTooLarge as soon as it exceeds `limit` bytes, or what its packed size allows."""
    body = io.BytesIO()  # gives its bytes without a copy
    async for piece, received in _pieces(response):
        body.write(piece)
        if body.tell() > limit:
            raise RequestTooLarge(
                f"the answer exceeds {limit:,} bytes (GRIDKEEPER_ENTSOE__MAX_ANSWER_BYTES): ask for a shorter period"
            )
        if body.tell() > max(MOST_UNPACKED, HIGHEST_RATIO * received):
            raise RequestTooLarge(
                f"the answer unpacks to more than {body.tell() - len(piece):,} bytes from {received:,}, as no document "
                "of the platform does: ask for a shorter period"
            )
    return body.getvalue()
