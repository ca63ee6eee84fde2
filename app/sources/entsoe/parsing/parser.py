"""Reads the platform's documents: XML or a zip of it, whatever the schema version, into headers and expanded curves.

The document is fed to a pull parser piece by piece and forgotten as soon as a TimeSeries is complete. Runs of points
that look the usual way are cut out, decoded from their bytes (fastpath), and replaced by a processing instruction
whose name, drawn anew for every document, no document can contain. Everything else the XML parser reads itself.
"""

from __future__ import annotations

import gc
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, replace
from typing import cast

from lxml import etree

from app.errors import MalformedDocument
from app.sources.entsoe.parsing import headers
from app.sources.entsoe.parsing.curves import OUTAGES, PositionLimit, WrittenPeriod, bare_outage, curves_of
from app.sources.entsoe.parsing.documents import (
    ExpandedCurve,
    MarketDocument,
    Rejection,
    SeriesHeader,
    UnavailableInterval,
)
from app.sources.entsoe.parsing.fastpath import POINT, decode_run, is_price, run_end
from app.sources.entsoe.parsing.headers import Element, local_name
from app.sources.entsoe.parsing.kept import KeptElements
from app.sources.entsoe.parsing.points import THOUSANDS_NOTE, PointColumns, Run
from app.sources.entsoe.parsing.repair import (
    AMPERSAND_NOTE,
    declaration,
    escaped_pieces,
    has_bare_ampersand,
    reads_as_ascii,
)
from app.sources.entsoe.parsing.settle import settle
from app.sources.entsoe.parsing.sniff import BodyKind, declares_doctype, sniff
from app.sources.entsoe.parsing.zips import Member, members

Instruction = etree._ProcessingInstruction  # noqa: SLF001  lxml has no public name for this type

KEPT_BYTES = 1024 * 1024
"""How much of a malformed body its error carries."""

PERIODS = ("Period", "Available_Period", "WindPowerFeedin_Period")
_ROOT_SUFFIX = "_MarketDocument"
_ACKNOWLEDGEMENT = "Acknowledgement_MarketDocument"
_TAGS = tuple(f"{{*}}{name}" for name in ("Point", *PERIODS, "TimeSeries"))
_DOCTYPE_REFUSED = "the document declares a DOCTYPE, which documents of the platform never do"
_FEED = 256 * 1024
_REFUSED_BYTES = 1024 * 1024
"""Of members that were refused, from one garbage collection to the next."""


def read_documents(body: bytes) -> list[MarketDocument]:
    """The documents of an answer, one for each member of a zip; an empty zip has none.

    MalformedDocument where nothing of the body is a platform document. A single bad member of a zip is returned as a
    document that says so in `malformed`.
    """
    try:
        return settle(_documents(body))
    except MalformedDocument as error:
        error.body = body[:KEPT_BYTES]
        raise


def _documents(body: bytes) -> list[MarketDocument]:
    budget = PositionLimit(len(body))
    if sniff(body).kind is not BodyKind.ZIP:
        return [_read_xml(body, "", budget)]
    # A loop would hold on to the member before.
    documents = list(map(_MemberReader(budget).read, members(body)))
    if documents and all(document.malformed for document in documents):
        first = documents[0]
        raise MalformedDocument(
            f"none of the {len(documents)} members of the zip archive is a document; {first.member}: {first.malformed}"
        )
    return documents


class _MemberReader:
    """Reads the members of one archive.

    A parser that gave up and its tree hold each other until they are collected; the collector counts objects, and a
    tree of megabytes is one.
    """

    def __init__(self, budget: PositionLimit) -> None:
        self._budget = budget
        self._refused = 0

    def read(self, member: Member) -> MarketDocument:
        problem = member.problem
        if not problem:
            try:
                return _read_xml(member.body, member.name, self._budget)
            except MalformedDocument as error:
                problem = str(error)
                self._refused += len(member.body)
        if self._refused > _REFUSED_BYTES:
            gc.collect()
            self._refused = 0
        rejection = Rejection("", f"member {member.name}", "", problem)
        return MarketDocument(member.name, "", "", "", 0, (), (rejection,), malformed=problem)


def _read_xml(body: bytes, member: str, budget: PositionLimit) -> MarketDocument:
    _check_kind(body)
    try:
        return _Reader(member, budget).read(body, cut_out=True)
    except etree.XMLSyntaxError:
        # With runs cut out the error's line is wrong: the whole body tells the right one.
        try:
            return _Reader(member, budget).read(body, cut_out=False)
        except etree.XMLSyntaxError as error:
            repaired = _without_bare_ampersands(body, member, budget)
            if repaired is not None:
                return repaired
            raise MalformedDocument(f"not well-formed XML: {error.msg}") from error


def _without_bare_ampersands(body: bytes, member: str, budget: PositionLimit) -> MarketDocument | None:
    """The document with every `&` that begins no entity read as text; None where that does not mend it."""
    if not reads_as_ascii(body) or not has_bare_ampersand(body):
        return None
    try:
        return _Reader(member, budget, notes=(AMPERSAND_NOTE,)).read_pieces(escaped_pieces(body))
    except etree.XMLSyntaxError:
        return None


def _check_kind(body: bytes) -> None:
    """Refuses what is no XML of the platform before an XML parser sees it."""
    kind = sniff(body).kind
    if kind is BodyKind.EMPTY:
        raise MalformedDocument("the body is empty")
    if kind is not BodyKind.XML:
        name = "HTML" if kind is BodyKind.HTML else "neither XML nor a zip archive"
        raise MalformedDocument(f"the body is {name}: {_excerpt(body)}")
    if declares_doctype(body):
        raise MalformedDocument(_DOCTYPE_REFUSED)


def _excerpt(body: bytes) -> str:
    """The first visible words of a body that is no document, without its tags."""
    text = body[:4096].decode("utf-8", "replace")
    words = re.sub(r"<(style|script)\b.*?(</\1>|$)|<[^>]*>?", " ", text, flags=re.DOTALL | re.IGNORECASE).split()
    return repr(" ".join(words)[:120])


class _Reader:
    """Reads one XML document."""

    def __init__(self, member: str, budget: PositionLimit, *, notes: tuple[str, ...] = ()) -> None:
        self._member = member
        self._budget = budget
        self._notes = dict.fromkeys(notes)
        self._kept = KeptElements()
        # A name no document can know stands for a run, so that none can be forged.
        self._marker = f"run-{secrets.token_hex(16)}"
        self._runs: list[Run] = []
        self._points = PointColumns()
        self._periods: list[WrittenPeriod] = []
        self._domain: str | None = None
        self._time_series = 0
        self._curves: list[ExpandedCurve] = []
        self._outages: list[UnavailableInterval] = []
        self._rejections: list[Rejection] = []
        self._parser = etree.XMLPullParser(
            ("end",), tag=_TAGS, resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True
        )

    def read(self, body: bytes, *, cut_out: bool) -> MarketDocument:
        """The document; XMLSyntaxError where it is not well-formed."""
        done = self._feed_cutting(body) if cut_out and reads_as_ascii(body) else 0
        self._feed(body, done, len(body))
        return self._end()

    def read_pieces(self, pieces: Iterable[bytes]) -> MarketDocument:
        """The same for a body that was changed piece by piece."""
        for piece in pieces:
            self._feed(piece, 0, len(piece))
        return self._end()

    def _end(self) -> MarketDocument:
        root = self._parser.close()
        self._take_events()
        return self._document(root)

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
                self._runs.append(Run("price" if is_price(body, start, end) else "quantity", *run))
            fed = end
            start = body.find(POINT, end)
        return fed

    def _feed(self, body: bytes, start: int, end: int) -> None:
        for offset in range(start, end, _FEED):
            piece = body[offset : min(end, offset + _FEED)]
            self._kept.feed(piece)
            self._parser.feed(piece)
            self._take_events()
            self._kept.check()

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
        self._kept.forget(point, parent)

    def _take_period(self, period: Element) -> None:
        texts = {path: text for path, text in reversed(list(headers.leaves(period, depth=2))) if text}
        run = next((self._runs[int(child.text or "")] for child in period if self._marks_run(child)), None)
        self._periods.append(
            self._points.period(
                texts.get("timeInterval/start", texts.get("timeInterval.start", "")),
                texts.get("timeInterval/end", texts.get("timeInterval.end", "")),
                texts.get("resolution", ""),
                run,
            )
        )
        if self._points.separated:
            self._notes[THOUSANDS_NOTE] = None
        self._points = PointColumns()
        self._kept.clear(period)

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
        self._budget.keep(astuple(header))
        root = local_name(parent)
        found: list[UnavailableInterval] = []
        for period in self._periods:
            found += self._expand(period, header, root)
        if root == OUTAGES:
            notice = headers.read_notice(series)
            self._budget.keep(astuple(notice))
            self._take_outages(notice, header, found, no_period=not self._periods)
        self._periods.clear()
        self._kept.forget(series, parent)

    def _expand(self, period: WrittenPeriod, header: SeriesHeader, root: str) -> list[UnavailableInterval]:
        curves, outages, rejections = curves_of(period, header, root, self._budget)
        self._curves += curves
        self._rejections += self._budget.listed(rejections)
        return outages

    def _take_outages(
        self, notice: headers.Notice, header: SeriesHeader, found: Sequence[UnavailableInterval], *, no_period: bool
    ) -> None:
        """The intervals with what the notice says of the unit; a notice without a Period is one interval itself."""
        if no_period:
            bare = bare_outage(notice, header)
            if isinstance(bare, Rejection):
                self._rejections += self._budget.listed([bare])
            else:
                found = [bare]
        self._outages += [
            replace(one, nominal=notice.nominal, unit_name=notice.unit_name, reason=notice.reason) for one in found
        ]

    def _document(self, root: Element) -> MarketDocument:
        declared: object = root.getroottree().docinfo.internalDTD
        if declared is not None:
            raise MalformedDocument(_DOCTYPE_REFUSED)
        name = local_name(root)
        if not name.endswith(_ROOT_SUFFIX):
            raise MalformedDocument(
                f"not a document of the platform: its root element is {name!r}, not one that ends in {_ROOT_SUFFIX}"
            )
        heading = headers.heading(root)
        reason = headers.reason(root)
        acknowledgement = headers.read_acknowledgement_reason(root) if name == _ACKNOWLEDGEMENT else None
        self._budget.keep((*astuple(heading), reason, acknowledgement.text if acknowledgement else ""))
        if self._budget.unlisted:
            self._notes[f"{self._budget.unlisted} more points or Periods were refused than are listed"] = None
            self._budget.unlisted = 0
        root.clear()  # the parser and its tree hold each other: what stays until the collection is empty
        return MarketDocument(
            member=self._member,
            root=name,
            document_type=heading.document_type,
            process_type=heading.process_type,
            time_series=self._time_series,
            curves=tuple(self._curves),
            rejections=tuple(self._rejections),
            acknowledgement=acknowledgement,
            mrid=heading.mrid,
            doc_status=heading.doc_status,
            revision=heading.revision,
            outages=tuple(replace(one, reason=one.reason or reason) for one in self._outages),
            notes=tuple(self._notes),
        )


def _may_hide_markup(body: bytes, start: int, end: int) -> bool:
    """Whether a comment, a CDATA section or a processing instruction begins here: what follows may be no element."""
    start = start or len(declaration(body))
    return body.find(b"<!", start, end) >= 0 or body.find(b"<?", start, end) >= 0
