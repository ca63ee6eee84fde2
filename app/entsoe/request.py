"""Reads a request as the platform does: which item, which area, which period, and what it refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from app.entsoe.items import ITEMS, ItemSpec
from app.market.areas import Area, Border, Place, by_eic
from app.market.series import DataItem
from app.market.time import Interval, Resolution

TOKEN_PARAMETER = "securitytoken"  # noqa: S105  the name of a parameter

_PERIOD = {"periodstart", "periodend", "timeinterval"}
_FILTERS = {
    "psrtype": "psr_type",
    "contract_marketagreement.type": "contract",
    "classificationsequence_attributeinstancecomponent.position": "sequence",
    "registeredresource": "unit_eic",
}
_DOMAINS = {domain.lower() for spec in ITEMS.values() for domain in spec.domains}
_OTHERS = {
    "documenttype", "processtype", "businesstype", "offset", "curvetype", "exporttype", "area_domain", "domain",
    "biddingzone_domain", "acquiring_domain", "connecting_domain", "auction.type", "auction.category", "docstatus",
    "type_marketagreement.type", "standard_marketproduct", "original_marketproduct", "direction", "storagetype", "mrid",
    "update_dateandortime", "periodstartupdate", "periodendupdate", "timeintervalupdate",
}  # fmt: skip
_KNOWN = _PERIOD | set(_FILTERS) | _DOMAINS | _OTHERS | {TOKEN_PARAMETER}
_COMBINATION = {"documenttype": "DocumentType", "processtype": "ProcessType", "businesstype": "BusinessType"}

_MINUTE = re.compile(r"\d{12}")
_LIMITS = {"1 year": Resolution.P1Y, "1 day": Resolution.P1D}


class Refused(Exception):
    """The platform answers with an acknowledgement of this status and text instead of data."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for; `filters` are components of a series (the fields of `Identity`)."""

    spec: ItemSpec
    place: Place
    interval: Interval
    offset: int = 0
    filters: Mapping[str, str] = field(default_factory=dict)
    curve_type: str = ""


def read_request(parameters: Mapping[str, str]) -> Request:
    """The request that these parameters (names in any case) make; `Refused` where the platform refuses them."""
    asked = {name.lower(): value for name, value in parameters.items()}
    for name in parameters:
        if name.lower() not in _KNOWN:
            raise Refused(400, f"Input parameter does not exist: {name}")
    spec = _spec(asked)
    place = _place(spec, asked)
    interval = _interval(asked)
    limit = _LIMITS.get(spec.limit)
    if limit and interval.end > limit.step(interval.start, 1, place.zone):
        text = f"The requested period exceeds the allowed maximum of {spec.limit} for data item {spec.name}."
        raise Refused(400, text)
    filters = {component: asked[name] for name, component in _FILTERS.items() if asked.get(name)}
    return Request(spec, place, interval, _offset(asked), filters, asked.get("curvetype", ""))


def no_matching_data(request: Request) -> Refused:
    """The answer 200 for a request that nothing matches."""
    place = request.place
    areas = [place.in_area, place.out_area] if isinstance(place, Border) else [place] * len(request.spec.domains)
    eics = ", ".join(area.eic for area in areas)
    start, end = (f"{instant:%Y-%m-%dT%H:%M:%SZ}" for instant in (request.interval.start, request.interval.end))
    name = request.spec.name
    return Refused(200, f"No matching data found for Data item {name} ({eics}) and interval {start}/{end}.")


def _spec(asked: Mapping[str, str]) -> ItemSpec:
    for spec in ITEMS.values():
        if _matches(spec, asked):
            return spec
    given = ",".join(f"{name}={asked[key]}" for key, name in _COMBINATION.items() if asked.get(key))
    raise Refused(
        400,
        f"The combination of [{given}] is not valid, or the requested data is not allowed to be fetched via this "
        "service.",
    )


def _matches(spec: ItemSpec, asked: Mapping[str, str]) -> bool:
    if asked.get("documenttype") != spec.document_type:
        return False
    if spec.process_type and asked.get("processtype") != spec.process_type:
        return False
    if any(name in _DOMAINS and asked[name] and name not in _domain_names(spec) for name in asked):
        return False
    business = {name.lower(): value for name, value in spec.parameters}.get("businesstype")
    if asked.get("businesstype", business or "") != (business or ""):
        return False
    # Only forecast capacities need their contract: elsewhere the official collection calls it optional.
    needs_contract = spec.item is DataItem.TRANSFER_CAPACITY_DAY_AHEAD
    return not needs_contract or bool(asked.get("contract_marketagreement.type"))


def _domain_names(spec: ItemSpec) -> set[str]:
    return {domain.lower() for domain in spec.domains}


def _place(spec: ItemSpec, asked: Mapping[str, str]) -> Place:
    found = [_area(domain, asked) for domain in spec.domains]
    for area in found:
        if not area.kinds & spec.kinds:
            raise Refused(400, f"Delivered Area EIC {area.eic} is not valid.")
    if spec.border:
        return Border(*found)
    if any(area != found[0] for area in found):
        names = ", ".join(spec.domains)
        raise Refused(400, f"The values of {names} must be the same area for data item {spec.name}.")
    return found[0]


def _area(domain: str, asked: Mapping[str, str]) -> Area:
    eic = asked.get(domain.lower(), "")
    if not eic:
        raise Refused(400, f"Mandatory parameter {domain} is missing.")
    area = by_eic(eic)
    if area is None:
        raise Refused(400, f"Delivered Area EIC {eic} is not valid.")
    return area


def _interval(asked: Mapping[str, str]) -> Interval:
    start, slash, end = asked.get("timeinterval", "").partition("/")
    if slash:
        bounds = [_iso_instant(text) for text in (start, end)]
    else:
        bounds = [_instant(name, asked.get(name.lower(), "")) for name in ("periodStart", "periodEnd")]
    if bounds[0] >= bounds[1]:
        raise Refused(400, "Delivered time interval is not valid for this Data item.")
    return Interval(bounds[0], bounds[1])


def _instant(name: str, text: str) -> datetime:
    if not text:
        raise Refused(400, f"Mandatory parameter {name} is missing.")
    try:
        return datetime.strptime(text if _MINUTE.fullmatch(text) else "", "%Y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        said = f"The value {text[:40]} of parameter {name} is not valid, expected format is yyyyMMddHHmm."
        raise Refused(400, said) from None


def _iso_instant(text: str) -> datetime:
    refused = Refused(400, f"The value {text[:40]} of parameter timeInterval is not valid.")
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise refused from None
    if instant.tzinfo is None:
        raise refused
    return instant.astimezone(UTC)


def _offset(asked: Mapping[str, str]) -> int:
    text = asked.get("offset", "") or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise Refused(400, f"The value {text[:40]} of parameter offset is not valid.")
    return int(text)
