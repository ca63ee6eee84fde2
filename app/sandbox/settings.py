"""How a sandbox behaves: where it listens, which time it believes in, and what goes wrong how often."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from app.clock import Clock, SystemClock
from app.errors import ConfigurationError
from app.market.series import DataItem
from app.market.time import Interval

SANDBOX_TOKEN = "00000000-0000-4000-8000-000000000000"  # noqa: S105  opens nothing but synthetic data

_SHARES = ("rate_503", "rate_429", "rate_drop", "rate_truncate", "rate_html", "hole_share", "correction_share")
_FAULTS = tuple(name for name in _SHARES if name.startswith("rate_"))


@dataclass(frozen=True, slots=True)
class Hole:
    """Units of an item and place (its code) that are not there from `since` on, and come `until` then or never.

    `psr_type`: of this production type only. `garbled`: they are there, but the number of each is unreadable.
    """

    item: DataItem
    place: str
    interval: Interval
    since: datetime | None = None
    until: datetime | None = None
    psr_type: str = ""
    garbled: bool = False

    def lasts(self, now: datetime) -> bool:
        return (self.since is None or self.since <= now) and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """`rate_*`: shares of the requests that fail so. `*_share`: shares of the days with a hole or a correction.
    `holes`: holes at named places, besides those of `hole_share`.

    Publication follows `clock`; the request limit and the ban follow elapsed time, so that they also work where the
    clock stands still. `replay`: a folder of recorded answers with a `manifest.csv`, or one file for every request.
    """

    host: str = "127.0.0.1"
    port: int = 0
    token: str = field(default=SANDBOX_TOKEN, repr=False)
    seed: int = 0
    clock: Clock = field(default_factory=SystemClock)
    latency: float = 0.0
    rate_503: float = 0.0
    rate_429: float = 0.0
    rate_drop: float = 0.0
    rate_truncate: float = 0.0
    rate_html: float = 0.0
    limit_per_minute: int | None = 400
    ban_seconds: float = 600.0
    hole_share: float = 0.0005
    correction_share: float = 0.02
    holes: tuple[Hole, ...] = ()
    replay: Path | None = None
    log_size: int = 1000

    def __post_init__(self) -> None:
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigurationError(f"sandbox {name} is a share: write a number from 0 to 1")
        if sum(getattr(self, name) for name in _FAULTS) > 1:
            raise ConfigurationError(f"the sandbox rates {', '.join(_FAULTS)} add up to more than 1: lower one of them")
        self._check_numbers()

    def _check_numbers(self) -> None:
        for name in ("latency", "ban_seconds", "log_size"):
            if getattr(self, name) < 0:
                raise ConfigurationError(f"sandbox {name} must not be negative")
        if not 0 <= self.port <= 65535:
            raise ConfigurationError("sandbox port must lie between 0 (any free one) and 65535")
        if self.limit_per_minute is not None and self.limit_per_minute < 1:
            raise ConfigurationError("sandbox limit_per_minute must be at least 1, or none for no limit")
        if not self.token:
            raise ConfigurationError(f"sandbox token is empty: leave it out for {SANDBOX_TOKEN}")
