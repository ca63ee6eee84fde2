"""Microsoft Teams, through a Workflows URL: an adaptive card, answered with 202."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from app.alerting.delivery.channels.base import ChannelResponse, Common, DeliveryStatus, HttpAnswer, Part, by_status
from app.alerting.delivery.channels.chat import Chat, harmless_code
from app.alerting.delivery.channels.fields import secret_url
from app.alerting.delivery.messages import Dialect
from app.kit.yaml.fields import Fields

LIMIT = 24_000
"""Bytes of the text as JSON; with the card around it a message stays below the 28 KB that Teams takes."""
_SPECIAL = re.compile(r"([\\*_~`\[\]()#<>])")


def escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


DIALECT = Dialect(
    escape,
    lambda text: f"**{text}**",
    lambda name, url: f"[{escape(name)}]({url})",
    lambda text: harmless_code(text, f"{_CODE}{text}{_CODE}"),
    address=lambda url: f"[{escape(url)}]({url})",
)
_CODE = "\u2060"
"""Marks a command within a text: it is shown by a block that knows no marks, where nothing has to be escaped."""


def _blocks(text: str) -> list[dict[str, Any]]:
    """Text with marks, and lines of commands as they are. A card breaks lines only between paragraphs."""
    blocks: list[dict[str, Any]] = []
    for commands, lines in itertools.groupby(text.split("\n"), key=lambda line: line.startswith(_CODE)):
        if not commands:
            blocks.append({"type": "TextBlock", "text": "\n\n".join(lines), "wrap": True})
            continue
        runs = [{"type": "TextRun", "text": line.replace(_CODE, ""), "fontType": "Monospace"} for line in lines]
        blocks += [{"type": "RichTextBlock", "inlines": [run]} for run in runs]
    return blocks


@dataclass(frozen=True, slots=True)
class TeamsChannel(Chat):
    """One channel or chat of Teams."""

    kind: ClassVar[str] = "teams"
    dialect: ClassVar[Dialect] = DIALECT

    def measure(self, text: str) -> int:
        return len(json.dumps(_blocks(text), ensure_ascii=False).encode("utf-8", "replace"))

    def payload(self, part: Part) -> Mapping[str, Any]:
        card = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "msteams": {"width": "Full"},
            "body": _blocks(part.text),
        }
        attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
        return {"type": "message", "attachments": [attachment]}

    def judge(self, answer: HttpAnswer, now: datetime) -> ChannelResponse:
        if answer.status == 404:
            return ChannelResponse(DeliveryStatus.DISABLED, answer.text, answer.status)
        if answer.status == 400 and "NotEnabled" in answer.text:
            return ChannelResponse(DeliveryStatus.DISABLED, answer.text, answer.status)
        if answer.status == 200 and ("error" in answer.text.lower() or "failed" in answer.text.lower()):
            # The connectors that came before Workflows answer 200 and say in words that it did not work.
            return ChannelResponse(DeliveryStatus.RETRY, answer.text, answer.status)
        return by_status(answer, now)


def read(entry: Fields, common: Common) -> TeamsChannel:
    return TeamsChannel(common, secret_url(entry, "url"), LIMIT)
