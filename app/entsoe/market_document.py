"""Writes the platform's XML: market documents and acknowledgements."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from app.entsoe.items import ItemSpec
from app.market.areas import Border, Place
from app.market.series import DataItem
from app.market.time import Interval, Resolution, iso

_DOCUMENTS = {
    "GL": ("GL_MarketDocument", "451-6:generationloaddocument:3:0", "time_Period.timeInterval"),
    "Publication": ("Publication_MarketDocument", "451-3:publicationdocument:7:0", "period.timeInterval"),
    "Prices": ("Publication_MarketDocument", "451-3:publicationdocument:7:3", "period.timeInterval"),
    "Balancing": ("Balancing_MarketDocument", "451-6:balancingdocument:4:4", "period.timeInterval"),
}
_FAMILIES = {
    "A44": "Prices", "A09": "Publication", "A11": "Publication", "A61": "Publication", "A85": "Balancing",
    "A86": "Balancing",
}  # fmt: skip
_AGGREGATIONS = {"A68": "A08", "A69": "A08", "A73": "A06", "A75": "A08"}
_PLATFORM = "10X1001A1001A450"

_POINT = """              <Point>
                <position>%d</position>
                <{tag}>%.12g</{tag}>{category}
              </Point>
"""
_CATEGORY = "\n                <imbalance_Price.category>{}</imbalance_Price.category>"


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells one TimeSeries of an answer from the next, in the platform's codes."""

    business_type: str
    psr_type: str = ""
    consumption: bool = False
    contract: str = ""
    sequence: str = ""
    category: str = ""
    flow_direction: str = ""
    unit_eic: str = ""
    unit_name: str = ""


@dataclass(frozen=True, slots=True)
class DocumentPeriod:
    """Consecutive units from `start` to `end` (seconds since 1970); the written positions count from 1."""

    start: int
    end: int
    resolution: Resolution
    positions: NDArray[np.int64]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TimeSeries:
    """One TimeSeries of a document."""

    identity: Identity
    curve_type: str
    periods: tuple[DocumentPeriod, ...]

    @property
    def start(self) -> int:
        return self.periods[0].start


def write_document(spec: ItemSpec, place: Place, series: Sequence[TimeSeries], mrid: str, created: datetime) -> bytes:
    """The market document of an item in the platform's element names and order."""
    root, namespace, period_tag = _DOCUMENTS[_family(spec)]
    begin = min(one.start for one in series)
    end = max(period.end for one in series for period in one.periods)
    parts = [
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="urn:iec62325.351:tc57wg16:{namespace}">\n',
        _header(spec, mrid, created),
        _balancing_header(spec, place),
        f"  <{period_tag}>\n    <start>{_minute(begin)}</start>\n    <end>{_minute(end)}</end>\n  </{period_tag}>\n",
        *(_time_series(spec, place, one, number) for number, one in enumerate(series, start=1)),
        f"</{root}>\n",
    ]
    return "".join(parts).encode()


def _family(spec: ItemSpec) -> str:
    return _FAMILIES.get(spec.document_type, "GL")


def _header(spec: ItemSpec, mrid: str, created: datetime) -> str:
    process = spec.process_type or ("A16" if _family(spec) == "Balancing" else "")
    return (
        f"  <mRID>{mrid}</mRID>\n"
        f"  <revisionNumber>{3 if spec.document_type == 'A69' else 1}</revisionNumber>\n"
        f"  <type>{spec.document_type}</type>\n"
        + (f"  <process.processType>{process}</process.processType>\n" if process else "")
        + _participants("A33", "  ")
        + f"  <createdDateTime>{iso(created)}</createdDateTime>\n"
    )


def _participants(receiver: str, indent: str) -> str:
    return "".join(
        f'{indent}<{side}_MarketParticipant.mRID codingScheme="A01">{_PLATFORM}</{side}_MarketParticipant.mRID>\n'
        f"{indent}<{side}_MarketParticipant.marketRole.type>{role}</{side}_MarketParticipant.marketRole.type>\n"
        for side, role in (("sender", "A32"), ("receiver", receiver))
    )


def _balancing_header(spec: ItemSpec, place: Place) -> str:
    if _family(spec) != "Balancing":
        return ""
    return "  <docStatus><value>A02</value></docStatus>\n" + _coded("  ", "area_Domain.mRID", place.eic)


def _time_series(spec: ItemSpec, place: Place, series: TimeSeries, number: int) -> str:
    identity = series.identity
    fields = "".join(_fields(spec, place, identity))
    periods = "".join(_period(period, spec, identity) for period in series.periods)
    return (
        f"    <TimeSeries>\n      <mRID>{number}</mRID>\n{fields}"
        f"      <curveType>{series.curve_type}</curveType>\n{_psr(identity)}{periods}    </TimeSeries>\n"
    )


def _fields(spec: ItemSpec, place: Place, identity: Identity) -> Iterable[str]:
    """What stands between the number and the curve type, in the order of each kind of document."""
    if spec.item is DataItem.PRICE_DAY_AHEAD:
        yield _plain("auction.type", "A01")
    yield _plain("businessType", identity.business_type)
    family = _family(spec)
    if family == "GL":
        yield _plain("objectAggregation", _AGGREGATIONS.get(spec.document_type, "A01"))
        outward = identity.consumption or spec.domains[0].startswith("out")
        yield _coded("      ", f"{'out' if outward else 'in'}BiddingZone_Domain.mRID", place.eic)
        if identity.unit_eic:
            yield _coded("      ", "registeredResource.mRID", identity.unit_eic)
    elif family == "Balancing":
        yield _plain("flowDirection.direction", identity.flow_direction)
    else:
        inward, outward_eic = (place.in_area.eic, place.out_area.eic) if isinstance(place, Border) else (place.eic,) * 2
        yield _coded("      ", "in_Domain.mRID", inward)
        yield _coded("      ", "out_Domain.mRID", outward_eic)
        if spec.item is not DataItem.TRANSFER_CAPACITY_DAY_AHEAD:
            yield _plain("contract_MarketAgreement.type", identity.contract)
    yield from _unit(spec)
    yield _plain("classificationSequence_AttributeInstanceComponent.position", identity.sequence)


def _unit(spec: ItemSpec) -> Iterable[str]:
    currency, slash, measure = spec.unit.partition("/")
    if slash:
        yield _plain("currency_Unit.name", currency)
        yield _plain("price_Measure_Unit.name", measure)
    else:
        yield _plain("quantity_Measure_Unit.name", spec.unit)


def _psr(identity: Identity) -> str:
    if not identity.psr_type:
        return ""
    unit = ""
    if identity.unit_eic:
        unit = (
            f"        <PowerSystemResources>\n{_coded('          ', 'mRID', identity.unit_eic)}"
            f"          <name>{escape(identity.unit_name)}</name>\n        </PowerSystemResources>\n"
        )
    return f"      <MktPSRType>\n        <psrType>{identity.psr_type}</psrType>\n{unit}      </MktPSRType>\n"


def _period(period: DocumentPeriod, spec: ItemSpec, identity: Identity) -> str:
    return (
        "        <Period>\n          <timeInterval>\n"
        f"            <start>{_minute(period.start)}</start>\n            <end>{_minute(period.end)}</end>\n"
        f"          </timeInterval>\n          <resolution>{period.resolution.code}</resolution>\n"
        f"{_points(period, spec, identity)}        </Period>\n"
    )


def _points(period: DocumentPeriod, spec: ItemSpec, identity: Identity) -> str:
    """All points by one formatting operation: a month of generation has 35,000."""
    tag, category = "quantity", ""
    if spec.document_type == "A44":
        tag = "price.amount"
    elif identity.category:
        tag, category = "imbalance_Price.amount", _CATEGORY.format(identity.category)
    cells: list[float] = [0.0] * (2 * len(period.positions))
    cells[::2] = period.positions.tolist()
    cells[1::2] = period.values.tolist()
    return _POINT.format(tag=tag, category=category) * len(period.positions) % tuple(cells)


def _plain(tag: str, text: str) -> str:
    return f"      <{tag}>{text}</{tag}>\n" if text else ""


def _coded(indent: str, tag: str, eic: str) -> str:
    return f'{indent}<{tag} codingScheme="A01">{eic}</{tag}>\n'


def _minute(seconds: int) -> str:
    return str(np.datetime64(seconds, "s").astype("datetime64[m]")) + "Z"


def write_acknowledgement(text: str, mrid: str, created: datetime) -> bytes:
    """The platform's answer instead of data; its reason code is 999 whatever the reason."""
    instant = iso(created)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Acknowledgement_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-1:acknowledgementdocument:7:0">\n'
        f"  <mRID>{mrid}</mRID>\n  <createdDateTime>{instant}</createdDateTime>\n{_participants('A39', '  ')}"
        f"  <received_MarketDocument.createdDateTime>{instant}</received_MarketDocument.createdDateTime>\n"
        f"  <Reason>\n    <code>999</code>\n    <text>{escape(text)}</text>\n  </Reason>\n"
        "</Acknowledgement_MarketDocument>\n"
    ).encode()


def zipped(member: str, content: bytes) -> bytes:
    """A zip of one member; its time stamp is fixed, so that equal contents give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(zipfile.ZipInfo(member), content, zipfile.ZIP_DEFLATED, compresslevel=1)
    return buffer.getvalue()


def file_stamp(interval: Interval) -> str:
    """The interval as the platform writes it into file names."""
    return f"{interval.start:%Y%m%d%H%M}-{interval.end:%Y%m%d%H%M}"
