"""What becomes of a message, and of its channel, after an attempt to send it. Pure: chance comes with the policy."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from app.alerting.delivery.channels.base import DeliveryStatus
from app.alerting.delivery.models import AttemptResult, DeliveryAttempt, DeliveryClaim, DeliveryProgress
from app.alerting.delivery.rate_limit import blocked_until, retry_at
from app.alerting.outbox.items import NotificationItem, delivery_notice
from app.settings import NotificationSettings

MOST_LOST = 5
"""After so many that took a message in a row, and said nothing more of it, the message itself is what ends them."""


class MessageStep(StrEnum):
    """What a message does next."""

    CONTINUE = "continue"
    """Its claim goes on: further parts follow."""
    COMPLETE = "complete"
    """All of it has arrived."""
    WAIT = "wait"
    """It is tried again at `again_at`."""
    FAIL = "fail"
    """It is not tried any more."""
    MOVE = "move"
    """Another channel takes it."""
    RELEASE = "release"
    """It waits until a person, or another channel, takes it on."""


class ChannelEffect(StrEnum):
    """What an attempt says about its channel."""

    NONE = "none"
    WORKS = "works"
    TROUBLED = "troubled"
    """One more failure in a row."""
    DISABLED = "disabled"
    """Nothing is sent over it until a person enables it."""


@dataclass(frozen=True, slots=True)
class DeliveryDecision:
    """What is to be written about a claim; `at` is the moment of the attempt, or of the decision without one."""

    step: MessageStep
    channel: ChannelEffect
    at: datetime
    progress: DeliveryProgress
    attempt: DeliveryAttempt | None = None
    again_at: datetime | None = None
    blocked_until: datetime | None = None
    """Until when a troubled channel is left alone."""
    instead: str = ""
    """The channel that takes the message, or says that it failed."""
    notice: NotificationItem | None = None
    reason: str = ""
    """What people read beside the message."""

    @property
    def answer(self) -> str:
        return self.attempt.answer if self.attempt else ""


@dataclass(frozen=True, slots=True)
class DeliveryRetryPolicy:
    """How long messages are tried, and the chance that spreads the attempts of many over time."""

    give_up: timedelta
    chance: Callable[[], float] = random.random

    @classmethod
    def of(cls, settings: NotificationSettings, chance: Callable[[], float] = random.random) -> Self:
        return cls(timedelta(hours=settings.give_up_hours), chance)


def decide(
    claim: DeliveryClaim,
    result: AttemptResult,
    policy: DeliveryRetryPolicy,
    now: datetime,
    *,
    last: bool = True,
    instead: str = "",
) -> DeliveryDecision:
    """What follows from the answer to a part, the `last` one or not; `instead` is who takes what this channel cannot.

    What is still too large in its smallest pieces is refused.
    """
    attempt, verdict = result.attempt, result.response.verdict
    if verdict is DeliveryStatus.SENT:
        return _arrived(attempt, result.progress, last=last)
    if verdict is DeliveryStatus.DISABLED:
        return _decision(MessageStep.RELEASE, ChannelEffect.DISABLED, result, reason=result.response.text)
    over = attempt.at - claim.created_at >= policy.give_up
    if verdict is DeliveryStatus.RETRY and not over:
        return _again(claim, result, policy.chance(), now)
    if verdict is not DeliveryStatus.RETRY and instead and not claim.moved:
        return _decision(MessageStep.MOVE, ChannelEffect.TROUBLED, result, instead=instead, reason=attempt.answer)
    hours = policy.give_up / timedelta(hours=1)
    text = result.response.text
    return _failed(claim, result, f"tried for {hours:g} h, last: {text}" if over else text, instead)


def in_pieces(result: AttemptResult) -> DeliveryDecision:
    """The attempt was neither a success nor a failure of the channel: smaller parts follow."""
    return _decision(MessageStep.CONTINUE, ChannelEffect.NONE, result)


def postponed(progress: DeliveryProgress, now: datetime, until: datetime) -> DeliveryDecision:
    """The rest of the message waits for its turn; no attempt was made."""
    return DeliveryDecision(MessageStep.WAIT, ChannelEffect.NONE, now, progress, again_at=until)


def interrupted(progress: DeliveryProgress, now: datetime) -> DeliveryDecision:
    """Whoever has it stops: another takes it on at once, with the same key."""
    return DeliveryDecision(MessageStep.RELEASE, ChannelEffect.NONE, now, progress)


def poisonous(claim: DeliveryClaim, now: datetime, instead: str = "") -> DeliveryDecision:
    """A message that takes along whoever sends it is not tried any more; another channel says so."""
    why = f"WorkerLost: {claim.lost} processes in a row took it and said nothing more of it"
    failed = DeliveryDecision(MessageStep.FAIL, ChannelEffect.NONE, now, claim.progress, reason=why)
    return _announced(failed, claim, instead)


def nothing_left(progress: DeliveryProgress, now: datetime) -> DeliveryDecision:
    """The channel was set up anew after some parts had arrived, and now makes fewer of the message."""
    attempt = DeliveryAttempt("0/0", now, 0.0, DeliveryStatus.SENT.value, None, "all parts had arrived")
    return _complete(attempt, progress)


def _arrived(attempt: DeliveryAttempt, progress: DeliveryProgress, *, last: bool) -> DeliveryDecision:
    # Who was reached counts for one part; who was refused will not be reached by the next either.
    following = replace(progress, parts=progress.parts + 1, delivered=())
    if last:
        return _complete(attempt, following)
    return DeliveryDecision(MessageStep.CONTINUE, ChannelEffect.WORKS, attempt.at, following, attempt)


def _complete(attempt: DeliveryAttempt, progress: DeliveryProgress) -> DeliveryDecision:
    refused = "; ".join(f"{address}: {why}" for address, why in progress.refused.items())
    return DeliveryDecision(MessageStep.COMPLETE, ChannelEffect.WORKS, attempt.at, progress, attempt, reason=refused)


def _again(claim: DeliveryClaim, result: AttemptResult, chance: float, now: datetime) -> DeliveryDecision:
    response, progress = result.response, result.progress
    again = retry_at(now, claim.attempts, chance, response.retry_after)
    waiting = _decision(MessageStep.WAIT, ChannelEffect.NONE, result, reason=result.attempt.answer)
    # Where some recipients have been reached the channel works: only this message waits, for the others.
    if response.postponed and (progress.delivered or progress.parts):
        served = ChannelEffect.WORKS if response.delivered else ChannelEffect.NONE
        return replace(waiting, channel=served, again_at=again)
    blocked = blocked_until(now, claim.attempts, chance, response.retry_after)
    return replace(waiting, channel=ChannelEffect.TROUBLED, again_at=again, blocked_until=blocked)


def _failed(claim: DeliveryClaim, result: AttemptResult, why: str, instead: str) -> DeliveryDecision:
    """Another channel says so where there is one; what has come here from another has had its second chance."""
    return _announced(_decision(MessageStep.FAIL, ChannelEffect.TROUBLED, result, reason=why), claim, instead)


def _announced(failed: DeliveryDecision, claim: DeliveryClaim, instead: str) -> DeliveryDecision:
    if claim.moved or not instead:
        return failed
    text = f"{claim.channel} did not get “{claim.message.subject}”: {failed.reason}"
    labels = {"channel": claim.channel}
    notice = delivery_notice("delivery_failed", text, failed.at, labels, claim.message.severity)
    return replace(failed, instead=instead, notice=notice)


def _decision(
    step: MessageStep, channel: ChannelEffect, result: AttemptResult, *, instead: str = "", reason: str = ""
) -> DeliveryDecision:
    return DeliveryDecision(
        step, channel, result.attempt.at, result.progress, result.attempt, instead=instead, reason=reason
    )
