"""Slack, through an incoming webhook: answers `ok`, or one word that says what is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from app.alerting.delivery.channels.base import ChannelResponse, Common, DeliveryStatus, HttpAnswer, Part, by_status
from app.alerting.delivery.channels.chat import Chat, parsed
from app.alerting.delivery.channels.fields import secret_url
from app.alerting.delivery.messages import Dialect
from app.kit.yaml.fields import Fields

LIMIT = 3000
"""Characters of one text; from 4,000 on Slack shows it cut, and cuts it at 40,000."""
_TOO_LARGE = frozenset({"msg_blocks_too_long", "msg_too_long", "too_many_attachments"})
_NOT_TAKEN = frozenset({"invalid_payload", "no_text", "rollup_error", "fatal_error", "ratelimited"})
_GONE = frozenset({
    "no_service", "no_service_id", "no_active_hooks", "no_team", "team_disabled", "invalid_token", "account_inactive",
    "channel_not_found", "channel_is_archived", "action_prohibited", "posting_to_general_channel_denied", "user_not_found",
})  # fmt: skip


_MARK = re.compile(r"(?<![A-Za-z0-9_])[*_~`]+|[*~`]+|_+(?![A-Za-z0-9_])")


def escape(text: str) -> str:
    """Links, mentions and entities begin with these three; emphasis has no escape sign, an empty space undoes it.

    Between letters and digits a mark means nothing to Slack: names like `load_actual` stay as they are.
    """
    return _MARK.sub("\u200b\\g<0>\u200b", entities(text))


def entities(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


DIALECT = Dialect(
    escape,
    lambda text: f"*{text}*",
    lambda name, url: f"<{entities(url)}|{escape(name)}>",
    lambda text: f"`{entities(text)}`" if "`" not in text else "",
    address=lambda url: f"<{entities(url)}>",
)


@dataclass(frozen=True, slots=True)
class SlackChannel(Chat):
    """One channel of Slack."""

    kind: ClassVar[str] = "slack"
    dialect: ClassVar[Dialect] = DIALECT

    def measure(self, text: str) -> int:
        return len(text)

    def payload(self, part: Part) -> Mapping[str, Any]:
        return {"text": part.text, "mrkdwn": True, "unfurl_links": False, "unfurl_media": False}

    def judge(self, answer: HttpAnswer, now: datetime) -> ChannelResponse:
        word = answer.text.strip()
        if 200 <= answer.status < 300 and not says_no(answer):
            # Receivers that imitate Slack answer in words of their own: `{"success":true}`, nothing at all.
            return ChannelResponse(DeliveryStatus.SENT, word, answer.status)
        word = str(parsed(word).get("error", word))
        if word in _TOO_LARGE:
            return ChannelResponse(DeliveryStatus.TOO_LARGE, word, answer.status)
        if word in _GONE or answer.status == 404:
            return ChannelResponse(DeliveryStatus.DISABLED, word, answer.status)
        if 200 <= answer.status < 300:
            return ChannelResponse(DeliveryStatus.RETRY, word, answer.status)
        return by_status(answer, now)


def says_no(answer: HttpAnswer) -> bool:
    """Whether an answer says that the message was not taken, whatever its status."""
    word, content = answer.text.strip(), parsed(answer.text)
    if word in _TOO_LARGE | _GONE | _NOT_TAKEN or content.get("ok") is False or content.get("success") is False:
        return True
    # A page for people is the answer of a proxy or a login in between.
    return word[:15].lower().startswith(("<html", "<!doctype html"))


def read(entry: Fields, common: Common) -> SlackChannel:
    return SlackChannel(common, secret_url(entry, "url"), LIMIT)
