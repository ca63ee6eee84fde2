"""Laws of quality: structure partitions the grid, verdicts need no future, no order and no unit, faults teach nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.quality.assessment.regular_grid import judge_rows
from app.quality.detectors.detect import detect
from app.quality.detectors.forecast import Forecaster
from app.quality.detectors.peers import peer_evidence, usual_distance
from app.quality.detectors.residuals import own_evidence
from app.quality.detectors.structure import check_structure
from app.quality.gate import CERTAIN
from app.quality.models import DAY, Series, SeriesKind, SoftScore
from app.timeseries.rolling import Flags
from tests.support.quality_series import START, forecast_of, load, price, solar, wind

HOUR = 3600
DAYS = 100
BASES = {source.__name__: source(DAYS) for source in (load, price, wind, solar)}

few = settings(max_examples=20, deadline=None)


@st.composite
def disturbed(draw: st.DrawFn) -> Series:
    """A series with some stretches overwritten by anything."""
    base = BASES[draw(st.sampled_from(sorted(BASES)))]
    values = base.values.copy()
    for _ in range(draw(st.integers(0, 4))):
        first = draw(st.integers(0, len(values) - 1))
        size = draw(st.integers(1, 48))
        values[first : first + size] = draw(st.sampled_from([np.nan, 0.0, -100.0, 12_345.0, 1e9]))
    return replace(base, values=values, peers={"forecast": forecast_of(base)})


@given(
    places=st.lists(st.integers(-5, 30), max_size=60),
    offsets=st.lists(st.sampled_from([0, 0, 0, 300]), min_size=60, max_size=60),
)
def test_missing_and_found_stamps_partition_the_grid(places: list[int], offsets: list[int]) -> None:
    grid = START + HOUR * np.arange(24, dtype=np.int64)
    stamps = np.array(
        [START + HOUR * place + offset for place, offset in zip(places, offsets, strict=False)], dtype=np.int64
    )
    found = check_structure(stamps, grid)
    present = len(set(stamps.tolist()) & set(grid.tolist()))

    assert found.n_expected == present + found.n_missing
    assert sum(count for _, count in found.gaps) == found.n_missing
    assert len(stamps) == present + found.n_duplicates + found.n_offgrid + found.n_outside


@few
@given(series=disturbed())
def test_scores_are_bounded_and_alarms_have_a_rule(series: Series) -> None:
    verdict = detect(series)

    assert ((verdict.score >= 0) & (verdict.score <= CERTAIN)).all()
    assert np.array_equal(verdict.flags, verdict.rule != "")


def evidence(series: Series, doubted: Flags) -> Iterator[SoftScore]:
    yield from own_evidence(series, series.values, doubted, Forecaster())
    for peer in series.forecasts:
        yield from peer_evidence(series, series.values, peer, usual_distance(series.values, peer, series.per_day))


@few
@given(series=disturbed(), cut=st.integers(24 * 20, 24 * DAYS))
def test_evidence_needs_no_future(series: Series, cut: int) -> None:
    past = replace(series, values=series.values[:cut], peers={name: peer[:cut] for name, peer in series.peers.items()})
    doubted = np.zeros(len(series.values), np.bool_)
    with np.errstate(all="ignore"):
        whole, early = (list(evidence(each, doubted[: len(each.values)])) for each in (series, past))

    for then, now in zip(early, whole, strict=True):
        np.testing.assert_allclose(then.score, now.score[:cut], rtol=1e-6, atol=1e-6)


@few
@given(series=disturbed(), factor=st.sampled_from([1e-3, 0.25, 7.0, 1e4]))
def test_the_unit_does_not_matter(series: Series, factor: float) -> None:
    if series.kind is SeriesKind.PRICE:  # its bounds are in EUR/MWh
        series = replace(series, kind=SeriesKind.FLOW)
    scaled = replace(
        series, values=series.values * factor, peers={name: peer * factor for name, peer in series.peers.items()}
    )
    differing = (detect(series).flags != detect(scaled).flags).sum()

    assert differing <= len(series.values) // 500


@few
@given(series=disturbed(), seed=st.integers(0, 1000))
def test_the_order_of_rows_does_not_matter(series: Series, seed: int) -> None:
    rows = np.random.default_rng(seed).permutation(len(series.values))
    stamps = START + HOUR * np.arange(len(rows), dtype=np.int64)
    ordered = judge_rows(series.kind, stamps, series.values, {}, local=False)
    shuffled = judge_rows(series.kind, stamps[rows], series.values[rows], {}, local=False)

    assert np.array_equal(shuffled.score, ordered.score[rows])


@few
@given(
    name=st.sampled_from(sorted(BASES)),
    place=st.integers(24 * 20, 24 * 60),
    size=st.integers(1, 48),
    wrong=st.sampled_from([-1e5, 0.0, 1e6]),
)
def test_nothing_is_learned_from_what_is_distrusted(name: str, place: int, size: int, wrong: float) -> None:
    base = BASES[name]
    distrusted = (np.arange(len(base.values)) >= place) & (np.arange(len(base.values)) < place + size)
    trusted = np.where(distrusted, np.nan, base.values)
    other = replace(base, values=np.where(distrusted, wrong, base.values))
    later = place + size + 3 * DAY // HOUR
    with np.errstate(all="ignore"):
        one, two = (own_evidence(each, trusted, distrusted, Forecaster()) for each in (base, other))

    for honest, lied in zip(one, two, strict=True):
        np.testing.assert_allclose(honest.score[later:], lied.score[later:], rtol=1e-6, atol=1e-6)
        assert np.array_equal(honest.clean, lied.clean)
