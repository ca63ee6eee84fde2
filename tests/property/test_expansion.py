"""Laws of the expansion: it undoes the compression of A03, loses nothing, and both ways of reading agree."""

from __future__ import annotations

import random
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.market.text import instants, shortest
from app.market.time import delivery_day
from app.sources.entsoe.parsing import fastpath
from app.sources.entsoe.parsing.curves import PositionLimit
from app.sources.entsoe.parsing.documents import MarketDocument
from app.sources.entsoe.parsing.expand import Points, UnreadablePoint, expand
from app.sources.entsoe.parsing.parser import _Reader, read_documents
from tests.support.documents_factory import document, period, points, series

# Small pieces reach the seams between them with small documents.
_PIECE = 256

decimals = st.decimals(-99_999_999, 99_999_999, allow_nan=False, allow_infinity=False, places=4)
finite = st.floats(allow_nan=False, allow_infinity=False)


@pytest.fixture(autouse=True, scope="module")
def _small_pieces() -> object:
    patch = pytest.MonkeyPatch()
    patch.setattr(fastpath, "_CHUNK", _PIECE)
    patch.setattr(fastpath, "_SHORTEST", 0)
    yield None
    patch.undo()


def columns(written: dict[int, float], unreadable: AbstractSet[int] = frozenset()) -> Points:
    marks = tuple(UnreadablePoint(1, position, "", "", "") for position in sorted(unreadable))
    return Points(np.array(list(written), np.int64), np.array(list(written.values()), np.float64), None, marks)


@given(st.lists(st.sampled_from([1.0, 2.5, -3.0]), min_size=1, max_size=60))
def test_expanding_a_compressed_curve_gives_the_curve_back(curve: list[float]) -> None:
    written = {i + 1: v for i, v in enumerate(curve) if i == 0 or v != curve[i - 1]}
    (found,) = expand(columns(written), len(curve), repeat=True)
    assert found.values.tolist() == curve
    assert (~found.filled).sum() == len(written)


@given(st.dictionaries(st.integers(-3, 40), finite), st.sets(st.integers(1, 30)), st.integers(1, 30), st.booleans())
def test_every_written_point_is_a_row_or_reported(
    written: dict[int, float], unreadable: set[int], count: int, repeat: bool
) -> None:
    (found,) = expand(columns(written, unreadable), count, repeat=repeat)
    rows = dict(zip((found.slots + 1).tolist(), found.values.tolist(), strict=True))
    assert len(rows) == len(found.slots)
    assert found.slots.tolist() == sorted(slot - 1 for slot in rows)
    assert {position for position, _ in found.outside} == {p for p in written if not 1 <= p <= count}
    assert {p: v for p, v in rows.items() if p in written} == {p: v for p, v in written.items() if 1 <= p <= count}
    assert not (set(rows) & unreadable - set(written))
    if not repeat:
        assert not found.filled.any()


@given(st.lists(st.tuples(st.integers(1, 10), finite), max_size=30))
def test_of_equal_positions_the_last_counts_and_the_others_are_reported(written: list[tuple[int, float]]) -> None:
    table = Points(np.array([p for p, _ in written], np.int64), np.array([v for _, v in written], np.float64))
    (found,) = expand(table, 10, repeat=False)
    assert dict(zip((found.slots + 1).tolist(), found.values.tolist(), strict=True)) == dict(written)
    assert len(found.repeated) == len(written) - len(dict(written))


@given(st.dates(date(2015, 1, 1), date(2035, 1, 1)), st.sampled_from(["Europe/Amsterdam", "Europe/Sofia"]))
def test_a_day_has_as_many_quarter_hours_as_it_has_time(day: date, zone: str) -> None:
    interval = delivery_day(day, ZoneInfo(zone))
    start, end = (f"{instant:%Y-%m-%dT%H:%MZ}" for instant in (interval.start, interval.end))
    (found,) = read_documents(document(series(period(points({1: 1}), start=start, end=end, resolution="PT15M"))))
    assert len(found.curves[0].starts) == interval.duration / timedelta(minutes=15)


@given(st.dates(date(2015, 1, 1), date(2035, 1, 1)), st.integers(1, 40))
def test_days_of_a_period_are_local_days_and_none_is_lost(day: date, count: int) -> None:
    zone = ZoneInfo("Europe/Amsterdam")
    days = [delivery_day(day + timedelta(days=offset), zone) for offset in range(count)]
    start, end = (f"{instant:%Y-%m-%dT%H:%MZ}" for instant in (days[0].start, days[-1].end))
    (found,) = read_documents(document(series(period(points({1: 1}), start=start, end=end, resolution="P1D"))))
    assert found.curves[0].starts.tolist() == [int(interval.start.timestamp()) for interval in days]


# Both ways of reading

numbers = st.one_of(
    decimals.map(str),
    st.integers(-(10**16), 10**16).map(str),
    st.from_regex(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", fullmatch=True),
    st.sampled_from(["", ".5", "5.", "-", "--1", "1.2.3", "1e5", "NaN", "1,5", "+1", " 7 ", "-0", "00.10", "x"]),
)
positions = st.one_of(
    st.integers(1, 96).map(str), st.sampled_from(["", "0", "007", "-1", " 5 ", "1.0", "12345678", "99999999", "x"])
)
blanks = st.sampled_from(["", " ", "\n    ", "\t", "\r\n", "&#32;", "text", "<!-- c -->", "<?p i?>", "<Reason/>"])
value_names = st.sampled_from(["quantity", "price.amount", "imbalance_Price.amount", "unknown"])
odd_shapes = st.sampled_from(
    [
        "<Point><position>{p}</position><{n}>{v}</{n}></Point>",
        '<Point a="b"><position>{p}</position><{n}>{v}</{n}></Point>',
        "<Point><{n}>{v}</{n}><position>{p}</position></Point>",
        "<Point ><position>{p}</position ><{n}>{v}</{n}></Point>",
        "<Point><position>{p}</position><{n}>{v}</{n}><quantity>1</quantity></Point>",
        "<Point><position>{p}</position><{n}/></Point>",
        "<x:Point xmlns:x='u'><x:position>{p}</x:position><x:{n}>{v}</x:{n}></x:Point>",
        "<!-- <Point><position>{p}</position><{n}>1</{n}></Point> -->",
        "<![CDATA[<Point><position>{p}</position><{n}>{v}</{n}></Point></Period>]]>",
    ]
)


@st.composite
def usual_runs(draw: st.DrawFn) -> str:
    """Points as the platform writes them, now and then with one odd number or blank."""
    source = random.Random(draw(st.integers()))
    name = draw(st.sampled_from(["quantity", "price.amount"]))
    gap = draw(st.sampled_from(["", "\n      ", "\r\n\t"]))
    shown = [
        f"<Point>{gap}<position>{position}</position>{gap}<{name}>{source.uniform(-999, 9999):.{position % 5}f}</{name}>"
        f"{gap}</Point>{gap}"
        for position in range(1, draw(st.integers(1, 40)))
    ]
    if draw(st.booleans()) and shown:
        index = source.randrange(len(shown))
        odd = draw(odd_shapes).format(p=draw(positions), n=draw(value_names), v=draw(numbers))
        shown[index] = draw(blanks) + odd + draw(blanks)
    return "".join(shown)


@st.composite
def odd_runs(draw: st.DrawFn) -> str:
    shown = [
        draw(blanks) + draw(odd_shapes).format(p=draw(positions), n=draw(value_names), v=draw(numbers)) + draw(blanks)
        for _ in range(draw(st.integers(0, 6)))
    ]
    return "".join(shown)


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    names = st.sampled_from(["Period", "Available_Period", "WindPowerFeedin_Period", "Other_Period", "x:Period"])
    bodies = [
        period(draw(usual_runs() | odd_runs()), resolution="PT15M", name=draw(names))
        for _ in range(draw(st.integers(1, 3)))
    ]
    text = document(draw(blanks), *(series(body, curve_type=draw(st.sampled_from(["A01", "A03"]))) for body in bodies))
    return text.replace(b" xmlns=", b' xmlns:x="urn:x" xmlns=')


def _comparable(found: MarketDocument) -> tuple[object, ...]:
    curves = [
        (c.header, c.period, c.resolution_text, c.starts.tolist(), c.values.tolist(), c.filled.tolist())
        for c in found.curves
    ]
    return found.root, found.time_series, curves, found.rejections


@pytest.mark.long
@settings(max_examples=300)
@given(documents())
def test_reading_from_bytes_and_reading_with_the_xml_parser_agree(body: bytes) -> None:
    cut = _Reader("", PositionLimit()).read(body, cut_out=True)
    whole = _Reader("", PositionLimit()).read(body, cut_out=False)
    assert _comparable(cut) == _comparable(whole)


@given(st.lists(st.tuples(st.integers(0, 9_999_999), decimals), min_size=1, max_size=50))
def test_the_bytes_of_a_usual_run_decode_to_the_nearest_doubles(written: list[tuple[int, object]]) -> None:
    text = "".join(f"<Point>\n<position>{p}</position>\n<quantity>{v}</quantity>\n</Point>" for p, v in written)
    decoded = fastpath.decode_run(text.encode(), 0, len(text))
    assert decoded is not None
    assert decoded[0].tolist() == [position for position, _ in written]
    assert decoded[1].tolist() == [float(str(value)) for _, value in written]


# Text


@given(st.lists(finite))
def test_the_shortest_form_reads_back_equal_and_has_no_exponent(values: list[float]) -> None:
    shown = shortest(np.array(values, np.float64))
    assert [float(text) for text in shown] == values
    assert not any(mark in text for text in shown for mark in "eE+")
    assert not any(text.endswith(".0") or text == "-0" for text in shown)


@given(st.lists(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))))  # noqa: DTZ001  hypothesis wants naive bounds
def test_instants_are_written_to_the_second(moments: list[datetime]) -> None:
    seconds = np.array([int(moment.timestamp()) for moment in moments], np.int64)
    assert instants(seconds) == [f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in moments]
