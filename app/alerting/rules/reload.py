"""The rule book while its files are edited: what has settled is read, what is wrong leaves the last good book."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import structlog

from app.alerting.models import Rule
from app.alerting.rules.book import ENDINGS, Book, Reading, RuleFile, files_of, named_files, read_book
from app.alerting.sqlsentinel.models import SentinelFile
from app.clock import until_beat
from app.errors import ConfigurationError
from app.kit.durations import show_duration
from app.kit.files import says_something
from app.kit.periodic import run_every
from app.kit.watched_file import POLL_SECONDS, WatchedFile
from app.kit.yaml.tree import FileProblems, Problem
from app.settings import AlertingSettings

LONGEST_WAIT = 5.0
"""Files that never settle are read all the same."""
MOST_LOGGED = 20


def watch_rules(
    path: Path, others: Sequence[Path] = (), *, monotonic: Callable[[], float] = time.monotonic
) -> WatchedFile[list[RuleFile]]:
    """The files of a folder, or one file, and others beside it, while they are edited."""
    return WatchedFile(
        lambda: all_files(path, others),
        files=lambda: [*_watched(path), *others],
        longest=LONGEST_WAIT,
        monotonic=monotonic,
    )


def all_files(path: Path, others: Sequence[Path]) -> list[RuleFile]:
    """The files of a folder, and those that are named one by one: each has to be there."""
    return [*files_of(path), *(file for other in others for file in named_files(other))]


def _watched(path: Path) -> list[Path]:
    try:
        if not path.is_dir():
            return [path]
        return sorted(file for file in path.iterdir() if file.suffix in ENDINGS)
    except OSError:
        return []


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between two books."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def difference(before: Book, after: Book) -> Difference:
    """The rules that came, went and changed; of the last, each field with what it was and is."""
    old, new = before.rules, after.rules
    changed = (f"{name}: {changes}" for name in new if name in old and (changes := _changes(old[name], new[name])))
    return Difference(
        tuple(name for name in new if name not in old), tuple(name for name in old if name not in new), tuple(changed)
    )


def _changes(old: Rule, new: Rule) -> str:
    return ", ".join(
        f"{name} {_shown(before)} -> {_shown(after)}" for name, before, after in _fields(old, new) if before != after
    )


def _fields(old: Rule, new: Rule) -> Iterator[tuple[str, Any, Any]]:
    for one in fields(Rule):
        if one.name != "origin":
            yield one.name, getattr(old, one.name), getattr(new, one.name)


def _shown(value: Any) -> str:
    if hasattr(value, "total_seconds"):
        return show_duration(value)
    if hasattr(value, "operator"):
        return f"{value.operator} {value.limit:g}"
    text = " ".join(str(value).split())
    return repr(text if len(text) <= 60 else text[:59] + "…") if isinstance(value, str) else text[:200]


class RuleBook:
    """The rules of a folder together with the shipped ones; the same object until something changes."""

    def __init__(
        self,
        folder: Path,
        others: Sequence[Path] = (),
        *,
        required: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._others = tuple(others)
        self._required = required
        self._watch = watch_rules(folder, self._others, monotonic=monotonic)
        self._book: Book | None = None
        self._problems: tuple[Problem, ...] = ()
        self._good: list[RuleFile] = []
        """The files of the book in force."""
        self._log = structlog.get_logger()

    @classmethod
    def of(cls, settings: AlertingSettings) -> Self:
        """The folder of the settings; one that they name must be there."""
        others = [Path(file) for file in settings.sentinel_files]
        return cls(settings.rules_dir, others, required="rules_dir" in settings.model_fields_set)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the files as they stand; the book is the last good one then."""
        return self._problems

    def current(self) -> Book:
        """The book that counts now."""
        return self._first() if self._book is None else self._book

    def sentinel_files(self) -> tuple[SentinelFile, ...]:
        return self.current().sentinel

    def check(self) -> Book:
        """The book as the files stand; FileProblems that list everything that is wrong."""
        self._require()
        return read_book(all_files(self._folder, self._others)).checked()

    def look(self) -> bool:
        """Take up files that have changed and come to rest; whether there is another book."""
        before = self.current()
        files = self._watch.changed()
        if files is None:
            return False
        reading = read_book(self._doubted(files))
        self._take_note(reading)
        if reading.problems:
            return False
        self._good = files
        changes = difference(before, reading.book)
        if reading.book == before:
            return False
        self._book = reading.book
        self._log.info("rules_reloaded", rules=len(reading.book.rules), **_logged(changes))
        return True

    async def run(self, stop: asyncio.Event) -> None:
        """Look again and again until the event is set."""
        await asyncio.to_thread(self.current)
        await run_every(lambda: until_beat(POLL_SECONDS), lambda: asyncio.to_thread(self.look), stop)

    def _first(self) -> Book:
        """A service that starts with a wrong file works with what is right in it: it is there to tell of faults."""
        self._require()
        self._good = self._watch.take()
        reading = read_book(self._good)
        self._take_note(reading)
        self._book = reading.book
        self._log.info("rules_loaded", rules=len(reading.book.rules), folder=str(self._folder))
        return self._book

    def _doubted(self, files: list[RuleFile]) -> list[RuleFile]:
        """The files; a folder that went, and a file that was emptied, are no wish to have no rules."""
        if not files and self._good and not self._folder.exists():
            said = "this was there and is not any more; put it back, or make an empty folder to have no rules of yours"
            return [RuleFile(str(self._folder), error=said)]
        before = {file.name for file in self._good if says_something(file.content)}
        said = "this file was emptied; write `rules: []` to have none in it, or delete it"
        return [
            replace(file, error=said)
            if file.name in before and not file.error and not says_something(file.content)
            else file
            for file in files
        ]

    def _require(self) -> None:
        if self._required and not self._folder.exists():
            raise ConfigurationError(
                f"GRIDKEEPER_ALERTING__RULES_DIR: there is no folder {self._folder}; create it, or leave the setting out"
            )

    def _take_note(self, reading: Reading) -> None:
        if reading.problems and reading.problems != self._problems:
            remedy = "mend the files; until then the last good rules stay in force"
            self._log.error("rules_refused", problems=str(FileProblems(reading.problems[:5])), remedy=remedy)
        elif self._problems and not reading.problems:
            self._log.info("rules_recovered")
        self._problems = reading.problems


def _logged(changes: Difference) -> dict[str, list[str]]:
    """The difference for the log, cut where it is long."""
    found: dict[str, list[str]] = {}
    for name in ("added", "removed", "changed"):
        every = getattr(changes, name)
        if every:
            more = [f"and {len(every) - MOST_LOGGED} more"] if len(every) > MOST_LOGGED else []
            found[name] = [*every[:MOST_LOGGED], *more]
    return found
