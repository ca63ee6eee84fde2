"""Style sheets, scripts and pictures of the pages, under names that change with their content."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from app.kit.language import ENGLISH, Language
from app.web.pages.languages import languages

FOLDER = Path(__file__).parents[1] / "static"
MEDIA_TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What is served; licences and sums of the vendored files are for readers of the source."""

_SAID = re.compile(r'\b(n?gettext)\(("(?:[^"\\]|\\.)*")(?:,\s*("(?:[^"\\]|\\.)*"))?')


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
    """Every file by its path below `static`, and what the scripts say in each other language."""
    found = sorted(path for path in FOLDER.rglob("*") if path.suffix in MEDIA_TYPES)
    files = {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in found}
    files |= {f"texts.{one.code}.js": _texts_in(one) for one in languages().values() if one is not ENGLISH}
    return {name: _asset(PurePosixPath(name), body) for name, body in files.items()}


@cache
def assets_by_public_name() -> Mapping[str, Asset]:
    return {asset.public: asset for asset in assets().values()}


def _asset(name: PurePosixPath, body: bytes) -> Asset:
    digest = hashlib.sha256(body).hexdigest()[:12]
    public = name.with_name(f"{name.stem}.{digest}{name.suffix}")
    return Asset(str(public), MEDIA_TYPES[name.suffix], body, gzip.compress(body, mtime=0))


def script_texts() -> list[tuple[str, str]]:
    """Every text of our scripts, with its form for many or ""."""
    scripts = [path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.js"))]
    return [
        (json.loads(one), json.loads(many) if many and function == "ngettext" else "")
        for script in scripts
        for function, one, many in _SAID.findall(script)
    ]


def _texts_in(language: Language) -> bytes:
    said = {text: language.texts[text] for text, _ in script_texts() if text in language.texts}
    return f"var TEXTS = {json.dumps(said, ensure_ascii=False)};\n".encode()
