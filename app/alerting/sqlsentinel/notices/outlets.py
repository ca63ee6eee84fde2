"""Sends messages of SQL Sentinel alerts in the shapes of the original, through what the channels are made of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from pydantic import SecretStr

from app.alerting.delivery.channels.base import ChannelResponse, Common, HttpSender, Outlet, Part, by_status
from app.alerting.delivery.channels.email import EmailChannel, Security, is_address
from app.alerting.delivery.channels.slack import SlackChannel
from app.alerting.sqlsentinel.files.environment import setting
from app.alerting.sqlsentinel.models import Compat, EmailTarget, NoticeTarget, SlackTarget
from app.alerting.sqlsentinel.notices.messages import (
    SentinelMessage,
    mail_body,
    mail_subject,
    slack_payload,
    webhook_payload,
)
from app.errors import ConfigurationError
from app.net.masking import header_secrets, url_secrets

USUAL_SENDER = "sqlsentinel@localhost"
TLS_PORT = 465
_SLACK_LIMIT = 3000


@dataclass(frozen=True, slots=True)
class JsonOutlet:
    """A receiver of JSON over HTTP; Slack's answers are read by Slack's rules."""

    url: SecretStr
    method: str = "POST"
    headers: Mapping[str, SecretStr] | None = None
    slack: SlackChannel | None = None

    def secrets(self) -> Sequence[str]:
        own = [secret for value in (self.headers or {}).values() for secret in header_secrets(value.get_secret_value())]
        return [*url_secrets(self.url.get_secret_value()), *own]

    async def send(self, part: Part, outlet: HttpSender, _done: frozenset[str]) -> ChannelResponse:
        given = {name: value.get_secret_value() for name, value in (self.headers or {}).items()}
        named = {name.lower() for name in given}
        ours = {"Content-Type": "application/json", "Idempotency-Key": part.key}
        headers = {**{name: value for name, value in ours.items() if name.lower() not in named}, **given}
        body = b"" if self.method == "GET" else part.text.encode()
        answer = await outlet.request(self.method, self.url.get_secret_value(), body, headers)
        now = outlet.clock.now()
        return self.slack.judge(answer, now) if self.slack else by_status(answer, now)


def notice_part(target: NoticeTarget, message: SentinelMessage, at: datetime) -> Part:
    """A message as a target gets it; the same in every attempt."""
    if isinstance(target, EmailTarget):
        extra = {
            "subject": mail_subject(message, target),
            "html": "",
            "to": target.recipients,
            "date": format_datetime(at),
            "thread": (),
        }
        return Part(message.key, mail_body(message), extra=extra)
    payload = slack_payload(message, target) if isinstance(target, SlackTarget) else webhook_payload(message)
    return Part(message.key, json.dumps(payload))


def outlet_of(target: NoticeTarget, environment: Mapping[str, str], compat: Compat = Compat.RELIABLE) -> Outlet:
    """What sends to a target; ConfigurationError where a variable is missing."""
    if isinstance(target, EmailTarget):
        return _mail(target, environment)
    if isinstance(target, SlackTarget):
        named = setting("SLACK_WEBHOOK_URL", environment)
        own = target.webhook_url.get_secret_value()
        url = SecretStr((named or own) if compat is Compat.STRICT else own)
        return JsonOutlet(url, slack=SlackChannel(Common("slack"), url, _SLACK_LIMIT))
    return JsonOutlet(target.url, target.method, target.headers)


def _mail(target: EmailTarget, environment: Mapping[str, str]) -> EmailChannel:
    host = setting("SMTP_HOST", environment)
    if not host:
        raise ConfigurationError("no mail server is named; set SMTP_HOST, and SMTP_PORT, SMTP_USERNAME, SMTP_PASSWORD")
    port = setting("SMTP_PORT", environment) or "587"
    if not port.isdigit():
        raise ConfigurationError(f"SMTP_PORT is {port[:20]!r} and no number")
    username, password = setting("SMTP_USERNAME", environment), setting("SMTP_PASSWORD", environment)
    sender = setting("SMTP_FROM_ADDRESS", environment) or (username if "@" in username else "") or USUAL_SENDER
    if not is_address(sender):
        raise ConfigurationError(
            f"SMTP_FROM_ADDRESS is {sender[:100]!r} and no mail address; write it as alerts@example.org"
        )
    login = bool(username and password)
    return EmailChannel(
        Common("email"),
        host,
        int(port),
        mail_security(int(port), environment),
        sender,
        target.recipients,
        username if login else "",
        SecretStr(password) if login else None,
    )


def mail_security(port: int, environment: Mapping[str, str]) -> Security:
    """STARTTLS unless SMTP_USE_TLS says no; port 465 is TLS from the first byte."""
    if (setting("SMTP_USE_TLS", environment) or "true").lower() != "true":
        return Security.NONE
    return Security.TLS if port == TLS_PORT else Security.STARTTLS
