"""The client and the stand-in for the platform agree on every data item: parameters, documents, keys, values."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from app.clock import FixedClock
from app.entsoe.items import ITEMS
from app.errors import AccessDenied
from app.market.areas import Border, Place, find_place
from app.market.series import DataItem, SeriesBlock
from app.market.time import Interval, Resolution, midnight
from app.net.client import build_client
from app.sandbox.server import SandboxServer
from app.sandbox.settings import SandboxSettings
from app.settings import EntsoeSettings
from app.sources.entsoe.client import EntsoeClient, secret_headers
from app.sources.entsoe.responses import classify_response
from app.sources.entsoe.source import EntsoeSource
from app.sources.source import Fetched, FetchStatistics

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
PLACES = {item: find_place("FR>DE_LU" if spec.border else "DE_LU") for item, spec in ITEMS.items()}


class Unlimited:
    """A budget that never makes anybody wait."""

    async def acquire(self) -> None:
        await asyncio.sleep(0)

    async def block(self, until: datetime) -> None:
        raise AssertionError(f"nobody should be asked to wait until {until}")


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxServer]:
    async with SandboxServer(SandboxSettings(clock=FixedClock(NOW), hole_share=0.0)) as server:
        yield server


async def fetch(sandbox: SandboxServer, item: DataItem, place: Place, window: Interval, token: str = "") -> Fetched:
    settings = EntsoeSettings(base_url=sandbox.url, token=token or sandbox.token)  # type: ignore[arg-type]  # pydantic converts
    async with build_client(settings, Unlimited(), classify_response, secret_headers=secret_headers(settings)) as http:
        source = EntsoeSource(EntsoeClient(http, str(settings.base_url)))
        return await source.fetch(item, place, window, FetchStatistics())


def days(place: Place, first: str, count: int) -> Interval:
    start = midnight(datetime.fromisoformat(first).date(), place.zone)
    return Interval(start, midnight((datetime.fromisoformat(first) + timedelta(days=count)).date(), place.zone))


def grids(item: DataItem, blocks: Sequence[SeriesBlock]) -> list[tuple[Resolution, list[int]]]:
    """The starts that belong together, cut at the end of the asked day: a volume stands in one direction or the other."""
    end = days(PLACES[item], "2026-01-20", 1).end.timestamp()
    found = [(block.resolution, [start for start in block.starts.tolist() if start < end]) for block in blocks]
    if item is not DataItem.IMBALANCE_VOLUME:
        return found
    return [(found[0][0], [start for _, starts in found for start in starts])]


@pytest.mark.parametrize("item", ITEMS)
async def test_every_item_comes_back_complete_on_its_grid(sandbox: SandboxServer, item: DataItem) -> None:
    spec, place = ITEMS[item], PLACES[item]
    window = days(place, "2026-01-20", 1)
    fetched = await fetch(sandbox, item, place, window)
    assert fetched.rejected == ()
    assert fetched.blocks, f"no data for {item}"
    for block in fetched.blocks:
        assert block.key.area == place.eic
        assert block.resolution in spec.resolutions
        assert np.isfinite(block.values).all()
    for resolution, starts in grids(item, fetched.blocks):
        first = datetime.fromtimestamp(min(starts), UTC)
        assert sorted(starts) == resolution.starts(Interval(first, window.end), place.zone).tolist()
        assert first <= window.start


@pytest.mark.parametrize("item", ITEMS)
async def test_no_two_series_of_an_answer_share_a_key(sandbox: SandboxServer, item: DataItem) -> None:
    place = PLACES[item]
    fetched = await fetch(sandbox, item, place, days(place, "2026-01-20", 1))
    seen = [(block.key, block.resolution, start) for block in fetched.blocks for start in block.starts.tolist()]
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("item", ITEMS)
async def test_the_same_question_gets_the_same_values(sandbox: SandboxServer, item: DataItem) -> None:
    place = PLACES[item]
    window = days(place, "2026-01-20", 1)
    first, second = [await fetch(sandbox, item, place, window) for _ in range(2)]
    assert [block.key for block in first.blocks] == [block.key for block in second.blocks]
    for one, other in zip(first.blocks, second.blocks, strict=True):
        assert one.values.tolist() == other.values.tolist()


@pytest.mark.parametrize(("day", "quarters"), [("2025-03-30", 92), ("2025-10-26", 100), ("2025-06-15", 96)])
async def test_delivery_days_of_23_and_25_hours(sandbox: SandboxServer, day: str, quarters: int) -> None:
    place = find_place("DE_LU")
    fetched = await fetch(sandbox, DataItem.LOAD_ACTUAL, place, days(place, day, 1))
    assert sum(map(len, fetched.blocks)) == quarters


async def test_prices_change_their_unit_inside_one_answer(sandbox: SandboxServer) -> None:
    place = find_place("FR")
    fetched = await fetch(sandbox, DataItem.PRICE_DAY_AHEAD, place, days(place, "2025-09-30", 2))
    counts = {block.resolution.code: len(block) for block in fetched.blocks}
    assert counts == {"PT60M": 24, "PT15M": 96}


async def test_storage_has_two_directions(sandbox: SandboxServer) -> None:
    place = find_place("DE_LU")
    fetched = await fetch(sandbox, DataItem.GENERATION_ACTUAL, place, days(place, "2026-01-20", 1))
    storage = {block.key.direction for block in fetched.blocks if block.key.psr_type == "B10"}
    assert storage == {"generation", "consumption"}


async def test_the_future_of_actual_values_is_not_published(sandbox: SandboxServer) -> None:
    place = find_place("NL")
    fetched = await fetch(
        sandbox, DataItem.LOAD_ACTUAL, place, Interval(NOW - timedelta(hours=6), NOW + timedelta(hours=6))
    )
    latest = max(int(block.starts[-1]) for block in fetched.blocks)
    assert NOW - timedelta(hours=6) < datetime.fromtimestamp(latest, UTC) < NOW


async def test_nothing_to_find_is_an_empty_answer(sandbox: SandboxServer) -> None:
    place = find_place("DE_LU")
    fetched = await fetch(
        sandbox, DataItem.LOAD_ACTUAL, place, Interval(NOW + timedelta(days=5), NOW + timedelta(days=6))
    )
    assert not fetched.blocks


async def test_a_wrong_token_is_refused_with_the_remedy_and_not_repeated(sandbox: SandboxServer) -> None:
    place = find_place("DE_LU")
    with pytest.raises(AccessDenied, match="GRIDKEEPER_ENTSOE__TOKEN") as caught:
        await fetch(sandbox, DataItem.LOAD_ACTUAL, place, days(place, "2026-01-20", 1), token="hunter2")
    assert "hunter2" not in str(caught.value)


async def test_a_border_is_asked_for_in_its_direction(sandbox: SandboxServer) -> None:
    border, back = find_place("FR>DE_LU"), find_place("DE_LU>FR")
    assert isinstance(border, Border)
    window = days(border, "2026-01-20", 1)
    there, again = [await fetch(sandbox, DataItem.FLOW_PHYSICAL, place, window) for place in (border, back)]
    ((one,), (other,)) = (there.blocks, again.blocks)
    assert (one.key.out_area, one.key.in_area) == (border.out_area.eic, border.in_area.eic)
    assert (other.key.out_area, other.key.in_area) == (border.in_area.eic, border.out_area.eic)
    assert not ((one.values > 0) & (other.values > 0)).any()
