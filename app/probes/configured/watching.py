"""Follows `config/probes.yaml` while it is edited, and lets the database have what it says.

One process does: the one that holds the first shard. What a file is wrong about leaves everything as it is; a website that
the file names no more is paused and given free, so that a slip of an editor erases nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import structlog

from app.clock import until_beat
from app.errors import ConfigurationError, DatabaseUnavailable
from app.kit.files import says_something
from app.kit.periodic import run_every
from app.kit.watched_file import POLL_SECONDS, WatchedFile, read_present
from app.kit.yaml.tree import FileProblems, Problem
from app.probes.configured.reading import ConfiguredWebsites, read_probes
from app.probes.websites.service import WebsiteService
from app.settings import ProbeSettings

LONGEST_WAIT = 5.0
"""A file that never settles is read all the same."""
SECRETS_SECONDS = 10.0
"""Secrets that it names are looked up again: they may have been changed."""


class ProbeFile:
    """The file of one process."""

    def __init__(self, path: Path, websites: WebsiteService, applies: Callable[[], bool], *, required: bool) -> None:
        self._path = path
        self._websites = websites
        self._applies = applies
        self._required = required
        self._watch: WatchedFile[bytes | None] = WatchedFile(
            lambda: read_present(path), files=lambda: [path], longest=LONGEST_WAIT
        )
        self._read: ConfiguredWebsites | None = None
        """What it said when it was right last."""
        self._seen: bytes | None = None
        self._read_at = 0.0
        self._problems: tuple[Problem, ...] = ()
        self._applied: ConfiguredWebsites | None = None
        self._log = structlog.get_logger()

    @classmethod
    def of(cls, settings: ProbeSettings, websites: WebsiteService, applies: Callable[[], bool]) -> Self:
        """The file of the settings; one that they name should be there."""
        return cls(settings.file, websites, applies, required="file" in settings.model_fields_set)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the file as it stands; what it said before is in force."""
        return self._problems

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until the event is set."""
        await run_every(lambda: until_beat(POLL_SECONDS), self.look, stop)

    async def look(self) -> None:
        """Take up an edited file that has come to rest, and apply what was not yet."""
        await asyncio.to_thread(self._take_up)
        if self._read is None or self._applied == self._read or not self._applies():
            return
        try:
            done = await self._websites.follow(str(self._path), self._read.drafts)
        except DatabaseUnavailable:
            return  # the look after it is there again
        except ConfigurationError as error:
            self._note((Problem(str(self._path), 0, "", str(error)),))
            return
        self._applied = self._read
        if any((done.added, done.changed, done.released)):
            self._log.info(
                "probes_reloaded", added=done.added, changed=done.changed, released=done.released, file=str(self._path)
            )

    def _take_up(self) -> None:
        try:
            content = self._watch.poll()
        except ConfigurationError as error:
            self._note((Problem(str(self._path), 0, "", str(error)),))
            return
        if not self._watch.at_rest:
            return
        if content is None or not says_something(content):
            self._miss(present=content is not None)
            return
        now = time.monotonic()
        if content == self._seen and not (b"${" in content and now - self._read_at >= SECRETS_SECONDS):
            return
        self._seen, self._read_at = content, now
        found = read_probes(content, str(self._path))
        self._note(found.problems)
        if not found.problems:
            self._read = found

    def _miss(self, *, present: bool) -> None:
        """A file that went, or was emptied, is no wish to check nothing."""
        self._seen = None
        if self._read is not None:
            what = "was emptied" if present else "was there and is not any more; put it back"
            said = f"this file {what}; write `websites: {{}}` to have none in it"
        elif self._required and not present:
            said = "GRIDKEEPER_PROBES__FILE: there is no such file; create it, or leave the setting out"
        else:
            said = ""
        self._note((Problem(str(self._path), 0, "", said),) if said else ())

    def _note(self, problems: tuple[Problem, ...]) -> None:
        if problems and problems != self._problems:
            remedy = "mend the file; until then what it said before stays in force"
            self._log.error("probes_refused", problems=str(FileProblems(problems[:5])), remedy=remedy)
        elif self._problems and not problems:
            self._log.info("probes_recovered", file=str(self._path))
        self._problems = problems
