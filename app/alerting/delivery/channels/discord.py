"""Discord, through a webhook: 204 where it is taken, JSON that says how long to wait where it is too much."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from app.alerting.delivery.channels.base import ChannelResponse, Common, DeliveryStatus, HttpAnswer, Part, by_status
from app.alerting.delivery.channels.chat import Chat, harmless_code, parsed
from app.alerting.delivery.channels.fields import secret_url
from app.alerting.delivery.messages import Dialect, utf16_units
from app.kit.yaml.fields import Fields

LIMIT = 2000
_INVALID_BODY = 50035
_GONE = frozenset({10015, 50027})
"""Unknown webhook, invalid webhook token."""
_SPECIAL = re.compile(r"([\\*_~`|>#\[\]()<@])")


def escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


DIALECT = Dialect(
    escape,
    lambda text: f"**{text}**",
    lambda name, url: f"[{escape(name)}](<{url}>)",
    lambda text: harmless_code(text, f"`{text}`"),
    address=lambda url: f"<{url}>",
)


@dataclass(frozen=True, slots=True)
class DiscordChannel(Chat):
    """One channel of Discord."""

    kind: ClassVar[str] = "discord"
    dialect: ClassVar[Dialect] = DIALECT

    def measure(self, text: str) -> int:
        return utf16_units(text)

    def payload(self, part: Part) -> Mapping[str, Any]:
        return {"content": part.text, "allowed_mentions": {"parse": []}}

    def judge(self, answer: HttpAnswer, now: datetime) -> ChannelResponse:
        content = parsed(answer.text)
        if answer.status == 429:
            wait = content.get("retry_after")
            patience = timedelta(seconds=float(wait)) if isinstance(wait, int | float) else answer.retry_after(now)
            return ChannelResponse(DeliveryStatus.RETRY, answer.text, answer.status, patience)
        if content.get("code") in _GONE or answer.status == 404:
            return ChannelResponse(DeliveryStatus.DISABLED, answer.text, answer.status)
        if content.get("code") == _INVALID_BODY:
            verdict = DeliveryStatus.TOO_LARGE if "BASE_TYPE_MAX_LENGTH" in answer.text else DeliveryStatus.REFUSED
            return ChannelResponse(verdict, answer.text, answer.status)
        return by_status(answer, now)


def read(entry: Fields, common: Common) -> DiscordChannel:
    return DiscordChannel(common, secret_url(entry, "url"), LIMIT)
