"""How much of a document the XML parser holds: points and series are forgotten once they are read."""

from __future__ import annotations

from app.errors import MalformedDocument
from app.sources.entsoe.parsing.headers import Element

MAX_KEPT = 100_000
"""Elements and attributes; real documents keep some hundred beside the series that is being read."""
MAX_TEXT = 1024 * 1024
"""Bytes between one element that is forgotten and the next; recorded documents have some thousand."""


class KeptElements:
    """Counts what is fed and what is forgotten; a document of other elements would fill the memory."""

    def __init__(self) -> None:
        self._kept = 0
        self._since = 0

    def feed(self, piece: bytes) -> None:
        self._kept += piece.count(b"<") - piece.count(b"</") + piece.count(b"=")
        self._since += len(piece)

    def check(self) -> None:
        """MalformedDocument where too much is kept."""
        if self._kept > MAX_KEPT:
            raise MalformedDocument(
                f"the document has more than {MAX_KEPT} elements beside its points, which no document of the platform has"
            )
        if self._since > MAX_TEXT:
            raise MalformedDocument(
                f"the document has more than {MAX_TEXT} bytes without a point or series, which no document of the platform has"
            )

    def forget(self, element: Element, parent: Element) -> None:
        """Empties an element that was read and drops its equal before it; the parser still needs the element itself."""
        self.clear(element)
        before = element.getprevious()
        if before is not None and before.tag == element.tag:
            parent.remove(before)

    def clear(self, element: Element) -> None:
        self._kept -= sum(1 + len(one.attrib) for one in element.iter())
        self._since = 0
        element.clear()
