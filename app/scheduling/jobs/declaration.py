"""Declares a job beside its handler: the plan, the dispatcher and the metrics learn of it from here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import time
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from app.market.time import MARKET_ZONE
from app.scheduling.models import RunReport
from app.scheduling.schedules import Daily, EveryMinutes, Weekly, Within

if TYPE_CHECKING:
    from app.scheduling.dispatcher import JobHandler

UTC_ZONE = ZoneInfo("UTC")
DefaultSchedule = EveryMinutes | Daily | Weekly | Within
Method = TypeVar("Method", bound=Callable[..., Awaitable[RunReport]])


@dataclass(frozen=True, slots=True)
class JobLine:
    """What a line of the plan may say: its default schedule and the range of its minutes."""

    default: DefaultSchedule
    least: int = 1
    most: int = 1440


@dataclass(frozen=True, slots=True)
class JobDeclaration:
    """One kind of job. `kind` stands in stored jobs and runs, the names of `lines` in the plan's file."""

    kind: str
    title: str
    lines: Mapping[str, JobLine]
    handler: Callable[..., Awaitable[RunReport]]
    selection: bool
    """Whether it takes areas and items; without, it concerns everything that is stored."""
    asks_source: bool
    """Whether it sends requests, so that a token is needed."""
    at_once: bool
    """Whether the slot before the first start counts as due."""


_declared: dict[str, JobDeclaration] = {}
DECLARED: Mapping[str, JobDeclaration] = MappingProxyType(_declared)
"""Every kind of job, in the order of `app.scheduling.jobs` and of its modules."""


def job(
    kind: str,
    lines: JobLine | Mapping[str, JobLine],
    *,
    title: str,
    selection: bool = True,
    asks_source: bool = False,
    at_once: bool = False,
) -> Callable[[Method], Method]:
    """Declare the method as the handler of a kind of job; a single line has the name of the kind."""
    named = {kind: lines} if isinstance(lines, JobLine) else dict(lines)

    def declare(method: Method) -> Method:
        taken = {kind} & _declared.keys() | {
            name for known in _declared.values() for name in known.lines
        } & named.keys()
        if taken:
            raise ValueError(f"the job {', '.join(sorted(taken))} is declared twice")
        _declared[kind] = JobDeclaration(kind, title, MappingProxyType(named), method, selection, asks_source, at_once)
        return method

    return declare


class Jobs:
    """The handlers of the declared jobs, each bound to the object whose class declares it."""

    def __init__(self, *owners: object) -> None:
        self._owners = owners

    def handlers(self) -> Mapping[str, JobHandler]:
        """The handler of each kind that one of the objects has."""
        return MappingProxyType(
            {
                declared.kind: getattr(owner, declared.handler.__name__)
                for declared in DECLARED.values()
                for owner in self._owners
                if getattr(type(owner), declared.handler.__name__, None) is declared.handler
            }
        )


def every(minutes: int, *, least: int, most: int) -> JobLine:
    return JobLine(EveryMinutes(minutes), least, most)


def daily(at: str, zone: ZoneInfo = UTC_ZONE) -> JobLine:
    return JobLine(Daily(time.fromisoformat(at), zone))


def weekly(weekday: int, at: str, zone: ZoneInfo) -> JobLine:
    """Monday is 0."""
    return JobLine(Weekly(weekday, time.fromisoformat(at), zone))


def from_time(since: str, minutes: int, *, least: int, most: int) -> JobLine:
    """From a local time of the market's zone to the end of the day."""
    return JobLine(Within(time.fromisoformat(since), minutes, MARKET_ZONE), least, most)
