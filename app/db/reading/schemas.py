"""A replica as JSON."""

from __future__ import annotations

from typing import Self

from app.db.reading.state import ReplicaState
from app.schemas import Resource


class ReadReplicaResource(Resource):
    """The replica that answers reads; where it is not used, the primary does. `lag_seconds`: how old its values are at most."""

    name: str
    used: bool
    lag_seconds: float | None
    max_lag_seconds: float
    problem: str | None

    @classmethod
    def of(cls, state: ReplicaState) -> Self:
        return cls(
            name=state.name,
            used=state.used,
            lag_seconds=state.lag,
            max_lag_seconds=state.max_lag,
            problem=state.problem or None,
        )
