"""Answers of any length, of which a reader that is slow or gone holds nothing."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import IO, Any, cast
from zoneinfo import ZoneInfo

import structlog
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.timeseries.export.forms import ExportForm, writing
from app.timeseries.query import SeriesQuery, read_shaped
from app.timeseries.repository import TimeSeriesRepository

CHUNK_BYTES = 65_536
CHUNKS_AHEAD = 8
"""Chunks that are ready before the reader takes them."""


class Spool(io.RawIOBase):
    """What was written and not yet taken."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._written = 0
        self.held = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._written += len(part)
        self.held += len(part)
        return len(part)

    def tell(self) -> int:
        return self._written

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        self.held = 0
        return taken


async def values_as(
    repository: TimeSeriesRepository,
    query: SeriesQuery,
    form: ExportForm,
    zone: ZoneInfo | None,
    *,
    wide: bool,
    synthetic: bool,
    fields: tuple[str, ...] = (),
) -> AsyncGenerator[bytes]:
    """The values in this form, in chunks; the loop goes on while a batch is written."""
    spool = Spool()
    stream = cast("IO[bytes]", spool)
    with writing(form, stream, query, zone, wide=wide, synthetic=synthetic, fields=fields) as writer:
        async with aclosing(read_shaped(repository, query)) as found:
            async for shaped in found:
                await asyncio.to_thread(writer.write, shaped)
                if spool.held >= CHUNK_BYTES:
                    yield spool.take()
    yield spool.take()


async def read_ahead(source: AsyncGenerator[bytes], patience: float) -> AsyncGenerator[bytes]:
    """The chunks of the source, which ends when its reader takes none for so many seconds."""
    ready: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
    room = asyncio.Semaphore(CHUNKS_AHEAD)

    async def fill() -> None:
        try:
            async with aclosing(source):
                async for chunk in source:
                    await _room_within(room, patience)
                    ready.put_nowait(chunk)
        except Exception as error:  # noqa: BLE001  the reader learns of it, whatever it is
            ready.put_nowait(error)
        else:
            ready.put_nowait(None)

    filling = asyncio.create_task(fill(), name="read ahead")
    try:
        while (chunk := await ready.get()) is not None:
            if isinstance(chunk, Exception):
                raise chunk
            room.release()
            yield chunk
    finally:
        filling.cancel()
        await asyncio.wait([filling])


async def _room_within(room: asyncio.Semaphore, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await room.acquire()
    except TimeoutError:
        structlog.get_logger().info("slow_reader_dropped", seconds=seconds)
        raise


class ChunkedAnswer(StreamingResponse):
    """Begins with its first chunk, so that what fails before it is answered as a problem; ends its source in any case."""

    def __init__(self, first: bytes, rest: AsyncGenerator[bytes], media_type: str, headers: Mapping[str, str]) -> None:
        self._rest = rest
        super().__init__(_chained(first, rest), media_type=media_type, headers=headers)

    @classmethod
    async def of(
        cls, source: AsyncGenerator[bytes], media_type: str, headers: Mapping[str, str], *, patience: float
    ) -> ChunkedAnswer:
        """The answer whose chunks the source gives."""
        chunks = read_ahead(source, patience)
        return cls(await anext(chunks), chunks, media_type, headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._rest.aclose()


def heading_of_stream(headers: Mapping[str, str], media_type: str) -> Response:
    """What HEAD gets where GET gives a stream: its headers, and no length, which nobody knows before."""
    response = Response(headers=headers, media_type=media_type)
    del response.headers["content-length"]
    return response


async def _chained(first: bytes, rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
