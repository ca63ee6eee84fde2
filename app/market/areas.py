"""Areas of the European market: EIC codes, kinds, time zones, validity and borders.

An area is asked for by its short code (DE_LU) or by its Energy Identification Code, a border as `OUT>IN` (FR>DE_LU).
Kinds: CTY country, BZN bidding zone, CTA control area, MBA market balance area, IPA imbalance price area. The table holds public facts of the
ENTSO-E area list; `since` and `until` are local dates of the zone's first day and of the day after its last.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from app.errors import ConfigurationError
from app.market.time import MARKET_ZONE, Interval, midnight

_EIC_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-"


class AreaKind(StrEnum):
    """What an area is in the platform's terms; one code may be several at once."""

    COUNTRY = "CTY"
    BIDDING_ZONE = "BZN"
    CONTROL_AREA = "CTA"
    MARKET_BALANCE_AREA = "MBA"
    IMBALANCE_PRICE_AREA = "IPA"


@dataclass(frozen=True, slots=True)
class Area:
    """One area; `since` and `until` bound the days on which it exists (`until` excluded)."""

    code: str
    eic: str
    kinds: frozenset[AreaKind]
    zone: ZoneInfo
    name: str
    since: date | None = None
    until: date | None = None

    def exists_during(self, interval: Interval) -> Interval | None:
        """The part of the interval in which the area exists, or None."""
        start = midnight(self.since, self.zone) if self.since else interval.start
        end = midnight(self.until, self.zone) if self.until else interval.end
        return interval.intersection(Interval(start, end)) if start < end else None

    def exists_at(self, instant: datetime) -> bool:
        day = instant.astimezone(self.zone).date()
        return (self.since is None or self.since <= day) and (self.until is None or day < self.until)


@dataclass(frozen=True, slots=True)
class Border:
    """A direction over a border: energy leaves `out_area` and enters `in_area`."""

    out_area: Area
    in_area: Area

    @property
    def code(self) -> str:
        return f"{self.out_area.code}>{self.in_area.code}"

    @property
    def eic(self) -> str:
        return f"{self.out_area.eic}>{self.in_area.eic}"

    @property
    def zone(self) -> ZoneInfo:
        """Dates of a border mean the midnight of the area that the energy enters."""
        return self.in_area.zone

    def exists_during(self, interval: Interval) -> Interval | None:
        part = self.out_area.exists_during(interval)
        return self.in_area.exists_during(part) if part else None

    def exists_at(self, instant: datetime) -> bool:
        return self.out_area.exists_at(instant) and self.in_area.exists_at(instant)


Place = Area | Border
"""What a request is for."""


def eic_check_character(first_fifteen: str) -> str:
    """The 16th character of an EIC (EIC reference manual, annex: weights 16 to 2, modulo 37)."""
    total = sum((16 - index) * _EIC_ALPHABET.index(character) for index, character in enumerate(first_fifteen))
    return _EIC_ALPHABET[36 - (total - 1) % 37]


def is_eic(text: str) -> bool:
    """Whether the text is a well-formed EIC: 16 characters of its alphabet with the right check character."""
    if len(text) != 16 or any(character not in _EIC_ALPHABET for character in text):
        return False
    return eic_check_character(text[:15]) == text[15]


_AREAS = """
AL             10YAL-KESH-----5  CTY/BZN/CTA/MBA      Europe/Tirane       -           -           Albania
AT             10YAT-APG------L  CTY/BZN/CTA/MBA/IPA  Europe/Vienna       -           -           Austria
BA             10YBA-JPCC-----D  CTY/BZN/CTA/MBA      Europe/Sarajevo     -           -           Bosnia and Herzegovina
BE             10YBE----------2  CTY/BZN/CTA/MBA      Europe/Brussels     -           -           Belgium
BG             10YCA-BULGARIA-R  CTY/BZN/CTA/MBA      Europe/Sofia        -           -           Bulgaria
BY             10Y1001A1001A51S  CTY/BZN/CTA/MBA      Europe/Minsk        -           2022-03-31  Belarus
CH             10YCH-SWISSGRIDZ  CTY/BZN/CTA/MBA      Europe/Zurich       -           -           Switzerland
CWE            10YDOM-REGION-1V  -                    Europe/Brussels     -           -           Central Western Europe region
CY             10YCY-1001A0003J  CTY/BZN/CTA/MBA      Asia/Nicosia        -           -           Cyprus
CZ             10YCZ-CEPS-----N  CTY/BZN/CTA/MBA      Europe/Prague       -           -           Czech Republic
CZ_DE_SK       10YDOM-CZ-DE-SKK  BZN                  Europe/Prague       -           -           Czech Republic, Germany and Slovakia
DE             10Y1001A1001A83F  CTY/IPA              Europe/Berlin       -           -           Germany
DE_50HZ        10YDE-VE-------2  CTA                  Europe/Berlin       -           -           Germany, 50Hertz
DE_AMPRION     10YDE-RWENET---I  CTA                  Europe/Berlin       -           -           Germany, Amprion
DE_AMP_LU      10Y1001C--00002H  CTA                  Europe/Berlin       -           -           Luxembourg, Amprion
DE_AT_LU       10Y1001A1001A63L  BZN                  Europe/Berlin       2015-01-01  2018-10-01  Germany, Austria and Luxembourg
DE_LU          10Y1001A1001A82H  BZN/MBA/IPA          Europe/Berlin       2018-10-01  -           Germany and Luxembourg
DE_TENNET      10YDE-EON------1  CTA                  Europe/Berlin       -           -           Germany, TenneT
DE_TRANSNET    10YDE-ENBW-----N  CTA                  Europe/Berlin       -           -           Germany, TransnetBW
DK             10Y1001A1001A65H  CTY                  Europe/Copenhagen   -           -           Denmark
DK_1           10YDK-1--------W  BZN/MBA/IPA          Europe/Copenhagen   -           -           Western Denmark
DK_1_NO_1      46Y000000000007M  BZN                  Europe/Copenhagen   -           -           DK1 and NO1
DK_2           10YDK-2--------M  BZN/MBA/IPA          Europe/Copenhagen   -           -           Eastern Denmark
DK_CA          10Y1001A1001A796  CTA                  Europe/Copenhagen   -           -           Denmark, Energinet
EE             10Y1001A1001A39I  CTY/BZN/CTA/MBA      Europe/Tallinn      -           -           Estonia
ES             10YES-REE------0  CTY/BZN/CTA/MBA      Europe/Madrid       -           -           Spain
FI             10YFI-1--------U  CTY/BZN/CTA/MBA/IPA  Europe/Helsinki     -           -           Finland
FR             10YFR-RTE------C  CTY/BZN/CTA/MBA      Europe/Paris        -           -           France
GB             10YGB----------A  BZN/CTA/MBA          Europe/London       -           2021-06-15  Great Britain
GB_ELECLINK    11Y0-0000-0265-K  BZN                  Europe/London       -           -           Great Britain, ElecLink
GB_IFA         10Y1001C--00098F  BZN                  Europe/London       -           -           Great Britain, IFA
GB_IFA2        17Y0000009369493  BZN                  Europe/London       -           -           Great Britain, IFA2
GE             10Y1001A1001B012  CTY/BZN/CTA/MBA      Asia/Tbilisi        -           -           Georgia
GR             10YGR-HTSO-----Y  CTY/BZN/CTA/MBA      Europe/Athens       -           -           Greece
HR             10YHR-HEP------M  CTY/BZN/CTA/MBA      Europe/Zagreb       -           -           Croatia
HU             10YHU-MAVIR----U  CTY/BZN/CTA/MBA      Europe/Budapest     -           -           Hungary
IE             10YIE-1001A00010  CTY/CTA/MBA          Europe/Dublin       -           -           Ireland, EirGrid
IE_SEM         10Y1001A1001A59C  BZN/MBA              Europe/Dublin       2018-10-01  -           Ireland, Single Electricity Market
IT             10YIT-GRTN-----B  CTY/CTA/MBA          Europe/Rome         -           -           Italy
IT_BRNN        10Y1001A1001A699  BZN/MBA              Europe/Rome         -           2019-01-01  Italy, Brindisi
IT_CALA        10Y1001C--00096J  BZN/MBA              Europe/Rome         2021-01-01  -           Italy, Calabria
IT_CNOR        10Y1001A1001A70O  BZN/MBA              Europe/Rome         -           -           Italy, Centre-North
IT_CSUD        10Y1001A1001A71M  BZN/MBA              Europe/Rome         -           -           Italy, Centre-South
IT_FOGN        10Y1001A1001A72K  BZN/MBA              Europe/Rome         -           2019-01-01  Italy, Foggia
IT_GR          10Y1001A1001A66F  BZN                  Europe/Rome         -           -           Italy, Greece link
IT_MACRO_NORTH 10Y1001A1001A84D  MBA                  Europe/Rome         -           -           Italy, macrozone North
IT_MACRO_SOUTH 10Y1001A1001A85B  MBA                  Europe/Rome         -           -           Italy, macrozone South
IT_MALTA       10Y1001A1001A877  BZN                  Europe/Rome         -           -           Italy, Malta link
IT_NORD        10Y1001A1001A73I  BZN/MBA              Europe/Rome         -           -           Italy, North
IT_NORD_AT     10Y1001A1001A80L  BZN                  Europe/Rome         -           -           Italy, North to Austria
IT_NORD_CH     10Y1001A1001A68B  BZN                  Europe/Rome         -           -           Italy, North to Switzerland
IT_NORD_FR     10Y1001A1001A81J  BZN                  Europe/Rome         -           -           Italy, North to France
IT_NORD_SI     10Y1001A1001A67D  BZN                  Europe/Rome         -           -           Italy, North to Slovenia
IT_PRGP        10Y1001A1001A76C  BZN/MBA              Europe/Rome         -           2019-01-01  Italy, Priolo
IT_ROSN        10Y1001A1001A77A  BZN/MBA              Europe/Rome         -           2021-01-01  Italy, Rossano
IT_SACO_AC     10Y1001A1001A885  BZN                  Europe/Rome         -           -           Italy, SACOI AC
IT_SACO_DC     10Y1001A1001A893  BZN                  Europe/Rome         -           -           Italy, SACOI DC
IT_SARD        10Y1001A1001A74G  BZN/MBA              Europe/Rome         -           -           Italy, Sardinia
IT_SICI        10Y1001A1001A75E  BZN/MBA              Europe/Rome         -           -           Italy, Sicily
IT_SUD         10Y1001A1001A788  BZN/MBA              Europe/Rome         -           -           Italy, South
LT             10YLT-1001A0008Q  CTY/BZN/CTA/MBA      Europe/Vilnius      -           -           Lithuania
LU             10YLU-CEGEDEL-NQ  CTY/CTA              Europe/Luxembourg   -           -           Luxembourg, CREOS
LV             10YLV-1001A00074  CTY/BZN/CTA/MBA      Europe/Riga         -           -           Latvia
MD             10Y1001A1001A990  CTY/BZN/CTA/MBA      Europe/Chisinau     -           -           Moldova
ME             10YCS-CG-TSO---S  CTY/BZN/CTA/MBA      Europe/Podgorica    -           -           Montenegro
MK             10YMK-MEPSO----8  CTY/BZN/CTA/MBA      Europe/Skopje       -           -           North Macedonia
MT             10Y1001A1001A93C  CTY/BZN/CTA/MBA      Europe/Malta        -           -           Malta
NIE            10Y1001A1001A016  CTA/MBA              Europe/London       -           -           Northern Ireland, SONI
NL             10YNL----------L  CTY/BZN/CTA/MBA      Europe/Amsterdam    -           -           Netherlands
NO             10YNO-0--------C  CTY/CTA/MBA          Europe/Oslo         -           -           Norway
NO_1           10YNO-1--------2  BZN/MBA/IPA          Europe/Oslo         -           -           Norway 1, Oslo
NO_1A          10Y1001A1001A64J  BZN                  Europe/Oslo         -           -           Norway 1A
NO_2           10YNO-2--------T  BZN/MBA/IPA          Europe/Oslo         -           -           Norway 2, Kristiansand
NO_2A          10Y1001C--001219  BZN                  Europe/Oslo         -           -           Norway 2A
NO_2_NSL       50Y0JVU59B4JWQCU  BZN/MBA              Europe/Oslo         -           -           Norway 2, North Sea Link
NO_3           10YNO-3--------J  BZN/MBA/IPA          Europe/Oslo         -           -           Norway 3, Trondheim
NO_4           10YNO-4--------9  BZN/MBA/IPA          Europe/Oslo         -           -           Norway 4, Tromsø
NO_5           10Y1001A1001A48H  BZN/MBA/IPA          Europe/Oslo         -           -           Norway 5, Bergen
PL             10YPL-AREA-----S  CTY/BZN/CTA/MBA      Europe/Warsaw       -           -           Poland
PL_CZ          10YDOM-1001A082L  BZN/CTA              Europe/Warsaw       -           -           Poland and Czech Republic
PT             10YPT-REN------W  CTY/BZN/CTA/MBA      Europe/Lisbon       -           -           Portugal
RO             10YRO-TEL------P  CTY/BZN/CTA/MBA      Europe/Bucharest    -           -           Romania
RS             10YCS-SERBIATSOV  CTY/BZN/CTA/MBA      Europe/Belgrade     -           -           Serbia
RU             10Y1001A1001A49F  CTY/BZN/CTA/MBA      Europe/Moscow       -           -           Russia
RU_KGD         10Y1001A1001A50U  BZN/CTA/MBA          Europe/Kaliningrad  -           -           Kaliningrad
SE             10YSE-1--------K  CTY/CTA/MBA          Europe/Stockholm    -           -           Sweden
SE_1           10Y1001A1001A44P  BZN/MBA/IPA          Europe/Stockholm    -           -           Sweden 1, Luleå
SE_2           10Y1001A1001A45N  BZN/MBA/IPA          Europe/Stockholm    -           -           Sweden 2, Sundsvall
SE_3           10Y1001A1001A46L  BZN/MBA/IPA          Europe/Stockholm    -           -           Sweden 3, Stockholm
SE_4           10Y1001A1001A47J  BZN/MBA/IPA          Europe/Stockholm    -           -           Sweden 4, Malmö
SI             10YSI-ELES-----O  CTY/BZN/CTA/MBA      Europe/Ljubljana    -           -           Slovenia
SK             10YSK-SEPS-----K  CTY/BZN/CTA/MBA      Europe/Bratislava   -           -           Slovakia
TR             10YTR-TEIAS----W  CTY/BZN/CTA/MBA      Europe/Istanbul     -           -           Türkiye
UA             10Y1001C--00003F  CTY/BZN/MBA          Europe/Kyiv         -           -           Ukraine
UA_BEI         10YUA-WEPS-----0  BZN/CTA/MBA          Europe/Kyiv         -           -           Ukraine, Burshtyn island
UA_DOBTPP      10Y1001A1001A869  BZN/CTA              Europe/Kyiv         -           -           Ukraine, Dobrotvir
UA_IPS         10Y1001C--000182  BZN/CTA/MBA          Europe/Kyiv         2022-03-16  -           Ukraine, IPS
UK             10Y1001A1001A92E  CTY                  Europe/London       -           -           United Kingdom
XK             10Y1001C--00100H  CTY/BZN/CTA/MBA      Europe/Rome         -           -           Kosovo
"""

_BORDERS = """
AL-GR AL-ME AL-RS AL-XK AT-CH AT-CZ AT-DE_LU AT-HU AT-IT AT-IT_NORD AT-SI BA-HR BA-ME BA-RS BE-DE_AT_LU BE-DE_LU BE-FR
BE-GB BE-LU BE-NL BG-GR BG-MK BG-RO BG-RS BG-TR BY-LT CH-DE_AT_LU CH-DE_LU CH-FR CH-IT CH-IT_NORD CH-IT_NORD_CH
CZ-DE_AT_LU CZ-DE_LU CZ-PL CZ-SK DE-LU DE_AT_LU-DK_1 DE_AT_LU-DK_2 DE_AT_LU-FR DE_AT_LU-IT_NORD DE_AT_LU-IT_NORD_AT
DE_AT_LU-NL DE_AT_LU-PL DE_AT_LU-SE_4 DE_AT_LU-SI DE_LU-DK_1 DE_LU-DK_2 DE_LU-FR DE_LU-NL DE_LU-NO_2 DE_LU-PL
DE_LU-SE_4 DK_1-DK_2 DK_1-GB DK_1-NL DK_1-NO_2 DK_1-SE_3 DK_2-SE_4 EE-FI EE-LV EE-RU ES-FR ES-PT FI-NO_4 FI-RU FI-SE_1
FI-SE_3 FR-GB FR-GB_ELECLINK FR-GB_IFA FR-GB_IFA2 FR-IT FR-IT_NORD FR-IT_NORD_FR GB-IE GB-IE_SEM GB-NIE GB-NL GB-NO_2
GR-IT GR-IT_BRNN GR-IT_GR GR-IT_SUD GR-MK GR-TR HR-HU HR-RS HR-SI HU-RO HU-RS HU-SI HU-SK HU-UA_BEI HU-UA_IPS IE-NIE
IT-ME IT-MT IT-SI IT_BRNN-IT_SUD IT_CALA-IT_SICI IT_CALA-IT_SUD IT_CNOR-IT_CSUD IT_CNOR-IT_NORD IT_CNOR-IT_SARD
IT_CSUD-IT_SARD IT_CSUD-IT_SUD IT_CSUD-ME IT_FOGN-IT_SUD IT_NORD-SI IT_ROSN-IT_SICI IT_ROSN-IT_SUD IT_SICI-MT LT-LV
LT-PL LT-RU_KGD LT-SE_4 LV-RU MD-RO MD-UA_IPS ME-RS ME-XK MK-RS MK-XK NL-NO_2 NO_1-NO_2 NO_1-NO_3 NO_1-NO_5 NO_1-SE_3
NO_2-NO_5 NO_3-NO_4 NO_3-NO_5 NO_3-SE_2 NO_4-SE_1 NO_4-SE_2 PL-SE_4 PL-SK PL-UA_DOBTPP PL-UA_IPS RO-RS RO-UA_BEI
RO-UA_IPS RS-XK SE_1-SE_2 SE_2-SE_3 SE_3-SE_4 SK-UA_BEI SK-UA_IPS
"""


_BEFORE = {
    "AT": ("DE_AT_LU", date(2018, 10, 1)),
    "DE_LU": ("DE_AT_LU", date(2018, 10, 1)),
    "IT_CALA": ("IT_ROSN", date(2021, 1, 1)),
    "UA_IPS": ("UA_BEI", date(2022, 3, 16)),
}
"""The zone whose values an area continues, and the local day from which on they are its own."""


def _area(line: str) -> Area:
    code, eic, kinds, zone, since, until, name = line.split(maxsplit=6)
    return Area(
        code=code,
        eic=eic,
        kinds=frozenset(AreaKind(kind) for kind in kinds.split("/") if kind != "-"),
        zone=ZoneInfo(zone),
        name=name,
        since=None if since == "-" else date.fromisoformat(since),
        until=None if until == "-" else date.fromisoformat(until),
    )


@lru_cache(maxsize=1)
def areas() -> dict[str, Area]:
    """Every known area by its short code."""
    return {area.code: area for area in map(_area, _AREAS.strip().splitlines())}


@lru_cache(maxsize=1)
def _by_eic() -> dict[str, Area]:
    return {area.eic: area for area in areas().values()}


def by_eic(eic: str) -> Area | None:
    """The known area with this code, or None."""
    return _by_eic().get(eic)


@lru_cache(maxsize=1)
def borders() -> tuple[Border, ...]:
    """Every known border, in both directions."""
    pairs = [pair.split("-") for pair in _BORDERS.split()]
    known = areas()
    return tuple(Border(known[out_code], known[in_code]) for a, b in pairs for out_code, in_code in ((a, b), (b, a)))


def borders_of(area: Area) -> tuple[Border, ...]:
    """The borders of an area, in both directions."""
    return tuple(border for border in borders() if area in (border.out_area, border.in_area))


def with_borders(places: Sequence[Place]) -> list[str]:
    """The EICs of places, and of an area those of its borders, too."""
    found = [border.eic for place in places if isinstance(place, Area) for border in borders_of(place)]
    return [place.eic for place in places] + found


def predecessor(area: Area) -> tuple[Area, date] | None:
    """The zone that the area continues and the first day of its own; None where it continues none."""
    found = _BEFORE.get(area.code)
    return (areas()[found[0]], found[1]) if found else None


def before_it_existed(place: Place, interval: Interval) -> str:
    """Which zones to ask for of the part of an interval in which a place did not exist yet; "" where none is known."""
    ends = (place.out_area, place.in_area) if isinstance(place, Border) else (place,)
    said = []
    for area in ends:
        found = predecessor(area)
        if found and area.since and interval.start < midnight(area.since, area.zone):
            said.append(f"before {area.since} the values of {area.code} are those of {found[0].code}")
    return "; ".join(said)


def named_by_eic(text: str) -> bool:
    """Whether a place is written with EICs only, by somebody who knows what the source has."""
    return all(is_eic(part.strip().upper()) for part in text.split(">"))


def find_area(text: str) -> Area:
    """The area that a short code or an EIC names; ConfigurationError with the nearest codes where none does.

    A well-formed EIC that the table lacks is accepted as an area of its own in the market's zone.
    """
    wanted = text.strip().upper()
    found = areas().get(wanted) or by_eic(wanted)
    if found is not None:
        return found
    if is_eic(wanted):
        return Area(wanted, wanted, frozenset(AreaKind), MARKET_ZONE, wanted)
    if len(wanted) == 16:
        raise ConfigurationError(
            f"area {text!r} is no valid EIC: its check character should be {_expected_check(wanted)}; "
            "`gridkeeper areas` lists what is known"
        )
    raise ConfigurationError(f"unknown area {text!r}{_suggestion(wanted)}; `gridkeeper areas` lists what is known")


def _expected_check(eic: str) -> str:
    wrong = [character for character in eic if character not in _EIC_ALPHABET]
    return "another (an EIC has only A-Z, 0-9 and -)" if wrong else repr(eic_check_character(eic[:15]))


def _suggestion(wanted: str) -> str:
    near = list(dict.fromkeys(_near(wanted)))[:3]
    return f", did you mean {' or '.join(near)}?" if near else ""


def _near(wanted: str) -> list[str]:
    """Codes that whoever wrote this may have meant, the likeliest first; none where nothing is like it."""
    plain = re.sub(r"[\W_]", "", wanted)
    if same := [code for code in areas() if code.replace("_", "") == plain]:
        return same
    named = [area for area in areas().values() if len(plain) > 3 and area.name.upper().startswith(wanted)]
    near = [area.code for area in sorted(named, key=_likelihood)]
    names = {area.name.upper(): area.code for area in areas().values()}
    near += [names[name] for name in difflib.get_close_matches(wanted, names, n=2, cutoff=0.8)]
    if len(plain) == 3 and plain[:2] in areas():
        near.append(plain[:2])
    if len(plain) > 1:
        near += sorted((code for code in areas() if code.replace("_", "").startswith(plain)), key=len)
    return near + difflib.get_close_matches(wanted.replace("-", "_"), areas(), n=2, cutoff=0.75)


def _likelihood(area: Area) -> tuple[bool, bool, int]:
    """The zones that trade now before parts and what has ended; of a country's name, the plainest first."""
    return "," in area.name, area.until is not None, len(area.name)


def find_place(text: str) -> Place:
    """The area, or for `OUT>IN` the border, that the text names."""
    out_text, arrow, in_text = text.partition(">")
    if not arrow:
        return find_area(text)
    if not out_text.strip() or not in_text.strip():
        raise ConfigurationError(f"{text!r} names half a border; write both areas, as in FR>DE_LU")
    border = Border(find_area(out_text), find_area(in_text))
    if border.out_area == border.in_area:
        raise ConfigurationError(f"{text!r} names the same area twice; a border has two")
    return border


def label(canonical: str) -> str:
    """The short form of a canonical `area` of a series key: known EICs become codes."""
    codes = (by_eic(part) for part in canonical.split(">"))
    return ">".join(area.code if area else part for area, part in zip(codes, canonical.split(">"), strict=True))
