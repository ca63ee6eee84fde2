"""Whatever receivers answer, each message ends once, nothing that arrived is forgotten, and nobody waits for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.alerting.delivery.channels.base import ChannelResponse, DeliveryStatus
from app.alerting.delivery.decisions import (
    ChannelEffect,
    DeliveryDecision,
    DeliveryRetryPolicy,
    MessageStep,
    decide,
    in_pieces,
    nothing_left,
    postponed,
)
from app.alerting.delivery.messages import compose
from app.alerting.delivery.models import AttemptResult, DeliveryAttempt, DeliveryClaim, DeliveryProgress
from app.alerting.delivery.rate_limit import LONGEST_BLOCK, LONGEST_PATIENCE, LONGEST_PAUSE
from app.alerting.outbox.items import Content

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
MESSAGE = compose("key", NOW, (), Content("subject", "text"))
ADDRESSES = st.sampled_from(["a@example.org", "b@example.org", "c@example.org"])

progresses = st.builds(
    DeliveryProgress,
    parts=st.integers(0, 5),
    delivered=st.lists(ADDRESSES, max_size=2, unique=True).map(tuple),
    refused=st.dictionaries(ADDRESSES, st.just("unknown"), max_size=2),
)
claims = st.builds(
    DeliveryClaim,
    notification_id=st.just(1),
    channel=st.just("mail"),
    recipients=st.just(()),
    created_at=st.integers(0, 48 * 3600).map(lambda seconds: NOW - timedelta(seconds=seconds)),
    attempts=st.integers(1, 60),
    message=st.just(MESSAGE),
    progress=progresses,
    moved=st.booleans(),
)
responses = st.builds(
    ChannelResponse,
    verdict=st.sampled_from(DeliveryStatus),
    text=st.just("said"),
    retry_after=st.none() | st.integers(0, 100_000).map(lambda seconds: timedelta(seconds=seconds)),
    delivered=st.lists(ADDRESSES, max_size=2, unique=True).map(tuple),
    postponed=st.booleans(),
)
policies = st.builds(
    DeliveryRetryPolicy,
    give_up=st.integers(1, 48).map(lambda hours: timedelta(hours=hours)),
    chance=st.floats(0, 1, exclude_max=True).map(lambda chance: lambda: chance),
)
others = st.sampled_from(["", "other"])


def result_of(response: ChannelResponse, progress: DeliveryProgress, at: datetime = NOW) -> AttemptResult:
    attempt = DeliveryAttempt("1/1", at, 0.1, response.verdict.value, response.status, response.text)
    return AttemptResult(response, attempt, progress)


@given(claims, responses, policies, st.booleans(), others)
def test_a_decision_keeps_the_attempt_and_all_that_has_arrived(
    claim: DeliveryClaim, response: ChannelResponse, policy: DeliveryRetryPolicy, last: bool, instead: str
) -> None:
    result = result_of(response, claim.progress)
    decision = decide(claim, result, policy, NOW, last=last, instead=instead)
    assert decision.attempt is result.attempt
    assert decision.at == NOW
    assert decision.progress.refused == claim.progress.refused
    if response.verdict is DeliveryStatus.SENT:
        assert decision.step is (MessageStep.COMPLETE if last else MessageStep.CONTINUE)
        assert decision.channel is ChannelEffect.WORKS
        assert (decision.progress.parts, decision.progress.delivered) == (claim.progress.parts + 1, ())
    else:
        assert decision.step not in {MessageStep.COMPLETE, MessageStep.CONTINUE}
        assert decision.progress == claim.progress


@given(claims, responses, policies, others)
def test_only_what_was_refused_or_tried_for_too_long_fails_or_moves_and_it_moves_once(
    claim: DeliveryClaim, response: ChannelResponse, policy: DeliveryRetryPolicy, instead: str
) -> None:
    decision = decide(claim, result_of(response, claim.progress), policy, NOW, instead=instead)
    over = NOW - claim.created_at >= policy.give_up
    refused = response.verdict in {DeliveryStatus.REFUSED, DeliveryStatus.TOO_LARGE}
    assert (decision.step is MessageStep.MOVE) == (refused and bool(instead) and not claim.moved)
    assert (decision.step is MessageStep.RELEASE) == (response.verdict is DeliveryStatus.DISABLED)
    if decision.step is MessageStep.FAIL:
        assert refused or over
        assert decision.reason.endswith("said")
    assert (decision.notice is not None) == (decision.step is MessageStep.FAIL and bool(instead) and not claim.moved)
    if decision.notice or decision.step is MessageStep.MOVE:
        assert decision.instead == instead


@given(claims, responses, policies)
def test_the_next_attempt_comes_when_the_receiver_wishes_and_never_later_than_six_hours(
    claim: DeliveryClaim, response: ChannelResponse, policy: DeliveryRetryPolicy
) -> None:
    claim, response = replace(claim, created_at=NOW), replace(response, verdict=DeliveryStatus.RETRY)
    decision = decide(claim, result_of(response, claim.progress), policy, NOW)
    assert decision.step is MessageStep.WAIT
    assert decision.again_at is not None
    wished = min(response.retry_after or timedelta(0), LONGEST_PATIENCE)
    assert max(wished, timedelta(seconds=5)) <= decision.again_at - NOW
    assert decision.again_at - NOW <= max(wished, timedelta(seconds=LONGEST_PAUSE))
    assert (decision.blocked_until is not None) == (decision.channel is ChannelEffect.TROUBLED)
    if decision.blocked_until is not None:
        # A channel is tried with another message soon, unless its receiver asked for patience.
        assert decision.blocked_until - NOW <= max(wished, timedelta(seconds=LONGEST_BLOCK))
        assert decision.blocked_until <= decision.again_at
    else:
        # Somebody was reached: it is a message that waits, not the channel.
        assert response.postponed
        assert claim.progress.delivered or claim.progress.parts


# A chance near zero all the time would mean tens of thousands of attempts.
@given(claims, st.lists(responses, min_size=1, max_size=10), policies.map(lambda one: replace(one, chance=lambda: 0.2)))
def test_a_receiver_that_never_takes_it_is_given_up_in_time(
    claim: DeliveryClaim, said: list[ChannelResponse], policy: DeliveryRetryPolicy
) -> None:
    at = claim.created_at
    for number in range(2_000):
        response = replace(said[number % len(said)], verdict=DeliveryStatus.RETRY)
        decision = decide(replace(claim, attempts=number + 1), result_of(response, claim.progress, at), policy, at)
        if decision.step is not MessageStep.WAIT:
            break
        assert decision.again_at is not None
        assert decision.again_at > at
        at = decision.again_at
    assert decision.step is MessageStep.FAIL
    assert policy.give_up <= at - claim.created_at <= policy.give_up + LONGEST_PATIENCE


@given(claims, st.lists(st.booleans(), max_size=40), st.integers(1, 6), policies)
def test_each_part_is_counted_once_however_many_attempts_it_takes(
    claim: DeliveryClaim, taken: list[bool], count: int, policy: DeliveryRetryPolicy
) -> None:
    claim = replace(claim, created_at=NOW, progress=DeliveryProgress())
    progress, arrived, decision = claim.progress, 0, nothing_left(claim.progress, NOW)
    for takes in [*taken, *[True] * count]:
        response = ChannelResponse(DeliveryStatus.SENT if takes else DeliveryStatus.RETRY)
        decision = decide(claim, result_of(response, progress), policy, NOW, last=progress.parts + 1 == count)
        progress, arrived = decision.progress, arrived + takes
        assert progress.parts == arrived
        if decision.step is MessageStep.COMPLETE:
            break
    assert (decision.step, arrived) == (MessageStep.COMPLETE, count)


@given(claims, responses)
def test_pieces_turns_and_what_is_complete_already_say_nothing_bad_of_the_channel(
    claim: DeliveryClaim, response: ChannelResponse
) -> None:
    until = NOW + timedelta(minutes=1)
    decisions: list[DeliveryDecision] = [
        in_pieces(result_of(response, claim.progress)),
        postponed(claim.progress, NOW, until),
        nothing_left(claim.progress, NOW),
    ]
    assert [decision.step for decision in decisions] == [MessageStep.CONTINUE, MessageStep.WAIT, MessageStep.COMPLETE]
    assert {decision.channel for decision in decisions} == {ChannelEffect.NONE, ChannelEffect.WORKS}
    assert all(decision.progress == claim.progress for decision in decisions)
    assert (decisions[1].attempt, decisions[1].again_at, decisions[1].answer) == (None, until, "")
