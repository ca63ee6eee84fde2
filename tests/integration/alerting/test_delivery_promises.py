"""What is promised of delivery: who hears of an end, what waits, what is looked at again when it is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.alerting.administration import AlertAdministration
from app.alerting.delivery import worker
from app.alerting.models import AlertEvent, EventKind, Severity
from app.alerting.outbox.items import Content
from app.db.engine import Database
from tests.support.alert_factory import rule as watched
from tests.support.alert_factory import scene, signal
from tests.support.delivery_factory import (
    NOW,
    Post,
    Posted,
    Receiver,
    Reply,
    a_post,
    event,
    named,
    receiving,
    rule,
    webhooks,
)

CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING
BY_SEVERITY = (
    "routes: [{name: page, match: [severity=critical], channels: [hook0], continue: true},"
    " {name: all, channels: [hook1]}]"
)


def resolved(number: int, severity: Severity = WARNING, told: Severity | None = None, **fields: Any) -> AlertEvent:
    made = event(number, EventKind.RESOLVED, severity=severity, **fields)
    return replace(made, alert=replace(made.alert, notified_severity=told))


def kinds(receiver: Receiver) -> list[tuple[str, str]]:
    return [
        (alert["labels"]["area"], "late" if alert["late"] else alert["kind"])
        for request in receiver.requests
        for alert in request.json["alerts"]
    ]


async def test_an_end_reaches_who_was_notified_whatever_the_severity_is_then(database: Database, folder: Path) -> None:
    async with (
        receiving() as pager,
        receiving() as chat,
        a_post(database, folder, webhooks(pager, chat, more=BY_SEVERITY)) as post,
    ):
        await post.tell(event(1, severity=CRITICAL), event(2))
        await post.deliver(after=10)
        await post.tell(resolved(1, WARNING, CRITICAL), resolved(2, CRITICAL, WARNING))
        # The end of what people were notified is critical waits for nothing.
        await post.deliver(after=1)
        assert kinds(pager) == [("A1", "fired"), ("A1", "resolved")]
        await post.deliver(after=60)
        assert kinds(pager) == [("A1", "fired"), ("A1", "resolved")]
        assert sorted(kinds(chat)) == [
            ("A1", "fired"), ("A1", "resolved"), ("A2", "fired"), ("A2", "resolved"),
        ]  # fmt: skip


async def test_an_end_of_what_nobody_heard_reaches_nobody(database: Database, folder: Path) -> None:
    async with receiving() as receiver, a_post(database, folder, webhooks(receiver)) as post:
        await post.tell(resolved(1, CRITICAL))
        assert await post.deliver(after=60) == 0


async def test_an_end_never_overtakes_its_beginning_on_a_failing_channel(database: Database, folder: Path) -> None:
    async with receiving(*[Reply(503)] * 8, Reply()) as receiver, a_post(database, folder, webhooks(receiver)) as post:
        await post.tell(event(1, severity=CRITICAL))
        await post.deliver()
        await post.tell(resolved(1, CRITICAL))
        for _ in range(12):
            await post.deliver(after=1800)
        assert kinds(receiver)[8:] == [("A1", "fired"), ("A1", "resolved")]


async def test_what_fires_and_ends_while_a_channel_rests_arrives_late(database: Database, folder: Path) -> None:
    async with (
        receiving(Reply(429, b"", {"Retry-After": "600"}), Reply()) as receiver,
        a_post(database, folder, webhooks(receiver)) as post,
    ):
        await post.tell(event(1, severity=CRITICAL))
        await post.deliver()
        for number in range(2, 5):
            await post.tell(event(number, severity=CRITICAL, of=rule(f"r{number}")))
            await post.tell(resolved(number, CRITICAL, of=rule(f"r{number}")))
        assert await post.deliver(after=300) == 0
        await post.deliver(after=600)
        assert kinds(receiver)[1:] == [("A1", "fired"), ("A2", "late"), ("A3", "late"), ("A4", "late")]


async def test_an_end_follows_its_beginning_to_another_channel(database: Database, folder: Path) -> None:
    more = "routes: [{match: ['area=~A.*'], channels: [hook0]}]\nfallback: hook1"
    async with (
        receiving(Reply(503), Reply(422)) as picky,
        receiving() as other,
        a_post(database, folder, webhooks(picky, other, more=more)) as post,
    ):
        await post.tell(event(1, severity=CRITICAL))
        await post.deliver()
        await post.tell(resolved(1, CRITICAL))
        await post.deliver(after=60)
        await post.deliver(after=60)
        assert kinds(other) == [("A1", "late")]
        await post.deliver(after=3600)
        assert len(picky.requests) == 2


async def alert(post: Post, number: int) -> None:
    """The row of an alert that fires."""
    await post.rows(
        "insert into alerts (alert_id, rule, labels, severity, phase, since, seen_at, fired_at, notified_at)"
        " overriding system value values ($1, 'collection_failing', jsonb_build_object('area', 'A' || $2),"
        " 'warning', 'firing', $3, $3, $3, $3) returning 1",
        number, str(number), NOW,
    )  # fmt: skip


async def test_a_silence_that_begins_within_group_wait_holds_what_is_queued(database: Database, folder: Path) -> None:
    async with receiving() as receiver, a_post(database, folder, webhooks(receiver)) as post:
        for number in (1, 2):
            await alert(post, number)
        await post.tell(event(1), event(2))
        await post.rows(
            "insert into silences (matchers, starts_at, ends_at, author, comment, created_at)"
            " values (array['area=A1'], $1, $2, '', '', $1) returning 1",
            NOW, NOW + timedelta(minutes=5),
        )  # fmt: skip
        await post.deliver(after=10)
        assert kinds(receiver) == [("A2", "fired")]
        assert await post.deliver(after=60) == 0
        # What still fires then is told then.
        assert await post.deliver(after=300) == 1
        assert kinds(receiver)[1:] == [("A1", "fired")]


async def test_what_is_acknowledged_during_a_retry_is_not_sent_any_more(database: Database, folder: Path) -> None:
    async with receiving(Reply(503), Reply()) as receiver, a_post(database, folder, webhooks(receiver)) as post:
        await alert(post, 1)
        await post.tell(event(1))
        await post.deliver(after=10)
        await post.rows("update alerts set acknowledged_at = $1 returning 1", NOW + timedelta(seconds=20))
        assert await post.deliver(after=3600) == 0
        assert len(receiver.requests) == 1
        assert await post.statuses() == ["dropped"]


async def test_a_second_warning_of_a_rule_arrives_within_half_a_minute(database: Database, folder: Path) -> None:
    async with receiving() as receiver, a_post(database, folder, webhooks(receiver)) as post:
        await post.tell(event(1))
        await post.deliver(after=10)
        await post.deliver(after=1)
        await post.tell(event(2))
        await post.deliver(after=25)
        assert named(receiver.requests) == {"A1", "A2"}


async def test_a_critical_alert_passes_a_long_digest_on_its_way(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "channels: {chat: {type: slack, url: '${URL}/x'}}\nroutes: [{channels: [chat], group_by: [area]}]"
    async with receiving() as receiver:
        monkeypatch.setenv("URL", receiver.url)
        async with a_post(database, folder, text) as post:
            await post.tell(*(event(number) for number in range(3000)))
            await post.deliver(after=10)
            for number in (9001, 9002, 9003):
                await post.tell(event(number, severity=CRITICAL))
                assert await post.deliver(after=1) == 1
                assert f"A{number}" in receiver.requests[-1].json["text"]


async def test_a_broken_channel_waits_while_the_others_work(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LATER", raising=False)
    async with receiving() as good, receiving() as later:
        text = webhooks(good) + "\n  hook1: {type: webhook, url: '${LATER}'}\n"
        async with a_post(database, folder, text) as post:
            await post.tell(event(1, severity=CRITICAL))
            await post.deliver()
            await post.tell(resolved(1, CRITICAL), event(2, severity=CRITICAL))
            await post.deliver(after=60)
            assert named(good.requests) == {"A1", "A2"}
            assert any("hook1" in warning and "LATER" in warning for warning in post.worker.warnings)
            monkeypatch.setenv("LATER", later.url)
            post.file.load()
            await post.deliver(after=60)
            assert sorted(kinds(later)) == [("A1", "late"), ("A2", "fired")]


async def test_what_happens_while_the_file_cannot_be_read_waits_for_it(database: Database, folder: Path) -> None:
    async with receiving() as receiver, a_post(database, folder, "channels: [") as post:
        await post.tell(event(1, severity=CRITICAL), event(2))
        await post.tell(resolved(2))
        assert await post.deliver(after=60) == 0
        post.file.path.write_text(webhooks(receiver))
        post.file.load()
        await post.deliver(after=1)
        await post.deliver(after=60)
        assert sorted(kinds(receiver)) == [("A1", "fired"), ("A2", "late")]


async def test_a_report_that_is_announced_while_the_file_cannot_be_read_waits_for_it(
    database: Database, folder: Path
) -> None:
    content = Content("Daily report", "all well", "<p>all well</p>")
    more = "routes: [{match: ['report=daily'], channels: [hook0], continue: true}, {channels: [hook1]}]"

    async def announce(post: Post, report: str) -> int:
        async with database.transaction() as connection:
            labels = {"report": report}
            return await post.outbox.announce(connection, content, post.clock.now(), labels=labels, key=report)

    async with receiving() as reports, receiving() as other, a_post(database, folder, "channels: [") as post:
        assert [await announce(post, report) for report in ("daily", "daily", "weekly")] == [1, 0, 1]
        assert await post.deliver(after=60) == 0
        post.file.path.write_text(webhooks(reports, other, more=more))
        post.file.load()
        await post.deliver(after=1)
        await post.deliver(after=1)
        # The one was in the outbox already, and nobody asks for the other.
        assert await announce(post, "daily") == 0
        assert await post.deliver(after=3600) == 0
        [request] = reports.requests
        assert (request.json["subject"], request.json["html"]) == ("Daily report", "<p>all well</p>")
        assert not other.requests


async def test_replicas_on_different_files_leave_each_other_their_channels(
    database: Database, folder: Path, make_folder: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "ANNOUNCE_SECONDS", 0.0)
    resting = Reply(429, b"", {"Retry-After": "1200"})
    async with (
        receiving() as kept,
        receiving(resting, Reply()) as removed,
        receiving(resting, Reply()) as added,
        a_post(database, folder, webhooks(kept, removed)) as old,
        a_post(database, make_folder(), webhooks(kept, added).replace("hook1", "hook2")) as new,
    ):
        await old.tell(event(1, severity=CRITICAL))
        await new.tell(event(2, severity=CRITICAL, of=rule("other")))
        for _ in range(22):
            for replica in (old, new):
                await replica.deliver(after=60)
        await old.deliver(after=60)
        await new.deliver(after=60)
        assert sorted(kinds(kept)) == [("A1", "fired"), ("A2", "fired")]
        assert kinds(removed)[1:] == [("A1", "fired")]
        assert kinds(added)[1:] == [("A2", "fired")]
        assert await old.statuses() == ["sent"] * 4


@pytest.mark.parametrize("more", ["", "routes: [{match: ['kind!=resolved'], channels: [hook0]}, {channels: [hook1]}]"])
async def test_the_end_of_an_acknowledged_alert_reaches_who_was_notified(
    database: Database, folder: Path, more: str
) -> None:
    """Unless the route takes no ends."""
    async with (
        receiving() as first,
        receiving() as second,
        a_post(database, folder, webhooks(first, second, more=more)) as post,
    ):
        it = scene(database, watched("calm"), clock=post.clock, told=Posted(outbox=post.outbox))
        await it.round()
        it.world.faults = {"calm": [signal(area="FR")]}
        await it.round(10)
        await post.deliver(after=10)
        [(alert_id,)] = await post.rows("select alert_id from alerts")
        await AlertAdministration(database).acknowledge(alert_id, "anna", "", post.clock.now())
        await it.round(10)
        it.world.faults = {}
        await it.round(20)
        await it.round(20)
        await post.deliver(after=300)
        assert await post.deliver(after=3600) == 0
        ends = [] if more else [("FR", "resolved")]
        assert kinds(first) == [("FR", "fired"), *ends]
        assert kinds(second) == ([] if more else [("FR", "fired"), *ends])


async def test_a_rotated_secret_is_read_at_the_next_use(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = folder / "token"
    secret.write_text("first-token")
    monkeypatch.setenv("TOKEN_FILE", str(secret))
    async with receiving() as receiver:
        text = webhooks(receiver).replace("/hook'", "/hook', headers: {Authorization: 'Bearer ${TOKEN}'}")
        async with a_post(database, folder, text) as post:
            for number, token in enumerate(("first-token", "second-token")):
                secret.write_text(token)
                await post.tell(event(number, severity=CRITICAL))
                await post.deliver(after=1)
                assert receiver.requests[-1].headers["authorization"] == f"Bearer {token}"


async def test_the_record_says_which_channels_took_it(database: Database, folder: Path) -> None:
    async with (
        receiving() as well,
        receiving(Reply(503)) as broken,
        a_post(database, folder, webhooks(well, broken)) as post,
    ):
        await alert(post, 1)
        await post.rows(
            "insert into alert_events (alert_id, rule, at, kind, severity, notified)"
            " values (1, 'collection_failing', $1, 'fired', 'warning', true) returning 1",
            NOW,
        )
        await post.tell(event(1))
        await post.deliver(after=10)
        assert await post.rows("select delivered from alert_events") == [(["hook0"],)]
