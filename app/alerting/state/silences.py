"""Silences and maintenance windows: which alerts nobody is notified of, and when. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from app.alerting.models import Labels, Severity
from app.alerting.patterns import check_pattern, matches_whole
from app.errors import ConfigurationError

LONGEST_MATCHER = 2000
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_FORM = re.compile(
    rf"""\s*(?:(?P<quoted>{_QUOTED})|(?P<name>[^\s"'=!~{{}},]+(?:[ ]+[^\s"'=!~{{}},]+)*))\s*"""
    r"(?P<operator>=~|!~|!=|=(?!=))\s*(?P<value>.*?)\s*",
    re.DOTALL,
)
_PLAIN_NAME = re.compile(r"[\w.:/?-]+")
_ESCAPED = re.compile(r"\\([\\\"n])")
_BRACED = re.compile(r"\{[^}]*\}|\[[^\]]*\]|\\.")
"""Parts of a pattern in which a comma is meant as one."""


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
        return matches_whole(self.value, found) is (self.operator is Operator.MATCHES)

    @property
    def by_pattern(self) -> bool:
        return self.operator in {Operator.MATCHES, Operator.NOT_MATCHES}

    def __str__(self) -> str:
        """As `parse_matcher` reads it, in quotes where it would be read as something else."""
        name = self.name if _PLAIN_NAME.fullmatch(self.name) else _in_quotes(self.name)
        return f"{name}{self.operator}{_in_quotes(self.value) if self._ambiguous else self.value}"

    @property
    def _ambiguous(self) -> bool:
        value = self.value
        if value != value.strip() or not value.isprintable() or value[:1] in {'"', "'"} or value[-1:] in {'"', "'"}:
            return True
        return value[:1] in {"=", "~"} or _several(self.operator, value)


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that match every matcher are not notified from `starts_at` until before `ends_at`."""

    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    author: str = ""
    comment: str = ""
    silence_id: int = 0
    problem: str = ""
    """Why it cannot be used: it silences nothing then."""

    def active(self, now: datetime) -> bool:
        return not self.problem and self.starts_at <= now < self.ends_at

    def state(self, now: datetime) -> str:
        """In a word: unusable, active, pending or over."""
        if self.problem:
            return "unusable"
        return "active" if self.active(now) else "pending" if self.starts_at > now else "over"

    @property
    def name(self) -> str:
        return f"silence {self.silence_id}"


class WindowStarts(Protocol):
    """Names the instants at which a window begins."""

    def next_slot(self, after: datetime) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Window:
    """A silence that comes again: it lasts for `duration` from each slot."""

    matchers: tuple[Matcher, ...]
    slots: WindowStarts
    duration: timedelta
    author: str = ""
    comment: str = ""
    window_id: int = 0
    problem: str = ""

    def active(self, now: datetime) -> bool:
        return not self.problem and self.began(now) is not None

    def state(self, now: datetime) -> str:
        """In a word: unusable, active or waiting."""
        return "unusable" if self.problem else "active" if self.active(now) else "waiting"

    def began(self, now: datetime) -> datetime | None:
        """When the window began that is active now."""
        began = self.slots.next_slot(now - self.duration)
        return began if began <= now else None

    @property
    def name(self) -> str:
        return f"maintenance {self.window_id}"


Mute = Silence | Window


def silenced_by(quiets: Sequence[Mute], labels: Mapping[str, str]) -> Mute | None:
    """The first of the active silences and windows that matches the labels."""
    return next((quiet for quiet in quiets if all(matcher.matches(labels) for matcher in quiet.matchers)), None)


class MatchedAlerts:
    """Which of many alerts each silence or window matches; those with a label of one value are looked up."""

    def __init__(self, alerts: Sequence[Mapping[str, str]]) -> None:
        self._alerts = alerts
        self._with: dict[tuple[str, str], list[int]] = {}
        for number, labels in enumerate(alerts):
            for pair in labels.items():
                self._with.setdefault(pair, []).append(number)

    def count(self, quiet: Mute) -> int:
        """How many there are; one that cannot be used matches none."""
        if quiet.problem:
            return 0
        equal = [
            self._with.get((matcher.name, matcher.value), [])
            for matcher in quiet.matchers
            if matcher.operator is Operator.EQUAL and matcher.value
        ]
        among = min(equal, key=len, default=range(len(self._alerts)))
        return sum(all(one.matches(self._alerts[number]) for one in quiet.matchers) for number in among)


def described(labels: Labels, severity: Severity, rule: str, of_rule: Labels = ()) -> dict[str, str]:
    """What the matchers of a silence see of an alert; its labels have those of its rule in them when they are kept."""
    return {**dict(of_rule), **dict(labels), "rule": rule, "severity": severity.value}


def parse_matchers(texts: Sequence[str]) -> tuple[Matcher, ...]:
    """Matchers as people write them: `area=FR`, `rule=~collection_.*`; ConfigurationError says what is wrong."""
    return _narrow(tuple(parse_matcher(text) for text in texts))


def stored_matchers(texts: Sequence[str]) -> tuple[Matcher, ...]:
    """Matchers that were accepted once: a comma is part of the value, as it was before it was refused."""
    return _narrow(tuple(_read_matcher(text)[0] for text in texts))


def _narrow(matchers: tuple[Matcher, ...]) -> tuple[Matcher, ...]:
    if all(matcher.matches({}) for matcher in matchers):
        raise ConfigurationError(
            "these matchers would silence every alert, also those without the label; name one, as in area=FR, "
            "or write rule=~.+ where you mean all"
        )
    return matchers


def parse_matcher(text: str) -> Matcher:
    """One matcher; ConfigurationError where it is none, or would match nothing that its writer means."""
    matcher, quoted = _read_matcher(text)
    if not quoted and _several(matcher.operator, matcher.value):
        several = "|".join(part.strip() for part in matcher.value.split(","))
        pattern = Operator.NOT_MATCHES if matcher.operator in NEGATIONS else Operator.MATCHES
        raise ConfigurationError(
            f"{text!r}: a matcher has one value; write '{matcher.name}{pattern}{several}' for each of them, "
            f"or {matcher.name}{matcher.operator}{_in_quotes(matcher.value)} where the comma is part of the value"
        )
    return matcher


def _read_matcher(text: str) -> tuple[Matcher, bool]:
    """The matcher, and whether its value stands in quotes."""
    found = _FORM.fullmatch(text) if len(text) <= LONGEST_MATCHER else None
    if found is None:
        raise ConfigurationError(
            f"{text[:200]!r} is no matcher: write label=value, label!=value, label=~regex or label!~regex"
        )
    name = _out_of_quotes(found["quoted"], text) if found["quoted"] else found["name"]
    matcher = Matcher(name, Operator(found["operator"]), _out_of_quotes(found["value"], text))
    if matcher.by_pattern:
        try:
            check_pattern(matcher.value)
        except ConfigurationError as error:
            raise ConfigurationError(f"{text!r} has no regular expression: {error}; mend it or use =") from None
    return matcher, matcher.value != found["value"]


NEGATIONS = frozenset({Operator.NOT_EQUAL, Operator.NOT_MATCHES})


def _several(operator: Operator, value: str) -> bool:
    """Whether a comma stands in the value as between the elements of a list."""
    by_pattern = operator in {Operator.MATCHES, Operator.NOT_MATCHES}
    return "," in (_BRACED.sub("", value) if by_pattern else value)


def _in_quotes(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'"{escaped}"'


def _out_of_quotes(text: str, whole: str) -> str:
    """The text that quotes enclose, which are written as Alertmanager's; a text without quotes is itself."""
    if re.fullmatch(_QUOTED, text, re.DOTALL):
        return _ESCAPED.sub(lambda match: "\n" if match[1] == "n" else match[1], text[1:-1])
    if len(text) > 1 and text[0] == text[-1] == "'" and "'" not in text[1:-1]:
        return text[1:-1]
    if text.startswith('"') or text.endswith('"'):
        raise ConfigurationError(
            f'{whole!r}: a quote has no other end; write label="value", and \\" for a quote in the value'
        )
    return text
