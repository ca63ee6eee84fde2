"""Every recorded answer of the platform: those with an independent expansion must equal it row for row."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from app.errors import MalformedDocument
from app.market.text import instants
from app.sources.entsoe.parsing.documents import MarketDocument
from app.sources.entsoe.parsing.parser import read_documents

_ENTSOE = Path(__file__).parents[3] / "shared" / "entsoe"
_RECORDINGS = sorted(path for path in _ENTSOE.glob("recordings/*") if path.suffix != ".csv")
_EXPECTED = {path: _ENTSOE / "expected" / f"{path.name}.csv" for path in _RECORDINGS}
_COMPARED = [path for path in _RECORDINGS if _EXPECTED[path].exists()]

pytestmark = pytest.mark.skipif(not _RECORDINGS, reason="the recorded answers are not on this machine")

# Columns that the expansion leaves blank where its author did not look, by our name for them.
_IF_WRITTEN = {
    "psr": "psr_type",
    "unit_eic": "unit_eic",
    "sequence": "sequence",
    "in_domain": "in_domain",
    "out_domain": "out_domain",
    "category": "category",
}


# Numbers that the independent expander did not know: it left their rows blank.
_READ_SINCE = {"congestion_cost_price", "financial_price"}


def _name(path: Path) -> str:
    return path.name


def _expected_rows(path: Path) -> list[dict[str, str]]:
    with _EXPECTED[path].open(newline="") as file:
        return list(csv.DictReader(file))


def _is_value(row: dict[str, str]) -> bool:
    return row["beyond"] != "1" and row["value"] not in {"", "N/A"}


def _first_measures(documents: list[MarketDocument]) -> set[tuple[str, str, str]]:
    """The expansion has one number of each point: the first."""
    first: dict[tuple[str, str], str] = {}
    for document in documents:
        for curve in document.curves:
            first.setdefault((document.member, curve.header.time_series), curve.header.measure)
    return {(*series, measure) for series, measure in first.items() if measure not in _READ_SINCE}


def _rows(documents: list[MarketDocument]) -> list[dict[str, str]]:
    compared = _first_measures(documents)
    return [
        {
            "timestamp_utc": start,
            "value": repr(value),
            "filled": str(int(filled)),
            "resolution": curve.resolution_text,
            "curve": curve.header.curve_type,
            "business": curve.header.business_type,
            "contract": curve.header.contract,
            "flow": curve.header.flow_direction,
            "currency": curve.header.currency,
            "mrid": curve.header.time_series,
            "member": document.member,
            **{theirs: getattr(curve.header, ours) for theirs, ours in _IF_WRITTEN.items()},
        }
        for document in documents
        for curve in document.curves
        if (document.member, curve.header.time_series, curve.header.measure) in compared
        for start, value, filled in zip(
            instants(curve.starts), curve.values.tolist(), curve.filled.tolist(), strict=True
        )
    ]


@pytest.mark.parametrize("path", _COMPARED, ids=_name)
def test_a_recorded_document_expands_as_an_independent_expander_says(path: Path) -> None:
    expected = [row for row in _expected_rows(path) if _is_value(row)]
    compared = {name for row in expected for name in row if name in _IF_WRITTEN and row[name]}
    names = ["timestamp_utc", "filled", "resolution", "curve", "business", "contract", "flow", "currency", "mrid"]
    rows = _rows(read_documents(path.read_bytes()))

    def essence(row: dict[str, str], reference: dict[str, str]) -> tuple[object, ...]:
        written = [row[name] if reference[name] else "" for name in sorted(compared)]
        return (*(row[name] for name in (*names, "member")), float(row["value"]), *written)

    order = ("member", "mrid", "timestamp_utc", "resolution", "category")
    rows.sort(key=lambda row: [row[name] for name in order])
    expected.sort(key=lambda row: [row[name] for name in order])
    assert len(rows) == len(expected)
    for row, reference in zip(rows, expected, strict=True):
        assert essence(row, reference) == essence(reference, reference)


@pytest.mark.parametrize("path", _COMPARED, ids=_name)
def test_rows_without_a_number_or_beyond_the_period_are_rejected_by_name(path: Path) -> None:
    documents = read_documents(path.read_bytes())
    since = {
        (curve.header.time_series, start)
        for document in documents
        for curve in document.curves
        if curve.header.measure in _READ_SINCE
        for start in instants(curve.starts)
    }
    unread = [(row["mrid"], row["timestamp_utc"]) for row in _expected_rows(path) if not _is_value(row)]
    expected = Counter(place for place in unread if place not in since)
    rejected = Counter(
        (rejection.time_series, rejection.where.rpartition("(")[2].rstrip(")"))
        for document in documents
        for rejection in document.rejections
    )
    assert rejected == expected


_BAD_NAMES = ("truncated", "html", "404", "billion_laughs", ".empty")
_MALFORMED = [path for path in _RECORDINGS if any(bad in path.name for bad in _BAD_NAMES)]
_OTHERS = [path for path in _RECORDINGS if path not in _COMPARED and path not in _MALFORMED]


@pytest.mark.parametrize("path", _OTHERS, ids=_name)
def test_every_other_recorded_document_is_read(path: Path) -> None:
    documents = read_documents(path.read_bytes())
    assert all(document.root.endswith("_MarketDocument") and not document.malformed for document in documents)


@pytest.mark.parametrize("path", _MALFORMED, ids=_name)
def test_a_recorded_answer_that_is_no_document_is_malformed_and_kept(path: Path) -> None:
    with pytest.raises(MalformedDocument) as caught:
        read_documents(path.read_bytes())
    assert caught.value.body == path.read_bytes()
