from __future__ import annotations

import pytest

from app.market.text import instants
from app.sources.entsoe.parsing.documents import MarketDocument
from app.sources.entsoe.parsing.parser import read_documents
from tests.support.documents_factory import archive, document, period, points, series

HOUR = ("2025-10-01T00:00Z", "2025-10-01T01:00Z")


def volumes(values: list[int], *, status: str = "", direction: str = "A01", resolution: str = "PT15M") -> bytes:
    inner = period(points(dict(enumerate(values, 1))), start=HOUR[0], end=HOUR[1], resolution=resolution)
    flow = f"<flowDirection.direction>{direction}</flowDirection.direction>"
    said = f"<docStatus><value>{status}</value></docStatus>" if status else ""
    body = document(said, series(inner, curve_type="A01", extra=flow), root="Balancing_MarketDocument")
    return body.replace(b"<type>A75</type>", b"<type>A86</type>")


def kept(documents: list[MarketDocument]) -> list[tuple[str, float]]:
    return sorted(
        (start[11:16], value)
        for document in documents
        for curve in document.curves
        for start, value in zip(instants(curve.starts), curve.values.tolist(), strict=True)
    )


def notes(documents: list[MarketDocument]) -> list[str]:
    return [note for document in documents for note in document.notes]


FINAL = volumes([11, 12, 13, 14], status="A02")
QUARTERS = ["00:00", "00:15", "00:30", "00:45"]


@pytest.mark.parametrize("final_first", [True, False])
@pytest.mark.parametrize("status", ["A01", "X01", ""])
def test_final_values_win_whatever_the_order(status: str, final_first: bool) -> None:
    other = volumes([1, 2, 13, 4], status=status)
    members = [("a.xml", FINAL), ("b.xml", other)] if final_first else [("a.xml", other), ("b.xml", FINAL)]
    found = read_documents(archive(members))
    assert kept(found) == list(zip(QUARTERS, [11.0, 12.0, 13.0, 14.0], strict=True))
    (note,) = notes(found)
    assert note.startswith("4 ")
    assert note.endswith("3 differ")


def test_intermediate_values_stay_where_no_final_one_is() -> None:
    final = volumes([11], status="A02")
    found = read_documents(archive([("a.xml", final), ("b.xml", volumes([1, 2, 3, 4], status="A01"))]))
    assert kept(found) == list(zip(QUARTERS, [11.0, 2.0, 3.0, 4.0], strict=True))


def test_the_final_volume_replaces_the_intermediate_one_of_the_other_direction_and_resolution() -> None:
    found = read_documents(
        archive([("a.xml", FINAL), ("b.xml", volumes([9], status="A01", direction="A02", resolution="PT60M"))])
    )
    assert kept(found) == list(zip(QUARTERS, [11.0, 12.0, 13.0, 14.0], strict=True))
    other = volumes([5, 6], status="A02", direction="A02")
    found = read_documents(archive([("a.xml", other), ("b.xml", volumes([1, 2, 3], status="A01"))]))
    assert kept(found) == [("00:00", 5.0), ("00:15", 6.0), ("00:30", 3.0)]


def test_contradictions_of_documents_with_one_status_are_counted_and_kept() -> None:
    found = read_documents(archive([("a.xml", FINAL), ("b.xml", volumes([11, 12, 0, 0], status="A02"))]))
    assert len(kept(found)) == 8
    assert notes(found) == ["2 values contradict others of the same answer and status; the later ones count"]


def test_what_says_the_same_twice_is_no_contradiction() -> None:
    assert not notes(read_documents(archive([("a.xml", FINAL), ("b.xml", FINAL)])))
