"""Large pages in gzip."""

from __future__ import annotations

import gzip

from fastapi import Request, Response

PACKED_FROM = 50_000
"""Bytes from which on a page is worth packing."""


def packed(request: Request, response: Response) -> Response:
    """The page in gzip where it is large and the browser takes that; its headers stay, cookies too."""
    response.headers["Vary"] = "Accept-Encoding"
    if len(response.body) < PACKED_FROM or "gzip" not in request.headers.get("accept-encoding", ""):
        return response
    found = Response(gzip.compress(bytes(response.body), compresslevel=1, mtime=0), response.status_code)
    length = [pair for pair in found.raw_headers if pair[0] == b"content-length"]
    kept = [pair for pair in response.raw_headers if pair[0] != b"content-length"]
    found.raw_headers = [*kept, *length, (b"content-encoding", b"gzip")]
    return found
