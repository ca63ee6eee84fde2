"""Results added up by hour and day are those of the results, however often and in which parts it is done."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from statistics import quantiles

import pytest

from app.clock import SystemClock
from app.probes.rollups.histogram import bucket_of, latency_at
from app.probes.rollups.keeper import RollupKeeper
from app.probes.rollups.repository import RollupLength, RollupRepository
from app.probes.websites.models import WebsiteDraft
from app.probes.websites.repository import WebsiteRepository
from tests.support.store_factory import opened

T0 = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
END = T0 + timedelta(hours=30)
HOUR = timedelta(hours=1)


async def test_what_is_added_up_is_what_was_measured(database_url: str) -> None:
    chance = random.Random(1)
    times = [(T0 + number * timedelta(minutes=5), round(chance.lognormvariate(4, 1), 2)) for number in range(360)]
    reasons = ["ours" if n % 50 == 7 else "timeout" if n % 9 == 4 else "" for n in range(360)]
    async with opened(database_url) as database:
        websites, rows = WebsiteRepository(database), RollupRepository(database)
        await rows.add_up(END)
        found = await websites.add(WebsiteDraft("https://a.example", "A"), T0)
        near = await websites.add(WebsiteDraft("https://b.example", "B", regions=("eu", "us")), T0)
        number = found.website_id
        async with database.transaction() as connection:
            await connection.executemany(
                "insert into website_checks (website_id, at, ok, reason, total_ms) values ($1, $2, $4 = '', $4, $3)",
                [(number, at, ms, reason) for (at, ms), reason in zip(times, reasons, strict=True)],
            )
            await connection.executemany(
                "insert into website_checks (website_id, at, ok, reason, total_ms, region) values ($1, $2, $3 = '', $3, $4, $5)",
                [
                    (near.website_id, T0 + n * HOUR + timedelta(seconds=lag), "timeout" if n == 3 else "", ms, region)
                    for n in range(26)
                    for lag, ms, region in ((0, 20, "eu"), (1, 300, "us"))
                ],
            )
        await rows.add_up(T0 + 5 * HOUR)
        await rows.add_up(END)
        await rows.add_up(END)
        async with database.connection() as connection:
            by_region = await connection.fetch("select * from website_region_days order by start_at, region")
        # The third day has not ended.
        assert [(one["start_at"].day, one["region"], one["good"], one["total_ms"]) for one in by_region] == [
            (1, "eu", 2, 40), (1, "us", 2, 600), (2, "eu", 23, 460), (2, "us", 23, 6900),
        ]  # fmt: skip
        good = [(at, ms) for (at, ms), reason in zip(times, reasons, strict=True) if not reason]
        days = await rows.of(number, RollupLength.DAY, T0 - HOUR * 24, END)
        hours = await rows.of(number, RollupLength.HOUR, T0 - HOUR, END)
        until = END.replace(minute=0)
        complete = [one for one in good if one[0] < until]
        assert sum(one.good for one in hours) == sum(one.good for one in days) == len(complete)
        assert sum(one.ours for one in days) == sum(
            reason == "ours" for (at, _), reason in zip(times, reasons, strict=True) if at < until
        )
        assert (len(hours), [one.start.day for one in days]) == (30, [1, 2, 3])
        assert sum(one.total_ms for one in days) == pytest.approx(sum(ms for _, ms in complete), rel=1e-5)
        assert max(one.longest_ms or 0 for one in days) == pytest.approx(max(ms for _, ms in complete), rel=1e-5)
        for start, end in ((T0 - HOUR, END), (T0 + 3 * HOUR, T0 + 5 * HOUR), (T0.replace(minute=0) + 2 * HOUR, END)):
            first = start if start.minute == 0 else start.replace(minute=0) + HOUR
            within = [ms for at, ms in complete if first <= at < end.replace(minute=0)]
            counts = (await rows.latencies(None, start, end)).get(number, {})
            assert abs(sum(counts.values()) - len(within)) <= 12  # hours count where they begin in the range
        whole = (await rows.latencies([number], T0 - HOUR, END))[number]
        assert whole == Counter(bucket_of(ms) for _, ms in complete)
        assert latency_at(whole, 0.95) == pytest.approx(quantiles([ms for _, ms in complete], n=20)[-1], rel=0.15)
        keeper = RollupKeeper(rows, SystemClock(), lambda: True)
        await keeper.look()
        await websites.delete(number, END)
        await websites.erase_deleted(END)
        assert await keeper.of(number, RollupLength.DAY, T0 - HOUR * 24, END) == []
