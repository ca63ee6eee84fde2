"""WeCom group robot: every answer is 200, and `errcode` says whether it worked. Limits count bytes, not characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from app.alerting.delivery.channels.base import ChannelResponse, Common, DeliveryStatus, HttpAnswer, Part, by_status
from app.alerting.delivery.channels.chat import Chat, harmless_code, parsed
from app.alerting.delivery.channels.fields import secret_url
from app.alerting.delivery.messages import Dialect, Message, utf8_bytes
from app.alerting.models import Severity
from app.kit.yaml.fields import Fields

MARKDOWN_LIMIT = 4096
TEXT_LIMIT = 2048
_TOO_OFTEN, _TOO_LONG, _BUSY = 45009, 40058, -1
_GONE = frozenset({93000, 93004, 93008})
"""Invalid key, robot disabled, robot not in the group."""
_HARMLESS = str.maketrans({"<": "＜", ">": "＞", "`": "'"})  # noqa: RUF001  the look-alikes are the point


def escape(text: str) -> str:
    """There is no escape sign: what would begin a mention, a colour, code or a link is replaced by a look-alike."""
    return text.translate(_HARMLESS).replace("](", "] (").replace("**", "* *")


DIALECT = Dialect(
    escape,
    lambda text: f"**{text}**",
    lambda name, url: f"[{escape(name)}]({url})",
    lambda text: harmless_code(text, f"`{text}`"),
    address=lambda url: f"[{url}]({url})",
)


@dataclass(frozen=True, slots=True)
class WecomChannel(Chat):
    """One group with a robot; critical messages call the mentioned people by a short text besides."""

    mentions: tuple[str, ...] = ()
    mobiles: tuple[str, ...] = ()

    kind: ClassVar[str] = "wecom"
    body_decides: ClassVar[bool] = True
    dialect: ClassVar[Dialect] = DIALECT

    def measure(self, text: str) -> int:
        return utf8_bytes(text)

    def parts(self, message: Message, recipients: Sequence[str]) -> list[Part]:
        parts = Chat.parts(self, message, recipients)
        fires = any(not event.ended and event.severity is Severity.CRITICAL for event in message.items)
        if not fires or not (self.mentions or self.mobiles):
            return parts
        call = Part(f"{message.key}-call", message.subject, len(parts) + 1, len(parts) + 1, {"call": True})
        return [*(replace(part, count=call.count) for part in parts), call]

    def payload(self, part: Part) -> Mapping[str, Any]:
        if not part.extra.get("call"):
            return {"msgtype": "markdown", "markdown": {"content": part.text}}
        text = part.text.encode()[: TEXT_LIMIT - 1].decode(errors="ignore")
        called = {"mentioned_list": list(self.mentions), "mentioned_mobile_list": list(self.mobiles)}
        return {"msgtype": "text", "text": {"content": text, **called}}

    def judge(self, answer: HttpAnswer, now: datetime) -> ChannelResponse:
        content = parsed(answer.text)
        code = content.get("errcode")
        if answer.status != 200:
            return by_status(answer, now)
        if code == 0:
            return ChannelResponse(DeliveryStatus.SENT, answer.text, answer.status)
        if code == _TOO_OFTEN:
            rest = timedelta(seconds=61 - now.second)
            return ChannelResponse(DeliveryStatus.RETRY, answer.text, answer.status, rest)
        if code == _TOO_LONG:
            return ChannelResponse(DeliveryStatus.TOO_LARGE, answer.text, answer.status)
        if code in _GONE:
            return ChannelResponse(DeliveryStatus.DISABLED, answer.text, answer.status)
        # Any other code is about this message; an answer without one is not the robot's.
        verdict = DeliveryStatus.RETRY if code in {_BUSY, None} else DeliveryStatus.REFUSED
        return ChannelResponse(verdict, answer.text, answer.status)


def read(entry: Fields, common: Common) -> WecomChannel:
    return WecomChannel(
        common, secret_url(entry, "url"), MARKDOWN_LIMIT, entry.texts("mention"), entry.texts("mention_mobiles")
    )
