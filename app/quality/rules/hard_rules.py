"""What a value cannot be, as data: each rule with its source, the areas and the deliveries it holds for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from app.quality.models import EvidenceRule

CACM = "https://eur-lex.europa.eu/eli/reg/2015/1222/oj"
BALANCING = "https://eur-lex.europa.eu/eli/reg/2017/2195/oj"
TRANSPARENCY = "https://eur-lex.europa.eu/eli/reg/2013/543/oj"


@dataclass(frozen=True, slots=True)
class HardRule:
    """One rule: what it says, and the article, document or measurement that says so."""

    rule: EvidenceRule
    says: str
    source: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class PriceBounds:
    """The bounds of a day-ahead auction in EUR/MWh for deliveries from an instant on.

    `countries` are first parts of area codes; none means every area that no other line names.
    """

    since: datetime
    least: float
    greatest: float
    source: str
    link: str
    countries: frozenset[str] = frozenset()


_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
_IBERIA = frozenset({"ES", "PT"})

PRICE_BOUNDS = (
    PriceBounds(_ALWAYS, -500.0, 3000.0, "ACER decision 04/2017, on Regulation (EU) 2015/1222 art. 41(1)", CACM),
    PriceBounds(
        datetime(2022, 5, 10, 22, tzinfo=UTC),  # traded on 10 May, delivered from 11 May market time on
        -500.0,
        4000.0,
        "communication note of the single day-ahead coupling of 11 April 2022; 5000 from 20 September 2022 was suspended",
        "https://www.bsp-southpool.com/news-item/harmonised-maximum-clearing-price-for-sdac-to-be-set-to-4-000-eur-mwh-from-10th-may.html",
    ),
    PriceBounds(
        _ALWAYS, 0.0, 180.3, "rules of the Iberian market before it took over the harmonised bounds", "", _IBERIA
    ),
    PriceBounds(
        datetime(2021, 7, 6, 22, tzinfo=UTC),
        -500.0,
        3000.0,
        "harmonised bounds, traded from 6 July 2021 on",
        CACM,
        _IBERIA,
    ),
    PriceBounds(datetime(2022, 5, 10, 22, tzinfo=UTC), -500.0, 4000.0, "as for all coupled zones", CACM, _IBERIA),
)
"""In order of `since` for each group of countries.

The minimum falls by 100 once prices come near it in the observation window (methodology of 11 January 2023), and DE_LU
came near it in spring 2026: a price beyond a bound is a finding, never a refusal.
"""

IMBALANCE_BOUNDS = (
    PriceBounds(_ALWAYS, -99_999.0, 99_999.0, "methodology for pricing balancing energy, art. 30(1)", BALANCING),
    PriceBounds(
        datetime(2022, 6, 30, 22, tzinfo=UTC),
        -15_000.0,
        15_000.0,
        "the same, as amended in 2022",
        BALANCING,
    ),
)
"""Imbalance prices follow those of balancing energy, not those of the day-ahead auction."""

HARD_RULES = (
    HardRule(
        EvidenceRule.PRICE_BOUNDS,
        "a day-ahead price lies within the harmonised bounds, an imbalance price within those of balancing energy",
        "Regulation (EU) 2015/1222 (CACM) art. 41(1) and 54(1); each bound names its document",
        CACM,
    ),
    HardRule(
        EvidenceRule.SIGN,
        "load is above zero, a flow or schedule of one direction is not below zero, nor is consumption",
        "Regulation (EU) 543/2013 art. 2(27) (total load), art. 12(1)(f) and (g): published per direction",
        TRANSPARENCY,
    ),
    HardRule(
        EvidenceRule.NEGATIVE,
        "output is not below zero, except of pumped storage and batteries and where the series is used to it",
        "Regulation (EU) 543/2013 art. 16(1)(b): net output; types B10 and B25 store energy",
        TRANSPARENCY,
    ),
    HardRule(
        EvidenceRule.NIGHT,
        "solar output ends when the sun is below the horizon of the whole country",
        "approximate solar position of the Astronomical Almanac (Michalsky 1988)",
        "https://doi.org/10.1016/0038-092X(88)90045-X",
    ),
    HardRule(
        EvidenceRule.ABOVE_CAPACITY,
        "output stays below 105 % of installed capacity; tables of capacity lag behind what is built",
        "Regulation (EU) 543/2013 art. 14(1)(a) and 16(1)(b)",
        TRANSPARENCY,
    ),
    HardRule(
        EvidenceRule.SEASONAL_BOUNDS,
        "load lies between 0.4 and 1.8 times the median of the same time of the last six weeks",
        "measured: no hour of the loads of IT 2015 to 2020, of DE's control areas 2019 and of DE_LU 2024 to 2026; decision 17",
    ),
    HardRule(
        EvidenceRule.FLAT_FILL,
        "values that curve type A03 leaves out repeat the one before for six hours at most, or as long as is usual",
        "curve type A03, variable sized block: a position that is left out equals the one before (IEC 62325-351)",
    ),
)


def bounds_for(country: str) -> tuple[PriceBounds, ...]:
    """The bounds of a country's zones, in order of `since`."""
    own = tuple(bounds for bounds in PRICE_BOUNDS if country in bounds.countries)
    return own or tuple(bounds for bounds in PRICE_BOUNDS if not bounds.countries)


def hard_rule(rule: EvidenceRule) -> HardRule | None:
    """What stands behind a rule; None for evidence that is no hard rule."""
    return next((one for one in HARD_RULES if one.rule is rule), None)
