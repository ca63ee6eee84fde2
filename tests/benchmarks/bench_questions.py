"""What the schedule of questions finds and costs: python -m tests.benchmarks.bench_questions [--seed 1] [--days 5].

A simulated platform and the pure decisions of the service, 12 items of 6 places, of which `--places` are simulated. Prints
one JSON line for each figure; exit code 1 where one misses its aim. Sixty days of two places take a quarter of an hour.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval
from app.scheduling.cost import cost_of
from app.scheduling.plan import Plan
from app.wiring.catalog import CATALOG
from tests.support.simulated_platform import PublishedSeries, SimulatedService, second

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
AREAS = ("FR", "DE_LU", "NL", "BE", "AT", "ES")
OF_BORDERS = frozenset({DataItem.FLOW_PHYSICAL, DataItem.EXCHANGE_SCHEDULED, DataItem.TRANSFER_CAPACITY_DAY_AHEAD})
ITEMS_ASKED = (
    DataItem.LOAD_ACTUAL, DataItem.LOAD_FORECAST_DAY_AHEAD, DataItem.LOAD_FORECAST_WEEK_AHEAD, DataItem.PRICE_DAY_AHEAD,
    DataItem.GENERATION_ACTUAL, DataItem.GENERATION_FORECAST_DAY_AHEAD, DataItem.WIND_SOLAR_FORECAST_DAY_AHEAD,
    DataItem.WIND_SOLAR_FORECAST_INTRADAY, DataItem.FLOW_PHYSICAL, DataItem.EXCHANGE_SCHEDULED,
    DataItem.IMBALANCE_PRICE, DataItem.IMBALANCE_VOLUME,
)  # fmt: skip


def tell(figure: str, value: float, aim: float, **more: object) -> bool:
    met = bool(value <= aim)
    sys.stdout.write(
        json.dumps({"figure": figure, "value": round(float(value), 3), "aim": aim, "met": met} | more) + "\n"
    )
    sys.stdout.flush()
    return met


def corrected(seed: int, days: int, places: int) -> bool:
    """Some days of every item at the six places, with corrections; and the requests that this costs.

    Places that are not simulated cost what those that are cost on average.
    """
    random = np.random.default_rng(seed)
    stale = old = values = 0
    requests = 0.0
    for item in ITEMS_ASKED:
        for code in AREAS[:places]:
            place = find_place("FR>DE_LU") if item in OF_BORDERS else find_place(code)
            one = PublishedSeries.of(item, place, Interval(START - 30 * DAY, START + (days + 3) * DAY))
            one.correct_at_random(random, Interval(START - 10 * DAY, START + days * DAY), 0.1)
            service = SimulatedService(one, START, tick=30)
            service.run(days)
            now = second(service.now)
            found = service.stale()
            earlier = one.versions(now - 6 * 3600)
            stale += len(found)
            old += int((earlier > service.stored)[found][one.starts[found] < now - 86_400].sum())
            values += int(((one.starts >= second(START)) & (one.versions(now) >= 0)).sum())
            a_day = service.requests_between(START + DAY, START + days * DAY) / (days - 1)
            requests += a_day / 24
    requests *= len(AREAS) / places
    all_borders = cost_of(Plan(AREAS, tuple(item.value for item in ITEMS_ASKED), catalog=CATALOG), START)
    met = tell(f"values stale after {days} days with corrections", stale, 3 * values / 13_284, values=values)
    met &= tell("of them a day old, corrected more than 6 h ago", old, 0)
    met &= tell("requests an hour, 6 places x 12 items", requests, 230)
    met &= tell("requests an hour, every border of the 6 areas", all_borders.total / 24, 230, pairs=all_borders.pairs)
    return met


def republished(seed: int) -> bool:
    random = np.random.default_rng(seed)
    latest, most = 0.0, 0
    for _ in range(4):
        one = PublishedSeries.of(
            DataItem.PRICE_DAY_AHEAD, find_place("FR"), Interval(START - 10 * DAY, START + 5 * DAY)
        )
        moment = START + DAY + timedelta(minutes=float(random.integers(8 * 60 - 60, 16 * 60)))
        units = one.between(START + DAY + timedelta(hours=23), START + 2 * DAY + timedelta(hours=23))
        if moment.hour < 12:
            units = one.between(START + timedelta(hours=23), START + DAY + timedelta(hours=23))
        one.correct(moment, units)
        service = SimulatedService(one, START, tick=5)
        service.run(1.8)
        latest = max(latest, (service.stored_at[units].max() - second(moment)) / 3600)
        most = max(most, service.requests_between(START + DAY, START + 2 * DAY))
    return tell("hours until a republished price is stored", latest, 1) & tell("requests for prices in a day", most, 16)


def late(seed: int) -> bool:
    """Holes that the source fills on day 8, 46 or 400."""
    met = True
    for filled, aim in ((8, 1), (46, 4), (400, 30)):
        moment = START + filled * DAY + timedelta(hours=float(np.random.default_rng(seed).integers(0, 24)))
        one = PublishedSeries.of(
            DataItem.LOAD_ACTUAL, find_place("FR"), Interval(START - 5 * DAY, START + (filled + aim + 1) * DAY)
        )
        hole = one.between(START + timedelta(hours=5), START + timedelta(hours=8))
        one.hole(START + timedelta(hours=5), START + timedelta(hours=8), moment)
        service = SimulatedService(one, START, tick=240 if filled > 100 else 60)
        service.run(filled + aim + 0.9)
        came = service.stored_at[hole].max()
        met &= tell(
            f"days until a hole filled on day {filled} is stored",
            (came - second(moment)) / 86_400 if came else 999,
            aim,
        )
    return met


def history() -> bool:
    one = PublishedSeries.of(DataItem.LOAD_ACTUAL, find_place("FR"), Interval(START - 730 * DAY, START + 3 * DAY))
    over = START + timedelta(hours=7)
    one.empty.append((second(START - DAY), second(over)))
    service = SimulatedService(one, START)
    service.run(7 / 24 + 1)
    lacking = (service.stored < 0) & (one.versions(second(service.now)) >= 0)
    return tell("values of 17,520 missing a day after a wrong no data", int(lacking[: 730 * 24].sum()), 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=5, help="simulated days with corrections")
    parser.add_argument("--places", type=int, default=2, choices=range(1, len(AREAS) + 1))
    options = parser.parse_args()
    seed = options.seed
    found = [corrected(seed, options.days, options.places), republished(seed), late(seed), history()]
    return int(not all(found))


if __name__ == "__main__":
    sys.exit(main())
