"""The service's own log: for the first day, and for whoever collects logs anyway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import structlog

from app.alerting.delivery.channels.base import ChannelResponse, Common, DeliveryStatus, HttpSender, Part
from app.alerting.delivery.messages import PLAIN, Message, blocks
from app.alerting.models import Severity
from app.alerting.outbox.texts import one_line
from app.kit.yaml.fields import Fields

LONGEST_LINE = 2000


@dataclass(frozen=True, slots=True)
class LogChannel:
    """One line of the log for each alert."""

    common: Common
    kind: ClassVar[str] = "log"

    def secrets(self) -> Sequence[str]:
        return ()

    def where(self) -> str:
        return "log"

    def parts(self, message: Message, _recipients: Sequence[str]) -> list[Part]:
        lines = [one_line(block, LONGEST_LINE) for block in blocks(message, PLAIN)]
        urgent = message.severity is not Severity.INFO
        return [Part(message.key, message.subject, extra={"lines": lines, "urgent": urgent})]

    def halves(self, _part: Part) -> list[Part]:
        return []

    async def send(self, part: Part, _outlet: HttpSender, _done: frozenset[str]) -> ChannelResponse:
        log = structlog.get_logger()
        tell = log.warning if part.extra["urgent"] else log.info
        for line in part.extra["lines"]:
            tell("alert", channel=self.common.name, subject=part.text, text=line, key=part.key)
        return ChannelResponse(DeliveryStatus.SENT, "written to the log")


def read(_entry: Fields, common: Common) -> LogChannel:
    return LogChannel(common)
