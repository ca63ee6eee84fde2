"""Receivers that a file names, as channels of the service: the same messages as those of `gridkeeper sentinel`."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from app.alerting.delivery.channels.base import ChannelResponse, Common, DeliveryStatus, HttpSender, Part, part_key
from app.alerting.delivery.messages import PLAIN, Message, body
from app.alerting.models import EventKind
from app.alerting.outbox.items import NotificationItem
from app.alerting.outbox.routing import Route
from app.alerting.sqlsentinel.models import EmailTarget, NoticeTarget, SentinelAlert, SentinelFile, SlackTarget
from app.alerting.sqlsentinel.notices.messages import SentinelMessage
from app.alerting.sqlsentinel.notices.outlets import notice_part, outlet_of
from app.alerting.sqlsentinel.transitions import SentinelNotice
from app.alerting.state.silences import parse_matcher
from app.errors import ConfigurationError

PER_MINUTE = 60
_NOTICES = {EventKind.RESOLVED: SentinelNotice.RECOVERY, EventKind.REMINDED: SentinelNotice.REMINDER}


@dataclass(frozen=True, slots=True)
class NotifyChannel:
    """One receiver of a file. A message is one part for each alert that it tells of."""

    common: Common
    target: NoticeTarget

    @property
    def kind(self) -> str:
        return self.target.channel

    def secrets(self) -> Sequence[str]:
        try:
            return outlet_of(self.target, os.environ).secrets()
        except ConfigurationError:
            return []

    def where(self) -> str:
        if isinstance(self.target, EmailTarget):
            return ", ".join(self.target.recipients)
        return urlsplit(_address(self.target)).hostname or ""

    def parts(self, message: Message, _recipients: Sequence[str]) -> list[Part]:
        count = len(message.items) or 1
        keys = [part_key(message.key, number, count) for number in range(1, count + 1)]
        notices = [_message_of(item, key) for item, key in zip(message.items, keys, strict=False)]
        notices = notices or [
            SentinelMessage(message.key, "alert", message.subject, "OK", "\n".join(body(message, PLAIN)))
        ]
        made = [notice_part(self.target, one, message.frozen_at) for one in notices]
        return [Part(part.key, part.text, number, count, part.extra) for number, part in enumerate(made, 1)]

    def halves(self, _part: Part) -> list[Part]:
        return []

    async def send(self, part: Part, outlet: HttpSender, done: frozenset[str]) -> ChannelResponse:
        try:
            chosen = outlet_of(self.target, os.environ)
        except ConfigurationError as error:
            return ChannelResponse(DeliveryStatus.RETRY, str(error))
        return await chosen.send(part, outlet, done)


@dataclass(frozen=True, slots=True)
class FileReceivers:
    """The channels that files name, and the route of each of their alerts, by its name."""

    channels: Mapping[str, NotifyChannel]
    routes: Mapping[str, Route]

    @classmethod
    def of(cls, files: Iterable[SentinelFile]) -> Self:
        channels: dict[str, NotifyChannel] = {}
        routes: dict[str, Route] = {}
        for file in files:
            for alert in file.alerts:
                named = {_name(file, target): target for target in alert.targets}
                channels |= {name: NotifyChannel(Common(name, PER_MINUTE), one) for name, one in named.items()}
                if named:
                    routes[alert.name] = _route(alert, tuple(named))
        return cls(channels, routes)


def follow_receivers(files: Callable[[], tuple[SentinelFile, ...]]) -> Callable[[], FileReceivers]:
    """The receivers of the files at present; the same object until there are other files."""
    made: list[tuple[tuple[SentinelFile, ...], FileReceivers]] = []

    def current() -> FileReceivers:
        now = files()
        if not made or made[0][0] is not now:
            made[:] = [(now, FileReceivers.of(now))]
        return made[0][1]

    return current


def _route(alert: SentinelAlert, channels: tuple[str, ...]) -> Route:
    """What the file says of ends and reminders holds for its own receivers."""
    unwanted = [] if alert.behaviour.notify_recovery else [EventKind.RESOLVED]
    unwanted += [] if alert.behaviour.remind_every else [EventKind.REMINDED]
    matchers = tuple(parse_matcher(f"kind!={kind}") for kind in unwanted)
    # A message that still collects is sent at once: people of the original wait for nothing.
    return Route(f"notify of {alert.name}", channels, matchers, group_wait=Route("", ()).group_wait * 0)


def _name(file: SentinelFile, target: NoticeTarget) -> str:
    """The same as long as the receiver is the same: messages that wait are for a name."""
    about = (target.channel, _address(target), getattr(target, "subject", ""), getattr(target, "slack_channel", ""))
    headers = {name: value.get_secret_value() for name, value in getattr(target, "headers", {}).items()}
    text = json.dumps([*about, getattr(target, "method", ""), getattr(target, "username", ""), headers], sort_keys=True)
    stem = re.sub(r"[^\w.-]", "_", Path(file.name).stem)
    return f"{stem}-{target.channel}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _address(target: NoticeTarget) -> str:
    if isinstance(target, EmailTarget):
        return ", ".join(target.recipients)
    return (target.webhook_url if isinstance(target, SlackTarget) else target.url).get_secret_value()


def _message_of(item: NotificationItem, key: str) -> SentinelMessage:
    kinds = {kind.value: notice for kind, notice in _NOTICES.items()}
    return SentinelMessage(
        key,
        kinds.get(item.kind, SentinelNotice.ALERT).value,
        item.rule,
        "OK" if item.ended else "ALERT",
        item.description,
        item.value,
        item.threshold,
        dict(item.annotations),
    )
