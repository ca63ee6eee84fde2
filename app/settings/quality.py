"""What the scores of quality weigh, and how far back a scan looks."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from app.settings.section import Section


class QualitySettings(Section):
    """Weights of the dimensions, the time a nightly scan looks at, and the check after each collection run."""

    completeness_weight: float = Field(default=40.0, ge=0, le=1000, description="Weight of completeness in a score.")
    timeliness_weight: float = Field(default=20.0, ge=0, le=1000, description="Weight of timeliness in a score.")
    validity_weight: float = Field(default=20.0, ge=0, le=1000, description="Weight of validity in a score.")
    accuracy_weight: float = Field(default=20.0, ge=0, le=1000, description="Weight of accuracy in a score.")
    scan_days: int = Field(default=60, ge=1, le=3660, description="Days back that the nightly scan scores.")
    scan_timeout: float = Field(
        default=3600.0, ge=10, le=86_400, description="Seconds after which a nightly scan is ended; the next goes on."
    )
    check_runs: bool = Field(
        default=True, description="0: stored windows are not checked after each run, only by the nightly scan."
    )
    check_queue: int = Field(
        default=1000, ge=1, le=100_000, description="Windows that may wait for their check; more are left to the scan."
    )

    @model_validator(mode="after")
    def _something_weighs(self) -> Self:
        if not any(self.weights):
            raise ValueError("at least one of the weights must be above 0")
        return self

    @property
    def weights(self) -> tuple[float, float, float, float]:
        return self.completeness_weight, self.timeliness_weight, self.validity_weight, self.accuracy_weight
