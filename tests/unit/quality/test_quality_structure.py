"""Structure: missing, doubled, off-grid, outside and unsorted stamps are counted exactly."""

from __future__ import annotations

import numpy as np

from app.quality.detectors.structure import check_structure

GRID = np.arange(0, 3600, 900, dtype=np.int64)


def test_a_complete_sorted_series_is_sound() -> None:
    assert check_structure(GRID, GRID).sound


def test_every_stamp_is_missing_when_there_is_none() -> None:
    found = check_structure(np.array([], dtype=np.int64), GRID)

    assert (found.n_expected, found.n_missing, found.gaps) == (4, 4, ((0, 4),))


def test_neighbouring_missing_stamps_are_one_gap() -> None:
    found = check_structure(np.array([0, 2700], dtype=np.int64), GRID)

    assert (found.n_missing, found.gaps) == (2, ((900, 2),))


def test_gaps_at_both_ends_are_found() -> None:
    assert check_structure(np.array([900], dtype=np.int64), GRID).gaps == ((0, 1), (1800, 2))


def test_a_stamp_three_times_counts_as_two_duplicates() -> None:
    found = check_structure(np.array([0, 900, 900, 900, 1800, 2700], dtype=np.int64), GRID)

    assert (found.n_duplicates, found.n_missing) == (2, 0)


def test_stamps_between_the_grid_and_outside_of_it_are_told_apart() -> None:
    found = check_structure(np.array([-900, 0, 300, 900, 1800, 2700, 3600], dtype=np.int64), GRID)

    assert (found.n_offgrid, found.n_outside, found.n_missing) == (1, 2, 0)


def test_stamps_after_a_later_one_are_unsorted() -> None:
    assert check_structure(np.array([0, 1800, 900, 2700], dtype=np.int64), GRID).n_unsorted == 1


def test_nothing_is_expected_of_an_empty_grid() -> None:
    found = check_structure(GRID, np.array([], dtype=np.int64))

    assert (found.n_expected, found.n_outside, found.gaps) == (0, 4, ())
