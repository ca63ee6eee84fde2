"""Reads whom an alert of a SQL Sentinel file notifies. Pure."""

from __future__ import annotations

from pydantic import SecretStr

from app.alerting.sqlsentinel.files.yaml_values import Value
from app.alerting.sqlsentinel.models import EmailTarget, NoticeTarget, SlackTarget, WebhookTarget
from app.kit.yaml.tree import ProblemReport

KINDS = {
    "email": ("recipients", "subject"),
    "slack": ("webhook_url", "channel", "username"),
    "webhook": ("url", "method", "headers"),
}
METHODS = ("GET", "POST", "PUT", "PATCH")
SLACK = "https://hooks.slack.com/"
_FIELDS = ("{alert_name}", "{status}", "{actual_value}", "{threshold}")


class NotifyList:
    """Reads the list `notify` of an alert; what is secret shows in no problem."""

    def __init__(self, report: ProblemReport, notes: ProblemReport) -> None:
        self._report = report
        self._notes = notes

    def read(self, alert: Value, path: str) -> tuple[NoticeTarget, ...]:
        notify = alert.get("notify")
        if notify is None:
            return ()
        path = f"{path}.notify"
        if notify.content in ({}, ""):
            return ()  # empty in another way, which the original takes too
        if not isinstance(notify.content, list):
            self._report.add(notify.line, path, "this must be a list; leave it out, or begin each element with a dash")
            return ()
        found = [self._target(value, f"{path}[{index}]") for index, value in enumerate(notify.content)]
        return tuple(target for target in found if target is not None)

    def _target(self, value: Value, path: str) -> NoticeTarget | None:
        if not isinstance(value.content, dict):
            self._report.add(value.line, path, "this must be a mapping that begins with channel")
            return None
        kind = self._kind(value, path)
        if kind is None:
            return None
        for name in value.content:
            if name not in KINDS[kind] and name != "channel":
                self._notes.add(value.line_of(name), f"{path}.{name}", f"{kind} has no such field, so it is ignored")
        if kind == "email":
            return self._email(value, path)
        return self._slack(value, path) if kind == "slack" else self._webhook(value, path)

    def _kind(self, value: Value, path: str) -> str | None:
        """The first `channel` where it stands twice: shipped examples name the channel of Slack by it, too."""
        channels = [*value.earlier.get("channel", ()), *filter(None, [value.get("channel")])]
        if not channels:
            self._report.add(value.line, path, f"this names no channel; write channel: {', '.join(KINDS)}")
            return None
        named = [one.content for one in channels if one.content in KINDS]
        if not named or (len(channels) > 1 and channels[0].content not in KINDS):
            self._report.add(
                channels[0].line, f"{path}.channel", f"{str(channels[0].content)[:60]!r} is none of {', '.join(KINDS)}"
            )
            return None
        if len(channels) > 1:
            self._notes.add(
                channels[-1].line, f"{path}.channel",
                "channel stands here twice; the first counts as the kind, the last as the channel of Slack",
            )  # fmt: skip
        return str(channels[0].content)

    def _email(self, value: Value, path: str) -> EmailTarget:
        recipients = value.get("recipients")
        people = recipients.content if recipients and isinstance(recipients.content, list) else []
        if not people:
            self._report.add(
                value.line_of("recipients"), f"{path}.recipients", "this must be a list of mail addresses, at least one"
            )
        for one in people:
            if not isinstance(one.content, str) or "@" not in one.content:
                self._report.add(
                    one.line, f"{path}.recipients", f"{str(one.content)[:100]!r} is no mail address; it has an @"
                )
        subject = self._text(value, "subject", path)
        try:
            subject.format(alert_name="", status="", actual_value=None, threshold=None)
        except (KeyError, IndexError, ValueError, AttributeError, TypeError):
            self._notes.add(
                value.line_of("subject"), f"{path}.subject",
                f"this template cannot be filled in, so the usual subject is sent; it may name {', '.join(_FIELDS)}",
            )  # fmt: skip
        return EmailTarget(tuple(str(one.content) for one in people), subject)

    def _slack(self, value: Value, path: str) -> SlackTarget:
        url = self._text(value, "webhook_url", path, required=True)
        if value.get("webhook_url") is not None and not url.startswith(SLACK):
            remedy = "set the variable that it names" if "$" in url else f"it begins with {SLACK}"
            self._report.add(
                value.line_of("webhook_url"), f"{path}.webhook_url", f"this is no webhook of Slack; {remedy}"
            )
        channel = value.get("channel")
        own = str(channel.content) if channel and "channel" in value.earlier else ""
        return SlackTarget(SecretStr(url), own, self._text(value, "username", path))

    def _webhook(self, value: Value, path: str) -> WebhookTarget:
        url = self._text(value, "url", path, required=True)
        method = self._text(value, "method", path, usual="POST").upper()
        if method not in METHODS:
            self._report.add(
                value.line_of("method"), f"{path}.method", f"{method[:20]!r} is none of {', '.join(METHODS)}"
            )
        if "$" in url:
            self._notes.add(
                value.line_of("url"), f"{path}.url", "this names a variable that is not set: nothing can be sent"
            )
        return WebhookTarget(SecretStr(url), method, self._headers(value, path))

    def _headers(self, value: Value, path: str) -> dict[str, SecretStr]:
        headers = value.get("headers")
        if headers is None:
            return {}
        if not isinstance(headers.content, dict):
            self._report.add(headers.line, f"{path}.headers", "this must be a mapping of names to texts")
            return {}
        found: dict[str, SecretStr] = {}
        for name, one in headers.content.items():
            if isinstance(one.content, str):
                found[name] = SecretStr(one.content)
            else:
                self._report.add(one.line, f"{path}.headers.{name}", "this is no text; write it in quotes")
        return found

    def _text(self, value: Value, name: str, path: str, *, required: bool = False, usual: str = "") -> str:
        inner = value.get(name)
        if inner is None:
            if required:
                self._report.add(value.line, f"{path}.{name}", "this is missing")
            return usual
        optional = not required and not usual
        if isinstance(inner.content, str) or (inner.content is None and optional):
            return inner.content or ""
        self._report.add(inner.line, f"{path}.{name}", "this is no text; write it in quotes")
        return usual
