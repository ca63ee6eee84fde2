"""What people are told of an alert, in the words and shapes that receivers of the original know. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from app.alerting.sqlsentinel.models import EmailTarget, SentinelAlert, SlackTarget
from app.alerting.sqlsentinel.results import Verdict, as_json
from app.alerting.sqlsentinel.transitions import SentinelNotice

MOST_HEADER, MOST_FIELD, MOST_SECTION = 150, 2000, 3000
"""Characters that Slack takes in a header, a field and a section."""
_MARKS = {SentinelNotice.REMINDER: "Reminder: ", SentinelNotice.RECOVERY: "Recovered: "}


@dataclass(frozen=True, slots=True)
class SentinelMessage:
    """What a notice says, as it is kept until it is sent; `key` is the same in every attempt."""

    key: str
    notice: str
    alert_name: str
    status: str
    description: str = ""
    actual_value: Any = None
    threshold: Any = None
    context: Mapping[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """As it is kept."""
        return json.dumps(asdict(self), ensure_ascii=False)


def read_message(text: str) -> SentinelMessage:
    """A message as it was kept."""
    return SentinelMessage(**json.loads(text))


def sentinel_message(alert: SentinelAlert, verdict: Verdict, notice: SentinelNotice, key: str) -> SentinelMessage:
    return SentinelMessage(
        key,
        notice.value,
        alert.name,
        verdict.status.value,
        alert.description,
        as_json(verdict.actual_value),
        as_json(verdict.threshold),
        as_json(verdict.context),
    )


def mail_subject(message: SentinelMessage, target: EmailTarget) -> str:
    """The subject of the target's template, or the usual one where that cannot be filled in."""
    usual = f"[SQL Sentinel] Alert: {message.alert_name}"
    subject = usual
    if target.subject:
        values = {name: getattr(message, name) for name in ("alert_name", "status", "actual_value", "threshold")}
        try:
            subject = target.subject.format(**values)
        except (KeyError, IndexError, ValueError, AttributeError, TypeError):
            subject = usual
    return _MARKS.get(SentinelNotice(message.notice), "") + " ".join(subject.split())


def mail_body(message: SentinelMessage) -> str:
    lines = [f"Alert: {message.alert_name}"]
    if message.description:
        lines.append(f"Description: {message.description}")
    lines.append(f"Status: {message.status}")
    if message.actual_value is not None:
        lines.append(f"Actual Value: {message.actual_value}")
    if message.threshold is not None:
        lines.append(f"Threshold: {message.threshold}")
    if message.context:
        lines.append("\nAdditional Context:")
        lines += [f"  {name}: {value}" for name, value in message.context.items()]
    return "\n".join(lines)


def webhook_payload(message: SentinelMessage) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "alert_name": message.alert_name,
        "status": message.status,
        "description": message.description or None,
        "actual_value": message.actual_value,
        "threshold": message.threshold,
    }
    if message.context:
        payload["context"] = dict(message.context)
    return payload


def slack_payload(message: SentinelMessage, target: SlackTarget) -> dict[str, Any]:
    alerting = message.status == "ALERT"
    sign = ":red_circle:" if alerting else ":large_green_circle:"
    parts = [("Status", f"{sign} {message.status}")]
    if message.description:
        parts.append(("Description", _entities(message.description)))
    if message.actual_value is not None:
        parts.append(("Actual Value", _entities(message.actual_value)))
    if message.threshold is not None:
        parts.append(("Threshold", _entities(message.threshold)))
    head = _MARKS.get(SentinelNotice(message.notice), "") + message.alert_name
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": head[:MOST_HEADER], "emoji": True}},
        {
            "type": "section",
            "fields": [{"type": "mrkdwn", "text": f"*{name}:*\n{text}"[:MOST_FIELD]} for name, text in parts],
        },
    ]
    if message.context:
        lines = "\n".join(f"*{_entities(name)}:* {_entities(value)}" for name, value in message.context.items())
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": lines[:MOST_SECTION]}})
    colour, fallback = ("#d00000" if alerting else "#36a64f"), f"Alert: {message.alert_name} - Status: {message.status}"
    payload: dict[str, Any] = {"blocks": blocks, "attachments": [{"color": colour, "fallback": fallback}]}
    if target.slack_channel:
        payload["channel"] = target.slack_channel
    if target.username:
        payload["username"] = target.username
    return payload


def _entities(value: object) -> str:
    """Slack takes these three for links and mentions."""
    return str(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
