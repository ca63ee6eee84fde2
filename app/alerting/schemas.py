"""Alerts, silences, messages and channels as programs read them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from pydantic import Field

from app.alerting.administration import AlertView, ChannelState, PastEvent, PastMessage, RuleSummary
from app.alerting.state.silences import Silence, Window
from app.logging import redact
from app.schemas import Instant, Number, RequestBody, Resource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.alerting.delivery.channels.base import Channel
    from app.alerting.delivery.try_channel import TriedPart


class AlertResource(Resource):
    """An alert; `gone_at` is since when it has shown no fault while it is kept firing."""

    id: int | None
    rule: str
    labels: dict[str, str]
    severity: str
    phase: str
    value: Number | None
    threshold: Number | None
    annotations: dict[str, str]
    since: Instant
    fired_at: Instant | None
    gone_at: Instant | None
    resolved_at: Instant | None
    notified_at: Instant | None = Field(serialization_alias="told_at")
    suppressed: str
    flapping: bool
    acknowledged_at: Instant | None
    acknowledged_by: str
    acknowledge_note: str

    @classmethod
    def of(cls, view: AlertView) -> Self:
        alert = view.alert
        return cls(
            id=alert.alert_id,
            rule=alert.rule,
            labels=dict(alert.labels),
            severity=alert.severity,
            phase=alert.phase,
            value=alert.value,
            threshold=alert.threshold,
            annotations=dict(alert.annotations),
            since=alert.since,
            fired_at=alert.fired_at,
            gone_at=alert.gone_at,
            resolved_at=alert.resolved_at,
            notified_at=alert.notified_at,
            suppressed=alert.suppressed,
            flapping=alert.flapping,
            acknowledged_at=alert.acknowledged_at,
            acknowledged_by=alert.acknowledged_by,
            acknowledge_note=view.note,
        )


class AlertEventResource(Resource):
    """Something that happened to an alert; `delivered` names the channels that took the message, `told` whether one has."""

    at: Instant
    kind: str
    id: int
    rule: str
    labels: dict[str, str]
    severity: str
    value: Number | None
    notified: bool = Field(serialization_alias="told")
    delivered: list[str]
    note: str

    @classmethod
    def of(cls, event: PastEvent) -> Self:
        return cls(
            at=event.at,
            kind=event.kind,
            id=event.alert_id,
            rule=event.rule,
            labels=dict(event.labels),
            severity=event.severity,
            value=event.value,
            notified=event.notified,
            delivered=list(event.delivered),
            note=event.note,
        )


class RuleSummaryResource(Resource):
    """How a rule did in a range; null where there is nothing to average."""

    rule: str
    evaluations: int
    fired: int
    notified: int
    errors: int
    median_seconds: float | None
    seconds_to_acknowledge: float | None
    seconds_to_resolve: float | None

    @classmethod
    def of(cls, summary: RuleSummary) -> Self:
        return cls.model_validate(summary)


class SilenceResource(Resource):
    """A silence; `problem` says why it cannot be used."""

    id: int
    state: str
    matchers: list[str]
    start: Instant = Field(serialization_alias="from")
    end: Instant = Field(serialization_alias="to")
    by: str
    comment: str
    problem: str

    @classmethod
    def of(cls, silence: Silence, now: datetime) -> Self:
        return cls(
            id=silence.silence_id,
            state=silence.state(now),
            matchers=[str(matcher) for matcher in silence.matchers],
            start=silence.starts_at,
            end=silence.ends_at,
            by=silence.author,
            comment=silence.comment,
            problem=silence.problem,
        )


class MaintenanceResource(Resource):
    """A silence that comes again; `next` is when it begins next, `until` when the one ends that is active."""

    id: int
    active: bool
    schedule: str
    seconds: float
    next: Instant | None
    until: Instant | None
    matchers: list[str]
    by: str
    comment: str
    problem: str

    @classmethod
    def of(cls, window: Window, now: datetime) -> Self:
        active = window.active(now)
        began = window.began(now) if active else None
        return cls(
            id=window.window_id,
            active=active,
            schedule=str(window.slots),
            seconds=window.duration.total_seconds(),
            next=None if window.problem else window.slots.next_slot(now),
            until=began + window.duration if began else None,
            matchers=[str(matcher) for matcher in window.matchers],
            by=window.author,
            comment=window.comment,
            problem=window.problem,
        )


class MessageResource(Resource):
    """A message of the outbox; `merged_into` is the digest that took it in."""

    notification_id: int
    channel: str
    status: str
    created_at: Instant
    not_before: Instant
    ended_at: Instant | None
    attempts: int
    subject: str
    error: str
    moved_from: str | None
    merged_into: int | None
    key: str
    events: int

    @classmethod
    def of(cls, message: PastMessage) -> Self:
        return cls.model_validate(message)


class ChannelResource(Resource):
    """A channel, whether it works, and what waits for it."""

    channel: str
    type: str
    sends_to: str
    state: str
    waiting: int
    failed: int
    last_sent_at: Instant | None
    problem: str

    @classmethod
    def of(cls, name: str, channel: Channel, state: ChannelState | None) -> Self:
        state = state or ChannelState(name)
        return cls(
            channel=name,
            type=channel.kind,
            sends_to=channel.where(),
            state=state.state,
            waiting=state.waiting,
            failed=state.failed,
            last_sent_at=state.last_sent_at,
            problem=state.disabled_reason or state.last_error,
        )


class RetriedMessageResource(Resource):
    """A message that is tried again, and over which channel."""

    notification_id: int
    channel: str


class TriedPartResource(Resource):
    """What came of a part of a test message."""

    part: str
    verdict: str
    text: str


class TriedChannelResource(Resource):
    """What came of a test message, part by part; `sent` where all of it was taken."""

    channel: str
    sent: bool
    parts: list[TriedPartResource]

    @classmethod
    def of(cls, channel: str, answers: Sequence[TriedPart]) -> Self:
        parts = [TriedPartResource(part=one.part, verdict=one.verdict, text=redact(one.text)) for one in answers]
        return cls(channel=channel, sent=all(one.verdict == "sent" for one in answers), parts=parts)


_MATCHERS = Field(
    min_length=1,
    max_length=50,
    description="`name=value`, `!=`, `=~` or `!~`; all must match.",
    examples=[["rule=data_late"]],
)
_COMMENT = Field(default="", max_length=500, description="Why.")


class AcknowledgementBody(RequestBody):
    """That somebody knows of an alert."""

    comment: str = _COMMENT


class SilenceBody(RequestBody):
    """A silence that is to be; it lasts `for` a time or `until` a moment, one of them."""

    matchers: list[str] = _MATCHERS
    lasts: str | None = Field(default=None, alias="for", description="How long: `30m`, `2h`, `3d`.", examples=["2h"])
    start: str | None = Field(default=None, alias="from", description="From when; without it, from now.")
    until: str | None = Field(default=None, description="Until when: an instant, or a local time and its zone.")
    comment: str = _COMMENT


class MaintenanceBody(RequestBody):
    """A maintenance window that is to be."""

    matchers: list[str] = _MATCHERS
    cron: str = Field(max_length=200, description="When it begins, as cron has it.", examples=["0 3 * * 0"])
    lasts: str = Field(alias="for", description="How long each lasts.", examples=["2h"])
    zone: str = Field(default="Europe/Brussels", max_length=60, description="Zone of the cron expression.")
    comment: str = _COMMENT
