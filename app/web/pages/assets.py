"""Style sheets, scripts and pictures of the pages, under names that change with their content."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

FOLDER = Path(__file__).parents[1] / "static"
MEDIA_TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What is served; licences and sums of the vendored files are for readers of the source."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent; `public` is its name with a part of its digest."""

    public: str
    media_type: str
    body: bytes
    packed: bytes
    """The body in gzip, without the time, so that it is the same in every process."""


@cache
def assets() -> Mapping[str, Asset]:
    """Every file by its path below `static`."""
    found = sorted(path for path in FOLDER.rglob("*") if path.suffix in MEDIA_TYPES)
    return {path.relative_to(FOLDER).as_posix(): _asset(path) for path in found}


@cache
def assets_by_public_name() -> Mapping[str, Asset]:
    return {asset.public: asset for asset in assets().values()}


def _asset(path: Path) -> Asset:
    body = path.read_bytes()
    name = PurePosixPath(path.relative_to(FOLDER).as_posix())
    digest = hashlib.sha256(body).hexdigest()[:12]
    public = name.with_name(f"{name.stem}.{digest}{name.suffix}")
    return Asset(str(public), MEDIA_TYPES[path.suffix], body, gzip.compress(body, mtime=0))
