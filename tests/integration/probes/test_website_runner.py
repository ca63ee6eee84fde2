"""The runner on a real database: what is due is checked once, what people change is followed, ours is not theirs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta

from app.clock import SystemClock
from app.db.engine import Database
from app.db.feed.notices import Notices
from app.probes.maintenance.repository import MaintenanceRepository
from app.probes.maintenance.service import MaintenanceService
from app.probes.models import CheckFailure, CheckRequest, CheckResult
from app.probes.sharing.leases import SeveralLeases, ShardLeases
from app.probes.sharing.repository import ShardRepository
from app.probes.websites.models import Website, WebsiteDraft, WebsiteStatus, WindowKind
from app.probes.websites.repository import WebsiteRepository
from app.probes.websites.runner import WebsiteRunner
from app.settings import ProbeSettings
from tests.support.store_factory import opened

CLOCK = SystemClock()


class FakeChecker:
    """Answers with what is set for a host; counts who asks at once."""

    def __init__(self) -> None:
        self.failures: dict[str, CheckFailure | None] = {}
        self.asked: list[str] = []
        self.most_at_once = self._now = 0
        self.reachable = True

    async def check(self, request: CheckRequest) -> CheckResult:
        self.asked.append(request.url)
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        await asyncio.sleep(0.01)
        self._now -= 1
        if request.url.endswith("/crash"):
            raise RuntimeError("broken")
        return CheckResult(CLOCK.now(), self.failures.get(request.url))

    async def reach(self, address: str, seconds: float, *, guarded: bool = False) -> bool:
        return self.reachable

    def close(self) -> None:
        pass


@asynccontextmanager
async def running(
    database: Database,
    checker: FakeChecker,
    *,
    name: str = "one",
    lasts: float = 9,
    region: str = "",
    **settings: object,
) -> AsyncIterator[asyncio.Task[None]]:
    notices, stop = Notices(database), asyncio.Event()
    works = ["websites", f"websites in {region}"] if region else ["websites"]
    leases = SeveralLeases(
        *(
            ShardLeases(ShardRepository(database, work=work), holder=name, lasts=timedelta(seconds=lasts))
            for work in works
        )
    )
    runner = WebsiteRunner(
        WebsiteRepository(database, region=region), leases, checker, notices, CLOCK,
        maintenance=MaintenanceService(MaintenanceRepository(database), CLOCK),
        settings=ProbeSettings.model_validate({**settings, "region": region}),
    )  # fmt: skip
    task = asyncio.create_task(runner.run(stop))
    try:
        yield task
    finally:
        stop.set()
        with suppress(asyncio.CancelledError):
            await task
        await notices.close()


async def holders(database: Database) -> list[int]:
    """How many shards each process holds."""
    async with database.connection() as connection:
        found = await connection.fetch("select count(*) as held from probe_shards where holder <> '' group by holder")
    return [row["held"] for row in found]


async def until(true: Callable[[list[Website]], bool], rows: WebsiteRepository) -> list[Website]:
    with suppress(TimeoutError):
        async with asyncio.timeout(30):
            while not true(await rows.all()):  # noqa: ASYNC110  what changes stands in the database
                await asyncio.sleep(0.05)
    found = await rows.all()
    assert true(found)
    return found


def draft(name: str, path: str = "") -> WebsiteDraft:
    return WebsiteDraft(f"https://{name}.example/{path}", name)


async def test_what_is_due_is_checked_once_and_what_people_change_is_followed(database_url: str) -> None:
    checker = FakeChecker()
    async with opened(database_url) as database:
        rows = WebsiteRepository(database)
        long_ago = CLOCK.now() - timedelta(days=1)
        first = [await rows.add(draft("many", str(number)), long_ago) for number in range(6)]
        crash = await rows.add(draft("other", "crash"), long_ago)
        async with running(database, checker, per_host=2):
            found = await until(lambda found: all(one.state.checked_at for one in found), rows)
            assert checker.most_at_once <= 3
            assert {one.status(CLOCK.now()) for one in found if one.draft.name == "many"} == {WebsiteStatus.UP}
            added = await rows.add(draft("new"), CLOCK.now())
            await until(lambda found: found[-1].state.checked_at is not None, rows)
            checker.failures["https://new.example/"] = CheckFailure.STATUS
            for failures in (1, 2):
                await rows.ask_now(added.website_id, CLOCK.now())
                await until(lambda found, failures=failures: found[-1].state.failures == failures, rows)  # type: ignore[misc]
            paused = await rows.change(first[0].website_id, replace(first[0].draft, enabled=False), CLOCK.now())
        assert [checker.asked.count(one.draft.url) for one in first] == [1] * 6
        assert (await rows.read(added.website_id)).status(CLOCK.now()) is WebsiteStatus.DOWN
        assert len(await rows.windows(added.website_id, WindowKind.DOWN, before=None, limit=9)) == 1
        assert [one.reason for one in await rows.checks(crash.website_id, before=None, limit=1)] == ["ours"]
        assert await rows.read(paused.website_id) == paused


async def test_without_network_nothing_counts(database_url: str) -> None:
    checker = FakeChecker()
    checker.reachable = False
    async with opened(database_url) as database:
        rows = WebsiteRepository(database)
        website = await rows.add(draft("a"), CLOCK.now())
        checker.failures[website.draft.url] = CheckFailure.CONNECT
        async with running(database, checker, references="192.0.2.1:443"):
            await until(lambda found: found[0].state.version > 0, rows)
        assert [one.reason for one in await rows.checks(website.website_id, before=None, limit=9)] == ["ours"]
        found = await rows.read(website.website_id)
        assert (found.state.failures, found.status(CLOCK.now()), found.state.reason) == (
            0,
            WebsiteStatus.UNKNOWN,
            "ours",
        )


async def test_processes_share_the_websites_and_take_over_from_one_that_ends(database_url: str) -> None:
    """None is checked twice while they come and go, and none is lost; one that is gone without a word is missed soon."""
    checker, other = FakeChecker(), FakeChecker()
    async with opened(database_url) as database, opened(database_url) as second:
        rows = WebsiteRepository(database)
        found = [await rows.add(draft(f"a{number}"), CLOCK.now()) for number in range(12)]
        async with running(database, checker, lasts=3) as task:
            await until(lambda found: all(one.state.version == 1 for one in found), rows)
            async with running(second, other, name="two", lasts=3):
                async with asyncio.timeout(30):
                    while await holders(database) != [32, 32]:  # noqa: ASYNC110  what changes stands in the database
                        await asyncio.sleep(0.1)
                for one in found:
                    await rows.ask_now(one.website_id, CLOCK.now())
                await until(lambda found: all(one.state.version == 3 for one in found), rows)
                assert checker.asked
                assert other.asked
                task.cancel()
                for one in found:
                    await rows.ask_now(one.website_id, CLOCK.now())
                await until(lambda found: all(one.state.version == 5 for one in found), rows)
        urls = [one.draft.url for one in found]
        assert {url: (checker.asked + other.asked).count(url) for url in urls} == dict.fromkeys(urls, 3)
        assert set(other.asked) == set(urls)


async def test_a_website_is_down_when_a_quorum_of_its_regions_says_so(database_url: str) -> None:
    """Three processes of three regions; the server is down for one of them, then for two, then for none."""
    async with (
        opened(database_url) as first,
        opened(database_url) as second,
        opened(database_url) as third,
        AsyncExitStack() as stack,
    ):
        rows, checkers = WebsiteRepository(first), {name: FakeChecker() for name in ("eu", "us", "ap")}
        named = replace(draft("shop"), regions=tuple(checkers), successes=1)
        shop = (await rows.add(named, CLOCK.now())).website_id
        common = (await rows.add(draft("common"), CLOCK.now())).website_id
        for (name, checker), database in zip(checkers.items(), (first, second, third), strict=True):
            await stack.enter_async_context(running(database, checker, name=name, region=name))

        async def seen(*statuses: WebsiteStatus) -> None:
            """What the regions say comes to these, after as many checks as they need."""
            with suppress(TimeoutError):
                async with asyncio.timeout(30):
                    while sorted(await said()) != sorted(statuses):
                        await rows.ask_now(shop, CLOCK.now())
                        await asyncio.sleep(0.5)
            assert sorted(await said()) == sorted(statuses)

        async def said() -> list[WebsiteStatus]:
            return [one.status(CLOCK.now()) for one in await rows.regions(shop)]

        up, down = WebsiteStatus.UP, WebsiteStatus.DOWN
        await seen(up, up, up)
        assert (await rows.read(shop)).status(CLOCK.now()) is up
        checkers["eu"].failures[named.url] = CheckFailure.REFUSED
        await seen(down, up, up)
        assert (await rows.read(shop)).status(CLOCK.now()) is up
        assert await rows.windows(shop, WindowKind.DOWN, before=None, limit=9) == []
        checkers["ap"].failures[named.url] = CheckFailure.REFUSED
        await seen(down, down, up)
        await until(lambda found: found[0].state.status is down, rows)
        for name in ("eu", "ap"):
            checkers[name].failures.clear()
        await seen(up, up, up)
        await until(lambda found: found[0].state.status is up, rows)
        [window] = await rows.windows(shop, WindowKind.DOWN, before=None, limit=9)
        assert (window.reason, window.end is not None) == ("refused", True)
        checks = await rows.checks(shop, before=None, limit=100)
        assert {(one.region, one.ok) for one in checks} == {
            ("eu", True),
            ("eu", False),
            ("ap", True),
            ("ap", False),
            ("us", True),
        }
        assert len(await rows.checks(common, before=None, limit=9)) == 1, "no region of its own: one process checks it"
        await rows.change(shop, replace(named, regions=("us",)), CLOCK.now())
        assert [one.region for one in await rows.regions(shop)] == ["us"]
        await rows.delete(shop, CLOCK.now())
        assert await rows.regions(shop) == []
