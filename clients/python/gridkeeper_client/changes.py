"""What changed, in the order in which it was committed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Change:
    """A value that became new, revised or vanished."""

    kind: Literal["new", "revised", "vanished"]
    series: int
    item: str
    area: str
    delivery_start: datetime
    resolution: str
    value: float | None
    """None where it vanished."""
    previous: float | None
    """None where there was none."""
    filled: bool
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class ChangeBatch(Sequence[Change]):
    """Changes, and the cursor behind them: keep it where what you made of the changes is kept, and you miss none."""

    changes: tuple[Change, ...]
    cursor: str
    more: bool
    """Whether more is there already."""
    series: Mapping[int, Mapping[str, Any]]
    """The whole key of each series that changes are of."""

    def __len__(self) -> int:
        return len(self.changes)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    def __getitem__(self, index: Any) -> Any:
        return self.changes[index]


def batch_of(answer: Mapping[str, Any]) -> ChangeBatch:
    """The batch that an answer of `/changes` holds."""
    series = {one["id"]: one for one in answer["series"]}
    changes = tuple(
        Change(
            kind=row["change"],
            series=row["series"],
            item=series[row["series"]]["item"],
            area=series[row["series"]]["area"],
            delivery_start=datetime.fromisoformat(row["delivery_start"]),
            resolution=row["resolution"],
            value=row["value"],
            previous=row["previous"],
            filled=row["filled"],
            recorded_at=datetime.fromisoformat(row["recorded_at"]),
        )
        for row in answer["data"]
    )
    return ChangeBatch(changes, answer["next"], answer["more"], series)
