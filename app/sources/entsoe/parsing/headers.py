"""The header of a TimeSeries and of its document, by local names: namespaces change with every schema version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from app.sources.entsoe.parsing.documents import Acknowledgement, SeriesHeader

LONGEST_TEXT = 10_000
"""Characters; no text of the platform is as long, and an archive of such would fill the memory."""

Element = etree._Element  # noqa: SLF001  lxml has no public name for the type of its elements

_UNIT = (
    "quantity_Measure_Unit.name",
    "quantity_Measurement_Unit.name",
    "price_Measure_Unit.name",
    "price_Measurement_Unit.name",
    "measurement_Unit.name",
    "measure_Unit.name",
)
_PRICE_UNIT = ("price_Measure_Unit.name", "price_Measurement_Unit.name")
_IN_DOMAIN = (
    "inBiddingZone_Domain.mRID",
    "in_Domain.mRID",
    "acquiring_Domain.mRID",
    "area_Domain.mRID",
    "controlArea_Domain.mRID",
    "biddingZone_Domain.mRID",
)
_OUT_DOMAIN = ("outBiddingZone_Domain.mRID", "out_Domain.mRID", "connecting_Domain.mRID")
_DOCUMENT_DOMAIN = (*_IN_DOMAIN, "domain.mRID")
_PSR_TYPE = (
    "MktPSRType/psrType",
    "mktPSRType.psrType",
    "production_RegisteredResource.pSRType.psrType",
    "Asset_RegisteredResource/asset_PSRType.psrType",
    "Asset_RegisteredResource/pSRType.psrType",
)
_NOMINAL = ("owerSystemResources.nominalP", "owerSystemResources/nominalP", "nominalP")
_UNIT_NAME = (
    "owerSystemResources.name",
    "owerSystemResources/name",
    "RegisteredResource.name",
    "RegisteredResource/name",
)
# The generation unit before the plant it belongs to: a plant has several units, and they need series of their own.
_UNIT_EIC = (
    "MktPSRType/PowerSystemResources/mRID",
    "production_RegisteredResource.pSRType.powerSystemResources.mRID",
    "registeredResource.mRID",
    "production_RegisteredResource.mRID",
    "RegisteredResource/mRID",
    "Asset_RegisteredResource/mRID",
)


def local_name(element: Element) -> str:
    """The element's name without its namespace; "" for comments and processing instructions."""
    tag: object = element.tag  # a function where the element is a comment or a processing instruction
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def text_of(element: Element) -> str:
    """The element's own text, stripped and cut to its bound; a processing instruction inside does not end it."""
    if not len(element):
        return (element.text or "").strip()[:LONGEST_TEXT]
    return "".join([element.text or "", *(child.tail or "" for child in element)]).strip()[:LONGEST_TEXT]


def leaves(element: Element, depth: int = 3) -> Iterator[tuple[str, str]]:
    """Texts below an element by their path of local names, in document order."""
    for child in element:
        name = local_name(child)
        nested = any(local_name(grandchild) for grandchild in child)
        if nested and depth > 1:
            yield from ((f"{name}/{path}", text) for path, text in leaves(child, depth - 1))
        elif name and not nested:
            yield name, text_of(child)


def _first(texts: dict[str, str], names: tuple[str, ...]) -> str:
    return next((texts[name] for name in names if texts.get(name)), "")


def _texts(element: Element) -> dict[str, str]:
    """The first text of every path."""
    texts: dict[str, str] = {}
    for path, text in leaves(element):
        texts.setdefault(path, text)
    return texts


def series_header(series: Element, document_domain: str) -> SeriesHeader:
    """The header of a TimeSeries; the document's domain stands in where the series has none of its own."""
    texts = _texts(series)
    in_domain, out_domain = _first(texts, _IN_DOMAIN), _first(texts, _OUT_DOMAIN)
    return SeriesHeader(
        time_series=texts.get("mRID", ""),
        business_type=texts.get("businessType", ""),
        psr_type=_first(texts, _PSR_TYPE),
        in_domain=in_domain or ("" if out_domain else document_domain),
        out_domain=out_domain,
        contract=texts.get("contract_MarketAgreement.type", ""),
        sequence=texts.get("classificationSequence_AttributeInstanceComponent.position", ""),
        unit_eic=_first(texts, _UNIT_EIC),
        flow_direction=texts.get("flowDirection.direction", ""),
        unit=_first(texts, _UNIT),
        currency=texts.get("currency_Unit.name", ""),
        curve_type=texts.get("curveType", ""),
        price_unit=_first(texts, _PRICE_UNIT),
    )


@dataclass(frozen=True, slots=True)
class Notice:
    """What a notice of unavailability says beside its points; texts as written."""

    nominal: str
    unit_name: str
    reason: str
    start: str
    end: str


def read_notice(series: Element) -> Notice:
    """The details of an outage, whatever kind of unit or line it concerns."""
    texts = _texts(series)
    return Notice(
        nominal=_ending(texts, _NOMINAL),
        unit_name=_ending(texts, _UNIT_NAME),
        reason=reason(series),
        start=_moment(texts, "start_DateAndOrTime"),
        end=_moment(texts, "end_DateAndOrTime"),
    )


def _ending(texts: dict[str, str], ends: tuple[str, ...]) -> str:
    """The first text whose path ends so; the ends in order of preference."""
    return next((text for end in ends for path, text in texts.items() if text and path.endswith(end)), "")


def _moment(texts: dict[str, str], name: str) -> str:
    day, time = (texts.get(f"{name}.{part}", texts.get(f"{name}/{part}", "")) for part in ("date", "time"))
    return f"{day}T{time}" if day and time else ""


def reason(element: Element) -> str:
    """The reasons written directly below: code and text of each."""
    reasons = [_texts(child) for child in element if local_name(child) == "Reason"]
    written = (" ".join(filter(None, (one.get("code", ""), one.get("text", "")))) for one in reasons)
    return "; ".join(filter(None, written))[:LONGEST_TEXT]


def document_domain(root: Element) -> str:
    """The area that a document is about where its TimeSeries do not say."""
    return _first({local_name(child): text_of(child) for child in root if not len(child)}, _DOCUMENT_DOMAIN)


@dataclass(frozen=True, slots=True)
class Heading:
    """What a document says of itself; texts as written."""

    document_type: str
    process_type: str
    mrid: str
    revision: str
    doc_status: str


def heading(root: Element) -> Heading:
    texts = _texts(root)
    status = next((texts[name] for name in ("docStatus/value", "docStatus") if texts.get(name)), "")
    return Heading(
        texts.get("type", ""),
        texts.get("process.processType", ""),
        texts.get("mRID", ""),
        texts.get("revisionNumber", ""),
        status,
    )


def read_acknowledgement_reason(root: Element) -> Acknowledgement:
    """The code of the first reason and the texts of all."""
    reasons = [_texts(child) for child in root if local_name(child) == "Reason"]
    code = next((reason["code"] for reason in reasons if reason.get("code")), "")
    return Acknowledgement(code, "; ".join(reason["text"] for reason in reasons if reason.get("text"))[:LONGEST_TEXT])
