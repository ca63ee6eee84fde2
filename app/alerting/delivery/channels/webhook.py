"""Generic webhook: JSON in a documented schema (docs/channels.md), signed where a secret is set."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from app.alerting.delivery.channels.base import ChannelResponse, Common, HttpSender, Part, by_status, part_key
from app.alerting.delivery.channels.fields import secret_url
from app.alerting.delivery.messages import PLAIN, Message, body, html_page, signed
from app.alerting.outbox.items import NotificationItem
from app.kit.yaml.fields import Fields
from app.market.time import iso
from app.net.masking import header_secrets, url_secrets
from app.secrets import read_secret

SCHEMA = 1
MOST_ALERTS = 1000
MOST_BYTES = 256_000
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OURS = frozenset({"content-length", "content-type", "host", "idempotency-key", "transfer-encoding"})
_SECRET_HEADER = re.compile(r"(?i)auth|token|key|secret|cookie|password|signature")


class HttpMethod(Enum):
    """How the JSON is sent."""

    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """One receiver of our JSON."""

    common: Common
    url: SecretStr
    method: HttpMethod = HttpMethod.POST
    headers: Mapping[str, SecretStr] = field(default_factory=dict)
    secret: SecretStr | None = None
    kind: ClassVar[str] = "webhook"

    def secrets(self) -> Sequence[str]:
        own = [secret for value in self.headers.values() for secret in header_secrets(value.get_secret_value())]
        signing = [self.secret.get_secret_value()] if self.secret else []
        return [*url_secrets(self.url.get_secret_value()), *own, *signing]

    def where(self) -> str:
        return urlsplit(self.url.get_secret_value()).hostname or ""

    def parts(self, message: Message, _recipients: Sequence[str]) -> list[Part]:
        pieces = _pieces(message.items) if message.items else [()]
        count = len(pieces)
        return [
            Part(key, json.dumps(self._content(message, items, key, number, count)), number, count)
            for number, items in enumerate(pieces, 1)
            for key in (part_key(message.key, number, count),)
        ]

    def halves(self, part: Part) -> list[Part]:
        content = json.loads(part.text)
        alerts = content["alerts"]
        if len(alerts) < 2:
            return []
        middle = len(alerts) // 2
        keys = (f"{part.key}.1", f"{part.key}.2")
        return [
            Part(key, json.dumps(content | {"key": key, "alerts": half, "text": ""}), part.number, part.count)
            for key, half in zip(keys, (alerts[:middle], alerts[middle:]), strict=True)
        ]

    async def send(self, part: Part, outlet: HttpSender, _done: frozenset[str]) -> ChannelResponse:
        now, body = outlet.clock.now(), part.text.encode()
        headers = {name: value.get_secret_value() for name, value in self.headers.items()}
        headers |= {"Content-Type": "application/json", "Idempotency-Key": part.key}
        if self.secret is not None:
            headers |= signature(self.secret.get_secret_value(), body, now)
        answer = await outlet.request(
            self.method.value,
            self.url.get_secret_value(),
            body,
            headers,
            allow_link_local=self.common.allow_link_local,
        )
        return by_status(answer, now)

    def _content(
        self, message: Message, items: Sequence[NotificationItem], key: str, number: int, count: int
    ) -> dict[str, Any]:
        ended = [event.ended for event in items]
        state = "message" if not items else "resolved" if all(ended) else "mixed" if any(ended) else "firing"
        text = message.gap.join(body(message, PLAIN)) if count == 1 else ""
        given = signed(message, message.content.html) if message.content else ""
        return {
            "version": SCHEMA,
            "key": key,
            "part": number,
            "parts": count,
            "channel": self.common.name,
            "instance": message.sender.instance,
            "synthetic": message.sender.synthetic,
            "url": message.sender.url,
            "created_at": iso(message.frozen_at),
            "status": state,
            "severity": message.severity.value,
            "subject": message.subject,
            "text": text,
            "html": given or (html_page(message) if message.content else ""),
            "alerts": [event.as_json() for event in items],
        }


def signature(secret: str, body: bytes, now: datetime) -> dict[str, str]:
    """The headers by which a receiver tells our requests from others', and new ones from repeated ones."""
    moment = str(int(now.timestamp()))
    digest = hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-Gridkeeper-Timestamp": moment, "X-Gridkeeper-Signature": f"sha256={digest}"}


def _pieces(items: Sequence[NotificationItem]) -> list[Sequence[NotificationItem]]:
    """Runs of alerts that fit into one request."""
    pieces: list[list[NotificationItem]] = [[]]
    size = 0
    for event in items:
        length = len(json.dumps(event.as_json()))
        if pieces[-1] and (size + length > MOST_BYTES or len(pieces[-1]) >= MOST_ALERTS):
            pieces.append([])
            size = 0
        pieces[-1].append(event)
        size += length
    return list(pieces)


def read(entry: Fields, common: Common) -> WebhookChannel:
    return WebhookChannel(
        common,
        secret_url(entry, "url", literal=True),
        entry.choice("method", HttpMethod, HttpMethod.POST),
        _headers(entry.entry("headers")),
        read_secret(entry, "secret"),
    )


def _headers(entry: Fields | None) -> dict[str, SecretStr]:
    found: dict[str, SecretStr] = {}
    for name in entry.names if entry else ():
        if entry is None or not _HEADER.fullmatch(name) or name.lower() in _OURS:
            if entry is not None:
                entry.wrong("this header cannot be set here", name)
            continue
        value = read_secret(entry, name, required=True, literal=_SECRET_HEADER.search(name) is None)
        if value is None:
            continue
        if not all(" " <= character <= "~" for character in value.get_secret_value()):
            entry.wrong("a header takes visible ASCII characters only", name)
            continue
        found[name] = value
    return found
