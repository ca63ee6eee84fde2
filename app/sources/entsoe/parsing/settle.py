"""One answer with several documents about the same time: final values win, whatever the order of the members.

The platform answers with intermediate and final documents (docStatus A01 and A02) side by side, in an order that
changes. Of documents with the same status the later counts, as it always did; what contradicts is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from app.market.time import Resolution
from app.sources.entsoe.parsing.curves import OUTAGES
from app.sources.entsoe.parsing.documents import ExpandedCurve, MarketDocument, SeriesHeader

FINAL = "A02"
RANKS = {"X01": 0, "A01": 1, FINAL: 3}
"""How much a docStatus is worth: estimated, intermediate, final; every other status stands between the last two."""
_UNRANKED = 2
_NAMES = {"X01": "estimated (X01)", "A01": "intermediate (A01)"}
_IMBALANCE_VOLUME = "A86"


@dataclass(frozen=True, slots=True)
class _Placed:
    """A curve and where it stands."""

    document: int
    number: int
    curve: ExpandedCurve


@dataclass(slots=True)
class _Outcome:
    """What became of the curves, and how much contradicted."""

    replaced: dict[tuple[int, int], ExpandedCurve | None] = field(default_factory=dict)
    dropped: dict[tuple[int, str], int] = field(default_factory=dict)
    differing: dict[tuple[int, str], int] = field(default_factory=dict)
    contradicting: dict[int, int] = field(default_factory=dict)


def settle(documents: Sequence[MarketDocument]) -> list[MarketDocument]:
    """The documents without the values that a document of better status replaces, and notes of what contradicts."""
    outcome = _Outcome()
    for group in _groups(documents):
        if len(group) > 1:
            _settle_group(documents, group, outcome)
    return [_settled(document, number, outcome) for number, document in enumerate(documents)]


def _groups(documents: Sequence[MarketDocument]) -> Iterable[list[_Placed]]:
    groups: dict[tuple[object, ...], list[_Placed]] = {}
    for number, document in enumerate(documents):
        if document.root == OUTAGES:
            continue  # a notice of unavailability is an object of its own, with revisions of its own
        for index, curve in enumerate(document.curves):
            key = (document.document_type, document.process_type, _identity(document, curve.header))
            groups.setdefault(key, []).append(_Placed(number, index, curve))
    return groups.values()


def _identity(document: MarketDocument, header: SeriesHeader) -> SeriesHeader:
    """What makes it the same series: not the running number; an imbalance has one direction at a time."""
    direction = "" if document.document_type == _IMBALANCE_VOLUME else header.flow_direction
    return replace(header, time_series="", curve_type="", flow_direction=direction)


def _settle_group(documents: Sequence[MarketDocument], group: Sequence[_Placed], outcome: _Outcome) -> None:
    ranks = [RANKS.get(documents[one.document].doc_status, _UNRANKED) for one in group]
    for rank in sorted(set(ranks)):
        same = [one for one, own in zip(group, ranks, strict=True) if own == rank]
        better = [one.curve for one, own in zip(group, ranks, strict=True) if own > rank]
        for one in same if better else ():
            _drop(documents, one, better, outcome)
        _count_contradictions(same, outcome)


def _drop(
    documents: Sequence[MarketDocument], one: _Placed, better: Sequence[ExpandedCurve], outcome: _Outcome
) -> None:
    covered = _covered(one.curve, better)
    number = int(covered.sum())
    if not number:
        return
    kept = ~covered
    curve = one.curve
    outcome.replaced[one.document, one.number] = (
        replace(curve, starts=curve.starts[kept], values=curve.values[kept], filled=curve.filled[kept])
        if kept.any()
        else None
    )
    place = (one.document, documents[one.document].doc_status)
    outcome.dropped[place] = outcome.dropped.get(place, 0) + number
    same = sum(_equal(curve, other) for other in better)
    outcome.differing[place] = outcome.differing.get(place, 0) + max(0, number - same)


def _covered(curve: ExpandedCurve, better: Sequence[ExpandedCurve]) -> NDArray[np.bool_]:
    """Which units share time with a unit of a better document."""
    covered = np.zeros(len(curve.starts), np.bool_)
    for other in better:
        if other.resolution is curve.resolution or not (other.resolution.seconds and curve.resolution.seconds):
            covered |= np.isin(curve.starts, other.starts)
        else:
            covered |= _overlapping(curve.starts, curve.resolution, other.starts, other.resolution)
    return covered


def _overlapping(
    starts: NDArray[np.int64], resolution: Resolution, others: NDArray[np.int64], other: Resolution
) -> NDArray[np.bool_]:
    """Starts are ascending, so the units that share time lie together."""
    first = np.searchsorted(others, starts - other.seconds, "right")
    last = np.searchsorted(others, starts + resolution.seconds, "left")
    overlapping: NDArray[np.bool_] = last > first
    return overlapping


def _equal(curve: ExpandedCurve, other: ExpandedCurve) -> int:
    """How many units both have with the same value."""
    if other.resolution is not curve.resolution or other.header.flow_direction != curve.header.flow_direction:
        return 0
    _, own, theirs = np.intersect1d(curve.starts, other.starts, assume_unique=True, return_indices=True)
    return int((curve.values[own] == other.values[theirs]).sum())


def _count_contradictions(same: Sequence[_Placed], outcome: _Outcome) -> None:
    """Units that documents of one status, or Periods of one document, give twice with different values."""
    by_series: dict[tuple[Resolution, str], list[_Placed]] = {}
    for one in same:
        by_series.setdefault((one.curve.resolution, one.curve.header.flow_direction), []).append(one)
    for placed in by_series.values():
        if not _overlap([one.curve for one in placed]):
            continue
        starts = np.concatenate([one.curve.starts for one in placed])
        values = np.concatenate([one.curve.values for one in placed])
        order = np.argsort(starts, kind="stable")
        twice = np.diff(starts[order]) == 0
        number = int((twice & (np.diff(values[order]) != 0)).sum())
        if number:
            last = placed[-1].document
            outcome.contradicting[last] = outcome.contradicting.get(last, 0) + number


def _overlap(curves: Sequence[ExpandedCurve]) -> bool:
    """Whether any two share time; most documents write a series in Periods one after the other."""
    bounds = sorted((int(one.starts[0]), int(one.starts[-1])) for one in curves)
    return any(last >= first for (_, last), (first, _) in pairwise(bounds))


def _settled(document: MarketDocument, number: int, outcome: _Outcome) -> MarketDocument:
    notes = [
        f"{count} {_NAMES.get(status, status or 'unmarked')} values are left out, a document of better status in the "
        f"same answer has them; {outcome.differing[place, status]} differ"
        for (place, status), count in outcome.dropped.items()
        if place == number
    ]
    contradicting = outcome.contradicting.get(number)
    if contradicting:
        notes.append(f"{contradicting} values contradict others of the same answer and status; the later ones count")
    if not notes:
        return document
    curves = [outcome.replaced.get((number, index), curve) for index, curve in enumerate(document.curves)]
    return replace(
        document, curves=tuple(curve for curve in curves if curve is not None), notes=(*document.notes, *notes)
    )
