"""A run of an alert, from its verdict to what became of its messages. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.alerting.sqlsentinel.models import SentinelAlert
from app.alerting.sqlsentinel.notices.messages import SentinelMessage
from app.alerting.sqlsentinel.results import Verdict
from app.alerting.sqlsentinel.transitions import SentinelNotice


@dataclass(slots=True)
class AlertRun:
    """One run of an alert; `notices` are the messages that it put into the outbox."""

    alert: SentinelAlert
    verdict: Verdict
    milliseconds: float
    notice: SentinelNotice = SentinelNotice.NONE
    notices: list[SentinelMessage] = field(default_factory=list)
    notification_sent: bool = False
    notification_error: str = ""
    skipped: str = ""
    """The upstream alert for which it was not asked."""
    triggered_by: str = ""
    """Where it is another reason than that of the runs that it is kept with."""
