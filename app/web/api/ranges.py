"""The header Range: which bytes of a file a client wants (RFC 9110, section 14). Only decisions."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ONE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """From the first byte to the last one, both counted from 0 on and wanted."""

    first: int
    last: int


class Unsatisfiable(ValueError):
    """The range begins behind the end."""


def asked_range(header: str, size: int) -> ByteRange | None:
    """The range of a file of so many bytes; None where the whole is to be given: for several ranges, and what is none."""
    found = _ONE.fullmatch(header.strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        length = min(int(found[2]), size)
        first, last = size - length, size - 1
    else:
        first, last = int(found[1]), min(int(found[2]) if found[2] else size - 1, size - 1)
        if found[2] and int(found[2]) < first:
            return None
    if first >= size or last < first:
        raise Unsatisfiable
    return ByteRange(first, last)
