from __future__ import annotations

import asyncio
import io
import zipfile
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clock import FixedClock
from app.errors import MalformedDocument, RequestRejected, RequestTooLarge, SourceUnavailable
from app.market.areas import find_place
from app.market.series import DataItem, SeriesKey
from app.market.time import Interval, Resolution, midnight
from app.sources.entsoe.client import EntsoeClient
from app.sources.entsoe.source import EntsoeSource
from app.sources.source import Fetched, FetchStatistics, RejectedPoint
from tests.support.http_fakes import ScriptedWire, acknowledgement, calling

FR, DE_LU = "10YFR-RTE------C", "10Y1001A1001A82H"
START = datetime(2024, 1, 1, 23, tzinfo=UTC)
DAY = Interval(START, START + timedelta(days=1))
TOO_LARGE = httpx.Response(400, content=acknowledgement("The number of instances (149) exceeds the allowed maximum"))
SOURCE = EntsoeSource(EntsoeClient(httpx.AsyncClient(transport=ScriptedWire(TOO_LARGE)), "http://platform.example/api"))
NOTHING = httpx.Response(200, content=acknowledgement("No matching data found"))


def series(values: list[object], *, start: datetime = START, extra: str = "", resolution: str = "PT60M") -> str:
    points = "".join(
        f"<Point><position>{position}</position><quantity>{value}</quantity></Point>"
        for position, value in enumerate(values, 1)
    )
    hours = len(values) * (1 if resolution == "PT60M" else 0.25)
    end = start + timedelta(hours=hours)
    return (
        f"<TimeSeries><mRID>1</mRID>{extra}<quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name>"
        f"<curveType>A01</curveType><Period><timeInterval><start>{start:%Y-%m-%dT%H:%MZ}</start>"
        f"<end>{end:%Y-%m-%dT%H:%MZ}</end></timeInterval><resolution>{resolution}</resolution>{points}</Period>"
        "</TimeSeries>"
    )


def document(*parts: str, document_type: str = "A65", process_type: str = "A16") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<GL_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-6:generationloaddocument:3:0"><mRID>d</mRID>'
        f"<type>{document_type}</type><process.processType>{process_type}</process.processType>{''.join(parts)}"
        "</GL_MarketDocument>"
    ).encode()


def ok(body: bytes) -> httpx.Response:
    return httpx.Response(200, content=body)


async def fetch(
    wire: ScriptedWire,
    item: DataItem = DataItem.LOAD_ACTUAL,
    place: str = "FR",
    window: Interval = DAY,
    statistics: FetchStatistics | None = None,
) -> Fetched:
    async with calling(wire) as caller:
        source = EntsoeSource(EntsoeClient(caller.http, caller.url))
        return await source.fetch(item, find_place(place), window, statistics or FetchStatistics())


def windows(item: DataItem, place: str, start: date, end: date) -> list[Interval]:
    found = find_place(place)
    interval = Interval(midnight(start, found.zone), midnight(end, found.zone))
    return SOURCE.catalog.windows(item, found, interval)


def test_windows_are_local_months_where_the_item_wants_months() -> None:
    found = windows(DataItem.GENERATION_ACTUAL, "FR", date(2024, 3, 1), date(2024, 5, 15))
    assert [str(window) for window in found] == [
        "2024-02-29T23:00:00Z/2024-03-31T22:00:00Z",
        "2024-03-31T22:00:00Z/2024-04-30T22:00:00Z",
        "2024-04-30T22:00:00Z/2024-05-14T22:00:00Z",
    ]


def test_windows_begin_and_end_with_the_area() -> None:
    (only,) = windows(DataItem.LOAD_ACTUAL, "DE_LU", date(2018, 9, 1), date(2018, 11, 1))
    assert str(only) == "2018-09-30T22:00:00Z/2018-10-31T23:00:00Z"
    assert windows(DataItem.PRICE_DAY_AHEAD, "DE_LU", date(2017, 1, 1), date(2018, 10, 1)) == []
    assert windows(DataItem.FLOW_PHYSICAL, "FR>DE_LU", date(2017, 1, 1), date(2018, 10, 1)) == []


@given(st.sampled_from(list(DataItem)), st.dates(date(2015, 1, 1), date(2027, 1, 1)), st.integers(0, 800))
def test_windows_partition_the_interval(item: DataItem, start: date, days: int) -> None:
    found = windows(item, "FR", start, start + timedelta(days=days))
    assert all(window.start < window.end for window in found)
    assert [window.end for window in found[:-1]] == [window.start for window in found[1:]]
    total = sum((window.duration for window in found), timedelta())
    zone = find_place("FR").zone
    assert total == midnight(start + timedelta(days=days), zone) - midnight(start, zone)


async def test_a_document_becomes_blocks_under_the_whole_key() -> None:
    extra = (
        "<businessType>A04</businessType>"
        f'<outBiddingZone_Domain.mRID codingScheme="A01">{FR}</outBiddingZone_Domain.mRID>'
    )
    fetched = await fetch(ScriptedWire(ok(document(series([1.5, 2, 3], extra=extra)))))
    (block,) = fetched.blocks
    assert block.key == SeriesKey("entsoe", "load_actual", FR, out_area=FR, business_type="A04", unit="MAW")
    assert block.resolution is Resolution.PT60M
    assert block.values.tolist() == [1.5, 2.0, 3.0]
    assert block.starts.tolist() == [int(START.timestamp()) + 3600 * hour for hour in range(3)]
    assert fetched.received == 3


async def test_the_domains_side_tells_generation_from_consumption() -> None:
    sides = ("inBiddingZone_Domain.mRID", "outBiddingZone_Domain.mRID")
    parts = [
        series([1], extra=f"<{side}>{FR}</{side}><MktPSRType><psrType>B10</psrType></MktPSRType>") for side in sides
    ]
    fetched = await fetch(ScriptedWire(ok(document(*parts, document_type="A75"))), DataItem.GENERATION_ACTUAL)
    assert [(block.key.direction, block.key.psr_type) for block in fetched.blocks] == [
        ("generation", "B10"),
        ("consumption", "B10"),
    ]


async def test_a_series_between_two_domains_or_without_any_has_no_direction() -> None:
    both = f"<inBiddingZone_Domain.mRID>{FR}</inBiddingZone_Domain.mRID><out_Domain.mRID>{FR}</out_Domain.mRID>"
    body = document(series([1], extra=both), series([1]), document_type="A75")
    fetched = await fetch(ScriptedWire(ok(body)), DataItem.GENERATION_ACTUAL)
    assert [block.key.direction for block in fetched.blocks] == ["", ""]


async def test_a_series_without_points_gives_no_block() -> None:
    assert list((await fetch(ScriptedWire(ok(document(series([])))))).blocks) == []


async def test_items_without_direction_have_none() -> None:
    extra = f"<in_Domain.mRID>{DE_LU}</in_Domain.mRID><out_Domain.mRID>{FR}</out_Domain.mRID>"
    wire = ScriptedWire(ok(document(series([1], extra=extra), document_type="A11", process_type="")))
    (block,) = (await fetch(wire, DataItem.FLOW_PHYSICAL, "FR>DE_LU")).blocks
    assert block.key.area == f"{FR}>{DE_LU}"
    assert (block.key.in_area, block.key.out_area, block.key.direction) == (DE_LU, FR, "")


async def test_a_series_written_in_pieces_is_one_block_in_document_order() -> None:
    later = START + timedelta(hours=2)
    parts = [
        series([1, 2]),
        series([7, 7, 7, 7], resolution="PT15M"),
        series([3], start=later),
        series([4], start=later),
    ]
    fetched = await fetch(ScriptedWire(ok(document(*parts))))
    assert [block.resolution for block in fetched.blocks] == [Resolution.PT60M, Resolution.PT15M]
    assert fetched.blocks[0].values.tolist() == [1, 2, 3, 4]


async def test_points_outside_the_window_are_kept() -> None:
    fetched = await fetch(ScriptedWire(ok(document(series(list(range(48)))))))
    assert fetched.received == 48


async def test_no_matching_data_is_an_empty_answer() -> None:
    assert list((await fetch(ScriptedWire(NOTHING))).blocks) == []


async def test_a_point_that_cannot_be_taken_is_reported_and_loses_no_other() -> None:
    fetched = await fetch(ScriptedWire(ok(document(series([1, "n/e", 3])))))
    assert fetched.received == 2
    (rejected,) = fetched.rejected
    assert isinstance(rejected, RejectedPoint)
    assert "n/e" in rejected.reason


async def test_a_window_that_is_too_much_is_left_to_the_caller_to_split() -> None:
    wire = ScriptedWire(TOO_LARGE)
    with pytest.raises(RequestTooLarge, match="exceeds the allowed maximum"):
        await fetch(wire, window=Interval(START, START + timedelta(days=366)))
    assert len(wire.requests) == 1


async def test_an_answer_beyond_the_size_cap_is_too_much_too() -> None:
    wire = ScriptedWire(httpx.Response(200, content=b"<a>" + b" " * 1_000_001 + b"</a>"))
    async with calling(wire, max_answer_bytes=1_000_000) as caller:
        source = EntsoeSource(EntsoeClient(caller.http, caller.url))
        with pytest.raises(RequestTooLarge, match="GRIDKEEPER_ENTSOE__MAX_ANSWER_BYTES"):
            await source.fetch(DataItem.LOAD_ACTUAL, find_place("FR"), DAY, FetchStatistics())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (document(document_type="A75"), r"asked for load_actual \(A65/A16\), the platform answered with A75/A16"),
        (document(process_type="A01"), "the platform answered with A65/A01"),
        (b"<Unknown_MarketDocument><mRID>1</mRID></Unknown_MarketDocument>", "a document without types"),
    ],
)
async def test_a_document_that_was_not_asked_for_is_kept_for_inspection(body: bytes, words: str) -> None:
    wire = ScriptedWire(ok(body))
    with pytest.raises(MalformedDocument, match=words) as caught:
        await fetch(wire)
    assert caught.value.body == body
    assert len(wire.requests) == 1


async def test_broken_xml_that_is_whole_is_not_asked_for_again() -> None:
    wire = ScriptedWire(ok(body := b"<GL_MarketDocument><type></GL_MarketDocument>"))
    with pytest.raises(MalformedDocument) as caught:
        await fetch(wire)
    assert caught.value.body == body
    assert len(wire.requests) == 1


async def test_a_parser_that_keeps_no_bytes_is_helped() -> None:
    def parse(_body: bytes) -> list[object]:
        raise MalformedDocument("nonsense")

    async with calling(ScriptedWire(ok(body := document()))) as caller:
        source = EntsoeSource(EntsoeClient(caller.http, caller.url), parse=parse)  # type: ignore[arg-type]
        with pytest.raises(MalformedDocument) as caught:
            await source.fetch(DataItem.LOAD_ACTUAL, find_place("FR"), DAY, FetchStatistics())
    assert caught.value.body == body


async def test_a_truncated_document_is_asked_for_again() -> None:
    body = document(series([1, 2]))
    assert (await fetch(ScriptedWire(ok(body[:-40]), ok(body)))).received == 2
    with pytest.raises(SourceUnavailable, match="cut off"):
        await fetch(ScriptedWire(ok(body[:-40])))


def zipped(*members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, member in enumerate(members):
            archive.writestr(f"{number}.xml", member)
    return stream.getvalue()


async def test_an_archive_is_read_member_by_member() -> None:
    second = series([2], start=START + timedelta(hours=1))
    body = zipped(document(series([1])), acknowledgement("No matching data found"), document(second))
    (block,) = (await fetch(ScriptedWire(ok(body)))).blocks
    assert block.values.tolist() == [1, 2]


async def test_an_empty_archive_is_an_empty_answer() -> None:
    assert list((await fetch(ScriptedWire(ok(zipped())))).blocks) == []


async def test_a_malformed_member_is_reported_and_loses_no_other() -> None:
    fetched = await fetch(ScriptedWire(ok(zipped(b"<a>", document(series([1]))))))
    assert fetched.received == 1
    assert "0.xml" in fetched.rejected[0].series + fetched.rejected[0].where


@pytest.mark.parametrize(
    ("text", "error"), [("Area is not valid", RequestRejected), ("exceeds the allowed maximum", RequestTooLarge)]
)
async def test_a_refusal_inside_an_archive_is_one(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await fetch(ScriptedWire(ok(zipped(acknowledgement(text)))))


async def test_what_a_fetch_cost_is_counted() -> None:
    statistics = FetchStatistics()
    body = document(series([1]))
    await fetch(ScriptedWire(httpx.Response(503), ok(body)), statistics=statistics)
    assert (statistics.requests, statistics.retries) == (2, 1)
    assert statistics.bytes == len(body)
    assert statistics.parse_seconds > 0
    assert statistics.api_seconds > 0


async def test_the_event_loop_runs_while_a_document_is_parsed() -> None:
    loop = asyncio.get_running_loop()
    parsing, seen = asyncio.Event(), asyncio.Event()

    def parse(_body: bytes) -> list[object]:
        loop.call_soon_threadsafe(parsing.set)
        asyncio.run_coroutine_threadsafe(seen.wait(), loop).result(timeout=10)
        return []

    async def watch() -> None:
        await parsing.wait()
        seen.set()

    async with calling(ScriptedWire(ok(document()))) as caller:
        source = EntsoeSource(EntsoeClient(caller.http, caller.url), parse=parse)  # type: ignore[arg-type]
        watching = asyncio.create_task(watch())
        await source.fetch(DataItem.LOAD_ACTUAL, find_place("FR"), DAY, FetchStatistics())
        await watching


class Platform:
    """Has a value for each hour of its days in each sequence, and answers as a broken platform does."""

    def __init__(
        self, days: Interval, *, sequences: int = 1, most: int = 1000, longest: int = 1000, pages: bool = False
    ) -> None:
        self.days, self.sequences, self.most, self.longest, self.pages = days, sequences, most, longest, pages
        self.asked: list[Interval] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        query = request.url.params
        start, end = (_instant(query[name]) for name in ("periodStart", "periodEnd"))
        self.asked.append(Interval(start, end))
        end = min(end, start + timedelta(days=self.longest))
        dates = [START + timedelta(days=number) for number in range(self.days.duration.days)]
        parts = [
            series(
                [1.0] * 24,
                start=day,
                extra=f"<classificationSequence_AttributeInstanceComponent.position>{number}</classificationSequence_AttributeInstanceComponent.position>",
            )
            for number in range(1, self.sequences + 1)
            for day in dates
            if start < day + timedelta(days=1) and day < end
        ]
        first = int(query.get("offset", "0")) if self.pages else 0
        return (
            ok(document(*parts[first : first + self.most], document_type=query["documentType"])) if parts else NOTHING
        )


def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%d%H%M").replace(tzinfo=UTC)


def forty_days() -> Interval:
    return Interval(START, START + timedelta(days=40))


def units(fetched: Fetched) -> int:
    return len({(block.key, int(start)) for block in fetched.blocks for start in block.starts})


async def test_paging_without_effect_is_too_large_until_it_fits() -> None:
    platform = Platform(forty_days(), sequences=3, most=100)
    with pytest.raises(RequestTooLarge, match="the answer is cut"):
        await fetch(ScriptedWire(platform), DataItem.PRICE_DAY_AHEAD, window=forty_days())
    half = Interval(START, START + timedelta(days=20))
    assert units(await fetch(ScriptedWire(platform), DataItem.PRICE_DAY_AHEAD, window=half)) == 3 * 20 * 24


@pytest.mark.parametrize("item", [DataItem.LOAD_ACTUAL, DataItem.PRICE_DAY_AHEAD])
async def test_an_answer_that_stops_early_is_asked_for_to_its_end(item: DataItem) -> None:
    platform = Platform(forty_days(), longest=15)
    fetched = await fetch(ScriptedWire(platform), item, window=forty_days())
    assert units(fetched) == 40 * 24
    assert [window.start - START for window in platform.asked] == [timedelta(days=days) for days in (0, 15, 30)]


async def test_fewer_series_than_a_page_may_hold_are_asked_for_by_their_days() -> None:
    platform = Platform(forty_days(), sequences=2, most=60, pages=True)
    assert units(await fetch(ScriptedWire(platform), DataItem.PRICE_DAY_AHEAD, window=forty_days())) == 2 * 40 * 24


@pytest.mark.parametrize(("days", "most"), [(37, 50), (22, 20), (23, 10)])
async def test_a_series_that_appears_in_the_end_of_a_cut_answer_only_is_seen(days: int, most: int) -> None:
    window = Interval(START, START + timedelta(days=days))
    with pytest.raises(RequestTooLarge, match="series that a part of it has by itself"):
        await fetch(ScriptedWire(Platform(window, sequences=3, most=most)), DataItem.PRICE_DAY_AHEAD, window=window)


async def test_a_series_that_a_short_answer_lacks_altogether_is_seen() -> None:
    platform = Platform(forty_days(), sequences=2, most=40)
    with pytest.raises(RequestTooLarge, match="lacks 1 series that a part of it has by itself"):
        await fetch(ScriptedWire(platform), DataItem.PRICE_DAY_AHEAD, window=forty_days())
    half = Interval(START, START + timedelta(days=20))
    assert units(await fetch(ScriptedWire(platform), DataItem.PRICE_DAY_AHEAD, window=half)) == 2 * 20 * 24


@pytest.mark.parametrize(("days", "questions"), [(9, 1), (19, 1), (20, 2), (40, 2)])
async def test_only_an_answer_of_many_series_is_compared_with_its_last_day(days: int, questions: int) -> None:
    window = Interval(START, START + timedelta(days=days))
    platform = Platform(window)
    await fetch(ScriptedWire(platform), DataItem.PRICE_DAY_AHEAD, window=window)
    assert len(platform.asked) == questions


async def test_a_full_page_needs_no_comparison() -> None:
    platform = Platform(forty_days(), sequences=3, most=100, pages=True)
    assert units(await fetch(ScriptedWire(platform), DataItem.PRICE_DAY_AHEAD, window=forty_days())) == 3 * 40 * 24
    assert len(platform.asked) == 2


@pytest.mark.parametrize(("hours", "questions"), [(25, 2), (39, 2), (47, 2), (48, 1)])
async def test_an_answer_that_lacks_less_than_a_day_is_asked_for_to_its_end(hours: int, questions: int) -> None:
    window = Interval(START, START + timedelta(days=2))
    answers = [ok(document(series([1.0] * hours)))]
    answers += [ok(document(series([2.0] * (48 - hours), start=START + timedelta(hours=hours))))] * (questions - 1)
    wire = ScriptedWire(*answers)
    assert units(await fetch(wire, window=window)) == 48
    assert len(wire.requests) == questions


@pytest.mark.parametrize(
    ("values", "after", "questions"),
    [
        pytest.param([1.0] * 39, 32, 1, id="fresh"),
        pytest.param([1.0] * 39, 26 + 48, 2, id="due for a day"),
        pytest.param([1.0] * 20, 200, 1, id="longer than what is there"),
        pytest.param(["n/e", *[1.0] * 38], 200, 1, id="beside what could not be taken"),
    ],
)
async def test_less_than_a_day_is_asked_for_where_it_breaks_off(
    values: list[object], after: int, questions: int
) -> None:
    wire = ScriptedWire(ok(document(series(values))), NOTHING)
    async with calling(wire) as caller:
        source = EntsoeSource(EntsoeClient(caller.http, caller.url), clock=FixedClock(START + timedelta(hours=after)))
        window = Interval(START, START + timedelta(days=2 if len(values) > 24 else 1.7))
        await source.fetch(DataItem.LOAD_ACTUAL, find_place("FR"), window, FetchStatistics())
    assert len(wire.requests) == questions


async def test_an_end_beside_a_hole_is_one_of_the_holes() -> None:
    parts = [series([1.0] * 30), series([1.0] * 4, start=START + timedelta(hours=33))]
    wire = ScriptedWire(ok(document(*parts)))
    await fetch(wire, window=Interval(START, START + timedelta(days=2)))
    assert len(wire.requests) == 1


async def test_a_series_that_ends_within_the_window_costs_one_question_more() -> None:
    platform = Platform(Interval(START, START + timedelta(days=20)))
    fetched = await fetch(ScriptedWire(platform), window=forty_days())
    assert (units(fetched), len(platform.asked)) == (20 * 24, 2)


async def test_what_is_not_public_yet_is_not_cut_off() -> None:
    platform = Platform(Interval(START, START + timedelta(days=20)))
    async with calling(ScriptedWire(platform)) as caller:
        clock = FixedClock(START + timedelta(days=20, hours=20))
        source = EntsoeSource(EntsoeClient(caller.http, caller.url), clock=clock)
        await source.fetch(DataItem.LOAD_ACTUAL, find_place("FR"), forty_days(), FetchStatistics())
    assert len(platform.asked) == 1


async def test_an_answer_of_a_day_at_a_time_is_too_large() -> None:
    with pytest.raises(RequestTooLarge, match="8 questions"):
        await fetch(ScriptedWire(Platform(forty_days(), longest=1)), window=forty_days())


async def test_an_answer_that_begins_late_is_asked_for_from_its_window_on() -> None:
    late = Interval(START + timedelta(days=10), START + timedelta(days=20))
    answers = [ok(document(series([1.0] * 720, start=late.start))), ok(document(series([2.0] * 240)))]
    fetched = await fetch(ScriptedWire(*answers, NOTHING), window=forty_days())
    assert units(fetched) == 40 * 24
