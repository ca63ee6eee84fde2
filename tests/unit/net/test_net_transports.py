from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from app.clock import FixedClock
from app.errors import (
    AccessDenied,
    AnswerTooSlow,
    DatabaseUnavailable,
    RateLimited,
    RequestTooLarge,
    SourceError,
    SourceUnavailable,
)
from app.net.breaker import PATIENCE, THRESHOLD, Breaker, ServerDown
from app.net.responses import HttpResponse
from app.net.transports import (
    LONGEST_BACKOFF,
    METER,
    AnswerTransport,
    BreakerTransport,
    BudgetTransport,
    RetryTransport,
    full_jitter,
)
from app.sources.source import FetchStatistics
from tests.support.http_fakes import DOCUMENT, NOW, OpenBudget, PassingTime, ScriptedWire, calling

OK = httpx.Response(200, content=DOCUMENT)
DOWN = httpx.Response(503, content=b"<html><body>Scheduled maintenance</body></html>")
BANNED = httpx.Response(429, content=b"The platform will respond again at 2026-05-07 12:44:00 UTC.")


class Failing(httpx.AsyncBaseTransport):
    """Raises what it is given, one after the other, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.attempts = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.attempts += 1
        await asyncio.sleep(0)
        if self._errors:
            raise self._errors.pop(0)
        return httpx.Response(200, content=DOCUMENT)


def request() -> httpx.Request:
    return httpx.Request("GET", "http://platform.example/api")


async def test_an_answer_after_failures_is_as_good_as_the_first() -> None:
    async with calling(ScriptedWire(DOWN, httpx.ReadError("gone"), OK)) as caller:
        assert (await caller.get()).content == DOCUMENT
        assert caller.budget.acquired == 3


async def test_a_window_is_given_up_after_six_attempts_and_says_so() -> None:
    async with calling(wire := ScriptedWire(DOWN)) as caller:
        with pytest.raises(SourceUnavailable, match=r"HTTP 503: Scheduled maintenance \(given up after 6 attempts\)"):
            await caller.get()
    assert len(wire.requests) == 6
    assert len(caller.time.slept) == 5


async def test_the_number_of_attempts_is_a_setting() -> None:
    async with calling(wire := ScriptedWire(DOWN), attempts=8) as caller:
        with pytest.raises(SourceUnavailable, match="after 8 attempts"):
            await caller.get()
    assert len(wire.requests) == 8


@pytest.mark.parametrize(("allowed", "attempts"), [(2, 2), (1, 1), (0, 6)])
async def test_a_request_is_given_up_after_as_many_time_outs_as_its_caller_allows(allowed: int, attempts: int) -> None:
    meter = FetchStatistics(time_outs=allowed)
    async with calling(wire := ScriptedWire(httpx.ReadTimeout("slow"))) as caller:
        with pytest.raises(SourceUnavailable) as caught:
            await caller.http.get(caller.url, extensions={METER: meter})
    assert len(wire.requests) == attempts
    assert isinstance(caught.value, AnswerTooSlow) is bool(allowed)


async def test_the_wait_doubles_up_to_a_minute() -> None:
    clock = FixedClock(NOW)
    sleep = PassingTime(clock)
    failing = Failing(*[SourceUnavailable("down")] * 9)
    retry = RetryTransport(failing, attempts=10, backoff=1.0, sleep=sleep, jitter=lambda longest: longest)
    await retry.handle_async_request(request())
    assert sleep.slept == [1, 2, 4, 8, 16, 32, LONGEST_BACKOFF, LONGEST_BACKOFF, LONGEST_BACKOFF]


def test_jitter_takes_any_time_up_to_the_longest() -> None:
    assert all(0 <= full_jitter(3.0) <= 3.0 for _ in range(100))


@pytest.mark.parametrize("error", [AccessDenied("no"), RequestTooLarge("half"), DatabaseUnavailable("gone")])
async def test_a_final_error_is_not_repeated(error: Exception) -> None:
    failing = Failing(error)
    with pytest.raises(type(error)):
        await RetryTransport(failing, attempts=6, backoff=1.0).handle_async_request(request())
    assert failing.attempts == 1


async def test_what_the_breaker_refuses_is_not_repeated() -> None:
    failing = Failing(ServerDown("not answered since 12:34"))
    with pytest.raises(SourceUnavailable, match="since 12:34") as caught:
        await RetryTransport(failing, attempts=6, backoff=1.0).handle_async_request(request())
    assert type(caught.value) is SourceUnavailable
    assert failing.attempts == 1


async def test_a_ban_blocks_everybody_until_the_time_it_names_and_is_no_attempt() -> None:
    async with calling(wire := ScriptedWire(BANNED, BANNED, *[DOWN] * 5, OK)) as caller:
        assert (await caller.get()).status_code == 200
    assert len(wire.requests) == 8
    until = datetime(2026, 5, 7, 12, 44, 1, tzinfo=UTC)
    assert caller.budget.blocks == [until, until]
    assert [text for text in caller.said if "everybody waits until 12:44:01 UTC" in text] == caller.said
    assert len(caller.said) == 1


async def test_a_request_that_is_banned_again_and_again_is_given_up_with_the_time() -> None:
    async with calling(wire := ScriptedWire(BANNED)) as caller:
        with pytest.raises(RateLimited) as caught:
            await caller.get()
    assert caught.value.until == datetime(2026, 5, 7, 12, 44, 1, tzinfo=UTC)
    assert len(wire.requests) == 4


async def test_what_a_request_cost_is_counted_over_all_attempts() -> None:
    statistics = FetchStatistics()
    async with calling(ScriptedWire(DOWN, BANNED, httpx.ReadError("gone"), OK)) as caller:
        await caller.http.get(caller.url, extensions={METER: statistics})
    assert (statistics.requests, statistics.retries) == (4, 3)
    assert statistics.bytes == len(DOWN.content) + len(BANNED.content) + len(DOCUMENT)
    assert statistics.api_seconds > 0


async def test_a_failed_request_is_accounted_for_too() -> None:
    statistics = FetchStatistics()
    async with calling(ScriptedWire(httpx.ReadError("gone"))) as caller:
        with pytest.raises(SourceUnavailable):
            await caller.http.get(caller.url, extensions={METER: statistics})
    assert (statistics.requests, statistics.retries, statistics.bytes) == (6, 5, 0)


async def test_never_more_requests_are_under_way_than_slots_and_they_pay_only_inside() -> None:
    under_way: list[int] = []

    class Counting(httpx.AsyncBaseTransport):
        now = 0

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            self.now += 1
            under_way.append(self.now)
            assert budget.acquired <= len(under_way) + 2
            await asyncio.sleep(0)
            self.now -= 1
            return httpx.Response(200)

    budget = OpenBudget()
    transport = BudgetTransport(Counting(), budget, concurrency=3, on_wait=print)
    await asyncio.gather(*(transport.handle_async_request(request()) for _ in range(20)))
    assert max(under_way) == 3
    assert budget.acquired == 20


class Guarded:
    """A breaker over a scripted server."""

    def __init__(self, *errors: Exception) -> None:
        self.clock = FixedClock(NOW)
        self.time = PassingTime(self.clock)
        self.said: list[str] = []
        self.server = Failing(*errors)
        breaker = Breaker(pause=timedelta(seconds=2))
        self.transport = BreakerTransport(self.server, breaker, self.clock, sleep=self.time, on_wait=self.said.append)

    async def ask(self) -> str:
        try:
            await self.transport.handle_async_request(request())
        except SourceError as error:
            return type(error).__name__
        return "ok"

    async def ask_at_once(self, count: int) -> list[str]:
        return await asyncio.gather(*(self.ask() for _ in range(count)))


def down(times: int) -> list[Exception]:
    return [SourceUnavailable("down") for _ in range(times)]


async def test_while_it_is_open_one_probe_goes_out_and_all_share_its_failure() -> None:
    guarded = Guarded(*down(THRESHOLD + 1))
    await guarded.ask_at_once(THRESHOLD)
    assert await guarded.ask_at_once(10) == ["SourceUnavailable"] * 10
    assert guarded.server.attempts == THRESHOLD + 1
    assert guarded.time.slept == [2.0]
    assert guarded.said == ["platform.example has not answered since 2026-05-07 12:34 UTC (down); next try in 2 s"]


async def test_when_the_probe_succeeds_all_who_waited_go_out() -> None:
    guarded = Guarded(*down(THRESHOLD))
    await guarded.ask_at_once(THRESHOLD)
    assert await guarded.ask_at_once(10) == ["ok"] * 10
    assert guarded.server.attempts == THRESHOLD + 10
    assert not guarded.transport.state.open


async def test_after_six_failed_probes_everything_fails_at_once_until_a_later_probe_succeeds() -> None:
    guarded = Guarded(*down(THRESHOLD + PATIENCE))
    await guarded.ask_at_once(THRESHOLD)
    for _ in range(PATIENCE):
        assert await guarded.ask_at_once(3) == ["SourceUnavailable"] * 3
    assert await guarded.ask_at_once(5) == ["ServerDown"] * 5
    assert guarded.server.attempts == THRESHOLD + PATIENCE
    with pytest.raises(ServerDown, match="has not answered since 2026-05-07 12:34 UTC"):
        await guarded.transport.handle_async_request(request())
    guarded.clock.set(guarded.clock.now() + timedelta(minutes=5))
    assert await guarded.ask_at_once(5) == ["ok"] * 5


@pytest.mark.parametrize("error", [AccessDenied("no"), RequestTooLarge("half"), RateLimited("wait", NOW)])
async def test_a_server_that_says_no_is_not_down(error: SourceError) -> None:
    guarded = Guarded(*down(THRESHOLD - 1), error, *down(THRESHOLD - 1))
    for _ in range(2 * THRESHOLD - 1):
        await guarded.ask()
    assert not guarded.transport.state.open


async def test_a_probe_that_is_rate_limited_closes_the_breaker_for_all_who_wait() -> None:
    guarded = Guarded(*down(THRESHOLD), RateLimited("wait", NOW))
    await guarded.ask_at_once(THRESHOLD)
    assert await guarded.ask_at_once(3) == ["RateLimited", "ok", "ok"]


async def test_when_the_one_who_probes_is_cancelled_another_takes_over() -> None:
    guarded = Guarded(*down(THRESHOLD))
    await guarded.ask_at_once(THRESHOLD)
    leader = asyncio.create_task(guarded.ask())
    await asyncio.sleep(0)
    followers = [asyncio.create_task(guarded.ask()) for _ in range(3)]
    await asyncio.sleep(0)
    leader.cancel()
    assert await asyncio.gather(*followers) == ["ok"] * 3


async def test_a_lost_budget_says_nothing_about_the_server() -> None:
    guarded = Guarded(*[DatabaseUnavailable("gone")] * (THRESHOLD + 1))
    for _ in range(THRESHOLD + 1):
        with pytest.raises(DatabaseUnavailable):
            await guarded.transport.handle_async_request(request())
    assert not guarded.transport.state.open


async def test_a_dead_platform_costs_few_requests_and_every_window_is_given_up() -> None:
    async with calling(wire := ScriptedWire(DOWN), concurrency=8) as caller:
        outcomes = await asyncio.gather(*(caller.get() for _ in range(40)), return_exceptions=True)
    assert all(isinstance(outcome, SourceUnavailable) for outcome in outcomes)
    assert len(wire.requests) < 40 * 6 / 2


async def test_every_second_answer_failing_does_not_open_the_breaker() -> None:
    async with calling(ScriptedWire(*[DOWN, OK] * 60), attempts=20) as caller:
        await asyncio.gather(*(caller.get() for _ in range(40)))
    assert caller.said == []


async def test_an_answer_is_judged_by_status_and_body() -> None:
    seen: list[HttpResponse] = []

    def remember(answer: HttpResponse, now: datetime) -> SourceError | None:
        seen.append(answer)
        assert now == NOW
        return None

    wire = ScriptedWire(httpx.Response(418, headers={"Retry-After": "3"}, content=b"tea"))
    transport = AnswerTransport(wire, remember, FixedClock(NOW), secret_headers={}, max_answer_bytes=100, deadline=5.0)
    response = await transport.handle_async_request(request())
    assert (response.status_code, response.content) == (418, b"tea")
    assert (seen[0].status, seen[0].headers["retry-after"], seen[0].body) == (418, "3", b"tea")
