"""How often a channel may be used, when a failed attempt is made again, and what becomes of an overflow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 1800.0
LONGEST_BLOCK = 60.0
"""Seconds after which a failing channel is tried with another message, whatever the pause of the failed one."""
LONGEST_PATIENCE = timedelta(hours=6)
"""A receiver that asks for more patience than this is asked again all the same."""


FLOOD = 10
"""More messages than so many times the limit are a flood."""


@dataclass(frozen=True, slots=True)
class SendableMessage:
    """A message that could be sent now; one that was claimed before, or is made of no events, is sent as it is."""

    notification_id: int
    whole: bool
    recipients: tuple[str, ...] = ()
    critical: bool = False


def kept_back(limit: int) -> int:
    """How many of a minute's messages are for critical ones alone: a flood of others must not hold these up."""
    return max(limit // 4, 1) if limit > 1 else 0


def free_slots(recent: Sequence[datetime], limit: int, now: datetime) -> int:
    """How many messages may start now; `recent` are the starts that count, each for a minute."""
    return max(0, limit - len(in_last_minute(recent, now)))


def in_last_minute(recent: Sequence[datetime], now: datetime) -> list[datetime]:
    """The starts of the minute before `now`; one from the future, of a clock that was set back, counts as `now`."""
    return [min(start, now) for start in recent if start > now - MINUTE]


def next_free_slot(recent: Sequence[datetime], limit: int, now: datetime) -> datetime:
    """When a message may start next."""
    counted = sorted(in_last_minute(recent, now))
    return now if len(counted) < limit else counted[-limit] + MINUTE


def choose(due: Sequence[SendableMessage], free: int, limit: int) -> tuple[int, ...]:
    """The messages to send next: one, or those that become a digest because more are due than may be sent.

    The most urgent ones, a quarter of the limit, go alone and at once; the rest of the limit is for the parts of the
    digest, so that all of it may arrive within the minute. `due` is ordered, the most urgent first; what is critical
    makes a digest of its own, and what is not leaves some of the limit for it. Of a flood of critical ones none goes
    alone: all of the limit is for the digest that names them.
    """
    if not due:
        return ()
    first = due[0]
    kept = 0 if first.critical else kept_back(limit)
    free, limit = free - kept, limit - kept
    if free <= 0:
        return ()
    alone = (first.notification_id,)
    alike = [message for message in due if message.critical == first.critical]
    begun = free <= limit - limit // 4 or (first.critical and len(alike) > FLOOD * limit)
    if first.whole or len(alike) <= free or not begun:
        return alone
    merged = tuple(
        message.notification_id for message in alike if not message.whole and message.recipients == first.recipients
    )
    return merged if len(merged) > 1 else alone


def limit_pause(attempts: int, chance: float) -> timedelta:
    """How long to wait after so many failed attempts: full jitter below a bound that doubles; `chance` is in [0, 1)."""
    bound = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempts, 20))
    return timedelta(seconds=max(FIRST_PAUSE, bound * chance))


def retry_at(now: datetime, attempts: int, chance: float, retry_after: timedelta | None) -> datetime:
    """When a message is tried again: never before the receiver's own wish."""
    wished = min(retry_after, LONGEST_PATIENCE) if retry_after else timedelta(0)
    return now + max(limit_pause(attempts, chance), wished)


def blocked_until(now: datetime, failures: int, chance: float, retry_after: timedelta | None) -> datetime:
    """Until when a channel rests after so many failures in a row."""
    if retry_after:
        return now + min(retry_after, LONGEST_PATIENCE)
    return now + min(limit_pause(failures, chance), timedelta(seconds=LONGEST_BLOCK))
