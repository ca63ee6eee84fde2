"""Silences and maintenance windows: which alerts nobody is told of, and when. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from app.errors import ConfigurationError

LONGEST_PATTERN = 200
LONGEST_VALUE = 1000
"""Regular expressions look at so many characters of a value."""
_FORM = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_.-]*)\s*(=~|!~|!=|=)\s*(.*?)\s*", re.DOTALL)


class Operator(StrEnum):
    """How a matcher compares; patterns must match the whole value."""

    EQUAL = "="
    NOT_EQUAL = "!="
    MATCHES = "=~"
    NOT_MATCHES = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on one label; a label that is missing counts as empty."""

    name: str
    operator: Operator
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        found = labels.get(self.name, "")
        if self.operator in {Operator.EQUAL, Operator.NOT_EQUAL}:
            return (found == self.value) is (self.operator is Operator.EQUAL)
        hit = re.fullmatch(self.value, found[:LONGEST_VALUE]) is not None
        return hit is (self.operator is Operator.MATCHES)

    def __str__(self) -> str:
        return f"{self.name}{self.operator}{self.value}"


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that match every matcher are not told of from `starts_at` until before `ends_at`."""

    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    author: str = ""
    comment: str = ""
    silence_id: int = 0

    def active(self, now: datetime) -> bool:
        return self.starts_at <= now < self.ends_at

    @property
    def name(self) -> str:
        return f"silence {self.silence_id}"


class Slots(Protocol):
    """Names the instants at which a window begins."""

    def next_slot(self, after: datetime) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Window:
    """A silence that comes again: it lasts for `duration` from each slot."""

    matchers: tuple[Matcher, ...]
    slots: Slots
    duration: timedelta
    author: str = ""
    comment: str = ""
    window_id: int = 0

    def active(self, now: datetime) -> bool:
        return self.slots.next_slot(now - self.duration) <= now

    @property
    def name(self) -> str:
        return f"maintenance {self.window_id}"


Quiet = Silence | Window


def silenced_by(quiets: Sequence[Quiet], labels: Mapping[str, str]) -> Quiet | None:
    """The first of the active silences and windows that matches the labels."""
    return next((quiet for quiet in quiets if all(matcher.matches(labels) for matcher in quiet.matchers)), None)


def parse_matchers(texts: Sequence[str]) -> tuple[Matcher, ...]:
    """Matchers as people write them: `area=FR`, `rule=~collection_.*`; ConfigurationError says what is wrong."""
    matchers = tuple(parse_matcher(text) for text in texts)
    if all(matcher.matches({}) for matcher in matchers):
        raise ConfigurationError(
            "these matchers would silence every alert, also those without the label; name one, as in area=FR, "
            "or write rule=~.+ where you mean all"
        )
    return matchers


def parse_matcher(text: str) -> Matcher:
    """One matcher; ConfigurationError where it is none."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ConfigurationError(
            f"{text!r} is no matcher: write label=value, label!=value, label=~regex or label!~regex"
        )
    matcher = Matcher(found[1], Operator(found[2]), found[3])
    if matcher.operator in {Operator.MATCHES, Operator.NOT_MATCHES}:
        _check_pattern(matcher)
    return matcher


def _check_pattern(matcher: Matcher) -> None:
    if len(matcher.value) > LONGEST_PATTERN:
        raise ConfigurationError(
            f"the pattern of {matcher.name} has {len(matcher.value)} characters; {LONGEST_PATTERN} are allowed"
        )
    try:
        re.compile(matcher.value)
    except re.error as error:
        raise ConfigurationError(f"{matcher} is no regular expression: {error}; mend it or use =") from None


_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_PART = re.compile(r"(\d{1,6})(min|[smhdw])")


def parse_duration(text: str, *, name: str) -> timedelta:
    """A length of time as `90s`, `30m`, `2h`, `1h30m`, `3d` or `1w`; ConfigurationError naming the option otherwise."""
    parts = _PART.findall(text.strip())
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        raise ConfigurationError(f"{name} {text!r} is no duration: write it as 30m, 2h, 1h30m, 3d or 1w")
    length = timedelta(seconds=sum(int(number) * _UNITS[unit] for number, unit in parts))
    if not length:
        raise ConfigurationError(f"{name} {text!r} is no time at all: write it as 30m, 2h or 3d")
    return length
