"""Members of a zip answer, unpacked one at a time within limits that hold whatever the archive's headers say."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from app.errors import MalformedDocument

MAX_MEMBERS = 1_000
MAX_UNPACKED = 128 * 1024 * 1024
MAX_RATIO = 250
"""Recorded archives unpack to at most 60 times their size; from `_RATIO_FLOOR` bytes on more than this is a bomb."""
LARGE_MEMBER = 24 * 1024 * 1024
LARGE_RATIO = 12
"""A member beyond this size is read where it is packed no denser than this: what 2 MB unpack to fits in memory."""

_RATIO_FLOOR = 8 * 1024 * 1024
_CHUNK = 256 * 1024
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True)
class Member:
    """A member's bytes, or in `problem` why it cannot be read."""

    name: str
    body: bytes = b""
    problem: str = ""


class _Refused(Exception):
    """A member breaks a limit; the message is what is reported."""


def members(body: bytes) -> Iterator[Member]:
    """The members in their order; MalformedDocument where the archive as a whole cannot be read."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(body))
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError) as error:
        raise MalformedDocument(f"the zip archive cannot be read, it seems cut off: {error}") from error
    with archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        _check_whole(entries)
        left = MAX_UNPACKED
        for entry in entries:
            try:
                unpacked = _unpack(archive, entry, left)
            except _Refused as refusal:
                yield Member(entry.filename, problem=str(refusal))
                left -= _CHUNK
            except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
                yield Member(
                    entry.filename, problem=f"the member cannot be unpacked: {str(error) or 'it ends too early'}"
                )
            else:
                left -= len(unpacked)
                yield Member(entry.filename, unpacked)
                del unpacked  # before the next is unpacked


def _check_whole(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MAX_MEMBERS:
        raise MalformedDocument(f"the zip archive has {len(entries)} members; at most {MAX_MEMBERS} are read")
    declared = sum(entry.file_size for entry in entries)
    if declared > MAX_UNPACKED:
        raise MalformedDocument(f"the zip archive would unpack to {declared} bytes; at most {MAX_UNPACKED} are read")


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, left: int) -> bytes:
    if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _METHODS:
        raise _Refused("the member is encrypted or packed with an unknown method")
    allowed = min(left, _allowed(entry.compress_size))
    too_much = _Refused(f"the member unpacks to more than {allowed} bytes, as archives made to do harm do")
    if entry.file_size > allowed:
        raise too_much
    # A BytesIO gives its bytes without a copy.
    unpacked = io.BytesIO()
    with archive.open(entry) as stream:
        while chunk := stream.read(_CHUNK):
            if not unpacked.tell() and chunk.startswith(b"PK"):
                raise _Refused("the member is itself an archive")
            if unpacked.tell() + len(chunk) > allowed:
                raise too_much
            unpacked.write(chunk)
    return unpacked.getvalue()


def _allowed(packed: int) -> int:
    return min(max(_RATIO_FLOOR, MAX_RATIO * packed), max(LARGE_MEMBER, LARGE_RATIO * packed))
