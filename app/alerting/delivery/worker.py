"""Sends what is due, in every replica: claim, send, record; a message is sent at least once, with one key."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from app.alerting.delivery.attempts import attempt
from app.alerting.delivery.channels.base import Channel, ChannelResponse, DeliveryStatus, HttpSender, Part
from app.alerting.delivery.config import LOG, ChannelBook, ChannelFile
from app.alerting.delivery.decisions import (
    MOST_LOST,
    ChannelEffect,
    DeliveryRetryPolicy,
    MessageStep,
    decide,
    in_pieces,
    interrupted,
    nothing_left,
    poisonous,
    postponed,
)
from app.alerting.delivery.models import AttemptResult, DeliveryAttempt, DeliveryClaim, DeliveryProgress, DueChannel
from app.alerting.delivery.repository import DeliveryRepository
from app.alerting.delivery.sharing import DeliveryLane, LaneSharing, lane_of
from app.alerting.models import Severity
from app.alerting.outbox.repository import UNROUTED
from app.clock import SKEW, Clock, until_beat
from app.db.feed.notices import OUTBOX, Notices, Watch, watching
from app.errors import DatabaseUnavailable
from app.kit.periodic import pause
from app.logging import OutageLog
from app.settings import NotificationSettings

SMALLEST_PIECES = 6
"""A part is halved at most so many times."""
DATABASE_PAUSE = 2.0
PRUNE_SECONDS = 3600.0
WELL_WITHIN = 30.0
CRITICAL_FIRST = 2.0
"""So long what is not critical waits for what is, on each channel."""
ANNOUNCE_SECONDS = 30.0
UNKNOWN_AFTER = timedelta(minutes=10)
"""What waits for a channel goes elsewhere when no replica has had the channel in its file for so long."""

Listener = Callable[[str, str, str, float], None]
"""Learns of each attempt: channel, kind of channel, verdict, seconds."""


class DeliveryWorker:
    """Delivers the messages of the outbox; each channel at its own pace, so that none waits for another."""

    def __init__(
        self,
        repository: DeliveryRepository,
        file: ChannelFile,
        outlet: HttpSender,
        clock: Clock,
        *,
        settings: NotificationSettings,
        notices: Notices | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._repository = repository
        self._file = file
        self._outlet = outlet
        self._clock = clock
        self._settings = settings
        self._notices = notices
        self._policy = DeliveryRetryPolicy.of(settings, chance)
        self.listeners: list[Listener] = []
        self._away = OutageLog("delivery_database_failed", "delivery_database_recovered", level="error")
        self._log = structlog.get_logger()
        self._busy: dict[DeliveryLane, asyncio.Task[int]] = {}
        self._sharing: LaneSharing | None = None
        self._announced: frozenset[str] = frozenset()
        self._announced_at = 0.0
        self._disabled: frozenset[str] = frozenset()
        self._looked_at = time.monotonic()
        self._any_waits = True
        self._pruned_at = 0.0
        self._last_now = clock.now()

    @property
    def age(self) -> float:
        """Seconds since the outbox was last looked at with success."""
        return time.monotonic() - self._looked_at

    @property
    def warnings(self) -> list[str]:
        """What keeps messages from people, and what a person should do; from memory."""
        book = self._file.current()
        found = [f"channels: {name} cannot be used: {why}" for name, why in book.broken.items()]
        found += [f"channels: {problem}" for problem in self._file.problems[:5]]
        return found

    @property
    def mute(self) -> str:
        """Why nobody can be reached although channels are described; empty where somebody can, or none is."""
        book = self._file.current()
        people = {name for name, channel in book.channels.items() if channel.kind != LOG}
        if (people and not people <= self._disabled) or not (people or book.broken or book.unusable):
            return ""
        return "no channel that reaches people works"

    @property
    def file(self) -> ChannelFile:
        return self._file

    def share(self, sharing: LaneSharing) -> None:
        """Leave what is due to processes that take deliveries, as far as they do it."""
        self._sharing = sharing

    async def send_lane(self, key: str) -> None:
        """Send what is due of the lane that another process names; where that is under way here, nothing."""
        lane = lane_of(key)
        if lane not in self._busy:
            await self._begin(lane, self._work(*lane))

    async def close(self) -> None:
        """End what is under way, where `run` does not."""
        await self._drain()

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set; attempts under way may end then."""
        if not self._file.current().reaches_people:
            hint = "alerts reach nobody: describe a channel that reaches people in this file"
            self._log.warning("channels_missed", hint=hint, file=str(self._file.path))
        try:
            with watching(self._notices, OUTBOX) as outbox:
                while not stop.is_set():
                    await pause(stop, until_beat(await self._round(outbox)))
        finally:
            await self._drain()

    async def _round(self, outbox: Watch) -> float:
        """One look, where one is due; the seconds until the next."""
        try:
            if outbox.due() or self._any_waits or self._busy:
                await self._start_due()
            await self._prune()
        except DatabaseUnavailable as error:
            self._away.met(error)
            outbox.missed()
            return DATABASE_PAUSE
        self._away.over()
        return self._settings.poll_seconds

    async def deliver_due(self) -> int:
        """Send everything that is due now and may be sent now; gives the number of messages sent."""
        await self._start_due()
        tasks = list(self._busy.values())
        return sum(await asyncio.gather(*tasks)) if tasks else 0

    async def _start_due(self) -> None:
        book, now = self._file.current(), self._clock.now()
        if now < self._last_now - SKEW:
            self._log.warning("clock_set_back", seconds=round((self._last_now - now).total_seconds()))
            await self._repository.clock_set_back(now)
        self._last_now = now
        await self._announce(book)
        due_channels, self._any_waits = await self._repository.due_channels(now)
        idle = [one for one in due_channels if (one.name, one.critical) not in self._busy]
        left = self._left_to_others(idle, book)
        for due in sorted(idle, key=lambda one: not one.critical):
            lane = (due.name, due.critical)
            if lane not in left and (work := self._work_on(due, book, now)) is not None:
                self._begin(lane, work)
        self._looked_at = time.monotonic()

    def _left_to_others(self, idle: Sequence[DueChannel], book: ChannelBook) -> set[DeliveryLane]:
        """The lanes that others are to send; what is to be routed or handed over is done here."""
        if self._sharing is None:
            return set()
        sent = {(one.name, one.critical) for one in idle if one.name in book.channels and one.disabled is None}
        return sent - self._sharing.own(sent)

    def _begin(self, lane: DeliveryLane, work: Coroutine[Any, Any, int]) -> asyncio.Task[int]:
        task = asyncio.create_task(self._guarded(lane[0], work))
        self._busy[lane] = task
        task.add_done_callback(lambda _: self._busy.pop(lane, None))
        return task

    def _work_on(self, due: DueChannel, book: ChannelBook, now: datetime) -> Coroutine[Any, Any, int] | None:
        """What to do for a channel; nothing where its entry is broken, or where another replica may know it."""
        if due.name in book.broken or (due.name == UNROUTED and book.unusable):
            return None
        if due.name == UNROUTED:
            return self._repository.route_waiting(book, now)
        if due.name in book.channels:
            if due.disabled is None:
                return self._work(due.name, due.critical)
            return self._hand_over(due.name, due.disabled, book)
        if now - max(due.since, due.seen_at or due.since) < UNKNOWN_AFTER:
            return None
        return self._hand_over(due.name, "it is no longer in the file of the channels", book, gone=True)

    async def _announce(self, book: ChannelBook) -> None:
        """Say at times which channels this replica knows: while the file rolls out, others leave them alone."""
        known = frozenset(book.channels) | frozenset(book.broken)
        if known == self._announced and time.monotonic() - self._announced_at < ANNOUNCE_SECONDS:
            return
        await self._repository.seen(sorted(known), self._clock.now())
        self._disabled = await self._repository.disabled_channels()
        self._announced, self._announced_at = known, time.monotonic()

    async def _work(self, name: str, critical: bool) -> int:
        """Send one message of the channel after the other, as long as there is one and it may be sent."""
        sent = 0
        # What is critical has a lane of its own: a slow answer to a long digest holds it up no more than the digest.
        while channel := self._file.fresh(name):
            urgent = self._busy.get((name, True))
            if urgent is not None and not critical:
                await asyncio.wait([urgent], timeout=CRITICAL_FIRST)
            limit, now = channel.common.per_minute, self._clock.now()
            begun = time.monotonic()
            claim = await self._repository.claim(name, limit, now, critical=critical)
            if claim is None:
                break
            try:
                sent += await self._deliver(channel, claim, self._file.current(), begun)
            except asyncio.CancelledError:
                await asyncio.shield(self._hand_back(claim))
                raise
        return sent

    async def _hand_back(self, claim: DeliveryClaim) -> None:
        with suppress(DatabaseUnavailable):  # its claim runs out by itself
            await self._repository.apply(claim, interrupted(claim.progress, self._clock.now()))

    async def _guarded(self, name: str, work: Coroutine[Any, Any, int]) -> int:
        """One channel's work; whatever ends it is logged, and the other channels go on.

        What was sent and not recorded is sent again with the same key once the lease has ended.
        """
        try:
            return await work
        except DatabaseUnavailable as error:
            self._away.met(error)
        except Exception as error:  # noqa: BLE001  the work on a channel is a job: it is logged, the others go on
            self._log.exception("delivery_failed", channel=name, error=type(error).__name__)
        return 0

    async def _hand_over(self, channel: str, why: str, book: ChannelBook, *, gone: bool = False) -> int:
        disabled = await self._repository.disabled_channels()
        instead = self._instead(channel, book, disabled)
        moved = await self._repository.hand_over(channel, instead, why, self._clock.now(), gone=gone)
        if moved:
            self._log.error("channel_bypassed", channel=channel, reason=why, messages=moved, instead=instead)
        return 0

    @staticmethod
    def _instead(channel: str, book: ChannelBook, disabled: frozenset[str]) -> str:
        """Who takes what this channel cannot: somebody who reaches people, never our log in the place of people."""
        instead = book.instead_of(channel, disabled)
        chosen = book.channels.get(instead)
        return instead if chosen is not None and (chosen.kind != LOG or not book.reaches_people) else ""

    async def _deliver(self, channel: Channel, claim: DeliveryClaim, book: ChannelBook, held_since: float) -> int:
        """Send the parts that have not arrived; gives 1 where the message is complete.

        A process that was frozen in between sends nothing more of what another has taken over.
        """
        if claim.lost >= MOST_LOST:
            return await self._give_up(channel.common.name, claim, book)
        progress = claim.progress
        rest = channel.parts(claim.message, claim.recipients)[progress.parts :]
        if not rest:
            await self._repository.apply(claim, nothing_left(progress, self._clock.now()))
        for part in rest:
            if time.monotonic() - held_since >= self._repository.lease.total_seconds():
                return self._overtaken(claim)
            result = await self._send(channel, claim, part, progress)
            if result is None:
                return 0
            if result.response.verdict is not DeliveryStatus.SENT:
                await self._record_failure(channel.common.name, claim, result, book)
                return 0
            decision = decide(claim, result, self._policy, self._clock.now(), last=part is rest[-1])
            held_since = time.monotonic()
            if not await self._repository.apply(claim, decision):
                return self._overtaken(claim)
            progress = decision.progress
        return 1

    def _overtaken(self, claim: DeliveryClaim) -> int:
        self._log.warning("delivery_lease_lost", channel=claim.channel, subject=claim.message.subject)
        return 0

    async def _give_up(self, name: str, claim: DeliveryClaim, book: ChannelBook) -> int:
        """A message that takes along whoever sends it."""
        instead = self._instead(name, book, await self._repository.disabled_channels())
        decision = poisonous(claim, self._clock.now(), instead)
        self._log.error("message_failed", channel=name, subject=claim.message.subject, reason=decision.reason)
        await self._repository.apply(claim, decision)
        return 0

    async def _send(
        self, channel: Channel, claim: DeliveryClaim, part: Part, progress: DeliveryProgress, depth: int = 0
    ) -> AttemptResult | None:
        """One part, in smaller ones where the receiver wants it so; None where it has to wait for its turn."""
        common, now = channel.common, self._clock.now()
        critical = claim.message.severity is Severity.CRITICAL
        until = await self._repository.reserve(common.name, common.per_minute, now, critical=critical)
        if until is not None:
            await self._repository.apply(claim, postponed(progress, now, until))
            return None
        answer, attempt = await self._attempt(channel, claim, part, progress.done)
        progress = replace(
            progress,
            delivered=(*progress.delivered, *answer.delivered),
            refused={**progress.refused, **answer.refused},
        )
        result = AttemptResult(answer, attempt, progress)
        if answer.verdict is not DeliveryStatus.TOO_LARGE:
            return result
        for half in channel.halves(part) if depth < SMALLEST_PIECES else []:
            if not await self._repository.apply(claim, in_pieces(result)):
                return None
            following = await self._send(channel, claim, half, result.progress, depth + 1)
            if following is None or following.response.verdict is not DeliveryStatus.SENT:
                return following
            result = following
        return result

    async def _attempt(
        self, channel: Channel, claim: DeliveryClaim, part: Part, done: frozenset[str]
    ) -> tuple[ChannelResponse, DeliveryAttempt]:
        keeping = asyncio.create_task(self._keep(claim))
        try:
            answer, kept = await attempt(channel, part, done, self._outlet, self._clock)
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
        name, seconds = channel.common.name, round(kept.seconds, 3)
        for listen in self.listeners:
            listen(name, channel.kind, kept.verdict, kept.seconds)
        self._log.info(
            "delivery_attempted",
            channel=name,
            key=part.key,
            part=part.name,
            verdict=kept.verdict,
            status=kept.status,
            seconds=seconds,
            answer=kept.answer,
        )
        return answer, kept

    async def _keep(self, claim: DeliveryClaim) -> None:
        """Renew the lease as long as an attempt lasts: a mail server may take ten minutes."""
        while True:
            await asyncio.sleep(self._repository.lease.total_seconds() / 3)
            try:
                await self._repository.renew(claim, self._clock.now())
            except DatabaseUnavailable as error:
                self._away.met(error)

    async def _record_failure(self, name: str, claim: DeliveryClaim, result: AttemptResult, book: ChannelBook) -> None:
        """Decide about a part that has not arrived, say what people should know of it, and record it."""
        disabling = result.response.verdict is DeliveryStatus.DISABLED
        instead = "" if disabling else self._instead(name, book, await self._repository.disabled_channels())
        decision = decide(claim, result, self._policy, self._clock.now(), instead=instead)
        if decision.step is MessageStep.FAIL:
            self._log.error("message_failed", channel=name, subject=claim.message.subject, reason=decision.reason)
        if decision.channel is ChannelEffect.DISABLED:
            self._log.error("channel_disabled", channel=name, reason=decision.reason)
            self._disabled |= {name}
        await self._repository.apply(claim, decision)
        if decision.channel is ChannelEffect.DISABLED:
            await self._hand_over(name, decision.reason, book)

    async def _prune(self) -> None:
        if time.monotonic() - self._pruned_at < PRUNE_SECONDS and self._pruned_at:
            return
        self._pruned_at = time.monotonic()
        await self._repository.prune(self._clock.now() - timedelta(days=self._settings.history_days))

    async def _drain(self) -> None:
        """Let attempts under way end; what does not is sent again by whoever takes it over."""
        tasks = list(self._busy.values())
        if tasks:
            await asyncio.wait(tasks, timeout=self._settings.drain_seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._sharing is not None:
            await self._sharing.close()
        await self._outlet.close()
