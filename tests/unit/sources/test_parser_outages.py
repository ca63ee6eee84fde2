from __future__ import annotations

import pytest

from app.market.time import iso
from app.sources.entsoe.parsing.documents import MarketDocument, UnavailableInterval
from app.sources.entsoe.parsing.parser import read_documents
from tests.support.documents_factory import document, period, point, points, series

ROOT = "Unavailability_MarketDocument"
START, END = "2024-01-03T05:00Z", "2024-01-03T15:50Z"
UNIT = """<production_RegisteredResource.mRID>22WPLANT0000000X</production_RegisteredResource.mRID>
<production_RegisteredResource.name>PLANT</production_RegisteredResource.name>
<production_RegisteredResource.pSRType.powerSystemResources.mRID>22WUNIT00000000X</production_RegisteredResource.pSRType.powerSystemResources.mRID>
<production_RegisteredResource.pSRType.powerSystemResources.name>UNIT 1</production_RegisteredResource.pSRType.powerSystemResources.name>
<production_RegisteredResource.pSRType.powerSystemResources.nominalP unit="MAW">485</production_RegisteredResource.pSRType.powerSystemResources.nominalP>"""


def notice(inner: str, *, after: str = "", curve_type: str = "A03", resolution: str = "PT1M") -> MarketDocument:
    available = period(inner, start=START, end=END, resolution=resolution, name="Available_Period")
    status = "<revisionNumber>3</revisionNumber><docStatus><value>A09</value></docStatus>"
    body = document(status, series(available, extra=UNIT, curve_type=curve_type), after, root=ROOT)
    (found,) = read_documents(body)
    return found


def intervals(outages: tuple[UnavailableInterval, ...]) -> list[tuple[str, str, float | None]]:
    return [(iso(one.start)[11:16], iso(one.end)[11:16], one.available) for one in outages]


def test_each_written_power_is_an_interval_up_to_the_next() -> None:
    found = notice(points({1: 0, 61: 120.5}))
    assert intervals(found.outages) == [("05:00", "06:00", 0.0), ("06:00", "15:50", 120.5)]
    assert not found.rejections


def test_a_power_that_cannot_be_read_ends_the_interval_before_and_is_none() -> None:
    found = notice(points({1: 0, 61: "N/A", 121: 5}))
    assert intervals(found.outages) == [("05:00", "06:00", 0.0), ("07:00", "15:50", 5.0)]
    assert len(found.rejections) == 1


def test_adjacent_minutes_of_one_power_are_one_interval_where_each_is_written() -> None:
    found = notice(points({1: 0, 2: 0, 3: 0, 4: 7, 6: 7}), curve_type="A01")
    assert intervals(found.outages) == [("05:00", "05:03", 0.0), ("05:03", "05:04", 7.0), ("05:05", "05:06", 7.0)]


def test_a_power_beyond_the_period_is_rejected() -> None:
    found = notice(points({1: 0, 651: 9}))
    assert intervals(found.outages) == [("05:00", "15:50", 0.0)]
    assert "position 651 (2024-01-03T15:50:00Z)" in found.rejections[0].where


def test_the_notice_says_status_revision_unit_and_reason() -> None:
    found = notice(point(1, 0), after="<Reason><code>B19</code><text>see the message</text></Reason>")
    (outage,) = found.outages
    assert (found.doc_status, found.revision) == ("A09", "3")
    assert (outage.header.unit_eic, outage.unit_name, outage.nominal, outage.reason) == (
        "22WUNIT00000000X", "UNIT 1", "485", "B19 see the message",
    )  # fmt: skip


def test_hours_of_an_outage_are_values_and_intervals() -> None:
    found = notice(points({1: 0, 4: 7}), resolution="PT60M")
    assert found.curves[0].values.tolist() == [0.0] * 3 + [7.0] * 8
    assert [one.expanded for one in found.outages] == [True, True]
    assert intervals(found.outages) == [("05:00", "08:00", 0.0), ("08:00", "15:50", 7.0)]


@pytest.mark.parametrize(
    "written",
    [
        "<{0}.date>2024-01-03</{0}.date><{0}.time>{1}:00Z</{0}.time>",
        "<{0}><date>2024-01-03</date><time>{1}Z</time></{0}>",
    ],
)
def test_a_notice_without_periods_is_one_interval_without_a_power(written: str) -> None:
    extra = written.format("start_DateAndOrTime", "05:00") + written.format("end_DateAndOrTime", "06:30")
    (found,) = read_documents(document(series(extra=extra), root=ROOT))
    assert intervals(found.outages) == [("05:00", "06:30", None)]


def test_a_notice_without_any_time_is_reported() -> None:
    (found,) = read_documents(document(series(), root=ROOT))
    assert found.empty
    assert "neither a Period nor a start and an end" in found.rejections[0].reason
