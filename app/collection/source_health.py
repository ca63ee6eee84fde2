"""What the latest windows say of the platform. Pure, but for the one object that remembers it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from app.collection.models import CollectionRun, Outcome
from app.errors import AccessDenied, RateLimited, SourceUnavailable

_DOWN = frozenset({SourceUnavailable.__name__, RateLimited.__name__})


class PlatformCondition(StrEnum):
    """How the platform was when it was last asked; a refusal of a request or an unreadable document is an answer."""

    ANSWERING = "answering"
    REFUSED_TOKEN = "refused_token"  # noqa: S105  the name of a state
    DOWN = "down"
    UNKNOWN = "unknown"


class Ended(Protocol):
    """A window that has been asked for: a run of the collection, or its row."""

    @property
    def finished_at(self) -> datetime: ...
    @property
    def outcome(self) -> str: ...
    @property
    def error_class(self) -> str: ...
    @property
    def error_message(self) -> str: ...


@dataclass(frozen=True, slots=True)
class LastWindow:
    """How a window of the collection ended, as its row tells it."""

    finished_at: datetime
    outcome: str
    error_class: str
    error_message: str


def condition_of(window: Ended) -> PlatformCondition:
    """What one window says."""
    if window.outcome != Outcome.FAILED:
        return PlatformCondition.ANSWERING
    if window.error_class == AccessDenied.__name__:
        return PlatformCondition.REFUSED_TOKEN
    return PlatformCondition.DOWN if window.error_class in _DOWN else PlatformCondition.ANSWERING


@dataclass(frozen=True, slots=True)
class PlatformState:
    """What the windows so far say; `failures` counts those in a row since the last answer, `error` is of the last one."""

    condition: PlatformCondition = PlatformCondition.UNKNOWN
    checked_at: datetime | None = None
    answered_at: datetime | None = None
    failures: int = 0
    error_class: str = ""
    error: str = ""

    def after(self, window: Ended) -> PlatformState:
        """The state once this window has ended."""
        condition = condition_of(window)
        if condition is PlatformCondition.ANSWERING:
            return PlatformState(condition, window.finished_at, window.finished_at)
        return PlatformState(
            condition,
            window.finished_at,
            self.answered_at,
            self.failures + 1,
            window.error_class,
            window.error_message,
        )

    @property
    def warning(self) -> str:
        """What a person should know or do; empty while there is nothing."""
        match self.condition:
            case PlatformCondition.REFUSED_TOKEN:
                return (
                    f"the platform refuses the token: {self.error}; nothing new is collected until "
                    "GRIDKEEPER_ENTSOE__TOKEN holds a valid one and the service is started again"
                )
            case PlatformCondition.DOWN:
                return f"the platform gives no answer: {self.error}; it is asked again"
            case _:
                return ""


def state_after(windows: Iterable[Ended]) -> PlatformState:
    """The state after these windows, oldest first."""
    state = PlatformState()
    for window in windows:
        state = state.after(window)
    return state


class SourceHealth:
    """Remembers the state; a RunObserver."""

    def __init__(self) -> None:
        self.state = PlatformState()

    async def observe(self, run: CollectionRun) -> None:
        """A window of this process has ended."""
        self.state = self.state.after(run)

    def learn(self, window: Ended) -> None:
        """A window has ended, perhaps in another process; one that is known or older says nothing new."""
        if self.state.checked_at is None or window.finished_at > self.state.checked_at:
            self.state = self.state.after(window)
