"""From the outbox to a receiver: order, retries, limits, digests, hand-over; real database, real HTTP."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from app.alerting.administration import DeliveryAdministration
from app.alerting.delivery.channels.base import HttpSender
from app.alerting.delivery.decisions import DeliveryDecision
from app.alerting.delivery.models import DeliveryClaim
from app.alerting.delivery.repository import DeliveryRepository
from app.alerting.models import EventKind, Severity
from app.alerting.outbox.items import Content
from app.db.engine import Database
from app.errors import Conflict, DatabaseUnavailable, NotFound
from app.web.metrics.delivery import DeliveryMetrics
from tests.support.delivery_factory import NOW, Post, Reply, a_post, event, named, receiving, rule, webhooks


async def test_alerts_of_a_rule_arrive_in_one_message_after_group_wait(database: Database, folder: Path) -> None:
    async with receiving() as receiver, a_post(database, folder, webhooks(receiver)) as post:
        await post.tell(event(1), event(2))
        assert await post.deliver(after=9) == 0
        await post.tell(event(3))
        assert await post.deliver(after=1) == 1
        [request] = receiver.requests
        assert named([request]) == {"A1", "A2", "A3"}
        assert request.json["status"] == "firing"
        assert request.headers["idempotency-key"] == request.json["key"]


async def test_a_critical_alert_waits_for_nothing(database: Database, folder: Path) -> None:
    async with receiving() as receiver, a_post(database, folder, webhooks(receiver)) as post:
        await post.tell(event(1))
        await post.deliver(after=10)
        await post.tell(event(2, severity=Severity.CRITICAL))
        assert await post.deliver() == 1
        assert named(receiver.requests[1:]) == {"A2"}


async def test_a_second_message_of_a_group_waits_for_its_interval(database: Database, folder: Path) -> None:
    async with receiving() as receiver, a_post(database, folder, webhooks(receiver)) as post:
        await post.tell(event(1))
        await post.deliver(after=10)
        await post.tell(event(1, EventKind.RESOLVED))
        assert await post.deliver(after=19) == 0
        assert await post.deliver(after=1) == 1
        assert [request.json["status"] for request in receiver.requests] == ["firing", "resolved"]


async def test_what_ends_before_it_is_sent_is_told_once_with_beginning_and_end(
    database: Database, folder: Path
) -> None:
    async with receiving() as receiver, a_post(database, folder, webhooks(receiver)) as post:
        await post.tell(event(1), event(2, area="B"))
        await post.tell(event(1, EventKind.RESOLVED))
        await post.deliver(after=10)
        [request] = receiver.requests
        told = {alert["labels"]["area"]: (alert["kind"], alert["late"]) for alert in request.json["alerts"]}
        assert told == {"A1": ("resolved", True), "B": ("fired", False)}
        assert "was firing from 2026-05-07T12:31:20Z to 2026-05-07T12:34:20Z" in request.json["text"]
        assert await post.deliver(after=1000) == 0


async def test_what_was_claimed_before_its_end_is_sent_and_its_end_too(database: Database, folder: Path) -> None:
    async with receiving() as receiver, a_post(database, folder, webhooks(receiver)) as post:
        await post.tell(event(1, severity=Severity.CRITICAL))
        assert await post.repository.claim("hook0", 20, post.clock.now(), critical=True)
        await post.tell(event(1, EventKind.RESOLVED, severity=Severity.CRITICAL))
        assert await post.deliver(after=59) == 0
        await post.deliver(after=2)
        await post.deliver(after=600)
        assert [request.json["status"] for request in receiver.requests] == ["firing", "resolved"]


async def test_a_message_of_a_dead_worker_is_sent_by_another_with_the_same_key(
    database: Database, folder: Path
) -> None:
    async with receiving() as receiver, a_post(database, folder, webhooks(receiver)) as post:
        await post.tell(event(1, severity=Severity.CRITICAL))
        claim = await post.repository.claim("hook0", 20, post.clock.now(), critical=True)
        assert claim
        other = Post(database, post.file.path, post.outlet, post.clock, "other")
        assert await other.worker.deliver_due() == 0
        post.clock.set(NOW + timedelta(seconds=61))
        assert await other.worker.deliver_due() == 1
        assert receiver.requests[0].json["key"] == claim.message.key


async def test_two_replicas_send_each_message_once(database: Database, folder: Path) -> None:
    async with (
        receiving() as receiver,
        a_post(database, folder, webhooks(receiver, more="routes: [{channels: [hook0], group_by: [area]}]")) as post,
    ):
        await post.tell(*(event(number, severity=Severity.CRITICAL) for number in range(10)))
        other = Post(database, post.file.path, post.outlet, post.clock, "other")
        counts = await asyncio.gather(post.deliver(), other.deliver())
        assert sum(counts) == len(receiver.requests) == 10
        assert len({request.json["key"] for request in receiver.requests}) == 10


async def test_a_failed_attempt_is_repeated_with_the_same_key(database: Database, folder: Path) -> None:
    async with (
        receiving(Reply(500, b"oops"), Reply()) as receiver,
        a_post(database, folder, webhooks(receiver)) as post,
    ):
        await post.tell(event(1, severity=Severity.CRITICAL))
        assert await post.deliver() == 0
        assert await post.deliver(after=4) == 0
        assert await post.deliver(after=2) == 1
        first, second = receiver.requests
        assert (first.body, first.headers["idempotency-key"]) == (second.body, second.headers["idempotency-key"])
        kept = await post.rows("select verdict, status, answer from notification_attempts order by attempt_id")
        assert kept == [("retry", 500, "oops"), ("sent", 200, "ok")]


async def test_retry_after_is_obeyed(database: Database, folder: Path) -> None:
    too_often = Reply(429, b"slow down", {"Retry-After": "120"})
    async with receiving(too_often, Reply()) as receiver, a_post(database, folder, webhooks(receiver)) as post:
        await post.tell(event(1, severity=Severity.CRITICAL))
        await post.deliver()
        await post.tell(event(2, severity=Severity.CRITICAL))
        assert await post.deliver(after=119) == 0
        assert await post.deliver(after=1) == 2


async def test_a_receiver_that_never_answers_is_tried_again(database: Database, folder: Path) -> None:
    async with (
        receiving(Reply(hangs=True)) as receiver,
        a_post(database, folder, webhooks(receiver), timeout=0.2) as post,
    ):
        await post.tell(event(1, severity=Severity.CRITICAL))
        assert await post.deliver() == 0
        # On a busy machine the first request may not have reached the receiver within its time.
        receiver.replies, post.outlet.timeout = [Reply()], 30.0
        assert await post.deliver(after=30) == 1


async def test_a_message_is_given_up_after_a_day_and_another_channel_says_so(database: Database, folder: Path) -> None:
    async with receiving(Reply(500)) as broken, receiving() as other:
        route = "routes: [{match: ['severity=critical'], channels: [hook0]}]\nfallback: hook1"
        async with a_post(database, folder, webhooks(broken, other, more=route)) as post:
            await post.tell(event(1, severity=Severity.CRITICAL))
            await post.deliver()
            await post.deliver(after=23 * 3600)
            assert await post.statuses() == ["waiting"]
            await post.deliver(after=3600)
            assert await post.statuses() == ["failed", "waiting"]
            await post.deliver()
            assert "tried for 24 h" in other.requests[0].json["text"]
            records = DeliveryAdministration(database)
            [failed] = await records.messages("failed", limit=5)
            assert await records.again(failed.notification_id, post.clock.now()) == "hook0"
            broken.replies = [Reply()]
            await records.enable("hook0")
            assert await post.deliver() == 1
            assert broken.requests[-1].json["key"] == failed.key
            with pytest.raises(Conflict, match="sent"):
                await records.again(failed.notification_id, post.clock.now())
            with pytest.raises(NotFound, match="4711"):
                await records.again(4711, post.clock.now())


async def test_a_channel_that_is_gone_is_disabled_and_another_takes_over(database: Database, folder: Path) -> None:
    async with receiving(Reply(410, b"gone")) as gone, receiving() as other:
        route = "routes: [{match: ['area=~A.*'], channels: [hook0]}]\nfallback: hook1"
        async with a_post(database, folder, webhooks(gone, other, more=route)) as post:
            await post.tell(event(1, severity=Severity.CRITICAL))
            await post.deliver()
            await post.deliver()
            assert {request.json["subject"].split("]")[0] for request in other.requests} == {
                "[FIRING critical",
                "[NOTICE critical",
            }
            assert any("alerts enable hook0" in request.json["text"] for request in other.requests)
            await post.tell(event(2, severity=Severity.CRITICAL))
            await post.deliver()
            await post.deliver()
            assert len(gone.requests) == 1
            assert "A2" in other.requests[-1].json["text"]
            states = await DeliveryAdministration(database).channels()
            assert (states["hook0"].state, states["hook0"].disabled_reason) == ("disabled", "gone")
            gone.replies = [Reply()]
            assert await DeliveryAdministration(database).enable("hook0")
            await post.tell(event(3, severity=Severity.CRITICAL))
            await post.deliver()
            assert named(gone.requests[1:]) == {"A3"}


async def test_of_a_failing_channel_another_one_tells_that_works(database: Database, folder: Path) -> None:
    route = "routes: [{channels: [hook0]}]\nfallback: hook1"
    failing = event(2, severity=Severity.CRITICAL, of=rule("delivery_failing"), area="A2", channel="hook0")
    async with (
        receiving(Reply(503)) as down,
        receiving(Reply(503)) as too,
        receiving() as well,
        a_post(database, folder, webhooks(down, too, well, more=route)) as post,
    ):
        await post.tell(event(1, severity=Severity.CRITICAL))
        await post.deliver()
        await post.tell(failing)
        await post.deliver()
        assert named(too.requests) == {"A2"}
        await post.tell(failing)
        await post.deliver()
        assert named(well.requests) == {"A2"}
        assert named(down.requests) == {"A1"}


async def test_the_end_of_a_failing_channel_reaches_whom_its_firing_reached(database: Database, folder: Path) -> None:
    route = "routes: [{channels: [hook0]}]\nfallback: hook1"
    failing = rule("delivery_failing")
    fired, ended = (
        event(2, kind, severity=Severity.CRITICAL, of=failing, area="A2", channel="hook0")
        for kind in (EventKind.FIRED, EventKind.RESOLVED)
    )
    async with (
        receiving(Reply(503), Reply()) as down,
        receiving(Reply(503), Reply()) as too,
        receiving() as well,
        a_post(database, folder, webhooks(down, too, well, more=route)) as post,
    ):
        await post.tell(event(1, severity=Severity.CRITICAL))
        await post.deliver()
        await post.tell(event(3, severity=Severity.CRITICAL, of=failing, area="A3", channel="hook0"))
        await post.deliver()
        await post.tell(fired)
        await post.deliver()
        assert named(well.requests) == {"A2"}
        await post.deliver(after=3600)
        await post.tell(ended)
        await post.deliver(after=3600)
        assert [request.json["alerts"][0]["labels"]["area"] for request in well.requests] == ["A2", "A2"]
        assert "A2" not in named(down.requests) | named(too.requests)


async def test_without_another_channel_what_cannot_be_sent_waits_and_is_tried_slowly(
    database: Database, folder: Path
) -> None:
    async with (
        receiving(Reply(403, b"no"), Reply(403, b"no"), Reply()) as only,
        a_post(database, folder, webhooks(only)) as post,
    ):
        for number in range(3):
            await post.tell(event(number, severity=Severity.CRITICAL, of=rule(f"r{number}")))
        await post.deliver()
        assert post.worker.mute
        assert await post.deliver(after=600) == 0
        assert len(only.requests) == 1
        assert await post.deliver(after=301) == 0
        assert len(only.requests) == 2
        assert await post.deliver(after=901) == 3
        assert named(only.requests[2:]) == {"A0", "A1", "A2"}
        assert await post.rows("select disabled_at from channel_states") == [(None,)]


async def test_a_message_that_is_refused_goes_to_another_channel_once(database: Database, folder: Path) -> None:
    async with receiving(Reply(422, b"no such field")) as picky, receiving(Reply(400, b"nor here")) as other:
        route = "routes: [{match: ['area=~A.*'], channels: [hook0]}]\nfallback: hook1"
        async with a_post(database, folder, webhooks(picky, other, more=route)) as post:
            await post.tell(event(1, severity=Severity.CRITICAL))
            await post.deliver()
            await post.deliver()
            assert (len(picky.requests), len(other.requests)) == (1, 1)
            assert picky.requests[0].json["key"] == other.requests[0].json["key"]
            assert await post.rows("select status, moved_from, error from notifications") == [
                ("failed", "hook0", "nor here")
            ]


async def test_a_thousand_alerts_at_once_are_all_named_in_twenty_messages(database: Database, folder: Path) -> None:
    more = "routes: [{channels: [hook0], group_by: [rule, area]}]"
    async with receiving() as receiver, a_post(database, folder, webhooks(receiver, more=more)) as post:
        critical = [event(number, severity=Severity.CRITICAL) for number in range(10)]
        await post.tell(*(event(number) for number in range(10, 1000)), *critical)
        await post.deliver(after=10)
        assert len(receiver.requests) <= 20
        assert named(receiver.requests) == {f"A{number}" for number in range(1000)}
        assert receiver.requests[0].json["alerts"][0]["severity"] == "critical"
        statuses = await post.statuses()
        assert statuses.count("merged") + statuses.count("sent") == len(statuses) == 1001


async def test_a_flood_of_warnings_holds_up_no_critical_alert(database: Database, folder: Path) -> None:
    more = "routes: [{channels: [hook0], group_by: [area]}]"
    async with receiving() as receiver, a_post(database, folder, webhooks(receiver, more=more)) as post:
        for second in range(30):
            await post.tell(*(event(100 * second + number) for number in range(50)))
            await post.deliver(after=1)
        await post.tell(event(9999, severity=Severity.CRITICAL))
        assert await post.deliver() == 1
        assert named(receiver.requests[-1:]) == {"A9999"}
        assert len(receiver.requests) <= 20


async def test_a_clock_that_is_set_back_delays_neither_retries_nor_the_next_message_of_a_group(
    database: Database, folder: Path
) -> None:
    async with (
        receiving(Reply(503)) as troubled,
        receiving() as well,
        a_post(database, folder, webhooks(troubled, well)) as post,
    ):
        await post.tell(event(1))
        await post.deliver(after=10)
        await post.tell(event(2))
        troubled.replies = [Reply()]
        assert await post.deliver(after=-3600) == 3
        assert named(troubled.requests[1:]) == named(well.requests) == {"A1", "A2"}


async def test_a_clock_that_is_set_back_blocks_a_full_channel_for_a_minute_only(
    database: Database, folder: Path
) -> None:
    more = "routes: [{channels: [hook0], group_by: [area]}]"
    async with receiving() as receiver, a_post(database, folder, webhooks(receiver, more=more)) as post:
        for number in range(20):
            await post.tell(event(number, severity=Severity.CRITICAL))
            await post.deliver()
        assert len(receiver.requests) == 20
        await post.tell(event(20, severity=Severity.CRITICAL))
        assert await post.deliver(after=-3600) == 0
        assert await post.deliver(after=60) == 1


async def test_the_limit_holds_in_every_minute_and_nothing_is_lost(database: Database, folder: Path) -> None:
    more = "routes: [{channels: [hook0], group_by: [area]}]"
    async with receiving() as receiver, a_post(database, folder, webhooks(receiver, more=more)) as post:
        sent = 0
        for second in range(90):
            await post.tell(event(second, severity=Severity.CRITICAL))
            await post.deliver(after=1)
            if second == 59:
                sent = len(receiver.requests)
        assert sent <= 20
        assert len(receiver.requests) - sent <= 20
        await post.deliver(after=60)
        assert named(receiver.requests) == {f"A{number}" for number in range(90)}


async def test_after_an_outage_what_waited_arrives_at_once(database: Database, folder: Path) -> None:
    async with receiving(Reply(503)) as receiver, a_post(database, folder, webhooks(receiver)) as post:
        await post.tell(event(0, severity=Severity.CRITICAL))
        for minute in range(60):
            await post.deliver(after=60)
            await post.tell(event(minute + 1, severity=Severity.CRITICAL))
        receiver.replies = [Reply()]
        receiver.requests.clear()
        for _ in range(3):
            await post.deliver(after=60)
        assert named(receiver.requests) == {f"A{number}" for number in range(61)}
        assert len(receiver.requests) <= 20


async def test_a_report_is_announced_once_for_each_key(database: Database, folder: Path) -> None:
    more = "routes: [{match: ['report=daily'], channels: [hook0]}, {channels: [hook1]}]"
    async with (
        receiving() as reports,
        receiving() as other,
        a_post(database, folder, webhooks(reports, other, more=more)) as post,
    ):
        content = Content("Daily report", "all well", "<p>all well</p>")
        for expected in (1, 0):
            async with database.transaction() as connection:
                announce = post.outbox.announce
                assert (
                    await announce(connection, content, NOW, labels={"report": "daily"}, key="daily 2026-05-06")
                    == expected
                )
        assert await post.deliver() == 1
        [request] = reports.requests
        assert (request.json["subject"], request.json["html"]) == ("Daily report", "<p>all well</p>")
        assert not other.requests


async def test_reminders_are_told_no_more_often_than_the_route_wants(database: Database, folder: Path) -> None:
    more = "routes: [{channels: [hook0], repeat_interval: 8 h}]"
    async with receiving() as receiver, a_post(database, folder, webhooks(receiver, more=more)) as post:
        await post.tell(event(1))
        await post.deliver(after=10)
        for hours in (4, 8, 12):
            await post.tell(event(1, EventKind.REMINDED, at=NOW + timedelta(hours=hours)))
            await post.deliver(after=4 * 3600)
        assert [request.json["alerts"][0]["kind"] for request in receiver.requests] == ["fired", "reminded"]


async def test_messages_of_a_channel_that_left_the_file_go_elsewhere(database: Database, folder: Path) -> None:
    async with receiving() as first, receiving() as second:
        async with a_post(database, folder, webhooks(first)) as post:
            await post.tell(event(1))
        text = webhooks(second).replace("hook0", "other")
        async with a_post(database, folder, text) as post:
            # Another replica may know it: its file may be newer than ours.
            await post.deliver(after=300)
            assert not second.requests
            await post.deliver(after=301)
            await post.deliver()
            assert "A1" in "".join(request.json["text"] for request in second.requests)


async def test_the_worker_sends_what_is_committed_while_it_runs_and_stops(database: Database, folder: Path) -> None:
    async with receiving() as receiver, a_post(database, folder, webhooks(receiver)) as post:
        stop = asyncio.Event()
        running = asyncio.create_task(post.worker.run(stop))
        await post.tell(event(1, severity=Severity.CRITICAL))
        async with asyncio.timeout(60):
            while not receiver.requests:  # noqa: ASYNC110  the receiver tells nobody
                await asyncio.sleep(0.02)
        stop.set()
        await running
        assert isinstance(post.outlet, HttpSender)
        assert post.worker.age < 20


async def test_old_messages_are_erased_with_their_events_and_attempts(database: Database, folder: Path) -> None:
    async with receiving() as receiver, a_post(database, folder, webhooks(receiver)) as post:
        await post.tell(event(1))
        await post.deliver(after=10)
        assert await post.repository.prune(NOW) == 0
        assert await post.repository.prune(NOW + timedelta(days=1)) == 1
        assert await post.rows("select 1 from notification_events union all select 1 from notification_attempts") == []


async def test_what_is_too_large_is_sent_in_halves(database: Database, folder: Path) -> None:
    async with receiving() as receiver, a_post(database, folder, webhooks(receiver)) as post:
        receiver.judge = lambda request: Reply(413) if len(request.json["alerts"]) > 3 else None
        await post.tell(*(event(number) for number in range(8)))
        assert await post.deliver(after=10) == 1
        taken = [request for request in receiver.requests if len(request.json["alerts"]) <= 3]
        assert named(taken) == {f"A{number}" for number in range(8)}
        assert len({request.json["key"] for request in receiver.requests}) == len(receiver.requests)


async def test_what_cannot_be_made_smaller_is_refused(database: Database, folder: Path) -> None:
    async with receiving(Reply(413)) as receiver, a_post(database, folder, webhooks(receiver)) as post:
        await post.tell(event(1, severity=Severity.CRITICAL))
        await post.deliver()
        assert await post.statuses() == ["failed"]


async def test_parts_count_against_the_limit_and_none_is_sent_twice(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving(Reply(204, b"")) as receiver:
        monkeypatch.setenv("URL", receiver.url)
        text = "channels: {chat: {type: discord, url: '${URL}/x', per_minute: 4}}"
        async with a_post(database, folder, text) as post:
            await post.tell(*(event(number, severity=Severity.CRITICAL) for number in range(400)))
            counts = []
            while await post.statuses() == ["waiting"]:
                await post.deliver(after=20)
                counts.append(len(receiver.requests))
                assert len(counts) < 60
            content = "".join(request.json["content"] for request in receiver.requests).replace("\\", "")
            assert all(f"#{number} " in content for number in range(400))
            assert max(later - earlier for earlier, later in zip([0, *counts], counts[2:], strict=False)) <= 4
            keys = [request.headers["idempotency-key"] for request in receiver.requests]
            assert len(keys) == len(set(keys)) > 4
            assert sum(attempt for (attempt,) in await post.rows("select 1 from notification_attempts")) == len(keys)


async def test_a_message_that_needs_fewer_parts_than_arrived_is_complete(database: Database, folder: Path) -> None:
    async with receiving() as receiver, a_post(database, folder, webhooks(receiver)) as post:
        await post.tell(event(1, severity=Severity.CRITICAL))
        await post.rows("""update notifications set progress = '{"parts": 5}' returning 1""")
        assert await post.deliver() == 1
        assert (await post.statuses(), receiver.requests) == (["sent"], [])


async def test_attempts_are_told_to_listeners(database: Database, folder: Path) -> None:
    registry, heard = CollectorRegistry(), []
    async with receiving(Reply(500)) as receiver, a_post(database, folder, webhooks(receiver)) as post:
        counts = DeliveryMetrics(registry, lambda: post.worker.age, lambda: 2.0)
        post.worker.listeners += [counts.note, lambda *attempt: heard.append(attempt[:3])]
        await post.tell(event(1, severity=Severity.CRITICAL))
        await post.deliver()
    assert heard == [("hook0", "webhook", "retry")]
    labels = {"channel": "hook0", "verdict": "retry"}
    assert registry.get_sample_value("gridkeeper_message_attempts_total", labels) == 1
    assert registry.get_sample_value("gridkeeper_heartbeat_failures_in_a_row") == 2


class Forgetful(DeliveryRepository):
    """Dies between the receiver's answer and the record of it, once."""

    died = False

    async def apply(self, claim: DeliveryClaim, decision: DeliveryDecision) -> bool:
        if not self.died:
            self.died = True
            raise DatabaseUnavailable("the database went away")
        return await super().apply(claim, decision)


async def test_a_message_that_was_sent_but_not_recorded_comes_again_with_its_key(
    database: Database, folder: Path
) -> None:
    async with receiving() as receiver, a_post(database, folder, webhooks(receiver)) as post:
        post.worker._repository = Forgetful(database, "one", lease=timedelta(seconds=60))
        await post.tell(event(1, severity=Severity.CRITICAL))
        assert await post.deliver() == 0
        assert await post.deliver(after=61) == 1
        first, second = receiver.requests
        assert first.body == second.body
