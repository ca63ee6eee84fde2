"""The platform as a source of series: windows, parsing beside the event loop, keys."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from app.clock import Clock, SystemClock
from app.entsoe.items import ITEMS, SOURCE, ItemSpec
from app.errors import MalformedDocument, NoMatchingData, RequestTooLarge
from app.market.areas import Place
from app.market.series import DataItem, SeriesBlock, SeriesKey
from app.market.time import Interval, Resolution
from app.sources.catalog import Catalog
from app.sources.entsoe.catalog import EntsoeCatalog
from app.sources.entsoe.client import EntsoeClient
from app.sources.entsoe.extent import brings, last_day, unread
from app.sources.entsoe.parsing.documents import ExpandedCurve, MarketDocument, Rejection, SeriesHeader
from app.sources.entsoe.parsing.parser import read_documents
from app.sources.entsoe.parsing.settle import settle
from app.sources.entsoe.responses import meaning_of
from app.sources.source import Fetched, FetchStatistics, RejectedPoint

Parse = Callable[[bytes], list[MarketDocument]]
KEPT_BYTES = 1_000_000
MOST_PARTS = 8
"""So many questions about the ends of one window."""


@dataclass(slots=True)
class _Read:
    """What has been read for a window, in document order."""

    curves: list[ExpandedCurve] = field(default_factory=list)
    rejected: list[RejectedPoint] = field(default_factory=list)
    remarks: dict[str, None] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)
    series: int = 0


class EntsoeSource:
    """Series of the ENTSO-E Transparency Platform."""

    name = SOURCE
    catalog: Catalog = EntsoeCatalog()

    def __init__(self, client: EntsoeClient, *, parse: Parse = read_documents, clock: Clock | None = None) -> None:
        self._client = client
        self._clock = clock or SystemClock()
        self._parse = parse
        self._cores = asyncio.Semaphore(os.cpu_count() or 1)

    async def fetch(self, item: DataItem, place: Place, window: Interval, statistics: FetchStatistics) -> Fetched:
        """Everything the platform has for the window, also what it sends beyond it; raises SourceError.

        An end of the window that should have values and has none is asked for by itself, until an answer has nothing
        more: one that stops early looks like one that is whole. So does one that lacks a series altogether, where their
        number is limited: its last day is asked for by itself.
        """
        spec, read = ITEMS[item], _Read()
        await self._read(spec, place, window, statistics, read)
        first = statistics.question
        blocks = to_blocks(spec, place, read.curves)
        parts, day = self._unread(spec, place, window, blocks, read), last_day(spec, window, blocks, read.series)
        for _ in range(MOST_PARTS):
            if not parts:
                if day:
                    await self._check_series(spec, place, day, statistics, blocks)
                return Fetched(
                    blocks, tuple(read.rejected), damaged="; ".join(read.damaged), remarks=tuple(read.remarks)
                )
            part, count = parts.pop(), len(read.curves)
            await self._read(spec, place, part, statistics, read)
            brought = to_blocks(spec, place, read.curves[count:])
            statistics.question = first
            if spec.max_series is not None:
                _check_whole(blocks, brought)
            if brings(brought, part):
                parts += self._unread(spec, place, part, brought, read)
                blocks = to_blocks(spec, place, read.curves)
        raise RequestTooLarge(
            f"the answer is cut: {MOST_PARTS} questions did not bring all of it; ask for a shorter period"
        )

    def _unread(
        self, spec: ItemSpec, place: Place, window: Interval, blocks: Sequence[SeriesBlock], read: _Read
    ) -> list[Interval]:
        """Less than a day at the end may be what could not be taken."""
        return unread(spec, place, window, blocks, self._clock.now(), spare=bool(read.rejected))

    async def _check_series(
        self, spec: ItemSpec, place: Place, day: Interval, statistics: FetchStatistics, blocks: Sequence[SeriesBlock]
    ) -> None:
        """RequestTooLarge where the day by itself has a series that the answer lacks."""
        first, alone = statistics.question, _Read()
        await self._read(spec, place, day, statistics, alone)
        statistics.question = first
        _check_whole(blocks, to_blocks(spec, place, alone.curves))

    async def _read(
        self, spec: ItemSpec, place: Place, window: Interval, statistics: FetchStatistics, read: _Read
    ) -> None:
        pages = await self._client.query(spec, place, window, statistics)
        found: list[MarketDocument] = []
        for body in pages.bodies:
            for document in await self._documents(body, statistics):
                # Of an archive one member may say that there are no data, and others have some.
                with suppress(NoMatchingData):
                    _check_usable(spec, document, body)
                found.append(document)
        # Final and intermediate values may stand on different pages.
        for document in settle(found) if len(pages.bodies) > 1 else found:
            _take(document, read)

    async def _documents(self, body: bytes, statistics: FetchStatistics) -> list[MarketDocument]:
        """One body at a time for each core, beside the event loop, which a month of generation would hold up."""
        async with self._cores:
            begun = time.perf_counter()
            try:
                return await asyncio.to_thread(self._parse, body)
            except MalformedDocument as error:
                error.body = error.body or body[:KEPT_BYTES]
                raise
            finally:
                statistics.parse_seconds += time.perf_counter() - begun


def _check_whole(blocks: Sequence[SeriesBlock], of_a_part: Sequence[SeriesBlock]) -> None:
    """RequestTooLarge where a part of the window, asked for by itself, has a series that the answer lacks."""
    lacking = {one.key for one in of_a_part} - {one.key for one in blocks}
    if lacking:
        raise RequestTooLarge(
            f"the answer is cut: it lacks {len(lacking)} series that a part of it has by itself; ask for a shorter period"
        )


def _check_usable(spec: ItemSpec, document: MarketDocument, body: bytes) -> None:
    """Raises what an acknowledgement means, and where a document is not what was asked for."""
    if document.acknowledgement is not None:
        raise meaning_of(document.acknowledgement)
    if not document.malformed:
        _check(spec, document, body)


def _take(document: MarketDocument, read: _Read) -> None:
    read.rejected.extend(_rejected(document.member, rejection) for rejection in document.rejections)
    read.remarks.update(dict.fromkeys(document.notes))
    if document.malformed:
        read.damaged.append(f"{document.member} cannot be read: {document.malformed}")
    read.curves.extend(document.curves)
    read.series += document.time_series


def _check(spec: ItemSpec, document: MarketDocument, body: bytes) -> None:
    """MalformedDocument where the types are not those of the request; an item without process type takes any."""
    asked = (spec.document_type, spec.process_type)
    got = (document.document_type, document.process_type if spec.process_type else "")
    if got != asked:
        raise MalformedDocument(
            f"asked for {spec.item} ({'/'.join(filter(None, asked))}), the platform answered with "
            f"{'/'.join(filter(None, got)) or 'a document without types'}",
            body=body[:KEPT_BYTES],
        )


def _rejected(member: str, rejection: Rejection) -> RejectedPoint:
    series = f"{member}: {rejection.time_series}" if member else rejection.time_series
    reason = f"{rejection.reason}: {rejection.text!r}" if rejection.text else rejection.reason
    return RejectedPoint(series, rejection.where, reason)


def series_key(spec: ItemSpec, place: Place, header: SeriesHeader) -> SeriesKey:
    """The key of a TimeSeries in the answer for a place; domains as the document writes them."""
    return SeriesKey(
        source=SOURCE,
        item=spec.item,
        area=place.eic,
        in_area=header.in_domain,
        out_area=header.out_domain,
        direction=_direction(header) if spec.directed else "",
        psr_type=header.psr_type,
        business_type=header.business_type,
        contract=header.contract,
        sequence=header.sequence,
        flow_direction=header.flow_direction,
        category=_category(header),
        unit_eic=header.unit_eic,
        unit=header.unit,
        currency=header.currency,
    )


_USUAL = frozenset({"", "quantity", "price", "imbalance_price"})
"""What the items are about; other numbers of a point are series of their own, named by their category."""


def _category(header: SeriesHeader) -> str:
    if header.measure in _USUAL:
        return header.category
    return f"{header.category}/{header.measure}" if header.category else header.measure


def _direction(header: SeriesHeader) -> str:
    """Storage consumes where only its out domain is written; nothing else in the document tells."""
    if bool(header.in_domain) == bool(header.out_domain):
        return ""
    return "generation" if header.in_domain else "consumption"


def to_blocks(spec: ItemSpec, place: Place, curves: Sequence[ExpandedCurve]) -> list[SeriesBlock]:
    """One block for each series and resolution, in the order of first appearance; its rows in document order."""
    grouped: dict[tuple[SeriesKey, Resolution], list[ExpandedCurve]] = {}
    for curve in curves:
        if len(curve.starts):
            grouped.setdefault((series_key(spec, place, curve.header), curve.resolution), []).append(curve)
    return [_block(key, resolution, group) for (key, resolution), group in grouped.items()]


def _block(key: SeriesKey, resolution: Resolution, group: Sequence[ExpandedCurve]) -> SeriesBlock:
    if len(group) == 1:
        (only,) = group
        return SeriesBlock(key, resolution, only.starts, only.values, only.filled)
    return SeriesBlock(
        key,
        resolution,
        np.concatenate([curve.starts for curve in group]),
        np.concatenate([curve.values for curve in group]),
        np.concatenate([curve.filled for curve in group]),
    )
