"""Reads the platform's documents: XML or a zip of it, whatever the schema version, into headers and expanded curves.

The document is fed to a pull parser piece by piece and forgotten as soon as a TimeSeries is complete. Runs of points
that look the usual way are cut out, decoded from their bytes (fastpath), and replaced by a processing instruction
whose name, drawn anew for every document, no document can contain. Everything else the XML parser reads itself.
"""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Iterator
from typing import cast

import numpy as np
from lxml import etree

from app.errors import MalformedDocument
from app.sources.entsoe import headers
from app.sources.entsoe.curves import Budget, WrittenPeriod, curves_of
from app.sources.entsoe.documents import Curve, Document, Rejection, SeriesHeader
from app.sources.entsoe.expand import Points, UnreadablePoint
from app.sources.entsoe.fastpath import POINT, Columns, decode_run, run_end
from app.sources.entsoe.headers import Element, local_name, text_of
from app.sources.entsoe.sniff import BodyKind, declares_doctype, sniff
from app.sources.entsoe.zips import Member, members

Instruction = etree._ProcessingInstruction  # noqa: SLF001  lxml has no public name for this type

KEPT_BYTES = 1024 * 1024
"""How much of a malformed body its error carries."""

PERIODS = ("Period", "Available_Period", "WindPowerFeedin_Period")
VALUES = frozenset(
    {
        "quantity",
        "price.amount",
        "imbalance_Price.amount",
        "activation_Price.amount",
        "procurement_Price.amount",
        "secondaryQuantity",
    }
)

_CATEGORY = "imbalance_Price.category"
_ROOT_SUFFIX = "_MarketDocument"
_ACKNOWLEDGEMENT = "Acknowledgement_MarketDocument"
_TAGS = tuple(f"{{*}}{name}" for name in ("Point", *PERIODS, "TimeSeries"))
_DOCTYPE_REFUSED = "the document declares a DOCTYPE, which documents of the platform never do"
_FEED = 256 * 1024
_POSITION = re.compile(r"\+?[0-9]{1,9}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DECLARATION = re.compile(rb"(?:\xef\xbb\xbf)?(?:<\?xml\s[^>]*\?>)?")
_ENCODING = re.compile(rb"encoding\s*=\s*[\"']([^\"']*)")
_ASCII_COMPATIBLE = (b"utf-8", b"us-ascii", b"iso-8859-1")


def read_documents(body: bytes) -> list[Document]:
    """The documents of an answer, one for each member of a zip; an empty zip has none.

    MalformedDocument where nothing of the body is a platform document. A single bad member of a zip is returned as a
    document that says so in `malformed`.
    """
    budget = Budget()
    if sniff(body).kind is not BodyKind.ZIP:
        return [_read_xml(body, "", budget)]
    try:
        documents = [_read_member(member, budget) for member in members(body)]
    except MalformedDocument as error:
        raise MalformedDocument(str(error), body[:KEPT_BYTES]) from error
    if documents and all(document.malformed for document in documents):
        first = documents[0]
        raise MalformedDocument(
            f"none of the {len(documents)} members of the zip archive is a document; {first.member}: {first.malformed}",
            body[:KEPT_BYTES],
        )
    return documents


def _read_member(member: Member, budget: Budget) -> Document:
    problem = member.problem
    if not problem:
        try:
            return _read_xml(member.body, member.name, budget)
        except MalformedDocument as error:
            problem = str(error)
    rejection = Rejection("", f"member {member.name}", "", problem)
    return Document(member.name, "", "", "", 0, (), (rejection,), malformed=problem)


def _read_xml(body: bytes, member: str, budget: Budget) -> Document:
    _check_kind(body)
    try:
        return _Reader(member, budget).read(body, cut_out=True)
    except etree.XMLSyntaxError:
        # With runs cut out the error's line is wrong: the whole body tells the right one.
        try:
            return _Reader(member, budget).read(body, cut_out=False)
        except etree.XMLSyntaxError as error:
            raise MalformedDocument(f"not well-formed XML: {error.msg}", body[:KEPT_BYTES]) from error


def _check_kind(body: bytes) -> None:
    """Refuses what is no XML of the platform before an XML parser sees it."""
    kind = sniff(body).kind
    if kind is BodyKind.EMPTY:
        raise MalformedDocument("the body is empty")
    if kind is not BodyKind.XML:
        name = "HTML" if kind is BodyKind.HTML else "neither XML nor a zip archive"
        raise MalformedDocument(f"the body is {name}: {_excerpt(body)}", body[:KEPT_BYTES])
    if declares_doctype(body):
        raise MalformedDocument(_DOCTYPE_REFUSED, body[:KEPT_BYTES])


def _excerpt(body: bytes) -> str:
    """The first visible words of a body that is no document, without its tags."""
    text = body[:4096].decode("utf-8", "replace")
    words = re.sub(r"<(style|script)\b.*?(</\1>|$)|<[^>]*>?", " ", text, flags=re.DOTALL | re.IGNORECASE).split()
    return repr(" ".join(words)[:120])


class _PointLists:
    """The points of the Period that is being read."""

    def __init__(self) -> None:
        self.ordinal = 0
        self.positions: list[int] = []
        self.values: list[float] = []
        self.categories: list[str] = []
        self.unreadable: list[UnreadablePoint] = []

    def add(self, point: Element) -> None:
        """Takes a Point: its value is the first of the known value elements."""
        self.ordinal += 1
        position_text, value_text, category = "", None, ""
        for child in point:
            name = local_name(child)
            if name == "position":
                position_text = text_of(child)
            elif name == _CATEGORY:
                category = text_of(child)
            elif value_text is None and name in VALUES:
                value_text = text_of(child)
        position = int(position_text) if _POSITION.fullmatch(position_text) else None
        value = _number(value_text)
        if position is None:
            self._reject(None, category, position_text, "the position is no whole number")
        elif value is None:
            reason = "the point has no value" if not value_text else "the value is no finite number"
            self._reject(position, category, value_text or "", reason)
        else:
            self.positions.append(position)
            self.values.append(value)
            self.categories.append(category)

    def _reject(self, position: int | None, category: str, text: str, reason: str) -> None:
        self.unreadable.append(UnreadablePoint(self.ordinal, position, category, text, reason))

    def columns(self, run: Columns | None) -> Points:
        """The points as columns; those of a run stand after the others."""
        positions, values = np.array(self.positions, np.int64), np.array(self.values, np.float64)
        categories = np.array(self.categories) if any(self.categories) else None
        if run is not None:
            if categories is not None:
                categories = np.concatenate([categories, np.zeros(len(run[0]), categories.dtype)])
            positions, values = np.concatenate([positions, run[0]]), np.concatenate([values, run[1]])
        return Points(positions, values, categories, tuple(self.unreadable))


def _number(text: str | None) -> float | None:
    if text is None or not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


class _Reader:
    """Reads one XML document."""

    def __init__(self, member: str, budget: Budget) -> None:
        self._member = member
        self._budget = budget
        # A name no document can know stands for a run, so that none can be forged.
        self._marker = f"run-{secrets.token_hex(16)}"
        self._runs: list[Columns] = []
        self._points = _PointLists()
        self._periods: list[WrittenPeriod] = []
        self._domain: str | None = None
        self._time_series = 0
        self._curves: list[Curve] = []
        self._rejections: list[Rejection] = []
        self._parser = etree.XMLPullParser(
            ("end",), tag=_TAGS, resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True
        )

    def read(self, body: bytes, *, cut_out: bool) -> Document:
        """The document; XMLSyntaxError where it is not well-formed."""
        done = self._feed_cutting(body) if cut_out and _reads_as_ascii(body) else 0
        self._feed(body, done, len(body))
        root = self._parser.close()
        self._take_events()
        return self._document(root, body)

    def _feed_cutting(self, body: bytes) -> int:
        """Feeds the document up to its last usual run, which it decodes; returns how far it came."""
        fed = 0
        start = body.find(POINT)
        while start >= 0:
            if _may_hide_markup(body, fed, start):
                break
            end = run_end(body, start)
            if end < 0:
                break
            run = decode_run(body, start, end)
            if run is None:
                self._feed(body, fed, end)
            else:
                self._feed(body, fed, start)
                self._parser.feed(f"<?{self._marker} {len(self._runs)}?>".encode())
                self._runs.append(run)
            fed = end
            start = body.find(POINT, end)
        return fed

    def _feed(self, body: bytes, start: int, end: int) -> None:
        for offset in range(start, end, _FEED):
            self._parser.feed(body[offset : min(end, offset + _FEED)])
            self._take_events()

    def _take_events(self) -> None:
        for _, element in cast("Iterator[tuple[str, Element]]", self._parser.read_events()):
            parent = element.getparent()
            if parent is None:
                continue
            name = local_name(element)
            if name == "Point":
                self._take_point(element, parent)
            elif name == "TimeSeries":
                self._take_series(element, parent)
            elif local_name(parent) == "TimeSeries":
                self._take_period(element)

    def _take_point(self, point: Element, parent: Element) -> None:
        series = parent.getparent()
        if local_name(parent) in PERIODS and series is not None and local_name(series) == "TimeSeries":
            self._points.add(point)
        _forget(point, parent)

    def _take_period(self, period: Element) -> None:
        texts = {path: text for path, text in reversed(list(headers.leaves(period, depth=2))) if text}
        run = next((self._runs[int(child.text or "")] for child in period if self._marks_run(child)), None)
        self._periods.append(
            WrittenPeriod(
                texts.get("timeInterval/start", texts.get("timeInterval.start", "")),
                texts.get("timeInterval/end", texts.get("timeInterval.end", "")),
                texts.get("resolution", ""),
                self._points.columns(run),
            )
        )
        self._points = _PointLists()
        period.clear()

    def _marks_run(self, child: Element) -> bool:
        return isinstance(child, Instruction) and child.target == self._marker

    def _take_series(self, series: Element, parent: Element) -> None:
        if parent.getparent() is not None:
            self._periods.clear()
            return
        if self._domain is None:
            self._domain = headers.document_domain(parent)
        self._time_series += 1
        header = headers.series_header(series, self._domain)
        for period in self._periods:
            self._expand(period, header, local_name(parent))
        self._periods.clear()
        _forget(series, parent)

    def _expand(self, period: WrittenPeriod, header: SeriesHeader, root: str) -> None:
        curves, rejections = curves_of(period, header, root, self._budget)
        self._curves += curves
        self._rejections += rejections

    def _document(self, root: Element, body: bytes) -> Document:
        declared: object = root.getroottree().docinfo.internalDTD
        if declared is not None:
            raise MalformedDocument(_DOCTYPE_REFUSED, body[:KEPT_BYTES])
        name = local_name(root)
        if not name.endswith(_ROOT_SUFFIX):
            raise MalformedDocument(
                f"not a document of the platform: its root element is {name!r}, not one that ends in {_ROOT_SUFFIX}",
                body[:KEPT_BYTES],
            )
        document_type, process_type = headers.document_types(root)
        return Document(
            member=self._member,
            root=name,
            document_type=document_type,
            process_type=process_type,
            time_series=self._time_series,
            curves=tuple(self._curves),
            rejections=tuple(self._rejections),
            acknowledgement=headers.acknowledgement(root) if name == _ACKNOWLEDGEMENT else None,
        )


def _forget(element: Element, parent: Element) -> None:
    """Empties an element that was read and drops its equal before it; the parser still needs the element itself."""
    element.clear()
    before = element.getprevious()
    if before is not None and before.tag == element.tag:
        parent.remove(before)


def _reads_as_ascii(body: bytes) -> bool:
    """Whether bytes that look like markup are markup: not so in UTF-16 and the like."""
    encoding = _ENCODING.search(_declaration(body))
    return encoding is None or encoding.group(1).lower() in _ASCII_COMPATIBLE


def _declaration(body: bytes) -> bytes:
    match = _DECLARATION.match(body)
    return match.group() if match else b""


def _may_hide_markup(body: bytes, start: int, end: int) -> bool:
    """Whether a comment, a CDATA section or a processing instruction begins here: what follows may be no element."""
    start = start or len(_declaration(body))
    return body.find(b"<!", start, end) >= 0 or body.find(b"<?", start, end) >= 0
