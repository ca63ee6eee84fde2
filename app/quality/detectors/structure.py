"""Structure: whether the stamps of a series are those of its grid, each once and in order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Stamps = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Structure:
    """How stamps compare with those expected.

    `gaps` are the first missing stamp and the number of stamps missing from there on. Duplicates are counted on the
    grid; stamps before the first and after the last expected one are `outside`, whatever their phase.
    """

    n_expected: int
    n_missing: int
    n_duplicates: int
    n_offgrid: int
    n_outside: int
    n_unsorted: int
    gaps: tuple[tuple[int, int], ...]

    @property
    def sound(self) -> bool:
        return not (self.n_missing or self.n_duplicates or self.n_offgrid or self.n_outside or self.n_unsorted)


def check_structure(stamps: Stamps, expected: Stamps) -> Structure:
    """Compare stamps, in the order in which they came, with the expected ones, which are sorted."""
    if not len(expected):
        return Structure(0, 0, 0, 0, len(stamps), _unsorted(stamps), ())
    inside = stamps[(stamps >= expected[0]) & (stamps <= expected[-1])]
    places = np.searchsorted(expected, inside)
    on_grid = expected[places] == inside
    counts = np.bincount(places[on_grid], minlength=len(expected))
    return Structure(
        n_expected=len(expected),
        n_missing=int((counts == 0).sum()),
        n_duplicates=int((counts[counts > 1] - 1).sum()),
        n_offgrid=int((~on_grid).sum()),
        n_outside=len(stamps) - len(inside),
        n_unsorted=_unsorted(stamps),
        gaps=_gaps(expected, counts == 0),
    )


def _unsorted(stamps: Stamps) -> int:
    """How many stamps come after a later one."""
    return int((stamps < np.maximum.accumulate(stamps)).sum()) if len(stamps) else 0


def _gaps(expected: Stamps, missing: NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    edges = np.diff(np.concatenate([[0], missing.astype(np.int8), [0]]))
    firsts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return tuple(
        (int(expected[first]), int(end - first)) for first, end in zip(firsts.tolist(), ends.tolist(), strict=True)
    )
