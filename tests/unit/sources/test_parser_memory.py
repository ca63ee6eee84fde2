"""What an input may make of the memory, by the limits that hold whatever it says."""

from __future__ import annotations

import gc
import operator
import zipfile
from pathlib import Path

import pytest

from app.errors import MalformedDocument
from app.sources.entsoe.parsing import curves, kept, parser, zips
from app.sources.entsoe.parsing.parser import read_documents
from tests.support.documents_factory import archive, document, period, point, points, series
from tests.support.memory import peak_bytes, resident_bytes

HOURS = ("2024-01-15T00:00Z", "2024-01-15T04:00Z")
FACE = "\N{GRINNING FACE}"
"""Makes every character of a text take four bytes."""


def short(inner: str) -> str:
    return period(inner, start=HOURS[0], end=HOURS[1])


def categorized(position: int, category: str) -> str:
    return point(position, 1, extra=f"<price.category>{category}</price.category>")


def reasons(body: bytes) -> list[str]:
    [found] = read_documents(body)
    return [rejection.reason for rejection in found.rejections]


def test_each_price_category_of_a_period_counts_as_a_curve_of_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "MAX_POSITIONS", 2 * 4 + 64)
    monkeypatch.setattr(curves, "BYTES_PER_POSITION", 1_000_000)
    two, three = (
        document(series(short("".join(categorized(n, f"A0{n}") for n in range(1, count + 1))))) for count in (2, 3)
    )
    assert len(read_documents(two)[0].curves) == 2
    assert "the Period is not expanded" in reasons(three)[0]


@pytest.mark.parametrize(
    "more",
    ["<price.category>A{}</price.category>", "<odd_{}_Price.amount>1</odd_{}_Price.amount>"],
    ids=["categories", "measures"],
)
def test_a_period_of_more_categories_or_measures_than_any_of_the_platform_is_one_report(more: str) -> None:
    inner = "".join(
        f"<Point><position>1</position><quantity>1</quantity>{more.replace('{}', chr(97 + n))}</Point>"
        for n in range(21)
    )
    assert reasons(document(series(short(inner)))) == ["the Period has more than 20 measures or price categories"]


def test_a_long_price_category_does_not_lengthen_those_of_the_other_points() -> None:
    inner = categorized(1, "x" * 9_000) + points(dict.fromkeys(range(2, 20_000), 1))
    body = document(series(period(inner, end="2024-02-15T00:00Z", resolution="PT1M")))
    assert peak_bytes(lambda: read_documents(body)) < 30_000_000


def test_a_text_longer_than_any_document_has_is_refused() -> None:
    long = document(f"<note>{FACE}{'x' * (kept.MAX_TEXT + 2 * 256 * 1024)}</note>")
    with pytest.raises(MalformedDocument, match="bytes without a point or series"):
        read_documents(long)
    whole = document(f"<note>{'x' * (kept.MAX_TEXT - 256 * 1024)}</note>", series(short(points({1: 1}))))
    assert read_documents(whole)[0].curves


def test_texts_of_the_points_that_are_forgotten_do_not_count() -> None:
    odd = "<Point><position>1</position><quantity>1.5</quantity><note>n</note></Point>"
    many = odd * (3 * kept.MAX_TEXT // len(odd))
    assert read_documents(document(series(short(many))))[0].curves


@pytest.mark.long
def test_the_texts_kept_of_all_documents_share_one_limit() -> None:
    names = (
        "mRID",
        "businessType",
        "in_Domain.mRID",
        "out_Domain.mRID",
        "currency_Unit.name",
        "registeredResource.mRID",
    )
    texts = "".join(f"<{name}>{FACE}{'x' * 9_000}</{name}>" for name in names)
    member = document(f"<TimeSeries>{texts}{short(points({1: 1}))}</TimeSeries>" * 50)
    body = archive([(f"{number}.xml", member) for number in range(10)])
    found = []
    peak = peak_bytes(lambda: found.extend(read_documents(body)))
    assert peak < 40_000_000
    assert found[0].curves
    assert "texts of more than" in found[-1].malformed


def test_a_member_is_forgotten_before_the_next_is_unpacked() -> None:
    body = archive([(f"{number}.xml", bytes(4_000_000)) for number in range(4)], zipfile.ZIP_STORED)
    assert peak_bytes(lambda: list(map(operator.attrgetter("name"), zips.members(body)))) < 6_000_000


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system does not tell what a process takes")
@pytest.mark.parametrize("end", ["</GL_MarketDocument>", ""], ids=["read", "refused"])
def test_what_members_made_of_the_memory_goes_with_them(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    monkeypatch.setattr(parser, "_REFUSED_BYTES", 100_000)
    good = ("good", document(series(short(point(1, 1)))))
    body = document("<a/>" * 90_000).removesuffix(b"</GL_MarketDocument>") + end.encode()
    packed = archive([good, *((str(number), body) for number in range(12))])
    read_documents(archive([good, ("bad", body)]))
    gc.collect()
    gc.disable()
    try:
        before = resident_bytes()
        read_documents(packed)
        assert resident_bytes() - before < 60_000_000
    finally:
        gc.enable()
