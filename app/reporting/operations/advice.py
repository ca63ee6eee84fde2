"""Recommendations: named rules over the figures of a period and the one before; a good week has none. Pure.

Each rule cites its figures and says what to do. Their limits are data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app.monitoring.models import PairTotals
from app.reporting.formatting import count, duration, many
from app.reporting.operations.models import Advice, Figures, GapFlow, percent, place_name, slowest_items, worst_pairs
from app.reporting.render import number

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class AdviceThresholds:
    """From where on a figure is worth a recommendation; shares are of 1, times are seconds."""

    target: float = 0.95
    """Of windows answered and of minutes served: GRIDKEEPER_MONITORING__TARGET."""
    few_runs: int = 20
    """Of fewer runs a share says little."""
    pair_failed: float = 0.2
    late_seconds: float = 6 * HOUR
    ours_seconds: float = HOUR
    more_open: float = 1.25
    more_open_values: int = 50
    slow_seconds: float = 5.0
    slower: float = 1.5
    slower_seconds: float = 1.0
    rejected: float = 0.001
    retried: float = 0.1
    fired_a_day: float = 5.0
    acknowledge_seconds: float = HOUR / 2
    resolve_seconds: float = 4 * HOUR
    quality_points: float = 90.0
    quality_fall: float = 3.0


@dataclass(frozen=True, slots=True)
class Case:
    """What the rules look at."""

    now: Figures
    before: Figures
    days: int
    limits: AdviceThresholds


AdviceRule = Callable[[Case], str | None]


def advise(now: Figures, before: Figures, *, days: int, limits: AdviceThresholds) -> tuple[Advice, ...]:
    """What all rules recommend, in the order of `RULES`."""
    case = Case(now, before, days, limits)
    return tuple(Advice(name, text) for name, check in RULES.items() if (text := check(case)))


def _name(pair: PairTotals) -> str:
    return f"{pair.item} {place_name(pair.area)}"


def _pairs(number: int) -> str:
    return many(number, "item and area", "items and areas")


def _percent(share: float | None) -> str:
    return f"{number(percent(share))} %"


def success_below_target(case: Case) -> str | None:
    totals = case.now.totals
    if totals.runs < case.limits.few_runs or (totals.success_rate or 0.0) >= case.limits.target:
        return None
    worst = worst_pairs(case.now)[0]
    return (
        f"{count(totals.failed)} of {count(totals.runs)} windows failed, so {_percent(totals.success_rate)} were answered, "
        f"below the target of {_percent(case.limits.target)}. Begin with {_name(worst)}, of which "
        f"{count(worst.totals.failed)} of {count(worst.totals.runs)} failed: "
        f"`gridkeeper jobs history collect:{worst.item}` and `gridkeeper status` name the errors."
    )


def pair_failing(case: Case) -> str | None:
    limits = case.limits
    bad = [
        pair
        for pair in worst_pairs(case.now)
        if pair.totals.runs >= limits.few_runs and pair.totals.failed > limits.pair_failed * pair.totals.runs
    ]
    if not bad:
        return None
    one = bad[0]
    more = f" (like it: {_pairs(len(bad) - 1)})" if len(bad) > 1 else ""
    return (
        f"{count(one.totals.failed)} of {count(one.totals.runs)} windows of {_name(one)} failed{more}, more than "
        f"{_percent(limits.pair_failed)}. Ask for a day of it by hand with `gridkeeper collect` to see the answer; "
        "take what the platform does not offer out of the plan."
    )


def pair_silent(case: Case) -> str | None:
    earlier = {(pair.item, pair.area): pair.totals.received for pair in case.before.pairs}
    silent = [
        (earlier[pair.item, pair.area], pair)
        for pair in case.now.pairs
        if pair.totals.runs - pair.totals.failed >= case.limits.few_runs
        and not pair.totals.received
        and earlier.get((pair.item, pair.area))
    ]
    if not silent:
        return None
    received, one = max(silent, key=lambda found: found[0])
    return (
        f"{_name(one)} was answered {count(one.totals.runs - one.totals.failed)} times without a single value, after "
        f"{count(received)} values in the period before; silent like this: {_pairs(len(silent))}. "
        "See on the platform's site whether the series moved to another code or ended, and mend the plan."
    )


def data_late(case: Case) -> str | None:
    late = [pair for pair in case.now.late.pairs if pair.longest_seconds > case.limits.late_seconds]
    if not late:
        return None
    one = late[0]
    return (
        f"{count(one.values)} values of {one.item} {place_name(one.area)} came up to {duration(one.longest_seconds)} after "
        f"their deadline, or have not come yet; later than {duration(case.limits.late_seconds)}: "
        f"{_pairs(len(late))}. Tell whoever publishes them, and let what is computed from them begin later."
    )


def gaps_ours(case: Case) -> str | None:
    flow = case.now.gap("ours")
    if not flow.open_values or (flow.oldest_seconds or 0.0) <= case.limits.ours_seconds:
        return None
    return (
        f"{count(flow.open_values)} values are missing because nobody asked for them with success, the oldest for "
        f"{duration(flow.oldest_seconds)}. Fill them with `gridkeeper gaps --fill`; where they come back, raise the "
        "request budget or look for failing windows."
    )


def gaps_grow(case: Case) -> str | None:
    opened, closed, left = (_all(case.now.gaps, name) for name in ("opened_values", "closed_values", "open_values"))
    start = left - opened + closed
    if left - start < case.limits.more_open_values or left < case.limits.more_open * start:
        return None
    return (
        f"{count(opened)} values began to be missing and {count(closed)} came, so {count(left)} are missing at the end, "
        f"{count(left - start)} more than at the start. `gridkeeper gaps` tells where and why; "
        "what the source lacks for good can leave the plan."
    )


def _all(gaps: tuple[GapFlow, ...], name: str) -> int:
    return sum(getattr(flow, name) for flow in gaps)


def slow_item(case: Case) -> str | None:
    limits = case.limits
    slow = [
        (item, totals)
        for item, totals in slowest_items(case.now)
        if totals.runs >= limits.few_runs and (totals.p95 or 0.0) > limits.slow_seconds
    ]
    if not slow:
        return None
    item, totals = slow[0]
    return (
        f"Answers to {item} took {duration(totals.p50)} in the middle and {duration(totals.p95)} at p95, more than "
        f"{duration(limits.slow_seconds)}; so slow: {len(slow)} of {len(case.now.items)} items. Give it a line of its own in the plan with a "
        "longer interval, so that it does not hold up others."
    )


def slower_than_before(case: Case) -> str | None:
    now, before, limits = case.now.totals, case.before.totals, case.limits
    if min(now.runs, before.runs) < limits.few_runs or now.p95 is None or not before.p95:
        return None
    if now.p95 < limits.slower_seconds or now.p95 < limits.slower * before.p95:
        return None
    return (
        f"The response time p95 rose from {duration(before.p95)} to {duration(now.p95)}, "
        f"{number(now.p95 / before.p95)} times what it was. Compare with the platform's announcements and with the "
        "network of this machine; if it stays, spread the plan over more minutes."
    )


def values_rejected(case: Case) -> str | None:
    totals, limits = case.now.totals, case.limits
    if not totals.rejected or totals.rejected <= limits.rejected * (totals.received + totals.rejected):
        return None
    worst = max(case.now.pairs, key=lambda pair: pair.totals.rejected)
    return (
        f"{count(totals.rejected)} values were rejected as unusable while {count(totals.received)} were received, most of "
        f"them of {_name(worst)} ({count(worst.totals.rejected)}). The table rejected_points holds each with its reason: "
        "report it to the platform's service desk."
    )


def many_retries(case: Case) -> str | None:
    totals, limits = case.now.totals, case.limits
    if totals.requests < limits.few_runs or totals.retries <= limits.retried * totals.requests:
        return None
    return (
        f"{count(totals.retries)} of {count(totals.requests)} requests were repeats after a failure, more than "
        f"{_percent(limits.retried)}, and use up the token's budget. Where the platform throttles, lower "
        "GRIDKEEPER_ENTSOE__REQUESTS_PER_MINUTE; else see whether the network is sound."
    )


def noisy_rule(case: Case) -> str | None:
    noisy = [rule for rule in case.now.rules if rule.fired > case.limits.fired_a_day * case.days]
    if not noisy:
        return None
    one = noisy[0]
    return (
        f"{one.rule} fired {count(one.fired)} times and people were notified {count(one.notified)} times, more than "
        f"{number(case.limits.fired_a_day, 0)} alerts a day. Raise its threshold or its `for` in config/alerts, "
        "or mend the cause: what fires this often is no longer read."
    )


def slow_acknowledgement(case: Case) -> str | None:
    reaction, limits = case.now.reaction, case.limits
    if (reaction.median_acknowledge or 0.0) <= limits.acknowledge_seconds:
        return None
    return (
        f"Half of the {count(reaction.acknowledged)} acknowledged alerts waited {duration(reaction.median_acknowledge)} "
        f"or longer for it, one of them {duration(reaction.longest_acknowledge)}; {duration(limits.acknowledge_seconds)} "
        "is the limit. Route what is critical to a channel that somebody hears."
    )


def slow_resolution(case: Case) -> str | None:
    reaction, limits = case.now.reaction, case.limits
    if (reaction.median_resolve or 0.0) <= limits.resolve_seconds:
        return None
    return (
        f"Half of the {count(reaction.resolved)} alerts that ended had fired for {duration(reaction.median_resolve)} or "
        f"longer, one of them for {duration(reaction.longest_resolve)}. See in `gridkeeper alerts history` what they "
        "waited for, and write it into the runbooks of their rules."
    )


def service_absent(case: Case) -> str | None:
    served = case.now.served
    if served.share is None or served.share >= case.limits.target:
        return None
    return (
        f"The service gave no sign of life in {count(served.total - served.good)} of {count(served.total)} minutes: "
        f"{_percent(served.share)} availability, below the target of {_percent(case.limits.target)}. Find the restarts "
        "in its log, and run a second replica."
    )


def messages_undelivered(case: Case) -> str | None:
    undelivered = case.now.reaction.undelivered
    if not undelivered:
        return None
    return (
        f"{many(undelivered, 'message')} could not be delivered by any channel. `gridkeeper alerts notifications` tells "
        "why; mend the channel, try it with `gridkeeper alerts test` and name a fallback in config/channels.yaml."
    )


def quality_low(case: Case) -> str | None:
    now, before, limits = case.now.quality, case.before.quality.score, case.limits
    if now.score is None:
        return None
    fall = (before or 0.0) - now.score
    if now.score >= limits.quality_points and fall < limits.quality_fall:
        return None
    fell = f", {number(fall)} less than in the period before" if fall >= limits.quality_fall else ""
    worst = f", {now.worst[0].title} with {number(now.worst[0].score.overall)} the worst" if now.worst else ""
    return (
        f"The quality of {count(now.series)} series scored {number(now.score)} of 100{fell}{worst}. "
        "`gridkeeper report quality` shows which values are doubted; accept those that are right after all."
    )


RULES: Mapping[str, AdviceRule] = MappingProxyType(
    {
        check.__name__: check
        for check in (
            service_absent,
            success_below_target,
            pair_failing,
            pair_silent,
            gaps_ours,
            gaps_grow,
            data_late,
            slow_item,
            slower_than_before,
            many_retries,
            values_rejected,
            quality_low,
            messages_undelivered,
            noisy_rule,
            slow_acknowledgement,
            slow_resolution,
        )
    }
)
"""Every rule by its name, the most urgent first."""
