"""What the synthetic system looks like: size, place, plants and market time units of each area.

The figures are rough orders of magnitude; areas that are not listed get theirs from their code.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.market.areas import Area, Border, Place
from app.market.series import DataItem
from app.market.time import Interval, Resolution
from app.sandbox.noise import fraction

_PEAKS = {
    "AT": 11_000, "BE": 13_500, "BG": 7_500, "CH": 10_500, "CZ": 11_500, "DE": 80_000, "DE_50HZ": 15_000,
    "DE_AMPRION": 27_000, "DE_AT_LU": 90_000, "DE_LU": 81_000, "DE_TENNET": 25_000, "DE_TRANSNET": 13_000,
    "DK": 6_500, "DK_1": 4_000, "DK_2": 2_500, "EE": 1_600, "ES": 40_000, "FI": 14_500, "FR": 88_000, "GB": 58_000,
    "GR": 9_500, "HR": 3_200, "HU": 7_000, "IE": 5_500, "IE_SEM": 7_000, "IT": 55_000, "IT_NORD": 31_000, "LT": 2_000,
    "LU": 1_000, "LV": 1_300, "NL": 19_000, "NO": 24_000, "PL": 27_000, "PT": 9_500, "RO": 9_500, "RS": 7_000,
    "SE": 26_000, "SE_3": 16_000, "SI": 2_300, "SK": 4_600, "UA": 22_000,
}  # fmt: skip

# Latitude and longitude in degrees of the middle of each time zone's area.
_PLACES = {
    "Europe/Berlin": (51, 10), "Europe/Paris": (47, 2), "Europe/Amsterdam": (52, 5), "Europe/Brussels": (51, 4),
    "Europe/Vienna": (47, 14), "Europe/Madrid": (40, -4), "Europe/Lisbon": (39, -8), "Europe/Rome": (43, 12),
    "Europe/Athens": (39, 22), "Europe/Sofia": (43, 25), "Europe/Bucharest": (46, 25), "Europe/Helsinki": (63, 26),
    "Europe/Stockholm": (61, 16), "Europe/Oslo": (61, 9), "Europe/Copenhagen": (56, 10), "Europe/Warsaw": (52, 19),
    "Europe/Prague": (50, 15), "Europe/Budapest": (47, 19), "Europe/London": (53, -1), "Europe/Dublin": (53, -8),
    "Europe/Tallinn": (59, 25), "Europe/Riga": (57, 25), "Europe/Vilnius": (55, 24), "Europe/Kyiv": (49, 31),
    "Europe/Istanbul": (39, 35), "Asia/Nicosia": (35, 33), "Asia/Tbilisi": (42, 44), "Europe/Moscow": (56, 38),
}  # fmt: skip

# Installed capacity by production type as a share of the peak load.
_MIX = "B01:.04 B04:.3 B05:.12 B06:.03 B10:.06 B11:.08 B12:.08 B15:.01 B16:.3 B17:.02 B19:.2 B20:.02"
_MIXES = {
    "DE": "B01:.11 B02:.22 B04:.4 B05:.22 B06:.05 B09:.001 B10:.12 B11:.05 B12:.02 B14:.1 B15:.006 B16:1.1 B17:.02 "
    "B18:.11 B19:.77 B20:.02",
    "FR": "B01:.01 B04:.14 B05:.02 B06:.03 B10:.06 B11:.12 B12:.1 B14:.7 B16:.25 B17:.01 B18:.02 B19:.25",
    "NL": "B01:.03 B04:.85 B05:.2 B14:.025 B16:1.2 B17:.04 B18:.25 B19:.33 B20:.05",
    "BE": "B01:.05 B04:.5 B06:.01 B10:.1 B11:.01 B14:.3 B16:.6 B17:.02 B18:.17 B19:.23 B20:.05",
    "NO": "B04:.01 B10:.05 B11:.2 B12:1.1 B19:.2 B20:.01",
    "SE": "B04:.03 B11:.1 B12:.55 B14:.27 B16:.1 B17:.02 B18:.01 B19:.5 B20:.06",
    "DK": "B01:.25 B04:.2 B05:.3 B06:.1 B16:.5 B17:.05 B18:.4 B19:.8",
}  # fmt: skip

_QUARTER_HOUR = {"AT", "BE", "DE", "HU", "LU", "NL"}
_HALF_HOUR = {"GB", "IE", "NIE", "UK"}
_COUPLED = {
    "AT", "BE", "BG", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IT", "LT", "LV", "NL", "NO", "PL",
    "PT", "RO", "SE", "SI", "SK",
}  # fmt: skip
_BALANCING = {DataItem.IMBALANCE_PRICE, DataItem.IMBALANCE_VOLUME}
_HOURLY = {
    DataItem.GENERATION_PER_UNIT,
    DataItem.GENERATION_FORECAST_DAY_AHEAD,
    DataItem.TRANSFER_CAPACITY_DAY_AHEAD,
}
_LOADS = {DataItem.LOAD_ACTUAL, DataItem.LOAD_FORECAST_DAY_AHEAD}

QUARTER_HOUR_AUCTION = datetime(2025, 9, 30, 22, 0, tzinfo=UTC)
"""Start of delivery day 2025-10-01, from which the single day-ahead coupling trades quarter-hours."""
FRENCH_QUARTER_HOURS = datetime(2024, 12, 31, 0, 0, tzinfo=UTC)
"""From here on the French load is published per quarter-hour."""


def country(area: Area) -> str:
    """The first part of the area's code: DE of DE_LU."""
    return area.code.partition("_")[0]


def peak_load(area: Area) -> float:
    """The yearly peak in MW."""
    return float(_PEAKS.get(area.code) or 800 + 11_000 * fraction("peak", area.eic) ** 2)


SMALLEST_CAPACITY = 25.0


@lru_cache(maxsize=256)
def capacities(area: Area) -> dict[str, float]:
    """Installed capacity in MW by production type, without those of which whole MW would show nothing."""
    mix = _MIXES.get(area.code) or _MIXES.get(country(area), _MIX)
    shares = (part.split(":") for part in mix.split())
    sizes = {psr: float(round(float(share) * peak_load(area))) for psr, share in shares}
    return {psr: size for psr, size in sizes.items() if size >= SMALLEST_CAPACITY}


def decimals(area: Area) -> int:
    """How many decimals an area publishes: some write integers."""
    return 2 if area.code in _PEAKS and area.code not in {"FR", "CZ", "PL", "ES"} else 0


def resolution_segments(
    item: DataItem, place: Place, resolutions: tuple[Resolution, ...], interval: Interval
) -> list[tuple[Interval, Resolution]]:
    """The interval cut where the market time unit of the series changes."""
    if resolutions[0].is_calendar:
        return [(interval, resolutions[0])]
    before, change, after = _history(item, place)
    if change is None or interval.end <= change:
        return [(interval, before)]
    if interval.start >= change:
        return [(interval, after)]
    return [(Interval(interval.start, change), before), (Interval(change, interval.end), after)]


def _history(item: DataItem, place: Place) -> tuple[Resolution, datetime | None, Resolution]:
    """The unit before, the instant of its change and the unit after."""
    if isinstance(place, Border):
        units = [_unit(item, area) for area in (place.out_area, place.in_area)]
        quarter = item not in _HOURLY and units == [Resolution.PT15M] * 2
        unit = Resolution.PT15M if quarter else Resolution.PT60M
    else:
        unit = _unit(item, place)
        if item is DataItem.PRICE_DAY_AHEAD:
            coupled = country(place) in _COUPLED
            return Resolution.PT60M, QUARTER_HOUR_AUCTION if coupled else None, Resolution.PT15M
        if item in _LOADS and place.code == "FR":
            return Resolution.PT60M, FRENCH_QUARTER_HOURS, Resolution.PT15M
    return unit, None, unit


def _unit(item: DataItem, area: Area) -> Resolution:
    if item in _HOURLY:
        return Resolution.PT60M
    if country(area) in _HALF_HOUR:
        return Resolution.PT30M
    quarter = country(area) in _QUARTER_HOUR or item in _BALANCING
    return Resolution.PT15M if quarter else Resolution.PT60M


@lru_cache(maxsize=65_536)
def _offset(zone: ZoneInfo, day: int) -> int:
    offset = datetime.fromtimestamp(day * 86_400 + 43_200, zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def local_seconds(starts: NDArray[np.int64], zone: ZoneInfo) -> NDArray[np.int64]:
    """Local wall time as seconds; exact but for the hours of a clock change."""
    days, inverse = np.unique(starts // 86_400, return_inverse=True)
    return starts + np.array([_offset(zone, int(day)) for day in days], dtype=np.int64)[inverse]


def sun(starts: NDArray[np.int64], zone: ZoneInfo) -> NDArray[np.float64]:
    """The sine of the sun's height over the area, 0 at night."""
    latitude, longitude = np.radians(_PLACES.get(zone.key, (50, 10)))
    season = 2 * np.pi * (starts / 86_400 / 365.2425)
    declination = np.radians(-23.44) * np.cos(season + 0.172)
    hour_angle = 2 * np.pi * ((starts % 86_400) / 86_400 - 0.5) + longitude
    height = np.sin(latitude) * np.sin(declination)
    height = height + np.cos(latitude) * np.cos(declination) * np.cos(hour_angle)
    return np.asarray(np.maximum(0.0, height), dtype=np.float64)
