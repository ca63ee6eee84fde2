"""What chats have in common: text in a dialect, cut to their limit, posted as JSON to a secret URL."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from app.alerting.delivery.channels.base import ChannelResponse, Common, HttpAnswer, HttpSender, Part, part_key
from app.alerting.delivery.messages import Dialect, Message, body, numbered, split_text
from app.alerting.outbox.texts import one_line
from app.net.masking import url_secrets

FURNITURE = 64
"""Room for (1/n) and the reference, in the channel's own measure."""
SMALLEST = 200
_RISKY = re.compile(r"[`<\u2060]|\]\(|@everyone|@here")


@dataclass(frozen=True, slots=True)
class Chat(ABC):
    """A chat behind an incoming webhook."""

    common: Common
    url: SecretStr
    limit: int

    kind: ClassVar[str]
    dialect: ClassVar[Dialect]
    body_decides: ClassVar[bool] = False
    """Whether a status of success says nothing before the body is read."""

    @abstractmethod
    def measure(self, text: str) -> int:
        """How long the receiver finds a text."""

    @abstractmethod
    def payload(self, part: Part) -> Mapping[str, Any]:
        """The JSON of a part."""

    @abstractmethod
    def judge(self, answer: HttpAnswer, now: datetime) -> ChannelResponse:
        """What an answer means by the channel's own rules."""

    def secrets(self) -> Sequence[str]:
        return url_secrets(self.url.get_secret_value())

    def where(self) -> str:
        return urlsplit(self.url.get_secret_value()).hostname or ""

    def parts(self, message: Message, _recipients: Sequence[str]) -> list[Part]:
        """The subject, the alerts, and a reference by which a reader knows a duplicate; each part says who sends it."""
        title = self.dialect.bold(self.dialect.escape(message.subject))
        texts = numbered(self._texts([title, *body(message, self.dialect)], message.sender.origin))
        count = len(texts)
        keys = [part_key(message.key, number, count) for number in range(1, count + 1)]
        return [
            Part(key, f"{text}\nref {key}", number, count)
            for number, (key, text) in enumerate(zip(keys, texts, strict=True), 1)
        ]

    def _texts(self, pieces: Sequence[str], origin: str) -> list[str]:
        """The pieces in texts below the limit; those after the first begin with their origin, as the first has it in its
        subject."""
        texts = split_text(pieces, self.limit - FURNITURE, self.measure)
        if len(texts) == 1 or not origin:
            return texts
        head = f"{self.dialect.escape(one_line(origin))}\n"
        first, *later = split_text(pieces, self.limit - FURNITURE - self.measure(head), self.measure)
        return [first, *(f"{head}{text}" for text in later)]

    def halves(self, part: Part) -> list[Part]:
        size = self.measure(part.text)
        if size <= SMALLEST:
            return []
        texts = split_text(part.text.split("\n"), size // 2 + 1, self.measure)
        return [
            Part(f"{part.key}.{number}", text, part.number, part.count, part.extra)
            for number, text in enumerate(texts, 1)
        ]

    async def send(self, part: Part, outlet: HttpSender, _done: frozenset[str]) -> ChannelResponse:
        body = json.dumps(self.payload(part), ensure_ascii=False).encode("utf-8", "replace")
        headers = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": part.key}
        answer = await outlet.request(
            "POST",
            self.url.get_secret_value(),
            body,
            headers,
            allow_link_local=self.common.allow_link_local,
            body_decides=self.body_decides,
        )
        return self.judge(answer, outlet.clock.now())


def harmless_code(text: str, marked: str) -> str:
    """A command between marks; empty where what it names could end them, be a link or call somebody."""
    return "" if _RISKY.search(text) else marked


def parsed(text: str) -> Mapping[str, Any]:
    """The JSON object of an answer; empty where it is none."""
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
