"""Websites in the database: who knew the state before writes the next one, windows stay apart, and deletes leave nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from app.errors import Conflict, NotFound
from app.probes.evidence.models import ConnectionFacts, NotedConnection
from app.probes.evidence.sql import CERTIFICATES, CONNECTIONS
from app.probes.models import ServerCertificate
from app.probes.regions.repository import RecordedCheck
from app.probes.websites import repository as module
from app.probes.websites.models import CheckRecord, WebsiteDraft, WebsiteStatus, WindowKind
from app.probes.websites.repository import WebsiteRepository
from app.probes.websites.sql import CHECKS
from app.probes.websites.state import CheckPolicy, after_check
from tests.support.store_factory import opened

T0 = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
POLICY = CheckPolicy(5 * MINUTE, timedelta(seconds=30), 2, 2, timedelta(seconds=20), 0.5)
DRAFT = WebsiteDraft(
    "https://example.com", "Example", headers={"X-Key": "a"}, conditions=("status 200",), labels={"group": "shop"}
)


async def checked(rows: WebsiteRepository, website_id: int, minute: int, reason: str) -> RecordedCheck:
    """A result that is yet to be recorded."""
    at = T0 + minute * MINUTE
    step = after_check((await rows.read(website_id)).state, POLICY, at, reason, now=at)
    return RecordedCheck(website_id, CheckRecord(step.state.latest_at, not reason, reason), step)


async def test_a_website_is_what_was_said_of_it(database_url: str) -> None:
    async with opened(database_url) as database:
        rows = WebsiteRepository(database)
        added = await rows.add(DRAFT, T0)
        assert await rows.read(added.website_id) == added == (await rows.all())[0] == (await rows.named("Example"))[0]
        changed = await rows.change(added.website_id, replace(DRAFT, timeout=5.5, conditions=()), T0 + MINUTE)
        assert await rows.read(added.website_id) == changed
        with pytest.raises(Conflict, match=r"'Example'"):
            await rows.add(replace(DRAFT, url="https://EXAMPLE.com/#top", name="Twin"), T0)
        paused = await rows.change(added.website_id, replace(DRAFT, enabled=False), T0 + 2 * MINUTE)
        assert paused.status(T0) is WebsiteStatus.PAUSED
        async with database.connection() as connection:
            secret = "select has_table_privilege('gridkeeper_rules', $1, 'select')"
            readable = [await connection.fetchval(secret, name) for name in ("websites", "v_websites")]
        assert readable == [False, True], "headers may be secret"
        with pytest.raises(Conflict, match="resume"):
            await rows.ask_now(added.website_id, T0)


async def test_a_result_counts_only_for_who_knew_the_state_before_it(database_url: str) -> None:
    async with opened(database_url) as database:
        rows = WebsiteRepository(database)
        one, two = [(await rows.add(replace(DRAFT, url=f"https://{name}.example"), T0)).website_id for name in "ab"]
        stale, fresh = await checked(rows, one, 1, "timeout"), await checked(rows, two, 1, "timeout")
        await rows.change(one, replace(DRAFT, url="https://c.example"), T0 + MINUTE)
        assert await rows.record([fresh, stale]) == {two}
        assert await rows.record([fresh]) == set(), "nothing is recorded twice"
        assert [len(await rows.checks(website, before=None, limit=9)) for website in (one, two)] == [0, 1]
        await rows.record([await checked(rows, two, 2, "status")])
        found = await rows.read(two)
        assert (found.state.status, found.state.changed_at, found.state.failures) == (
            WebsiteStatus.DOWN,
            T0 + MINUTE,
            2,
        )
        within = await rows.windows_within(None, T0, T0 + 9 * MINUTE)
        assert {number: [window.kind for window in windows] for number, windows in within.items()} == {
            one: [WindowKind.UNKNOWN, WindowKind.UNKNOWN],
            two: [WindowKind.UNKNOWN, WindowKind.DOWN],
        }
        for start, end in ((3, None), (0, 2), (1, 9)):
            with pytest.raises(asyncpg.IntegrityConstraintViolationError):
                async with database.connection() as connection:
                    await connection.execute(
                        "insert into website_windows (website_id, kind, started_at, ended_at) values ($1, 'down', $2, $3)",
                        two,
                        T0 + start * MINUTE,
                        None if end is None else T0 + end * MINUTE,
                    )


async def test_a_region_that_changes_its_mind_lets_the_others_look(database_url: str) -> None:
    async with opened(database_url) as database:
        rows, eu, us = WebsiteRepository(database), *(WebsiteRepository(database, region=name) for name in ("eu", "us"))
        common = (await rows.add(replace(DRAFT, url="https://b.example"), T0)).website_id
        named = (await rows.add(replace(DRAFT, regions=("eu", "us")), T0)).website_id
        assert [one.website_id for one in await rows.of_shards(range(128))] == [common]
        assert [one.website_id for one in await eu.of_shards(range(128))] == [common, named]
        assert [one.website_id for one in await rows.read_checked([common, named])] == [common]

        async def found(
            region: WebsiteRepository, minute: float, reason: str, *, turned: bool = False
        ) -> RecordedCheck:
            [website] = await region.read_checked([named])
            at = T0 + minute * MINUTE
            step = after_check(website.state, POLICY, at, reason, now=at)
            return RecordedCheck(named, CheckRecord(step.state.latest_at, not reason, reason), step, at, turned)

        async def seen(region: WebsiteRepository, minute: float, reason: str, *, turned: bool = False) -> None:
            [kept] = await region.record([await found(region, minute, reason, turned=turned)])
            assert kept == named

        await seen(eu, 1, "")
        assert (await rows.read(named)).state.unknown, "one of two is no quorum of two"
        await seen(us, 1, "")
        assert not (await rows.read(named)).state.unknown
        await seen(us, 1.5, "timeout")
        await seen(us, 2, "timeout", turned=True)
        others = {one.region: one.state for one in await rows.regions(named)}
        assert (others["eu"].due_at, others["us"].status) == (T0 + 2 * MINUTE, WebsiteStatus.DOWN)
        assert (await rows.read(named)).state.status is WebsiteStatus.UP
        checks = await rows.checks(named, before=None, limit=9)
        assert len(checks) == len({one.at for one in checks}) == 4, "both began in the same microsecond"
        await seen(us, 3, "")
        await seen(us, 3.5, "", turned=True)
        # Both are under way when they change their minds, within one second: what each says counts, and one window is made.
        for round_, reason in enumerate(("timeout", "", "timeout", "")):
            for step in (0, 1):
                at = 4 + round_ * 2 + step / 2
                both = [await found(one, at + lag, reason, turned=step == 1) for one, lag in ((eu, 0), (us, 0.01))]
                kept = await asyncio.gather(eu.record(both[:1]), us.record(both[1:]))
                assert list(kept) == [{named}, {named}]
            status = (await rows.read(named)).state.status
            assert status is (WebsiteStatus.DOWN if reason else WebsiteStatus.UP)
            windows = await rows.windows(named, WindowKind.DOWN, before=None, limit=9)
            assert sum(one.end is None for one in windows) == bool(reason)
            assert len(windows) == round_ // 2 + 1
        [_, first] = windows
        assert (first.start, first.end in {T0 + 6 * MINUTE, T0 + 6.01 * MINUTE}) == (T0 + 4.01 * MINUTE, True)


async def test_what_was_seen_at_the_other_end_is_kept_where_it_changed(database_url: str) -> None:
    async with opened(database_url) as database:
        rows = WebsiteRepository(database)
        number = (await rows.add(DRAFT, T0)).website_id
        shown = ServerCertificate(
            T0 + timedelta(days=9), T0 + timedelta(days=8), "a.example", "A", "TLSv1.3", T0, "CN=a.example", ("a.example",),
            "ab" * 32,
        )  # fmt: skip
        facts = ConnectionFacts(shown, "1.1", ("192.0.2.1", "192.0.2.2"))
        expired = replace(facts, certificate=replace(shown, problem="it has expired"))
        moved = replace(expired, addresses=("192.0.2.9",))
        plain = ConnectionFacts(None, "1.1", ("192.0.2.9",))
        for minute, found in (
            (1, facts),
            (2, replace(facts, addresses=("192.0.2.2",))),
            (3, expired),
            (4, moved),
            (5, plain),
        ):
            recorded = await checked(rows, number, minute, "")
            await rows.record([replace(recorded, check=replace(recorded.check, details='{"proxy": "p:1"}'))])
            await rows.note([NotedConnection(number, "", recorded.check.at, found)])
        checks = (await rows.checks(number, before=None, limit=9))[::-1]
        seen = [one.seen for one in checks]
        assert [one and one.since for one in seen] == [checks[0].at, checks[0].at, *(one.at for one in checks[2:])]
        assert [one and one.certificate for one in seen] == [shown, shown, expired.certificate, moved.certificate, None]
        assert [one and one.addresses for one in seen][-2:] == [("192.0.2.9",), ("192.0.2.9",)]
        assert checks[0].details == '{"proxy": "p:1"}'
        assert await rows.checks(number, before=None, limit=9, failed=True) == []
        assert await rows.erase_old(CONNECTIONS, T0 + 9 * MINUTE) == 3, "the last of a website stays"
        assert await rows.erase_old(CERTIFICATES, T0 + 9 * MINUTE) == 1
        await rows.delete(number, T0)
        await rows.erase_deleted(T0 + MINUTE)
        async with database.connection() as connection:
            assert not await connection.fetchval("select count(*) from website_connections")


async def test_what_is_deleted_goes_with_its_results_in_parts(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ERASED_AT_ONCE", 2)
    async with opened(database_url) as database:
        rows = WebsiteRepository(database)
        website = (await rows.add(DRAFT, T0)).website_id
        kept = (await rows.add(replace(DRAFT, url="https://b.example"), T0)).website_id
        for minute in range(1, 9):
            await rows.record([await checked(rows, website, minute, ""), await checked(rows, kept, minute, "")])
        late = await checked(rows, website, 10, "")
        await rows.delete(website, T0)
        for gone in (rows.read(website), rows.delete(website, T0), rows.ask_now(website, T0)):
            with pytest.raises(NotFound):
                await gone
        assert await rows.record([late]) == set()
        assert await rows.erase_deleted(T0 + MINUTE) > 0
        async with database.connection() as connection:
            for table in ("websites", "website_states", "website_checks", "website_windows"):
                assert not await connection.fetchval(f"select count(*) from {table} where website_id = $1", website)
        assert len(await rows.checks(kept, before=T0 + 5 * MINUTE, limit=9)) == 4
        assert await rows.erase_old(CHECKS, T0 + 5 * MINUTE) == 4
