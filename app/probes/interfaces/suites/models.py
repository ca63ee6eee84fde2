"""A suite of requests that follow from each other, as the file of interfaces says it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.probes.models import CheckCondition, CheckMethod

SUITE = "SUITE"
"""In the place of the method of an operation: a suite is kept as one."""


class TakePlace(StrEnum):
    """Where in an answer a value stands."""

    JSON = "json"
    HEADER = "header"
    COOKIE = "cookie"
    MATCH = "match"
    """A pattern that the text of the answer holds."""


@dataclass(frozen=True, slots=True)
class TakenValue:
    """A value that an answer gives to the steps after it; `what` is a JSONPath, the name of a header or a cookie, or a pattern."""

    name: str
    place: TakePlace
    what: str

    @property
    def said(self) -> str:
        return self.what if self.place is TakePlace.JSON else f"{self.place} {self.what}"


@dataclass(frozen=True, slots=True)
class SuiteStep:
    """One request; `{{name}}` within its texts stands for a value."""

    name: str
    method: CheckMethod
    target: str
    """A path below the base URL, or a whole URL."""
    query: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    form: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: str = field(default="", repr=False)
    """Where there is no form."""
    conditions: tuple[CheckCondition, ...] = ()
    takes: tuple[TakenValue, ...] = ()
    follows: bool = True
    """Redirects."""

    @property
    def is_elsewhere(self) -> bool:
        """Whether it asks a URL of its own."""
        return self.target.startswith(("http://", "https://"))


@dataclass(frozen=True, slots=True)
class SuiteConfig:
    """A suite of the file; `line` is where it begins."""

    name: str
    line: int
    base_urls: tuple[str, ...]
    """Of the service, unless the suite has one of its own; it runs at each."""
    steps: tuple[SuiteStep, ...]
    cleanup: tuple[SuiteStep, ...] = ()
    """Requests that are sent at the end, whatever became of the steps."""
    variables: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    with_auth: bool = False
    """Whether requests to the base URL carry the service's login."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What of its texts comes from the environment."""
