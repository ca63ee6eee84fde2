"""Whether failures are the targets' or this machine's own: it has no network, so it knows nothing of any target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from app.probes.models import CheckFailure, CheckResult

FEWEST_HOSTS = 3
"""Of fewer hosts that fail at once it cannot be said that everything fails."""
UNREACHED = frozenset({CheckFailure.DNS, CheckFailure.CONNECT, CheckFailure.TIMEOUT})
"""Failures that a machine without network sees everywhere; whoever refuses or answers was reached."""


@dataclass(frozen=True, slots=True)
class HostOutcome:
    """What the latest check of a host came to; None: it was well."""

    host: str
    failure: CheckFailure | None


def is_network_down(outcomes: Iterable[HostOutcome], references: Mapping[str, bool] | None = None) -> bool:
    """Whether this machine has no network, by the latest check of each host and by what came of reference addresses.

    Where references are given (address → reached), they decide: a host of the own site that answers says nothing about
    the way out. Without them it is so when every host fails without having been reached, and there are some.
    """
    if references:
        return not any(references.values())
    latest = list(outcomes)
    if any(outcome.failure not in {*UNREACHED, CheckFailure.OURS} for outcome in latest):
        return False
    return len({outcome.host for outcome in latest}) >= FEWEST_HOSTS


def host_outcome(url: str, result: CheckResult) -> HostOutcome:
    return HostOutcome(urlsplit(url).hostname or url, result.failure)


def without_network(results: Sequence[CheckResult]) -> list[CheckResult]:
    """The results of a time without network: what was not reached is `ours` and says nothing about its target."""
    return [
        replace(result, failure=CheckFailure.OURS, detail=f"this machine has no network: {result.detail}")
        if result.failure in UNREACHED
        else result
        for result in results
    ]
