"""Without network nothing is held against a website, also where it is the only one; what others show is asked anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.clock import SystemClock
from app.probes.models import CheckFailure, CheckResult
from app.probes.websites import network_watch
from app.probes.websites.network_watch import NetworkWatch

NOW = datetime(2026, 3, 1, tzinfo=UTC)
GOOD, LOST = CheckResult(NOW, None), CheckResult(NOW, CheckFailure.DNS)
SITES = [f"https://{name}.example/" for name in "abcd"]


class Reached:
    """Reaches what it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.there: set[str] = set()
        self.asked: list[str] = []

    async def reach(self, address: str, seconds: float, *, guarded: bool = False) -> bool:
        self.asked.append(address)
        return address in self.there


@pytest.fixture
def routes(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    none = [False]
    monkeypatch.setattr(network_watch, "has_no_route", lambda: none[0])
    return none


async def test_hosts_that_were_well_minutes_ago_are_asked_again(routes: list[bool]) -> None:
    reached = Reached()
    watch = NetworkWatch(reached, SystemClock(), ())
    assert await watch.judged([(url, GOOD) for url in SITES]) == [GOOD] * 4
    reached.there = {SITES[1], SITES[2], SITES[3]}
    assert await watch.judged([(SITES[0], LOST)]) == [LOST]
    assert sorted(reached.asked) == SITES[1:]
    reached.there.clear()
    [found] = await watch.judged([(SITES[0], LOST)])
    assert found.failure is CheckFailure.OURS
    routes[0] = True


async def test_a_website_alone_is_not_down_where_no_interface_leads_anywhere(routes: list[bool]) -> None:
    watch = NetworkWatch(Reached(), SystemClock(), ())
    assert await watch.judged([(SITES[0], LOST)]) == [LOST]
    routes[0] = True
    own = replace(LOST, failure=CheckFailure.TIMEOUT, resolved=("127.0.0.1",))
    found = await watch.judged([(SITES[0], LOST), ("http://localhost/", own)])
    assert [one.failure for one in found] == [CheckFailure.OURS, CheckFailure.TIMEOUT]
