"""Fetches documents that stand behind a URL, and keeps them as files for the scanner."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from app.errors import ConfigurationError
from app.probes.interfaces.sending import ProbeSender
from app.probes.models import CheckRequest
from app.probes.scanning.finding import SUFFIXES
from app.probes.scanning.source_files import LARGEST_DOCUMENT

FRESH_SECONDS, RETRY_SECONDS = 300.0, 60.0
FETCH_TIMEOUT = 55.0
_ACCEPT = "application/json, application/yaml, text/yaml, text/markdown, */*;q=0.5"


class DocumentFetcher:
    """Fetched documents below a folder; each is asked for again after five minutes."""

    def __init__(self, sender: ProbeSender, data_dir: Path) -> None:
        self._sender = sender
        self._folder = data_dir / "interfaces"
        self._fetched: dict[str, tuple[float, Path | str]] = {}

    async def fetch(self, urls: Iterable[str]) -> dict[str, Path | str]:
        """For each URL its file, or why there is none."""
        wanted = list(urls)
        now = time.monotonic()
        stale = [url for url in wanted if url not in self._fetched or self._fetched[url][0] <= now]
        for url, found in zip(stale, await asyncio.gather(*(self._one(url) for url in stale)), strict=True):
            pause = RETRY_SECONDS if isinstance(found, str) else FRESH_SECONDS
            self._fetched[url] = now + pause, found
        return {url: self._fetched[url][1] for url in wanted}

    async def _one(self, url: str) -> Path | str:
        request = CheckRequest(
            url, headers={"Accept": _ACCEPT}, timeout=FETCH_TIMEOUT, body_cap=LARGEST_DOCUMENT, keeps_answer=True
        )
        try:
            result = await self._sender.check(request)
        except ConfigurationError as error:
            return str(error)
        if not result.ok:
            return f"it cannot be fetched: {result.detail}"
        try:
            return await asyncio.to_thread(self._kept, url, result.body)
        except OSError as error:
            return f"it cannot be kept below {self._folder}: {error.strerror or error}"

    def _kept(self, url: str, content: bytes) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{hashlib.sha256(url.encode()).hexdigest()[:24]}{_suffix(url, content)}"
        if not path.is_file() or path.read_bytes() != content:
            # Read by the scanner at the same time: it sees the old or the new one.
            partial = path.with_suffix(".partial")
            partial.write_bytes(content)
            partial.replace(path)
        return path


def _suffix(url: str, content: bytes) -> str:
    suffix = PurePosixPath(urlsplit(url).path).suffix.lower()
    if suffix in SUFFIXES:
        return suffix
    return ".json" if content.lstrip()[:1] in {b"{", b"["} else ".yaml"
