"""Sends the messages of the outbox: each at least once, however often a receiver or this process fails in between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from app.alerting.delivery.attempts import attempt
from app.alerting.delivery.channels.base import DeliveryStatus, HttpSender
from app.alerting.sqlsentinel.models import Compat, SentinelFile
from app.alerting.sqlsentinel.notices.messages import read_message
from app.alerting.sqlsentinel.notices.outlets import notice_part, outlet_of
from app.alerting.sqlsentinel.repository import OutboxEntry, SentinelRepository
from app.errors import ConfigurationError

LEASE = timedelta(minutes=2)
"""For so long one process has a message to itself."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=1), timedelta(minutes=15)
GIVE_UP = timedelta(hours=24)
STRICT_ATTEMPTS = 3
AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class NoticeAttempt:
    """What came of one attempt; `due` says when the next one is, None where there is none."""

    entry: OutboxEntry
    sent: bool
    seconds: float
    error: str = ""
    due: datetime | None = None


class NoticeSender:
    """Sends what is due; where it goes to is said by the file as it is now, so no secret is kept in the outbox."""

    def __init__(
        self,
        repository: SentinelRepository,
        outlet: HttpSender,
        environment: Mapping[str, str],
        *,
        listen: Callable[[NoticeAttempt], None] = lambda _attempt: None,
    ) -> None:
        self._repository = repository
        self._outlet = outlet
        self._environment = environment
        self._listen = listen
        self._log = structlog.get_logger()

    async def send_due(self, file: SentinelFile) -> list[NoticeAttempt]:
        """One attempt for each message that is due now."""
        now = self._outlet.clock.now()
        entries = await asyncio.to_thread(self._repository.claim, file.notifying, now, now + LEASE, AT_ONCE)
        return list(await asyncio.gather(*(self._send(entry, file) for entry in entries)))

    async def close(self) -> None:
        await self._outlet.close()

    async def _send(self, entry: OutboxEntry, file: SentinelFile) -> NoticeAttempt:
        begun = time.perf_counter()
        error, final = await self._attempt(entry, file)
        now = self._outlet.clock.now()
        due = None if final or not error else next_notice_attempt(entry, now, file.compat)
        made = NoticeAttempt(entry, not error, time.perf_counter() - begun, error, due)
        if made.sent:
            await asyncio.to_thread(self._repository.sent, entry, now)
        else:
            await asyncio.to_thread(self._repository.not_sent, entry, error, due)
        log = self._log.info if made.sent else self._log.warning
        again = due and due.isoformat(timespec="seconds")
        log("notice_attempted", alert=entry.alert_name, channel=entry.channel, sent=made.sent, error=error, due=again)
        self._listen(made)
        return made

    async def _attempt(self, entry: OutboxEntry, file: SentinelFile) -> tuple[str, bool]:
        """What went wrong, empty where it was sent; and whether there is no use in another attempt."""
        targets = file.receivers(entry.alert_name)
        if targets is None or entry.target >= len(targets) or targets[entry.target].channel != entry.channel:
            return "the file does not name this receiver any more", True
        target = targets[entry.target]
        part = notice_part(target, read_message(entry.message), entry.created_at)
        try:
            outlet = outlet_of(target, self._environment, file.compat)
        except ConfigurationError as error:
            return str(error), False
        answer, _ = await attempt(outlet, part, frozenset(), self._outlet, self._outlet.clock)
        if answer.verdict is DeliveryStatus.SENT:
            return "", False
        said = answer.text or "no answer"
        if answer.status is not None and str(answer.status) not in said:
            said = f"status {answer.status}: {answer.text}" if answer.text else f"status {answer.status}"
        return said, answer.verdict in {DeliveryStatus.REFUSED, DeliveryStatus.TOO_LARGE}


def next_notice_attempt(entry: OutboxEntry, now: datetime, compat: Compat) -> datetime | None:
    """Pauses double; strict laws give up after three attempts, ours after a day."""
    attempts = entry.attempts + 1
    given_up = attempts >= STRICT_ATTEMPTS if compat is Compat.STRICT else now - entry.created_at >= GIVE_UP
    return None if given_up else now + min(FIRST_PAUSE * 2 ** min(attempts - 1, 20), LONGEST_PAUSE)
