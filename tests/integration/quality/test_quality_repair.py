"""Repairs on a real database: findings are asked for again by backfills, and the source's answer settles them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from app.clock import FixedClock
from app.collection.backfill.models import BackfillRetryPolicy
from app.collection.backfill.service import BackfillService, GapCompleteness
from app.collection.models import Work
from app.db.engine import Database
from app.errors import SourceUnavailable
from app.market.areas import Place
from app.market.series import DataItem
from app.market.time import Interval
from app.quality.findings import Changes, State
from app.quality.repair.decisions import MOST_ATTEMPTS
from app.quality.repair.service import RepairReport, RepairService
from app.quality.repository import QualityRepository
from app.scheduling.jobs.quality import NightlyQuality
from app.scheduling.models import JobOutcome, RunTrigger, Ticket
from tests.support.backfill_factory import FR, LOAD, NOW, Scene, days, local
from tests.support.fakes import Answer, hourly
from tests.support.services import gap_service
from tests.support.store_factory import opened

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OPEN = "select backfill_id from backfills where finished_at is null order by 1"


def whole(_item: DataItem, _place: Place, interval: Interval) -> Sequence[Interval]:
    return [interval]


class Source:
    """Publishes ones, after a correction twos, after a withdrawal only what follows the fourth hour, or nothing."""

    value = 1.0
    down = False
    withdrawn = False

    def answer(self, item: DataItem, place: Place, window: Interval) -> Answer:
        if self.withdrawn:
            return hourly(item, place, Interval(days(0, 1).start + 4 * HOUR, window.end), self.value)
        return SourceUnavailable("503") if self.down else hourly(item, place, window, self.value)


class Ward(Scene):
    """A day of values of which findings doubt some hours, and the service that repairs."""

    def __init__(self, database: Database, source: Source) -> None:
        super().__init__(database, source.answer, BackfillRetryPolicy(attempts=1, retry=timedelta(milliseconds=1)))
        gaps = gap_service(database)
        self.published = source
        self.service = BackfillService(
            self.repository, GapCompleteness(gaps), whole, requests_per_second=2.0, share=0.2
        )
        self.repairs = RepairService(database, self.service)

    async def doubt(self, first: int = 0, last: int = 4, severity: str = "warning") -> int:
        """A finding of hours of the first day, seen now."""
        start = days(0, 1).start
        async with self.database.connection() as connection:
            number: int = await connection.fetchval(
                """
                insert into quality_findings (
                    series_id, dimension, rule, interval_start, interval_end, affected, score, severity,
                    first_seen, last_seen, state_since
                )
                select series_id, 'accuracy', 'stuck', $1, $2, $3, 10, $5, $4, $4, $4 from series
                returning finding_id
                """,
                start + first * HOUR, start + last * HOUR, last - first, NOW, severity,
            )  # fmt: skip
        return number

    async def answered(self) -> None:
        """Let a worker ask for everything that is queued."""
        async with local() as backend, asyncio.timeout(60):
            working = asyncio.create_task(self.worker(backend).work())
            while await self.rows(OPEN):  # noqa: ASYNC110  what is waited for is no event
                await asyncio.sleep(0.02)
            working.cancel()
            await asyncio.wait([working])

    async def attempt(self, now: datetime) -> RepairReport:
        """Ask for what is ripe, let the source answer, settle."""
        asked = (await self.repairs.run(now)).asked
        await self.answered()
        settled = await self.repairs.settle(now)
        names = [str(one) for one in settled]
        return RepairReport(asked, *(names.count(name) for name in ("corrected", "repeated", "unanswered")))

    async def open_again(self, now: datetime) -> None:
        """As a scan does that finds the new values as doubtful."""
        async with self.database.connection() as connection:
            ids = [row["series_id"] for row in await connection.fetch("select series_id from series")]
        async with QualityRepository(self.database).writing(ids) as writer:
            known = await writer.findings(ids, days(0, 1))
            opened_again = [
                replace(one, state=State.OPEN, state_since=now) for group in known.values() for one in group
            ]
            await writer.keep_findings(Changes(tuple(opened_again), ()))

    async def findings(self) -> list[tuple[object, ...]]:
        return await self.rows("select state, attempts, next_attempt_at from quality_findings order by finding_id")

    async def repairs_kept(self) -> list[tuple[object, ...]]:
        return await self.rows("select attempt, outcome, compared, changed from quality_repairs order by repair_id")


@pytest.fixture
async def ward(database_url: str) -> AsyncIterator[Ward]:
    async with opened(database_url) as database:
        scene = Ward(database, Source())
        await scene.collection.collect(Work(LOAD, FR, days(0, 1)))
        yield scene


async def test_a_corrected_value_repairs_its_finding(ward: Ward) -> None:
    await ward.doubt()
    ward.published.value = 2.0

    assert await ward.attempt(NOW + HOUR) == RepairReport(1, 1, 0, 0)
    assert await ward.findings() == [("repaired", 1, None)]
    assert await ward.repairs_kept() == [(1, "corrected", 4, 4)]


async def test_values_that_vanish_are_neither_corrected_nor_repeated(ward: Ward) -> None:
    await ward.doubt(0, 4)
    await ward.doubt(6, 9)
    ward.published.withdrawn = True

    assert await ward.attempt(NOW + HOUR) == RepairReport(2, 0, 1, 1)
    assert await ward.repairs_kept() == [(1, "unanswered", 0, 0), (1, "repeated", 3, 0)]
    assert (await ward.findings())[0][:2] == ("open", 1)


async def test_what_the_source_repeats_three_times_is_confirmed(ward: Ward) -> None:
    await ward.doubt()
    before = await ward.rows("select * from observations order by delivery_start")

    moments = (NOW + HOUR, NOW + HOUR + DAY, NOW + HOUR + 8 * DAY)
    for number, moment in enumerate(moments, 1):
        assert await ward.attempt(moment - timedelta(seconds=1)) == RepairReport(0, 0, 0, 0)
        assert await ward.attempt(moment) == RepairReport(1, 0, 1, 0)
        assert (await ward.findings())[0][:2] == ("open" if number < 3 else "confirmed", number)

    assert await ward.attempt(NOW + 99 * DAY) == RepairReport(0, 0, 0, 0)
    assert await ward.rows("select * from observations order by delivery_start") == before


async def test_a_source_that_never_answers_leaves_a_finding_unrepairable(ward: Ward) -> None:
    await ward.doubt()
    ward.published.down = True

    for moment in (NOW + HOUR, NOW + 2 * DAY, NOW + 20 * DAY):
        assert await ward.attempt(moment) == RepairReport(1, 0, 0, 1)

    assert await ward.findings() == [("unrepairable", 3, None)]


async def test_findings_that_lie_close_share_a_question_and_are_settled_one_by_one(ward: Ward) -> None:
    await ward.doubt(0, 4)
    await ward.doubt(6, 9)

    assert await ward.attempt(NOW + HOUR) == RepairReport(2, 0, 2, 0)
    assert await ward.rows("select count(*) from backfill_windows") == [(1,)]
    assert await ward.repairs_kept() == [(1, "repeated", 4, 0), (1, "repeated", 3, 0)]


async def test_an_attempt_under_way_is_not_begun_again_and_settles_only_when_answered(ward: Ward) -> None:
    number = await ward.doubt()

    assert (await ward.repairs.run(NOW + HOUR)).asked == 1
    assert (await ward.repairs.run(NOW + 2 * HOUR)).asked == 0
    assert await ward.repairs.recheck([number], NOW + 2 * HOUR) == 0
    assert await ward.repairs_kept() == [(1, "pending", 0, 0)]


async def test_a_person_may_ask_at_once_and_once_more_than_planned(ward: Ward) -> None:
    number = await ward.doubt()

    for _ in range(4):
        assert await ward.repairs.recheck([number], NOW) == 1
        await ward.answered()
        await ward.repairs.settle(NOW)
        await ward.rows("update quality_findings set state = 'open' returning 1")

    assert len(await ward.repairs_kept()) == 4


async def test_a_finding_that_opens_again_is_asked_for_anew_with_all_its_pauses(ward: Ward) -> None:
    await ward.doubt()
    await ward.attempt(NOW + HOUR)
    ward.published.value = 2.0
    assert await ward.attempt(NOW + HOUR + DAY) == RepairReport(1, 1, 0, 0)

    await ward.open_again(NOW + 2 * DAY)
    assert await ward.findings() == [("open", 0, None)]
    for pause, number in ((HOUR, 1), (HOUR + DAY, 2), (HOUR + 8 * DAY, 3)):
        moment = NOW + 2 * DAY + pause
        assert await ward.attempt(moment - timedelta(seconds=1)) == RepairReport(0, 0, 0, 0)
        assert await ward.attempt(moment) == RepairReport(1, 0, 1, 0)
        assert (await ward.findings())[0][:2] == ("open" if number < 3 else "confirmed", number)


async def test_answers_of_the_time_before_do_not_confirm_what_opened_again(ward: Ward) -> None:
    await ward.doubt()
    await ward.attempt(NOW + HOUR)
    ward.published.down = True
    await ward.open_again(NOW + HOUR)  # still open: nothing begins anew
    assert (await ward.findings())[0][:2] == ("open", 1)
    await ward.rows("update quality_findings set state = 'repaired' returning 1")

    await ward.open_again(NOW + 2 * DAY)
    for moment in (NOW + 3 * DAY, NOW + 5 * DAY, NOW + 20 * DAY):
        assert await ward.attempt(moment) == RepairReport(1, 0, 0, 1)

    assert await ward.findings() == [("unrepairable", 3, None)]


async def test_a_source_that_flips_its_values_for_ever_is_asked_a_bounded_number_of_times(ward: Ward) -> None:
    number = await ward.doubt()
    await ward.rows(
        f"""
        insert into quality_repairs (
            finding_id, series_id, interval_start, interval_end, attempt, requested_at, outcome, settled_at
        )
        select {number}, series_id, interval_start, interval_end, 1, first_seen, 'corrected', first_seen
        from quality_findings cross join generate_series(2, {MOST_ATTEMPTS})
        returning 1
        """
    )
    ward.published.value = 2.0

    assert await ward.attempt(NOW + HOUR) == RepairReport(1, 1, 0, 0)
    await ward.open_again(NOW + DAY)
    assert await ward.attempt(NOW + 99 * DAY) == RepairReport(0, 0, 0, 0)
    assert await ward.findings() == [("open", 0, None)]


async def test_values_that_changed_are_looked_at_by_the_next_scan_even_if_one_has_seen_them(ward: Ward) -> None:
    await ward.doubt()
    await ward.rows(
        """
        insert into quality_scans (series_id, fingerprint, window_start, window_end, scanned_at)
        select series_id, 'seen', now(), now(), now() from series
        returning 1
        """
    )
    assert await ward.attempt(NOW + HOUR) == RepairReport(1, 0, 1, 0)
    assert await ward.rows("select fingerprint from quality_scans") == [("seen",)]

    ward.published.value = 2.0
    await ward.attempt(NOW + HOUR + DAY)
    assert await ward.rows("select fingerprint from quality_scans") == [("",)]


async def test_the_hourly_job_tells_what_it_did(ward: Ward) -> None:
    await ward.doubt()
    ticket = Ticket("quality_repair", "quality_repair", {}, NOW, RunTrigger.CRON)

    reports = [await NightlyQuality(ward.repairs, FixedClock(NOW + HOUR), timeout=10).repair(ticket) for _ in range(2)]

    assert [one.outcome for one in reports] == [JobOutcome.SUCCEEDED, JobOutcome.NOTHING_DUE]
    assert reports[0].summary.startswith("1 findings asked for again")


async def test_what_a_person_accepted_meanwhile_stays_accepted(ward: Ward) -> None:
    await ward.doubt()
    await ward.repairs.run(NOW + HOUR)
    await ward.rows("update quality_findings set state = 'accepted' returning 1")
    await ward.answered()
    await ward.repairs.settle(NOW + HOUR)

    assert await ward.findings() == [("accepted", 1, None)]
    assert await ward.repairs_kept() == [(1, "repeated", 4, 0)]


async def test_an_attempt_that_a_dead_process_left_is_handed_over_by_the_next(ward: Ward) -> None:
    await ward.doubt()
    await ward.repairs.run(NOW + HOUR)
    await ward.rows("delete from backfills returning 1")

    assert await ward.rows("select backfill_id from quality_repairs") == [(None,)]
    await ward.repairs.run(NOW + HOUR)
    await ward.answered()

    assert [str(one) for one in await ward.repairs.settle(NOW + HOUR)] == ["repeated"]
