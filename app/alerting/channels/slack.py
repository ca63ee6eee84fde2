"""Slack, through an incoming webhook: answers `ok`, or one word that says what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from app.alerting.channels.base import Answer, Common, HttpAnswer, Part, Verdict, by_status
from app.alerting.channels.chat import Chat
from app.alerting.channels.fields import secret_url
from app.alerting.messages import Dialect
from app.alerting.yaml_reader import Entry

LIMIT = 3000
"""Characters of one text; from 4,000 on Slack shows it cut, and cuts it at 40,000."""
_TOO_LARGE = frozenset({"msg_blocks_too_long", "msg_too_long", "too_many_attachments"})
_GONE = frozenset({
    "no_service", "no_service_id", "no_active_hooks", "no_team", "team_disabled", "invalid_token", "account_inactive",
    "channel_not_found", "channel_is_archived", "action_prohibited", "posting_to_general_channel_denied", "user_not_found",
})  # fmt: skip


def escape(text: str) -> str:
    """Only these three begin anything in Slack: links, mentions, entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


DIALECT = Dialect(escape, lambda text: f"*{text}*", lambda name, url: f"<{escape(url)}|{escape(name)}>")


@dataclass(frozen=True, slots=True)
class SlackChannel(Chat):
    """One channel of Slack."""

    kind: ClassVar[str] = "slack"
    dialect: ClassVar[Dialect] = DIALECT

    def measure(self, text: str) -> int:
        return len(text)

    def payload(self, part: Part) -> Mapping[str, Any]:
        return {"text": part.text, "mrkdwn": True, "unfurl_links": False, "unfurl_media": False}

    def judge(self, answer: HttpAnswer, now: datetime) -> Answer:
        word = answer.text.strip()
        if answer.status == 200:
            verdict = Verdict.SENT if word == "ok" else Verdict.RETRY
            return Answer(verdict, word, answer.status)
        if word in _TOO_LARGE:
            return Answer(Verdict.TOO_LARGE, word, answer.status)
        if word in _GONE or answer.status == 404:
            return Answer(Verdict.DISABLED, word, answer.status)
        return by_status(answer, now)


def read(entry: Entry, common: Common) -> SlackChannel:
    return SlackChannel(common, secret_url(entry, "url"), LIMIT)
