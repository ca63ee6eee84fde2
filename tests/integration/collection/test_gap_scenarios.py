"""What is said of missing values at successive times, collected from the sandbox through client, parser and PostgreSQL.

A line of `Look.found` is an interval, the reason and the number of missing units. The load of an hour is due an hour
after its end and comes up to 26 minutes before that.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.market.series import DataItem
from tests.support.sandbox_scenarios import OFF, Look, Scenario, hole, staged

EVER = "2000-01-01 2100-01-01"
FAILURES = {
    "the platform is away": OFF,
    "every answer is a 503": {"rate_503": 1.0},
    "every connection is dropped": {"rate_drop": 1.0},
    "every answer is a page": {"rate_html": 1.0},
    "every answer is cut off": {"rate_truncate": 1.0},
    "the token is refused": {"token": "another-token"},
}


def failing() -> Iterator[Scenario]:
    """Whatever way a question fails, what is due is ours until an answer comes, also what becomes due meanwhile."""
    for name, platform in FAILURES.items():
        day = "02T00:00 03T00:00"
        yield Scenario(
            name,
            day,
            (
                Look("02T12:30", ["02T11:00 03T00:00 not_due 13"], ask=day),
                Look("02T18:30", ["02T11:00 02T17:00 ours 6", "02T17:00 03T00:00 not_due 7"], ask=day, platform=platform),
                Look("02T20:30", ["02T11:00 02T19:00 ours 8", "02T19:00 03T00:00 not_due 5"]),
                Look("02T21:30", ["02T20:00 03T00:00 not_due 4"], ask=day),
            ),
        )  # fmt: skip


NEVER_ASKED = (
    Scenario(
        "what was never asked for is ours, piece by piece less",
        "01T00:00 05T00:00",
        (
            Look("10T00:00", ["01T00:00 05T00:00 ours 96"]),
            Look("10T00:10", ["02T00:00 05T00:00 ours 72"], ask="01T00:00 02T00:00"),
            Look("10T00:20", ["02T00:00 04T00:00 ours 48"], ask="04T00:00 05T00:00"),
            Look("10T00:30", [], ask="02T00:00 04T00:00"),
        ),
    ),
    Scenario(
        "an area without data is late, then missing at the source, in its longest resolution",
        "01T00:00 02T00:00",
        (
            Look("01T06:00", ["01T00:00 01T05:00 ours 5", "01T05:00 02T00:00 not_due 19"]),
            Look("01T06:10", ["01T00:00 01T05:00 late 5", "01T05:00 02T00:00 not_due 19"], ask="01T00:00 02T00:00"),
            Look(
                "02T06:00",
                ["01T00:00 01T05:00 missing_at_source 5", "01T05:00 02T00:00 late 19"],
                ask="01T00:00 02T00:00",
                times=2,
            ),
            Look("20T00:00", ["01T00:00 02T00:00 missing_at_source 24"], ask="01T00:00 02T00:00"),
        ),
        holes=(hole(EVER),),
    ),
    Scenario(
        "an area that begins is expected from its first day on",
        "29T00:00 2018-10-02T22:00",
        (
            Look("2018-10-02T00:00", ["30T22:00 2018-10-01T23:00 ours 25", "2018-10-01T23:00 2018-10-02T22:00 not_due 23"]),
            Look("2018-10-03T00:00", [], ask="30T22:00 2018-10-02T22:00"),
            Look("2018-11-01T00:00", []),
        ),
        places=("DE_LU",),
        month="2018-09",
    ),
)  # fmt: skip

PUBLICATION = (
    Scenario(
        "what is not published yet becomes due hour by hour",
        "02T00:00 03T00:00",
        (
            Look("02T12:30", ["02T11:00 03T00:00 not_due 13"], ask="02T00:00 03T00:00"),
            Look("02T13:00", ["02T11:00 02T12:00 late 1", "02T12:00 03T00:00 not_due 12"]),
            Look("02T13:30", ["02T12:00 03T00:00 not_due 12"], ask="02T00:00 03T00:00"),
            Look("03T01:00", [], ask="02T00:00 03T00:00"),
        ),
    ),
    Scenario(
        "a day that is published half a day late",
        "04T00:00 06T00:00",
        (
            Look("05T12:30", ["05T00:00 05T11:00 late 11", "05T11:00 06T00:00 not_due 13"], ask="04T00:00 06T00:00"),
            Look("06T00:30", ["05T00:00 05T23:00 late 23", "05T23:00 06T00:00 not_due 1"], ask="04T00:00 06T00:00"),
            Look(
                "06T11:30",
                ["05T00:00 05T11:00 missing_at_source 11", "05T11:00 06T00:00 late 13"],
                ask="04T00:00 06T00:00",
            ),
            Look("06T12:30", [], ask="04T00:00 06T00:00"),
        ),
        holes=(hole("05T00:00 06T00:00", until="06T12:00"),),
    ),
    Scenario(
        "prices are due at 12:45 UTC in winter, and an auction that is late is asked for until it is there",
        "05T23:00 06T23:00",
        (
            Look("05T11:00", ["05T23:00 06T23:00 not_due 24"], ask="04T23:00 06T23:00"),
            Look("05T12:44", ["05T23:00 06T23:00 not_due 24"]),
            Look("05T12:45", ["05T23:00 06T23:00 late 24"]),
            Look("05T13:30", ["05T23:00 06T23:00 missing_at_source 24"], ask="05T23:00 06T23:00", times=3),
            Look("05T14:30", [], ask="05T23:00 06T23:00"),
        ),
        holes=(hole("05T23:00 06T23:00", item=DataItem.PRICE_DAY_AHEAD, until="05T14:00"),),
        item=DataItem.PRICE_DAY_AHEAD,
    ),
    Scenario(
        "prices of an auction in time are never late",
        "05T23:00 06T23:00",
        (
            Look("05T11:56", ["05T23:00 06T23:00 not_due 24"], ask="04T23:00 06T23:00"),
            Look("05T11:57", [], ask="05T23:00 06T23:00"),
            Look("05T12:45", []),
        ),
        item=DataItem.PRICE_DAY_AHEAD,
    ),
    Scenario(
        "a forecast of the load is due at ten in Brussels on the day before",
        "04T23:00 05T23:00",
        (
            Look("04T07:00", ["04T23:00 05T23:00 not_due 24"], ask="04T23:00 05T23:00"),
            Look("04T09:00", ["04T23:00 05T23:00 late 24"]),
            Look("04T09:30", [], ask="04T23:00 05T23:00"),
        ),
        item=DataItem.LOAD_FORECAST_DAY_AHEAD,
    ),
    Scenario(
        "one production type of a forecast comes a day late",
        "04T23:00 05T23:00",
        (
            Look("04T12:00", [f"{psr} 04T23:00 05T23:00 not_due 24" for psr in ("B16", "B18", "B19")], ask="03T23:00 05T23:00"),
            Look("04T17:30", ["B18 04T23:00 05T23:00 late 24"], ask="03T23:00 05T23:00"),
            Look("05T12:00", ["B18 04T23:00 05T23:00 missing_at_source 24"], ask="03T23:00 05T23:00", times=2),
            Look("06T00:30", [], ask="03T23:00 05T23:00"),
        ),
        holes=(
            hole("04T23:00 05T23:00", item=DataItem.WIND_SOLAR_FORECAST_DAY_AHEAD, psr_type="B18", until="06T00:00"),
        ),
        item=DataItem.WIND_SOLAR_FORECAST_DAY_AHEAD,
        telling="psr_type",
    ),
)  # fmt: skip

HOLES = (
    Scenario(
        "a hole in the middle that the source never fills",
        "01T00:00 01T12:00",
        (
            Look("01T11:30", ["01T10:00 01T12:00 not_due 2"], ask="01T00:00 01T12:00"),
            Look("01T12:00", ["01T10:00 01T11:00 late 1", "01T11:00 01T12:00 not_due 1"]),
            Look("01T13:00", ["01T10:00 01T12:00 late 2"], ask="01T00:00 01T12:00", times=2),
            Look(
                "01T13:30",
                ["01T10:00 01T11:00 missing_at_source 1", "01T11:00 01T12:00 late 1"],
                ask="01T00:00 01T12:00",
            ),
            Look("01T14:00", ["01T10:00 01T12:00 missing_at_source 2"], ask="01T00:00 01T12:00"),
            Look("2024-04-01T00:00", ["01T10:00 01T12:00 missing_at_source 2"]),
        ),
        holes=(hole("01T10:00 01T12:00"),),
    ),
    Scenario(
        "a hole that the source fills after days",
        "01T00:00 01T12:00",
        (
            Look("01T14:00", ["01T10:00 01T12:00 late 2"], ask="01T00:00 01T12:00"),
            Look("02T00:00", ["01T10:00 01T12:00 missing_at_source 2"], ask="01T00:00 01T12:00", times=2),
            Look("04T00:30", [], ask="01T00:00 01T12:00"),
        ),
        holes=(hole("01T10:00 01T12:00", until="04T00:00"),),
    ),
    Scenario(
        "a hole that was asked for too seldom is late however old it is, and no single answer settles it",
        "01T00:00 01T12:00",
        (
            Look("01T14:00", ["01T10:00 01T12:00 late 2"], ask="01T00:00 01T12:00"),
            Look("10T00:00", ["01T10:00 01T12:00 late 2"]),
            Look("10T00:30", ["01T10:00 01T12:00 late 2"], ask="01T00:00 01T12:00"),
            Look("10T01:00", ["01T10:00 01T12:00 missing_at_source 2"], ask="01T00:00 01T12:00"),
            Look("20T00:30", [], ask="01T00:00 01T12:00"),
        ),
        holes=(hole("01T10:00 01T12:00", until="20T00:00"),),
    ),
    Scenario(
        "points that cannot be read are ours until they can",
        "01T00:00 01T12:00",
        (
            Look("01T14:00", ["01T10:00 01T12:00 ours 2"], ask="01T00:00 01T12:00"),
            Look("02T00:00", ["01T10:00 01T12:00 ours 2"], ask="01T00:00 01T12:00", times=3),
            Look("03T00:30", [], ask="01T00:00 01T12:00"),
        ),
        holes=(hole("01T10:00 01T12:00", until="03T00:00", garbled=True),),
    ),
    Scenario(
        "values that the source withdraws and gives again",
        "02T00:00 03T00:00",
        (
            Look("03T02:00", [], ask="02T00:00 03T00:00"),
            Look("04T00:30", ["02T05:00 02T07:00 late 2"], ask="02T00:00 03T00:00"),
            Look("05T00:00", ["02T05:00 02T07:00 missing_at_source 2"], ask="02T00:00 03T00:00"),
            Look("06T00:30", [], ask="02T00:00 03T00:00"),
        ),
        holes=(hole("02T05:00 02T07:00", since="04T00:00", until="06T00:00"),),
    ),
    Scenario(
        "values that the source corrects are never a gap, beside a hole that stays one",
        "02T00:00 03T00:00",
        (
            Look("03T02:00", ["02T05:00 02T07:00 late 2"], ask="02T00:00 03T00:00"),
            Look("08T00:00", ["02T05:00 02T07:00 late 2"], ask="02T00:00 03T00:00"),
            Look("20T00:00", ["02T05:00 02T07:00 missing_at_source 2"], ask="02T00:00 03T00:00"),
        ),
        holes=(hole("02T05:00 02T07:00"),),
        corrects=True,
    ),
)

LIVES = (
    Scenario(
        "before a series starts, what the source lacks is asked for until several answers have settled it",
        "01T00:00 15T00:00",
        (
            Look(
                "06T00:30",
                ["01T00:00 05T00:00 ours 96", "05T00:00 05T23:00 late 23", "05T23:00 15T00:00 not_due 217"],
                ask="05T00:00 06T00:00",
            ),
            Look(
                "10T06:30",
                ["10T05:00 15T00:00 not_due 115", "01T00:00 05T00:00 ours 96", "05T00:00 09T23:00 late 119"],
                ask="05T00:00 15T00:00",
            ),
            Look(
                "20T00:00",
                ["01T00:00 05T00:00 ours 96", "05T00:00 09T23:00 missing_at_source 119"],
                ask="05T00:00 15T00:00",
                times=2,
            ),
            Look(
                "20T00:30",
                ["01T00:00 05T00:00 late 96", "05T00:00 09T23:00 missing_at_source 119"],
                ask="01T00:00 05T00:00",
            ),
        ),
        holes=(hole("2000-01-01 2024-03-09T23:00"),),
    ),
    Scenario(
        "a production type that ends is missed until the others have gone on for long",
        "09T23:00 12T23:00",
        (
            Look("13T12:00", ["B18 10T23:00 12T23:00 late 48"], ask="09T23:00 13T23:00"),
            Look("20T12:00", ["B18 10T23:00 12T23:00 missing_at_source 48"], ask="09T23:00 13T23:00", times=2),
            Look("2024-03-20T12:00", [], ask="13T23:00 2024-03-20T23:00"),
        ),
        holes=(
            hole("2024-01-10T23:00 2100-01-01", item=DataItem.WIND_SOLAR_FORECAST_DAY_AHEAD, psr_type="B18"),
        ),
        item=DataItem.WIND_SOLAR_FORECAST_DAY_AHEAD,
        month="2024-01",
        telling="psr_type",
    ),
    Scenario(
        "an area that falls silent altogether is missed for ever",
        "09T23:00 12T23:00",
        (
            Look("13T12:00", ["10T23:00 12T23:00 late 48"], ask="09T23:00 13T00:00"),
            Look("20T12:00", ["10T23:00 12T23:00 missing_at_source 48"], ask="09T23:00 13T00:00", times=2),
            Look("2025-01-05T00:00", ["10T23:00 12T23:00 missing_at_source 48"]),
            Look("2025-02-01T00:00", ["10T23:00 12T23:00 missing_at_source 48"]),
        ),
        holes=(hole("2024-01-10T23:00 2100-01-01"),),
        month="2024-01",
    ),
)  # fmt: skip

RESOLUTIONS = (
    Scenario(
        "prices change from hours to quarters inside the UTC day",
        "29T22:00 2025-10-01T22:00",
        (
            Look("2025-10-01T06:00", ["30T20:00 30T21:00 late 1", "30T23:00 30T23:30 late 2"], ask="29T22:00 2025-10-01T22:00"),
            Look(
                "2025-10-01T12:00",
                ["30T20:00 30T21:00 missing_at_source 1", "30T23:00 30T23:30 missing_at_source 2"],
                ask="29T22:00 2025-10-01T22:00",
                times=2,
            ),
            Look("2025-10-02T06:00", ["30T20:00 30T21:00 missing_at_source 1"], ask="29T22:00 2025-10-01T22:00"),
        ),
        holes=(
            hole("30T20:00 30T21:00", item=DataItem.PRICE_DAY_AHEAD, month="2025-09"),
            hole("30T23:00 30T23:30", item=DataItem.PRICE_DAY_AHEAD, month="2025-09", until="2025-10-02"),
        ),
        item=DataItem.PRICE_DAY_AHEAD,
        month="2025-09",
        units=("29T22:00 PT60M", "30T22:00 PT15M"),
    ),
    Scenario(
        "a load changes from hours to quarters inside the local day",
        "30T00:00 2025-01-01T00:00",
        (
            Look("2025-01-01T02:00", ["30T22:00 30T23:00 late 1", "31T05:00 31T05:45 late 3"], ask="30T00:00 2025-01-01T00:00"),
            Look(
                "2025-01-01T12:00",
                ["30T22:00 30T23:00 missing_at_source 1", "31T05:00 31T05:45 missing_at_source 3"],
                ask="30T00:00 2025-01-01T00:00",
                times=2,
            ),
            Look("2025-01-02T01:00", ["30T22:00 30T23:00 missing_at_source 1"], ask="30T00:00 2025-01-01T00:00"),
        ),
        holes=(
            hole("30T22:00 30T23:00", month="2024-12"),
            hole("31T05:00 31T05:45", month="2024-12", until="2025-01-02"),
        ),
        month="2024-12",
        units=("30T00:00 PT60M", "31T00:00 PT15M"),
    ),
    Scenario(
        "a spring day lacks its 92 quarters",
        "29T23:00 2024-04-01T22:00",
        (
            Look("2024-04-02T00:00", ["30T23:00 31T22:00 late 92"], ask="29T23:00 2024-04-01T22:00"),
            Look("2024-04-02T12:00", ["30T23:00 31T22:00 missing_at_source 92"], ask="29T23:00 2024-04-01T22:00", times=2),
            Look("2024-04-03T01:00", [], ask="29T23:00 2024-04-01T22:00"),
        ),
        holes=(hole("30T23:00 31T22:00", place="NL", until="2024-04-03"),),
        places=("NL",),
    ),
    Scenario(
        "an autumn day lacks its 100 quarters",
        "25T22:00 28T23:00",
        (
            Look("29T06:00", ["26T22:00 27T23:00 late 100"], ask="25T22:00 28T23:00"),
            Look("29T12:00", ["26T22:00 27T23:00 missing_at_source 100"], ask="25T22:00 28T23:00", times=2),
            Look("30T01:00", [], ask="25T22:00 28T23:00"),
        ),
        holes=(hole("26T22:00 27T23:00", place="NL", month="2024-10", until="30T00:00"),),
        places=("NL",),
        month="2024-10",
    ),
    Scenario(
        "prices of the day after the spring night are due an hour earlier in UTC",
        "30T23:00 2024-04-01T22:00",
        (
            Look("30T11:30", ["30T23:00 2024-04-01T22:00 not_due 47"]),
            Look("30T12:30", ["31T22:00 2024-04-01T22:00 not_due 24"], ask="30T23:00 2024-04-01T22:00"),
            Look("31T11:44", ["31T22:00 2024-04-01T22:00 not_due 24"]),
            Look("31T11:45", ["31T22:00 2024-04-01T22:00 late 24"]),
            Look("31T12:00", [], ask="30T23:00 2024-04-01T22:00"),
        ),
        item=DataItem.PRICE_DAY_AHEAD,
    ),
    Scenario(
        "prices of the day after the autumn night are due an hour later in UTC",
        "26T22:00 28T23:00",
        (
            Look("26T11:00", ["26T22:00 28T23:00 not_due 49"]),
            Look("26T12:30", ["27T23:00 28T23:00 not_due 24"], ask="26T22:00 28T23:00"),
            Look("27T12:44", ["27T23:00 28T23:00 not_due 24"]),
            Look("27T12:45", ["27T23:00 28T23:00 late 24"]),
            Look("27T13:00", [], ask="26T22:00 28T23:00"),
        ),
        item=DataItem.PRICE_DAY_AHEAD,
        month="2024-10",
    ),
    Scenario(
        "days of a week's forecast are local days, due on Friday",
        "10T23:00 17T23:00",
        (
            Look("08T06:00", ["* 10T23:00 17T23:00 not_due 7"], ask="10T23:00 17T23:00"),
            Look("08T09:00", ["* 10T23:00 17T23:00 late 7"]),
            Look(
                "08T09:30",
                ["A60 12T23:00 13T23:00 late 1", "A61 12T23:00 13T23:00 late 1"],
                ask="10T23:00 17T23:00",
            ),
            Look("10T00:30", [], ask="10T23:00 17T23:00"),
        ),
        holes=(hole("12T23:00 13T23:00", item=DataItem.LOAD_FORECAST_WEEK_AHEAD, until="10T00:00"),),
        item=DataItem.LOAD_FORECAST_WEEK_AHEAD,
        telling="business_type",
    ),
    Scenario(
        "weeks are local weeks, also over the night in which the clock goes forward",
        "2024-02-25T23:00 31T22:00",
        (
            Look(
                "21T12:00",
                ["10T23:00 17T23:00 late 1", "17T23:00 31T22:00 not_due 2"],
                ask="2024-02-25T23:00 31T22:00",
            ),
            Look(
                "28T12:00",
                ["10T23:00 17T23:00 missing_at_source 1", "24T23:00 31T22:00 not_due 1"],
                ask="2024-02-25T23:00 31T22:00",
                times=2,
            ),
            Look(
                "2024-04-03T22:00",
                ["10T23:00 17T23:00 missing_at_source 1", "24T23:00 31T22:00 late 1"],
            ),
            Look("2024-04-10T00:30", [], ask="2024-02-25T23:00 31T22:00"),
        ),
        holes=(hole("10T23:00 17T23:00", item=DataItem.RESERVOIR_FILLING, until="2024-04-10"),),
        item=DataItem.RESERVOIR_FILLING,
    ),
    Scenario(
        "weeks of a month's forecast are due with the month in which they end",
        "24T23:00 2024-04-07T22:00",
        (
            Look(
                "24T12:00",
                [f"{extreme} 31T22:00 2024-04-07T22:00 not_due 1" for extreme in ("A60", "A61")],
                ask="24T23:00 2024-04-07T22:00",
            ),
            Look("24T23:00", [f"{extreme} 31T22:00 2024-04-07T22:00 late 1" for extreme in ("A60", "A61")]),
            Look("24T23:30", [], ask="24T23:00 2024-04-07T22:00"),
        ),
        item=DataItem.LOAD_FORECAST_MONTH_AHEAD,
        telling="business_type",
    ),
    Scenario(
        "a year is one unit, due on 15 December before",
        "2022-12-31T23:00 2024-12-31T23:00",
        (
            Look("10T12:00", ["31T23:00 2024-12-31T23:00 not_due 1"], ask="2022-12-31T23:00 31T23:00"),
            Look("15T23:00", ["31T23:00 2024-12-31T23:00 ours 1"]),
            Look("16T06:00", ["31T23:00 2024-12-31T23:00 late 1"], ask="31T23:00 2024-12-31T23:00"),
            Look("18T06:00", ["31T23:00 2024-12-31T23:00 missing_at_source 1"], ask="31T23:00 2024-12-31T23:00", times=2),
            Look("20T00:30", [], ask="31T23:00 2024-12-31T23:00"),
        ),
        holes=(hole("31T23:00 2024-12-31T23:00", item=DataItem.FORECAST_MARGIN, month="2023-12", until="20T00:00"),),
        item=DataItem.FORECAST_MARGIN,
        month="2023-12",
    ),
)  # fmt: skip

BORDERS = (
    Scenario(
        "each direction of a border is a series of its own",
        "02T00:00 03T00:00",
        (
            Look(
                "02T12:30",
                [
                    "FR>DE_LU 02T06:00 02T09:00 late 3",
                    "FR>DE_LU 02T11:00 03T00:00 not_due 13",
                    "DE_LU>FR 02T11:00 03T00:00 not_due 13",
                ],
                ask="02T00:00 03T00:00",
            ),
            Look("03T12:00", ["FR>DE_LU 02T06:00 02T09:00 missing_at_source 3"], ask="02T00:00 03T00:00", times=2),
            Look("04T00:30", [], ask="02T00:00 03T00:00"),
        ),
        holes=(hole("02T06:00 02T09:00", item=DataItem.FLOW_PHYSICAL, place="FR>DE_LU", until="04T00:00"),),
        item=DataItem.FLOW_PHYSICAL,
        places=("FR>DE_LU", "DE_LU>FR"),
    ),
    Scenario(
        "directions of imbalance complete each other",
        "02T00:00 03T00:00",
        (
            Look("03T02:00", ["02T06:00 02T07:00 late 4"], ask="02T00:00 03T00:00"),
            Look("03T06:00", ["02T06:00 02T07:00 missing_at_source 4"], ask="02T00:00 03T00:00", times=2),
            Look("04T00:30", [], ask="02T00:00 03T00:00"),
        ),
        holes=(hole("02T06:00 02T07:00", item=DataItem.IMBALANCE_VOLUME, until="04T00:00"),),
        item=DataItem.IMBALANCE_VOLUME,
    ),
)

SCENARIOS = (*NEVER_ASKED, *PUBLICATION, *failing(), *HOLES, *LIVES, *RESOLUTIONS, *BORDERS)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_the_reason_at_successive_times(scenario: Scenario, database_url: str) -> None:
    async with staged(scenario, database_url) as stage:
        told = [(look.now, await stage.told(look)) for look in scenario.looks]
        units = await stage.units() if scenario.units else []
    assert told == [(look.now, look.found) for look in scenario.looks]
    assert units == list(scenario.units)
    assert stage.revised or not scenario.corrects


def test_there_are_as_many_scenarios_as_promised_each_at_three_times_or_more() -> None:
    assert len(SCENARIOS) >= 20
    assert min(len({look.now for look in scenario.looks}) for scenario in SCENARIOS) >= 3
