"""A body counted, unpacked and kept up to a bound, so that an endless one or a bomb costs no more than the bound."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

ACCEPTED = "gzip, deflate"
"""What is asked for. Who answers with another coding all the same cannot be read where a condition reads the body."""
KNOWN_CODINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
_PIECE = 64 * 1024
_GZIP_START = b"\x1f\x8b"


class BodyTooLarge(Exception):
    """More than the cap, unpacked."""


class BodyBroken(Exception):
    """The coding of the body is broken or not known."""


class ResponseBody:
    """Takes the pieces of one body; `received` counts what came over the wire, `size` what it unpacks to."""

    def __init__(self, coding: str, cap: int, kept: int) -> None:
        self._coding = coding
        self._cap = cap
        self._kept = kept
        self._pieces: list[bytes] = []
        self._unpack = None if coding in {"", "identity"} else _Unpacking(coding)
        self.received = 0
        self.size = 0

    def feed(self, packed: bytes) -> None:
        self.received += len(packed)
        if self.received > self._cap:
            raise BodyTooLarge
        for piece in self._unpack.feed(packed) if self._unpack is not None else (packed,):
            if self.size < self._kept:
                self._pieces.append(piece[: self._kept - self.size])
            self.size += len(piece)
            if self.size > self._cap:
                raise BodyTooLarge

    def finish(self) -> None:
        """BodyBroken where the packed stream was cut off."""
        if self._unpack is not None and self.received:
            self._unpack.finish()

    def content(self) -> bytes:
        return b"".join(self._pieces)


class _Unpacking:
    def __init__(self, coding: str) -> None:
        self._gzip = coding in {"gzip", "x-gzip"}
        if not self._gzip and coding != "deflate":
            raise BodyBroken(f"the coding {coding[:40]!r} of the body is not known; {ACCEPTED} are")
        self._member = zlib.decompressobj(zlib.MAX_WBITS | (16 if self._gzip else 0))
        self._begun = False

    def feed(self, packed: bytes) -> Iterator[bytes]:
        while packed:
            if self._member.eof:
                if not self._gzip or not packed.startswith(_GZIP_START):
                    return  # what follows the last member is padding
                self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
            yield self._piece(packed)
            packed = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def _piece(self, packed: bytes) -> bytes:
        try:
            piece = self._member.decompress(packed, _PIECE)
        except zlib.error as error:
            if self._gzip or self._begun:
                raise BodyBroken(f"the packed body is broken: {error}") from error
            # Some servers mean the raw stream by "deflate", and browsers take both.
            self._member = zlib.decompressobj(-zlib.MAX_WBITS)
            try:
                piece = self._member.decompress(packed, _PIECE)
            except zlib.error as second:
                raise BodyBroken(f"the packed body is broken: {second}") from second
        self._begun = True
        return piece

    def finish(self) -> None:
        if not self._member.eof:
            raise BodyBroken("the packed body was cut off")
